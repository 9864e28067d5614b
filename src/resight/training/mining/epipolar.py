"""Matches of two photos that show the same rigid thing: features of equal words that one epipolar geometry explains.

Geometry by one transform, which ranking asks for, sees a single plane of a thing; structure from motion needs what lies
in front of it and behind. An epipolar geometry alone accepts too much: of a thousand random correspondences twenty to
forty lie near some epipolar lines. What is near in one photo has to be near in the other as well.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from resight.arrays import Float64, Int32, Int64, Mask
from resight.rerank.geometry import Correspondences, correspondences, tolerance
from resight.rerank.matching import Matches, match_signatures, match_words
from resight.rerank.usac import usac_fundamental
from resight.words.evidence import ImageWords

NEIGHBOURS = 16
"""Nearest correspondences of one that may support it."""
SUPPORT = 2
"""So many of them have to."""
LOOSE = 0.3
"""Distance that a neighbour may be off from where the frame of a correspondence puts it, as a part of its distance."""
NEAR = 0.005
"""Distance that it may be off besides, as a part of the long side of the photo."""
TURN, ZOOM = np.radians(25.0), np.log(1.6)
"""Limits on the difference of the frames of neighbours."""
EPIPOLAR = 0.004
"""Distance from an epipolar line, as a part of the long side: 4 pixels of 1024, as of COLMAP."""


def match_photos(one: ImageWords, other: ImageWords, threshold: int) -> Int64:
    """Returns (m, 2) rows of features of two photos that show the same points, each feature once; none where unsure.

    threshold: largest Hamming distance of signatures, where photos have some.

    Source: neighbourhoods that agree: Sattler, Leibe, Kobbelt: SCRAMSAC, ICCV 2009, section 3; the geometry: MAGSAC++,
    see `rerank.usac`.

    Notes: once the geometry is known, correspondences that were not the best of their features count too, where they
    are near the epipolar line and supported.
    """
    every = tentative_matches(one, other, threshold)
    best = each_once(every)
    given = correspondences(one, other, best[0], best[1])
    likely = support(given, given, max(other.size)) >= SUPPORT
    rows, others = best[0][likely], best[1][likely]
    given = correspondences(one, other, rows, others)
    limits = tolerance(one.size, EPIPOLAR), tolerance(other.size, EPIPOLAR)
    found = usac_fundamental(given, *limits)
    if found is None:
        return np.empty((0, 2), np.int64)
    sure = correspondences(one, other, rows[found.inliers], others[found.inliers])
    again = correspondences(one, other, every[0], every[1])
    good = near_lines(found.fundamental, again, *limits) & (support(again, sure, max(other.size)) >= SUPPORT)
    rows, others, _ = each_once((every[0][good], every[1][good], every[2][good]))
    return np.column_stack([rows, others]).astype(np.int64)


def tentative_matches(one: ImageWords, other: ImageWords, threshold: int) -> Matches:
    """Returns features with equal words and, where there are signatures, with near ones."""
    if one.signatures is None or other.signatures is None:
        return match_words(one, other)
    return match_signatures(one, other, threshold)


def each_once(matches: Matches) -> Matches:
    """Returns the matches that are the most similar of both of their features; of equal ones the first counts."""
    rows, others, similar = matches
    order = np.argsort(-similar, kind="stable")
    kept = np.zeros(len(rows), np.int64)
    for column in (rows, others):
        _, first = np.unique(column[order], return_index=True)
        kept[order[first]] += 1
    best = kept == 2
    return rows[best], others[best], similar[best]


def support(given: Correspondences, among: Correspondences, long_side: int) -> Int32:
    """Returns (n,) of how many of the `NEIGHBOURS` nearest correspondences the frame agrees with that of each.

    A frame (position, scale, angle in both photos) says where a neighbour has to be in the other photo, about as large
    and turned as much. long_side: of the other photo, in pixels. At the same place there is no neighbour.
    """
    if not len(given) or not len(among):
        return np.zeros(len(given), np.int32)
    near = min(NEIGHBOURS + 1, len(among))
    _, found = cKDTree(among.query_xy).query(given.query_xy, near)
    rows = np.asarray(found, np.int64).reshape(len(given), near)
    zoom, turn = np.log(given.image_scale / given.query_scale), given.image_angle - given.query_angle
    others_zoom, others_turn = np.log(among.image_scale / among.query_scale), among.image_angle - among.query_angle
    step = _complex(among.query_xy)[rows] - _complex(given.query_xy)[:, None]
    seen = _complex(among.image_xy)[rows] - _complex(given.image_xy)[:, None]
    expected = step * np.exp(zoom + 1j * turn)[:, None]
    turned = np.angle(np.exp(1j * (others_turn[rows] - turn[:, None])))
    agree = np.abs(expected - seen) <= LOOSE * np.abs(expected) + NEAR * long_side
    agree &= (np.abs(others_zoom[rows] - zoom[:, None]) <= ZOOM) & (np.abs(turned) <= TURN)
    agree &= (np.abs(step) > 2.0) & (np.abs(seen) > 0.0)
    return np.asarray(agree.sum(axis=1), np.int32)


def near_lines(fundamental: Float64, given: Correspondences, one: float, other: float) -> Mask:
    """Returns (n,) which correspondences are near each other's epipolar lines, tolerances in pixels of each photo."""
    x = np.column_stack([given.query_xy, np.ones(len(given))])
    y = np.column_stack([given.image_xy, np.ones(len(given))])
    lines, back = x @ fundamental.T, y @ fundamental
    off = np.abs((lines * y).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            (off <= other * np.hypot(lines[:, 0], lines[:, 1])) & (off <= one * np.hypot(back[:, 0], back[:, 1]))
        )


def _complex(xy: np.ndarray) -> np.ndarray:
    return xy[:, 0].astype(np.float64) + 1j * xy[:, 1]
