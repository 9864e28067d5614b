"""The picture of matches: right size, lines where the points are, nothing drawn outside."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.search.ranking import Verification
from resight.show.matches import draw_matches


def verification(query, image, transform=None) -> Verification:
    matrix = np.eye(3) if transform is None else transform
    return Verification(matrix, np.array(query, np.float32), np.array(image, np.float32), float(len(query)))


def test_one_line_joins_its_two_points():
    query, hit = np.full((100, 120, 3), 90, np.uint8), np.full((60, 80, 3), 90, np.uint8)
    far = np.diag([1.0, 1, 1])
    far[0, 2] = 1e4
    picture = draw_matches(query, hit, verification([[60.5, 20.5]], [[40.5, 30.5]], far))
    assert picture.shape == (100, 120 + 12 + 80, 3)
    coloured = np.ptp(picture.astype(int), axis=2) > 60
    rows, columns = np.nonzero(coloured)
    # The hit is 20 pixels lower, because the smaller picture stands in the middle.
    assert coloured[20, 60]
    assert coloured[50, 132 + 40]
    assert (columns.min(), columns.max()) == pytest.approx((60, 172), abs=3)
    assert (rows.min(), rows.max()) == pytest.approx((20, 50), abs=3)
    np.testing.assert_array_equal(picture[:18, 135:], 255)


def test_factors_bring_original_pixels_to_the_picture():
    photo = np.full((100, 100, 3), 90, np.uint8)
    full = draw_matches(photo, photo, verification([[20, 40]], [[60, 70]]))
    half = draw_matches(
        photo,
        photo,
        verification([[40, 80]], [[240, 280]], np.diag([2.0, 2, 1])),
        query_factor=0.5,
        hit_factor=0.25,
    )
    assert half.shape == full.shape
    np.testing.assert_array_equal(half, full)


def test_the_outline_is_where_the_transform_puts_the_box_and_stays_in_the_hit():
    query, hit = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100, 3), np.uint8)
    move = np.array([[1.0, 0, 30], [0, 1, 20], [0, 0, 1]])
    none = verification(np.empty((0, 2)), np.empty((0, 2)), move)
    right = draw_matches(query, hit, none, box=(10, 10, 40, 50))[:, 112:]
    assert right[50, 40].max() > 150
    assert right[30, 55].max() > 150
    assert right[50, 55].max() == 0
    # Moved off to the left, the outline of the part must not reach into the query's own side.
    off = np.array([[1.0, 0, -60], [0, 1, 0], [0, 0, 1]])
    picture = draw_matches(query, hit, verification(np.empty((0, 2)), np.empty((0, 2)), off), box=(50, 0, 100, 100))
    assert picture[20:80, :45].max() == 0
    assert picture[50, 112 + 40].max() > 150


def test_a_whole_photo_is_not_outlined():
    none = verification(np.empty((0, 2)), np.empty((0, 2)), np.eye(3))
    picture = draw_matches(np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100, 3), np.uint8), none)
    assert picture[:, :100].max() == picture[:, 112:].max() == 0


def test_at_most_the_limit_is_drawn():
    rng = np.random.default_rng(0)
    points = rng.uniform(5, 195, (400, 2))
    photo = np.zeros((200, 200, 3), np.uint8)
    few = draw_matches(photo, photo, verification(points, points), limit=5)
    many = draw_matches(photo, photo, verification(points, points), limit=200)
    assert 0 < (few[:, :200].max(axis=2) > 0).sum() < (many[:, :200].max(axis=2) > 0).sum() / 5


@pytest.mark.parametrize("bad", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32)])
def test_other_arrays_are_refused(bad):
    good = np.zeros((5, 5, 3), np.uint8)
    with pytest.raises(UsageError, match="hit"):
        draw_matches(good, bad, verification([[1, 1]], [[1, 1]]))
    with pytest.raises(UsageError, match="query"):
        draw_matches(good, good, verification([[1, 1]], [[1, 1]]), query_factor=0)
