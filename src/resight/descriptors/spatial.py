"""Pooling in the cells of a grid, so that a descriptor knows where on the photo something is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resight.descriptors.pooling import GEM_P, gem
from resight.errors import UsageError
from resight.libraries import AnyArray, library


def pyramid(maps: AnyArray, levels: Sequence[int], p: float = GEM_P, weights: AnyArray | None = None) -> AnyArray:
    """Returns (B, C * cells): GeM of the positions in each cell of grids of n x n cells, for n in `levels`.

    maps: (B, C, H, W). Cells are row by row, grid after grid; where there are fewer positions than cells, neighbouring
    cells share one. weights: as of `gem`. UsageError for a grid without cells.

    Source: Lazebnik, Schmid & Ponce, CVPR 2006, section 3; He et al., ECCV 2014, section 2.2 and its bounds of cells.

    Notes: grids count alike, by the number of their cells, not by their level.
    """
    if not levels or min(levels) < 1:
        raise UsageError(f"a pyramid of {list(levels)} has a grid without cells")
    height, width = maps.shape[-2:]
    cells = []
    for count in levels:
        for top, bottom in _bounds(height, count):
            for left, right in _bounds(width, count):
                own = None if weights is None else weights[..., top:bottom, left:right]
                cells.append(gem(maps[..., top:bottom, left:right], p, own))
    return library(cells[0]).concatenate(cells, axis=1)


def _bounds(side: int, count: int) -> list[tuple[int, int]]:
    """Returns half-open intervals of `count` cells over `side` positions, none of them empty."""
    return [(math.floor(side * n / count), math.ceil(side * (n + 1) / count)) for n in range(count)]
