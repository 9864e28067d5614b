"""Selective search on a drawn image."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.features.regions.proposals import selective_search


def drawn(height=240, width=320):
    rng = np.random.default_rng(0)
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[40:140, 60:180] = (220, 40, 30)
    pixels[120:220, 200:300] = (20, 60, 210)
    noisy = pixels.astype(int) + rng.integers(-8, 9, pixels.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def overlap(boxes, box):
    x0, y0 = np.maximum(boxes[:, :2], box[:2]).T
    x1, y1 = np.minimum(boxes[:, 2:], box[2:]).T
    shared = np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / (areas + (box[2] - box[0]) * (box[3] - box[1]) - shared)


def test_what_stands_out_is_found_and_repeatedly_the_same():
    pixels = drawn()
    boxes = selective_search(pixels)
    assert overlap(boxes, (60, 40, 180, 140)).max() > 0.9
    assert overlap(boxes, (200, 120, 300, 220)).max() > 0.9
    np.testing.assert_array_equal(selective_search(pixels), boxes)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    assert (np.diff(areas) <= 0).all()


def test_the_limit_keeps_all_sizes():
    pixels = drawn()
    every = selective_search(pixels)
    few = selective_search(pixels, limit=3)
    assert len(every) > 3
    assert len(few) == 3
    assert few[0].tolist() == every[0].tolist()
    assert few[-1].tolist() == every[-1].tolist()
    assert selective_search(pixels, limit=1).shape == (1, 4)


def test_boxes_are_in_pixels_of_the_image_given():
    pixels = drawn().repeat(2, axis=0).repeat(2, axis=1)
    boxes = selective_search(pixels, max_side=320)
    assert overlap(boxes, (120, 80, 360, 280)).max() > 0.9
    assert (boxes[:, 2:] <= (640, 480)).all()


@pytest.mark.parametrize("shape", [(40, 40, 3), (3, 2, 3), (1, 1, 3)])
def test_a_plain_or_tiny_image_is_one_box(shape):
    boxes = selective_search(np.full(shape, 128, np.uint8))
    assert boxes.tolist() == [[0, 0, shape[1], shape[0]]]


def test_a_limit_below_one_is_told():
    with pytest.raises(UsageError, match="limit is 0"):
        selective_search(drawn(), limit=0)
