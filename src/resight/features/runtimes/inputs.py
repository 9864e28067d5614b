"""Photos to the input of a network, in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Float32, Pixels

Triple = tuple[float, float, float]


class ArrayInputs:
    """The common part of runtimes that take images in numpy."""

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
    columns = _taps(width, size[0], 1.0 / scale if follows else width / size[0])
    rows = _taps(height, size[1], 1.0 / scale if follows else height / size[1])
    return _between(np.ascontiguousarray(_between(x, columns, axis=3)), rows, axis=2)


@dataclass(frozen=True)
class _Taps:
    """The two pixels of an axis that each of (n,) new ones lies between, and the share of the upper one."""

    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    share: Float32


def _taps(before: int, after: int, step: float) -> _Taps:
    """Returns where `after` new pixels, `step` old ones apart, lie among the `before` pixels of an axis."""
    if after == before:  # torch leaves such an axis alone
        step = 1.0
    places = np.maximum((np.arange(after) + 0.5) * step - 0.5, 0.0)
    lower = np.minimum(places.astype(np.intp), before - 1)
    return _Taps(lower, np.minimum(lower + 1, before - 1), (places - lower).astype(np.float32))


def _between(x: Float32, taps: _Taps, axis: int) -> Float32:
    """Interpolates (B, 3, H, W) along an axis. Two reads a pixel: a product with a matrix would read all of them."""
    share = taps.share if axis == 3 else taps.share[:, None]
    below = np.take(x, taps.lower, axis)
    return below + share * (np.take(x, taps.upper, axis) - below)
