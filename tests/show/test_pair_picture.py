"""How two photos come to match, in three pictures."""

from __future__ import annotations

import cv2
import numpy as np

from index_samples import texture
from resight.features.kinds import Sift
from resight.features.sift_extractor import SiftExtractor
from resight.images import Decoded
from resight.rerank.pairs import match
from resight.show.pair_picture import pair_stages


def turned(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 20, 0.9)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def test_the_numbers_are_those_of_matching_and_lines_join_what_matches() -> None:
    query = texture(0, 200, 160)
    image = turned(query)
    stages = pair_stages(query, image)
    verified = match(query, image)
    assert verified is not None
    features = [len(SiftExtractor(Sift()).prepare(Decoded(one, (200, 160)))) for one in (query, image)]
    assert list(stages) == [
        f"local features: {features[0]:,} and {features[1]:,}",
        f"tentative correspondences: {verified.tentative:,}",
        f"inliers: {len(verified.query_xy):,}",
    ]
    assert len({one.shape for one in stages.values()}) == 1
    first, second, third = stages.values()
    # Between the photos nothing is drawn but lines.
    gap = slice(200, 212)
    assert (first[:, gap] == 255).all()
    assert (second[:, gap] != 255).any()
    assert (third[:, gap] != 255).any()


def test_photos_that_do_not_match_have_no_inliers_drawn() -> None:
    stages = pair_stages(texture(0, 100, 80), np.full((60, 90, 3), 128, np.uint8))
    assert list(stages)[2] == "inliers: 0"
    assert (list(stages.values())[2][:, 100:112] == 255).all()


def test_the_photos_that_are_given_stay_as_they_are() -> None:
    query = texture(0, 100, 80)
    before = query.copy()
    pair_stages(query, query)
    np.testing.assert_array_equal(query, before)
