"""Local features: keypoints of an image, and their descriptors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Float32, Intp
from resight.images.boxes import Box


@dataclass(frozen=True)
class LocalFeatures:
    """Keypoints of one image, strongest first, with their descriptors.

    xy: (m, 2) float32, pixels of the upright original, pixel centres at +0.5.
    scale: (m,) float32, sigma in pixels (half of OpenCV's keypoint size).
    angle: (m,) float32, radians, clockwise in image coordinates (y points down).
    descriptors: (m, d) float32.
    weights: (m,) float32 in [0, 1], how much each counts, or None where all count alike.
    box: the part of a query that was asked for, where features outside of it are here too; otherwise None.
    """

    xy: Float32
    scale: Float32
    angle: Float32
    descriptors: Float32
    weights: Float32 | None = None
    box: Box | None = None

    def __len__(self) -> int:
        return len(self.xy)

    def take(self, rows: Intp | slice) -> LocalFeatures:
        """Returns the features of the given rows, in that order."""
        weights = None if self.weights is None else self.weights[rows]
        return LocalFeatures(
            self.xy[rows], self.scale[rows], self.angle[rows], self.descriptors[rows], weights, self.box
        )

    def mapped(self, factor: float, offset: tuple[float, float] = (0.0, 0.0)) -> LocalFeatures:
        """Multiplies the geometry by `factor`, then adds `offset` (x, y): from a resized crop to the original."""
        xy = self.xy * np.float32(factor) + np.asarray(offset, np.float32)
        return replace(self, xy=xy.astype(np.float32), scale=(self.scale * np.float32(factor)).astype(np.float32))

    @classmethod
    def none(cls, dimensions: int = 128) -> LocalFeatures:
        """Returns the features of an image without any."""
        line = np.empty(0, np.float32)
        return cls(np.empty((0, 2), np.float32), line, line, np.empty((0, dimensions), np.float32))
