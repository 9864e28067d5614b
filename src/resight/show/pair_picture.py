"""Draws how two photos come to match: local features, tentative correspondences, and those that geometry keeps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from resight.arrays import Floating, Pixels
from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift_extractor import SiftExtractor
from resight.images import Decoded, decode, resize
from resight.rerank.matching import match_descriptors
from resight.rerank.pairs import verify_features
from resight.search.kinds import Exhaustive
from resight.search.ranking import Verification
from resight.show.activations import draw_sheet
from resight.show.correspondences import spread_rows
from resight.show.matches import draw_matches

MOST = 200
"""Features of a photo, and lines between photos, that are drawn."""
_FEATURE = (255, 176, 0)
_SHIFT = 4


def draw_stages(query: Path, image: Path, *, side: int, most: int = MOST) -> tuple[Pixels, tuple[str, ...]]:
    """Returns `pair_stages` of two files below each other, (H, W, 3) uint8 RGB, and their captions.

    side: long side of each photo in pixels. Raises ImageError.
    """
    photos = [resize(decode(path).pixels, side) for path in (query, image)]
    stages = pair_stages(photos[0], photos[1], most=most)
    return draw_sheet(list(stages.values()), list(stages), columns=1), tuple(stages)


def pair_stages(
    query: Pixels,
    image: Pixels,
    *,
    features: Sift | None = None,
    matching: Exhaustive | None = None,
    most: int = MOST,
) -> dict[str, Pixels]:
    """Returns three pictures (H, W, 3) uint8 RGB of two photos side by side, by their captions.

    query, image: (h, w, 3) uint8 RGB. features, matching: settings; those of the recipe `sift-match` unless given. The
    first shows features as circles of their scale with a line for their angle, the second mutual nearest neighbours
    that pass the ratio test, the third those that agree with one transform; at most `most` of each are drawn, spread
    over the photos.
    """
    given = matching or Exhaustive()
    extractor = SiftExtractor(features or Sift())
    seen = [extractor.prepare(Decoded(pixels, (pixels.shape[1], pixels.shape[0]))) for pixels in (query, image)]
    rows, others, _ = match_descriptors(seen[0].descriptors, seen[1].descriptors, given.ratio)
    tentative = _joined(seen[0].xy[rows], seen[1].xy[others])
    sizes = [(pixels.shape[1], pixels.shape[0]) for pixels in (query, image)]
    found = verify_features(seen[0], sizes[0], seen[1], sizes[1], given)
    drawn = [_with_features(pixels, own, most) for pixels, own in zip((query, image), seen, strict=True)]
    none = _joined(np.empty((0, 2)), np.empty((0, 2)))
    inliers = 0 if found is None else len(found.query_xy)
    return {
        f"local features: {len(seen[0]):,} and {len(seen[1]):,}": draw_matches(drawn[0], drawn[1], none),
        f"tentative correspondences: {len(rows):,}": draw_matches(query, image, tentative, limit=most),
        f"inliers: {inliers:,}": draw_matches(query, image, none if found is None else found, limit=most),
    }


def _joined(query_xy: Floating, image_xy: Floating) -> Verification:
    """Returns points that are joined, whether or not they agree."""
    return Verification(np.eye(3), query_xy, image_xy, 0.0, len(query_xy))


def _with_features(pixels: Pixels, features: LocalFeatures, most: int) -> Pixels:
    drawn: Pixels = np.ascontiguousarray(pixels).copy()
    for row in spread_rows(features.xy, most).tolist():
        x, y = (features.xy[row] - 0.5).tolist()
        # A descriptor sees six times the scale to each side: Lowe, IJCV 2004, section 6.1.
        radius, angle = 6.0 * float(features.scale[row]), float(features.angle[row])
        centre = (round(x * (1 << _SHIFT)), round(y * (1 << _SHIFT)))
        tip = (
            round((x + radius * np.cos(angle)) * (1 << _SHIFT)),
            round((y + radius * np.sin(angle)) * (1 << _SHIFT)),
        )
        cv2.circle(drawn, centre, round(radius * (1 << _SHIFT)), _FEATURE, 1, cv2.LINE_AA, _SHIFT)
        cv2.line(drawn, centre, tip, _FEATURE, 1, cv2.LINE_AA, _SHIFT)
    return drawn
