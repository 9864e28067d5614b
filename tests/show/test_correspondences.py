"""What a picture can hold of a verification: spread rows, colours, and a shape that means something."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.show.correspondences import line_colours, located, spread_rows


def naive_spread(xy, limit, cells=8):
    low, high = xy.min(axis=0), xy.max(axis=0)
    seen, turn = {}, []
    for point in xy:
        key = tuple(np.minimum((point - low) / np.maximum(high - low, 1e-9) * cells, cells - 1).astype(int))
        turn.append(seen.get(key, 0))
        seen[key] = turn[-1] + 1
    return sorted(sorted(range(len(xy)), key=lambda row: (turn[row], row))[:limit])


@given(count=st.integers(0, 200), limit=st.integers(1, 80), seed=st.integers(0, 1000))
def test_rows_are_those_of_the_obvious_loop(count, limit, seed):
    xy = np.random.default_rng(seed).normal(0, 50, (count, 2)).astype(np.float32)
    rows = spread_rows(xy, limit)
    assert len(rows) == min(count, limit)
    expected = naive_spread(xy, limit) if count > limit else list(range(count))
    assert rows.tolist() == expected


def test_a_crowd_does_not_hide_the_few():
    crowd = np.random.default_rng(0).uniform(0, 10, (500, 2))
    few = np.array([[300.0, 200], [310, 10], [5, 220]])
    rows = spread_rows(np.concatenate([crowd, few]), 20)
    assert {500, 501, 502} <= set(rows.tolist())


def test_colours_run_from_left_to_right_and_differ():
    xy = np.array([[30.0, 0], [10, 0], [20, 0]])
    colours = line_colours(xy)
    assert (colours.shape, colours.dtype) == ((3, 3), np.uint8)
    assert len({tuple(c) for c in colours.tolist()}) == 3
    np.testing.assert_array_equal(colours[1], line_colours(np.array([[0.0, 0], [1, 1], [2, 2]]))[0])
    assert line_colours(np.empty((0, 2))).shape == (0, 3)


def test_located_maps_the_corners():
    scaled = np.diag([2.0, 3.0, 1.0])
    found = located(scaled, (1, 1, 5, 4))
    np.testing.assert_allclose(found, [[2, 3], [10, 3], [10, 12], [2, 12]])
    np.testing.assert_allclose(located(-scaled, (1, 1, 5, 4)), found)


@pytest.mark.parametrize(
    "transform",
    [
        np.array([[1.0, 0, 0], [0, 1, 0], [-0.01, 0, 1]]),
        np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        np.full((3, 3), np.nan),
        np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]]),
    ],
)
def test_a_shape_that_says_nothing_is_none(transform):
    assert located(transform, (0, 0, 200, 200)) is None
