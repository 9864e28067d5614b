"""Heat maps lie on the photo where their positions do."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.features.sight import HeatMap
from resight.show.activations import draw_heat, draw_sheet, spread

WHOLE = (0.0, 0.0, 80.0, 60.0)


def heat(row: int, column: int, value: float = 1.0, part: tuple[float, float, float, float] = WHOLE) -> HeatMap:
    values = np.zeros((6, 8), np.float32)
    values[row, column] = value
    return HeatMap(values, (part[0] + 5.0, part[1] + 5.0), (10.0, 10.0), part)


@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0])
def test_a_position_is_bright_around_its_centre(factor: float) -> None:
    size = (round(80 * factor), round(60 * factor))
    over = spread(heat(2, 5), size, factor)
    rows, columns = np.mgrid[: size[1], : size[0]] + 0.5
    centre = ((over * columns).sum() / over.sum() / factor, (over * rows).sum() / over.sum() / factor)
    assert centre == pytest.approx((55, 25), abs=0.1)
    # Values are per pixel of the original, so that maps of any step sum to what they hold.
    assert over.sum() / factor**2 == pytest.approx(1.0, rel=0.02)


def test_positions_are_interpolated_and_the_border_is_continued() -> None:
    over = spread(heat(0, 0), (80, 60), 1.0) * 100
    np.testing.assert_allclose(over[0, :4], 1.0, atol=1e-3)
    assert over[2, 10] == pytest.approx(0.45, abs=0.02)
    assert over[2, 16:].max() == 0


def test_nothing_is_told_of_what_the_network_was_not_given() -> None:
    over = spread(heat(0, 0, part=(20.0, 10.0, 60.0, 50.0)), (80, 60), 1.0)
    assert over[12, 22] > 0
    assert over[:10].max() == over[:, :20].max() == over[50:].max() == over[:, 60:].max() == 0


def test_the_photo_is_coloured_where_the_heat_is() -> None:
    photo = np.full((60, 80, 3), 100, np.uint8)
    drawn = draw_heat(photo, [heat(2, 5), heat(2, 5, 0.5), heat(4, 1, -3.0)]).astype(int)
    assert drawn.shape == photo.shape
    assert np.ptp(drawn[25, 55]) > 40
    grey = drawn[45, 15]
    assert np.ptp(grey) < 5
    assert drawn[25, 55].sum() > grey.sum() + 100
    np.testing.assert_array_equal(draw_heat(photo, []), draw_heat(photo, [heat(0, 0, -1.0)]))


def test_a_sheet_has_a_caption_below_each_picture() -> None:
    pictures = [np.full((30, 40, 3), shade, np.uint8) for shade in (10, 60, 110)]
    sheet = draw_sheet(pictures, ["a", "b", "c"], columns=2)
    assert sheet.shape == (2 * 56, 2 * 48 - 8, 3)
    assert [int(sheet[10, 10, 0]), int(sheet[10, 58, 0]), int(sheet[66, 10, 0])] == [10, 60, 110]
    assert sheet[30:56, :40].min() < 128
    assert sheet[66:, 50:].min() == 255


def test_bad_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="RGB uint8"):
        draw_heat(np.zeros((5, 5), np.uint8), [])
    with pytest.raises(UsageError, match="RGB uint8"):
        draw_heat(np.zeros((5, 5, 3), np.uint8), [], factor=0.0)
    with pytest.raises(UsageError, match="2 captions"):
        draw_sheet([np.zeros((5, 5, 3), np.uint8)], ["a", "b"])
