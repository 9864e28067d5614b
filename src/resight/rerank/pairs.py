"""Two photos and nothing else: their features matched one to one, and the transform that the matches agree on."""

from __future__ import annotations

import os

from resight import arguments
from resight.arrays import Array
from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift_extractor import SiftExtractor
from resight.images import Box, Decoded, check_box, decode, decode_bytes
from resight.rerank.geometry import correspondences, tolerance
from resight.rerank.matching import match_descriptors
from resight.rerank.refinement import fast_spatial_match
from resight.search.kinds import Exhaustive
from resight.search.ranking import Verification

Photo = str | os.PathLike[str] | bytes | Array
"""A file, its bytes, or pixels (H, W, 3) RGB or (H, W) grey, uint8."""


def match(
    query: Photo,
    image: Photo,
    *,
    box: Box | None = None,
    features: Sift | None = None,
    matching: Exhaustive | None = None,
) -> Verification | None:
    """Returns why two photos show the same thing: the transform from `query` to `image` and its inliers, or None.

    box: (x0, y0, x1, y1) in pixels, the part of the query that counts. features, matching: settings; those of the
    recipe `sift-match` unless given. Raises ImageError for a photo that cannot be read, and UsageError for what is no
    photo or a box outside of it.

    Notes: Ten inliers or more are hardly ever chance; `Verification.tentative` says among how many pairs they were
    found.
    """
    extractor = SiftExtractor(features or Sift())
    part = arguments.box(box)
    first = _decoded("query", query, extractor.max_side if part is None else None)
    second = _decoded("image", image, extractor.max_side)
    if part is not None:
        part = check_box(part, first.size)
    asked, seen = extractor.prepare_query(first, part), extractor.prepare(second)
    return verify_features(asked, first.size, seen, second.size, matching or Exhaustive())


def verify_features(
    query: LocalFeatures,
    query_size: tuple[int, int],
    image: LocalFeatures,
    image_size: tuple[int, int],
    params: Exhaustive,
) -> Verification | None:
    """Returns the transform that mutual nearest neighbours of two sets of features agree on, or None.

    Sizes are (width, height) in pixels; the score is the number of inliers. Lowe, IJCV 2004, section 7.1, and Philbin
    et al., CVPR 2007, section 4.
    """
    rows, others, _ = match_descriptors(query.descriptors, image.descriptors, params.ratio)
    given = correspondences(query, image, rows, others)
    found = fast_spatial_match(given, tolerance(query_size, params.tolerance), tolerance(image_size, params.tolerance))
    if found is None:
        return None
    xy = given.query_xy[found.inliers], given.image_xy[found.inliers]
    return Verification(found.transform, *xy, float(found.count), len(rows))


def _decoded(name: str, photo: Photo, most: int | None) -> Decoded:
    """Returns a photo, its long side reduced to `most` pixels where longer. Raises ImageError and UsageError."""
    if isinstance(photo, bytes):
        return decode_bytes(photo, name, most)
    if isinstance(photo, str | os.PathLike):
        return decode(arguments.path(name, photo), most)
    pixels = arguments.pixels(photo)
    return Decoded(pixels, (pixels.shape[1], pixels.shape[0]))
