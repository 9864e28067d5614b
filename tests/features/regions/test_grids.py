"""Regular boxes: R-MAC's grid against the authors' values, the others against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resight.errors import UsageError
from resight.features.regions.grids import dense_patches, rigid_grid, rmac_grid, rmac_levels, spatial_pyramid

SIDES = st.integers(1, 80)


def assert_inside(boxes, height, width):
    assert boxes.dtype == np.int64
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes[:, 2:] <= (width, height)).all()


def covered(boxes, height, width):
    count = np.zeros((height, width), int)
    for x0, y0, x1, y1 in boxes:
        count[y0:y1, x0:x1] += 1
    return count


@given(SIDES, SIDES, st.integers(1, 5))
def test_rmac_squares_lie_inside_and_turn_with_the_map(height, width, levels):
    boxes = rmac_grid(height, width, levels)
    assert_inside(boxes, height, width)
    sides = boxes[:, 2:] - boxes[:, :2]
    assert (sides[:, 0] == sides[:, 1]).all()
    turned = rmac_grid(width, height, levels)[:, [1, 0, 3, 2]]
    assert {*map(tuple, turned)} == {*map(tuple, boxes)}
    assert len(rmac_levels(height, width, levels)) == len(boxes)


@given(st.integers(2, 80), st.integers(1, 5))
def test_a_square_map_has_as_many_squares_at_a_level_as_the_square_of_its_number(side, levels):
    counts = np.bincount(rmac_levels(side, side, levels), minlength=levels + 1)[1:]
    kept = [level for level in range(1, levels + 1) if 2 * side // (level + 1) > 0]
    assert counts.tolist() == [level**2 if level in kept else 0 for level in range(1, levels + 1)]


def extra_in_float32(height, width):
    short, long = min(height, width), max(height, width)
    step = (long - short) / torch.arange(1, 7, dtype=torch.float32)
    return 0 if short == long else int(((short**2 - short * step) / short**2 - 0.4).abs().argmin()) + 1


def test_sizes_that_tie_are_decided_in_float64():
    assert len(rmac_grid(5, 9)) == 26
    assert len(rmac_grid(5, 9, levels=1)) != 1 + extra_in_float32(5, 9)


@pytest.mark.golden
def test_golden_grids(golden):
    values = golden("pooling")
    for height, width in values["grid_sizes"].tolist():
        row, column, side = values[f"grid_{height}x{width}_regions"].T
        expected = np.stack([column, row, column + side, row + side], axis=1)
        np.testing.assert_array_equal(rmac_grid(height, width), expected)
    for case in range(int(values["n_cases"])):
        shape = values[f"case{case}_x"].shape[1:]
        np.testing.assert_array_equal(rmac_levels(*shape), values[f"case{case}_rmac_levels"])


@given(SIDES, SIDES, st.data())
def test_a_rigid_grid_shares_out_every_position_once(height, width, data):
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    boxes = rigid_grid(height, width, rows, columns)
    assert len(boxes) == rows * columns
    assert_inside(boxes, height, width)
    assert (covered(boxes, height, width) == 1).all()
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    assert areas.max() <= (height // rows + 1) * (width // columns + 1)


@given(SIDES, SIDES, st.integers(1, 5))
def test_every_level_of_a_pyramid_covers_every_position_once(height, width, levels):
    boxes = spatial_pyramid(height, width, levels)
    fine = sum(1 for level in range(levels) if 2**level <= min(height, width))
    assert len(boxes) == sum(4**level for level in range(fine))
    assert boxes[0].tolist() == [0, 0, width, height]
    assert (covered(boxes, height, width) == fine).all()


@given(SIDES, SIDES, st.integers(1, 30), st.integers(1, 30))
def test_dense_patches_have_their_size_and_reach_both_borders(height, width, size, stride):
    boxes = dense_patches(height, width, size, stride)
    assert_inside(boxes, height, width)
    assert (boxes[:, 2] - boxes[:, 0] == min(size, width)).all()
    assert (boxes[:, 3] - boxes[:, 1] == min(size, height)).all()
    assert boxes[:, :2].min() == 0
    assert boxes[:, 2:].max(axis=0).tolist() == [width, height]
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    if stride <= size:
        assert covered(boxes, height, width).min() > 0


def test_mop_cnn_patches():
    assert len(dense_patches(256, 256, 128, 32)) == 25
    assert len(dense_patches(256, 256, 64, 32)) == 49


def test_what_is_no_grid_is_told():
    with pytest.raises(UsageError, match="height is 0"):
        rmac_grid(0, 5)
    with pytest.raises(UsageError, match="levels is 0"):
        spatial_pyramid(4, 5, 0)
    with pytest.raises(UsageError, match="stride is -1"):
        dense_patches(4, 5, 2, -1)
    with pytest.raises(UsageError, match="5 x 1 boxes do not fit into 4 x 5"):
        rigid_grid(4, 5, 5, 1)
