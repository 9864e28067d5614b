"""Regions warped to one size."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.features.regions.warping import warp_regions


def test_regions_keep_their_content_whatever_their_shape():
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:30, :40] = (10, 20, 30)
    pixels[30:, 40:] = (200, 100, 50)
    warped = warp_regions(pixels, np.array([[0, 0, 40, 30], [40, 30, 80, 60], [0, 0, 2, 2]]), (16, 12))
    assert warped.shape == (3, 12, 16, 3)
    assert warped.dtype == np.uint8
    assert (warped[0] == (10, 20, 30)).all()
    assert (warped[1] == (200, 100, 50)).all()
    assert (warped[2] == (10, 20, 30)).all()


def test_a_region_of_the_size_wanted_stays_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    np.testing.assert_array_equal(warp_regions(pixels, np.array([[3, 5, 19, 17]]), (16, 12))[0], pixels[5:17, 3:19])


def test_a_reduced_region_is_averaged():
    stripes = np.tile(np.array([0, 255], np.uint8)[None, :, None], (64, 32, 3))
    warped = warp_regions(stripes, np.array([[0, 0, 64, 64]]), (8, 8))
    assert np.abs(warped.astype(int) - 128).max() <= 1


def test_no_boxes_are_no_regions_and_wrong_ones_are_told():
    pixels = np.zeros((10, 10, 3), np.uint8)
    assert warp_regions(pixels, np.empty((0, 4)), (8, 6)).shape == (0, 6, 8, 3)
    with pytest.raises(UsageError, match="reaches beyond"):
        warp_regions(pixels, np.array([[0, 0, 11, 5]]), (8, 6))
    with pytest.raises(UsageError, match="empty"):
        warp_regions(pixels, np.array([[5, 5, 5, 8]]), (8, 6))
