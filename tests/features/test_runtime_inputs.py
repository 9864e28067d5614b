"""Inputs of a network in numpy, against torch in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resight.features.runtimes.inputs import normalised, scaled


@pytest.mark.parametrize("scale", [0.5, 0.7071067811865476, 1.4142135623730951])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 7), (37, 64), (255, 340)])
def test_scaling_is_that_of_torch(scale: float, height: int, width: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, height, width)).astype(np.float32)
    size = int(width * scale), int(height * scale)
    if min(size) < 1:
        return
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(x).double(), scale_factor=scale, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(scaled(x, scale, size), expected.numpy(), atol=5e-6)


def test_a_size_that_is_not_the_scales_is_filled() -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 10, 50)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(x).double(), size=(9, 25), mode="bilinear", align_corners=False
    )
    found = scaled(x, 0.5, (25, 9))
    np.testing.assert_allclose(found, expected.numpy(), atol=5e-6)
    assert found.flags.c_contiguous


def test_the_same_size_is_the_same_array() -> None:
    x = np.zeros((1, 3, 4, 5), np.float32)
    assert scaled(x, 1.0, (5, 4)) is x


def test_pixels_are_normalised() -> None:
    images = np.full((1, 2, 3, 3), 255, np.uint8)
    found = normalised(images, (0.5, 0.0, 1.0), (0.5, 2.0, 1.0))
    assert found.shape == (1, 3, 2, 3)
    assert found[0, :, 0, 0].tolist() == [1.0, 0.5, 0.0]
