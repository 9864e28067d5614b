"""SIFT: keypoints by difference of Gaussians, described by histograms of gradients (Lowe, IJCV 2004)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from resight.arrays import Float32, Intp, Mask, Pixels, UInt8
from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.images import enlarge, resize, scaled

DIMENSIONS = 128
UINT8_SCALE = 512.0
"""Inverse of the step of `to_uint8`. Components above 255/512 are clipped; a descriptor with four or more equally
strong bins has none."""

_TINY = np.finfo(np.float32).tiny


def extract_sift(
    pixels: Pixels, size: tuple[int, int], params: Sift, enlarge_to: int = 0, counts: Mask | None = None
) -> LocalFeatures:
    """Extracts features of `pixels` (H, W, 3), a whole photo, in pixels of its original of `size` (width, height).

    The image is reduced to `params.max_side` first or, where its long side is shorter than `enlarge_to`, enlarged to
    that (`params.enlarge_to` is meant for queries; 0 enlarges nothing). counts: (H, W), False where no feature may be.

    Notes: Rounding makes the factors back to the original differ a little between x and y: positions use the factor of
    each axis, sigma their geometric mean, and angles stay as they are, which is off by less than half of the factors'
    relative difference (in radians), at most 1/1000 for an image of 500 pixels or more.
    """
    small = max(pixels.shape[:2]) < enlarge_to
    working = enlarge(pixels, enlarge_to) if small else resize(pixels, params.max_side)
    features = detect(working, params, None if counts is None else scaled(counts, working.shape[:2]))
    height, width = working.shape[:2]
    factors = np.array([size[0] / width, size[1] / height], np.float32)
    return LocalFeatures(
        xy=features.xy * factors,
        scale=features.scale * np.float32(np.sqrt(factors[0] * factors[1])),
        angle=features.angle,
        descriptors=features.descriptors,
    )


def detect(pixels: Pixels, params: Sift, counts: Mask | None = None) -> LocalFeatures:
    """Detects the strongest features of unresized RGB pixels (H, W, 3), strongest first; descriptors (m, 128), norm 1.

    counts: (H, W), False where no feature may have its centre; the strongest of the others are taken.

    A point with several dominant orientations gives several features. Equally strong ones are ordered by y, x, scale
    and angle, so that the same pixels give the same features on any number of threads.

    Notes: OpenCV enlarges the image twofold first; its precise kind of enlargement avoids a bias of a quarter of a
    pixel in positions. Upright features of one point would be identical, so only one of them is kept.
    """
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    found = _detect_upright if params.upright else _detect_oriented
    geometry, described = found(grey, params, None if counts is None else counts.astype(np.uint8))
    return LocalFeatures(
        xy=geometry[:, :2] + np.float32(0.5),
        scale=geometry[:, 2] / np.float32(2.0),
        angle=np.deg2rad(geometry[:, 3]),
        descriptors=root_sift(described) if params.root else _unit(described),
    )


def _detect_oriented(grey: UInt8, params: Sift, counts: UInt8 | None) -> tuple[Float32, Float32]:
    # One call builds the pyramid only once: it takes two thirds of the time of detecting, choosing and then describing.
    # OpenCV returns more features than asked for where responses are equal. It chooses before it applies a mask: for a
    # masked photo all features that count are described.
    chosen = params.max_features if counts is None else 0
    keypoints, described = _sift(params, chosen).detectAndCompute(grey, counts)
    geometry = _geometry(keypoints)
    if described is None:
        return geometry, np.zeros((0, DIMENSIONS), np.float32)
    rows = _strongest(geometry, _responses(keypoints), params.max_features)
    return geometry[rows], np.asarray(described, np.float32)[rows]


def _detect_upright(grey: UInt8, params: Sift, counts: UInt8 | None) -> tuple[Float32, Float32]:
    # Ask for all keypoints, because removing repetitions must not cost any of the strongest.
    keypoints = _sift(params, 0).detect(grey, counts)
    geometry = _geometry(keypoints)
    geometry[:, 3] = 0.0
    _, first = np.unique(geometry, axis=0, return_index=True)
    rows = first[_strongest(geometry[first], _responses(keypoints)[first], params.max_features)]
    if len(rows) == 0:
        return geometry[rows], np.zeros((0, DIMENSIONS), np.float32)
    chosen = [keypoints[row] for row in rows]
    for point in chosen:
        point.angle = 0.0
    described_points, described = _sift(params, 0).compute(grey, chosen)
    return _geometry(described_points), np.asarray(described, np.float32)


def root_sift(descriptors: Float32) -> Float32:
    """Returns the square roots of L1-normalised, non-negative descriptors (n, d).

    Their inner product is the Hellinger kernel (Arandjelovic and Zisserman, CVPR 2012, section 2). Zero rows stay zero.
    """
    sums = descriptors.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(descriptors / np.maximum(sums, _TINY)), np.float32)


def to_uint8(descriptors: Float32) -> UInt8:
    """Rounds descriptors (n, d) in [0, 1] to steps of 1/512.

    The error is at most 1/1024 a component up to 255/512, and about 0.006 of the norm of a 128-dimensional descriptor.
    """
    steps = np.rint(descriptors * np.float32(UINT8_SCALE))
    return np.asarray(np.minimum(steps, 255.0), np.uint8)


def from_uint8(stored: UInt8) -> Float32:
    """Restores descriptors (n, d) float32 from `to_uint8`, again of L2 norm 1."""
    return _unit(stored.astype(np.float32))


_count_lock = threading.Lock()
_single_threaded = 0
_threads_before = 0
_threads_at_fork = 0


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Makes OpenCV use one thread inside each call, for callers that run several calls at once.

    The former setting returns when the last of them leaves. The setting is OpenCV's and holds for the whole process
    meanwhile.
    """
    global _single_threaded, _threads_before
    with _count_lock:
        if _single_threaded == 0:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _single_threaded += 1
    try:
        yield
    finally:
        with _count_lock:
            _single_threaded -= 1
            if _single_threaded == 0:
                cv2.setNumThreads(_threads_before)


def _before_fork() -> None:
    """Ends OpenCV's threads: a forked child would wait for them for ever as soon as their number changes."""
    global _threads_at_fork
    # Held until after the fork, lest the child find it held by a thread that does not exist there.
    _count_lock.acquire()
    _threads_at_fork = cv2.getNumThreads()
    cv2.setNumThreads(1)


def _after_fork() -> None:
    """Lets OpenCV start threads again, in parent and child, as it needs them."""
    cv2.setNumThreads(_threads_at_fork)
    _count_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _sift(params: Sift, max_features: int) -> cv2.Feature2D:
    detector: cv2.Feature2D = cv2.SIFT.create(
        nfeatures=max_features,
        contrastThreshold=params.contrast_threshold,
        edgeThreshold=params.edge_threshold,
        enable_precise_upscale=True,
    )
    return detector


def _geometry(keypoints: Sequence[cv2.KeyPoint]) -> Float32:
    """Returns (m, 4) float32: OpenCV's x, y, size, angle in degrees."""
    count = len(keypoints)
    geometry = np.empty((count, 4), np.float32)
    if count:
        geometry[:, :2] = cv2.KeyPoint.convert(keypoints)
        geometry[:, 2] = np.fromiter((point.size for point in keypoints), np.float32, count)
        geometry[:, 3] = np.fromiter((point.angle for point in keypoints), np.float32, count)
    return geometry


def _responses(keypoints: Sequence[cv2.KeyPoint]) -> Float32:
    return np.fromiter((point.response for point in keypoints), np.float32, len(keypoints))


def _strongest(geometry: Float32, response: Float32, count: int) -> Intp:
    x, y, size, angle = geometry.T
    return np.lexsort((angle, size, x, y, -response))[:count]


def _unit(descriptors: Float32) -> Float32:
    norms = np.linalg.norm(descriptors, axis=1, keepdims=True)
    return np.asarray(descriptors / np.maximum(norms, _TINY), np.float32)
