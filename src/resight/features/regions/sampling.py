"""Positions of a feature map on the image, and conversion of boxes between map and image.

Boxes on a map are (R, 4) int64 x0, y0, x1, y1 in positions; boxes on an image (R, 4) float64 in pixels of the network's
input, pixel centres at +0.5. Both are half-open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Boxes, Floating, GridBoxes
from resight.errors import UsageError


@dataclass(frozen=True)
class Sampling:
    """The sampling of the image by a layer, in pixels, the same along x and y.

    stride: the distance of neighbouring positions; receptive_field: the side of the square that a position sees; start:
    the centre of the square of the first position.
    """

    stride: float
    receptive_field: float
    start: float

    def then(self, kernel: int, stride: int, padding: int) -> Sampling:
        """Returns the sampling of a convolution or pooling after this layer; `padding`: positions before the first."""
        return Sampling(
            stride=self.stride * stride,
            receptive_field=self.receptive_field + (kernel - 1) * self.stride,
            start=self.start + ((kernel - 1) / 2.0 - padding) * self.stride,
        )


PIXELS = Sampling(stride=1.0, receptive_field=1.0, start=0.5)
"""The image itself."""


def cells(boxes: GridBoxes, sampling: Sampling, size: tuple[int, int]) -> Boxes:
    """Returns the part of an image of `size` (width, height) nearer to the positions of a box than to others."""
    low = sampling.start + (boxes[:, :2] - 0.5) * sampling.stride
    high = sampling.start + (boxes[:, 2:] - 0.5) * sampling.stride
    return _inside(np.concatenate([low, high], axis=1), size)


def receptive_fields(boxes: GridBoxes, sampling: Sampling, size: tuple[int, int]) -> Boxes:
    """Returns everything in an image of `size` (width, height) that the positions of a box see."""
    half = sampling.receptive_field / 2.0
    low = sampling.start + boxes[:, :2] * sampling.stride - half
    high = sampling.start + (boxes[:, 2:] - 1) * sampling.stride + half
    return _inside(np.concatenate([low, high], axis=1), size)


def positions(boxes: Floating, sampling: Sampling, shape: tuple[int, int]) -> GridBoxes:
    """Returns the positions, on a map of `shape` (height, width), whose centres lie in boxes of the image.

    A box between centres, or beyond the last one, takes the one position nearest to its middle along that axis, so that
    no box is empty. It is the inverse of `cells`, except where that was cut off at the border. Raises UsageError for a
    box that is empty or not finite.
    """
    x = np.asarray(boxes, np.float64).reshape(-1, 4)
    if not np.isfinite(x).all() or (x[:, 2:] <= x[:, :2]).any():
        wrong = x[~np.isfinite(x).all(axis=1) | (x[:, 2:] <= x[:, :2]).any(axis=1)][0]
        raise UsageError(f"box {','.join(f'{value:g}' for value in wrong)} is empty or not finite")
    limit = np.array([shape[1], shape[0]])
    scaled = (x - sampling.start) / sampling.stride
    # A centre on an edge belongs to the box that begins there; rounding must not decide that.
    first = np.ceil(np.round(scaled[:, :2], 9))
    last = np.ceil(np.round(scaled[:, 2:], 9))
    nearest = np.clip(np.rint((scaled[:, :2] + scaled[:, 2:]) / 2.0), 0, limit - 1)
    first, last = np.clip(first, 0, limit), np.clip(last, 0, limit)
    empty = last <= first
    return np.concatenate([np.where(empty, nearest, first), np.where(empty, nearest + 1, last)], axis=1).astype(
        np.int64
    )


def _inside(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    return np.clip(boxes, 0.0, np.array([*size, *size], np.float64))
