"""Positions of a map and pixels of the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resight.errors import UsageError
from resight.features.regions.sampling import PIXELS, Sampling, cells, positions, receptive_fields

SAMPLINGS = st.builds(
    Sampling,
    stride=st.sampled_from([1.0, 2.0, 8.0, 16.0, 32.0]),
    receptive_field=st.floats(1, 500),
    start=st.floats(-20, 20),
)


@given(SAMPLINGS, st.integers(1, 40), st.integers(1, 40), st.data())
def test_positions_of_the_cells_of_a_box_are_the_box(sampling, height, width, data):
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = np.array([[x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))]])
    # Not cut off at the border, because that loses what lies beyond.
    low = sampling.start + (box[:, :2] - 0.5) * sampling.stride
    high = sampling.start + (box[:, 2:] - 0.5) * sampling.stride
    found = positions(np.concatenate([low, high], axis=1), sampling, (height, width))
    np.testing.assert_array_equal(found, box)


@given(SAMPLINGS, st.integers(1, 40), st.integers(1, 40), st.lists(st.floats(-50, 900), min_size=4, max_size=4))
def test_every_box_has_a_position_on_the_map(sampling, height, width, numbers):
    x0, x1 = sorted(numbers[:2])
    y0, y1 = sorted(numbers[2:])
    found = positions(np.array([[x0, y0, x1 + 2.0, y1 + 2.0]]), sampling, (height, width))[0]
    assert 0 <= found[0] < found[2] <= width
    assert 0 <= found[1] < found[3] <= height


def test_a_position_belongs_to_the_box_that_holds_its_centre():
    sampling = Sampling(stride=16.0, receptive_field=100.0, start=8.0)
    boxes = np.array([[0, 0, 8, 8], [0, 0, 8.5, 8.5], [8, 8, 24, 24], [30, 10, 32, 12]], np.float64)
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [1, 0, 2, 1]]
    np.testing.assert_array_equal(positions(boxes, sampling, (4, 4)), expected)
    np.testing.assert_array_equal(positions(boxes * 0 + [0, 0, 1e6, 1e6], sampling, (3, 4))[0], [0, 0, 4, 3])


def test_sampling_of_layers_is_where_a_gradient_reaches():
    layers = [(3, 2, 1), (3, 1, 1), (2, 2, 0), (5, 1, 2)]
    sampling, network = PIXELS, torch.nn.Sequential()
    for kernel, stride, padding in layers:
        sampling = sampling.then(kernel, stride, padding)
        layer = torch.nn.Conv2d(1, 1, kernel, stride, padding)
        torch.nn.init.ones_(layer.weight)
        network.append(layer)
    x = torch.ones(1, 1, 80, 80, requires_grad=True)
    y = network(x)
    y[0, 0, 8, 9].backward()
    seen = np.argwhere(x.grad[0, 0].numpy() != 0)
    field = receptive_fields(np.array([[9, 8, 10, 9]]), sampling, (80, 80))[0]
    np.testing.assert_array_equal(field, [*seen.min(axis=0)[::-1], *(seen.max(axis=0)[::-1] + 1)])
    assert sampling.stride == 4


def test_boxes_end_at_the_border_of_the_image():
    sampling = Sampling(stride=16.0, receptive_field=196.0, start=8.0)
    whole = np.array([[0, 0, 4, 3]])
    np.testing.assert_array_equal(receptive_fields(whole, sampling, (60, 40)), [[0, 0, 60, 40]])
    np.testing.assert_array_equal(cells(whole, sampling, (60, 40)), [[0, 0, 60, 40]])
    np.testing.assert_array_equal(cells(np.array([[1, 1, 2, 3]]), sampling, (64, 48)), [[16, 16, 32, 48]])


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [0, 0, np.nan, 4], [9, 0, 5, 4]])
def test_a_box_that_is_empty_or_not_finite_is_told(box):
    with pytest.raises(UsageError, match="empty or not finite"):
        positions(np.array([[0, 0, 2, 2], box], np.float64), PIXELS, (10, 10))
