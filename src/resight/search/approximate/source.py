"""The vectors that a structure is made of, read in parts where they are kept: they may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from resight.arrays import Int64, Vectors
from resight.search.vectors import VectorRows

PART = 16_384
"""Vectors in memory at a time."""


@dataclass(frozen=True)
class Source:
    """The vectors of the images of some rows, in the order of their ids, which are the positions. ids: (n,)."""

    rows: VectorRows
    ids: Int64

    @classmethod
    def of(cls, rows: VectorRows) -> Source:
        """Returns all images that are not removed."""
        return cls(rows, rows.images)

    @property
    def dimension(self) -> int:
        """The number of dimensions."""
        return self.rows.dimension

    def parts(self) -> Iterator[tuple[int, Vectors]]:
        """Yields position of the first, and (m, d) vectors, of one part after the other."""
        for start in range(0, len(self.ids), PART):
            yield start, self.rows.descriptors(self.ids[start : start + PART])

    def drawn(self, most: int, rng: np.random.Generator) -> tuple[Int64, Vectors]:
        """Returns (m,) positions, ascending, and (m, d) vectors of `most` images, or of all where there are fewer."""
        count = min(most, len(self.ids))
        places = np.sort(rng.choice(len(self.ids), count, replace=False)).astype(np.int64)
        return places, self.rows.descriptors(self.ids[places])
