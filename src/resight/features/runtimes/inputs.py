"""Photos to the input of a network, in numpy."""

from __future__ import annotations

import math

import numpy as np

from resight.arrays import Float32, Pixels

Triple = tuple[float, float, float]


class ArrayInputs:
    """What runtimes have in common that take images in numpy."""

    def normalised(self, images: Pixels, mean: Triple, deviation: Triple) -> Float32:
        """As the function of this name."""
        return normalised(images, mean, deviation)

    def scaled(self, x: Float32, scale: float, size: tuple[int, int]) -> Float32:
        """As the function of this name."""
        return scaled(x, scale, size)


def normalised(images: Pixels, mean: Triple, deviation: Triple) -> Float32:
    """Converts images (B, H, W, 3) in RGB to a network's input: (B, 3, H, W), normalised.

    mean, deviation: of values from 0 to 1.
    """
    x = images.transpose(0, 3, 1, 2) / np.float32(255.0)
    x -= np.array(mean, np.float32)[:, None, None]
    x /= np.array(deviation, np.float32)[:, None, None]
    return np.ascontiguousarray(x, np.float32)


def scaled(x: Float32, scale: float, size: tuple[int, int]) -> Float32:
    """Scales (B, 3, H, W) bilinearly, without antialiasing, to `size` (width, height), at least that of the scale.

    Notes: where the size is that of the scale, rounded down, positions follow the scale itself and not the quotient of
    the rounded sizes, as torch's `interpolate` with a `scale_factor` has it.
    """
    height, width = x.shape[-2:]
    if (width, height) == size:
        return x
    follows = size == (math.floor(width * scale), math.floor(height * scale))
    columns = _weights(width, size[0], 1.0 / scale if follows else width / size[0])
    rows = _weights(height, size[1], 1.0 / scale if follows else height / size[1])
    return np.ascontiguousarray(rows @ x @ columns.T)


def _weights(before: int, after: int, step: float) -> Float32:
    """(after, before): how much each pixel of an axis adds to each of the new ones, which are `step` pixels apart."""
    places = np.maximum((np.arange(after) + 0.5) * step - 0.5, 0.0)
    lower = np.minimum(places.astype(np.intp), before - 1)
    upper = np.minimum(lower + 1, before - 1)
    share = (places - lower).astype(np.float32)
    weights = np.zeros((after, before), np.float32)
    new = np.arange(after)
    np.add.at(weights, (new, lower), 1.0 - share)
    np.add.at(weights, (new, upper), share)
    return weights
