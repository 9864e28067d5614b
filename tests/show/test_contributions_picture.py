"""The picture of contributions: boxes where the channels look, each in its colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from resight.descriptors.contributions import Contribution
from resight.errors import StorageError, UsageError
from resight.show.contributions import COLOURS, draw_contributions, label_steps, outlined_boxes
from resight.show.pictures import write_png

PHOTO = np.full((100, 120, 3), 90, np.uint8)
SMALL = np.full((60, 80, 3), 90, np.uint8)
ONE = Contribution(7, 0.25, (40, 40, 60, 60), (20, 30, 40, 50), (30, 30, 70, 70), (0, 10, 60, 60))


def coloured(picture: np.ndarray, number: int) -> np.ndarray:
    return (np.abs(picture.astype(int) - COLOURS[number]) < 8).all(axis=2)


def test_boxes_are_where_the_channel_looks() -> None:
    picture = draw_contributions(PHOTO, SMALL, [ONE])
    assert picture.shape[:2] == (100 + 24, 120 + 12 + 80)
    drawn = coloured(picture, 0)
    # Edges of the cell and of the field, in the query and in the hit, which stands 20 pixels lower.
    for row, column in ((59, 50), (69, 50), (50, 30), (20 + 49, 132 + 30), (20 + 10, 132 + 30)):
        assert drawn[row, column], (row, column)
    assert not drawn[50, 50]
    assert not drawn[:100, 72:130].any()
    assert draw_contributions(PHOTO, SMALL, []).shape == (100, 212, 3)
    assert (PHOTO == 90).all()


def test_factors_bring_original_pixels_to_the_picture() -> None:
    places = (ONE.query_box, ONE.image_box, ONE.query_field, ONE.image_field)
    double = Contribution(7, 0.25, *(tuple(2 * side for side in box) for box in places))  # type: ignore[arg-type]
    halved = draw_contributions(PHOTO, SMALL, [double], query_factor=0.5, hit_factor=0.5)
    np.testing.assert_array_equal(halved, draw_contributions(PHOTO, SMALL, [ONE]))


def test_labels_of_boxes_at_one_place_stand_side_by_side() -> None:
    assert label_steps([(0, 0, 9, 9), (5, 0, 9, 9), (0, 0, 9, 9), (0, 0, 5, 5)]) == [0, 0, 1, 2]
    picture = draw_contributions(PHOTO, SMALL, [ONE, ONE])[:100]
    assert coloured(picture, 0)[28, 41]
    assert coloured(picture, 1)[28, 57]


def test_svg_has_a_box_a_field_and_a_number_each() -> None:
    drawn = outlined_boxes([((40, 40, 60, 60), (30, 30, 70, 70))], ["channel 7"], 0.5)
    assert '<rect class="cell" x="20.0" y="20.0" width="10.0" height="10.0"/>' in drawn
    assert '<rect class="field" x="15.0" y="15.0" width="20.0" height="20.0"/>' in drawn
    assert "<title>channel 7</title>" in drawn
    assert ">1</text>" in drawn
    assert drawn.count("<g ") == drawn.count("</g>") == 1


@pytest.mark.parametrize("bad", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32)])
def test_only_rgb_images_are_drawn_on(bad: np.ndarray) -> None:
    with pytest.raises(UsageError, match="query must be an RGB"):
        draw_contributions(bad, SMALL, [ONE])
    with pytest.raises(UsageError, match="hit must be an RGB"):
        draw_contributions(PHOTO, SMALL, [ONE], hit_factor=0.0)
    with pytest.raises(UsageError, match="is not RGB uint8"):
        write_png("x.png", bad)


def test_a_png_holds_the_picture(tmp_path: Path) -> None:
    picture = draw_contributions(PHOTO, SMALL, [ONE])
    path = write_png(tmp_path / "why.png", picture)
    np.testing.assert_array_equal(cv2.imread(str(path))[:, :, ::-1], picture)
    with pytest.raises(StorageError, match="could not be written"):
        write_png(tmp_path / "none" / "why.png", picture)
