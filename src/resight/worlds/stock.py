"""The textures that all photos of one world share, so that different things have similar visual words."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator, SeedSequence

from resight.arrays import Pixels
from resight.worlds.lettering import Style, letter, paragraph, sentence
from resight.worlds.textures import (
    colourise,
    crop,
    dead_leaves,
    fractal_noise,
    masonry,
    palette,
    planks,
    plaster,
    relief,
)

_SIDE = 640


@dataclass(frozen=True)
class Stock:
    """Shared plates, each uint8 RGB of 640 pixels a side, or RGBA for foliage.

    walls: brick, ashlar and plaster; tables: wood, cloth, newspaper; pictures: prints on things.
    """

    walls: tuple[Pixels, ...]
    tables: tuple[Pixels, ...]
    pictures: tuple[Pixels, ...]
    carvings: tuple[Pixels, ...]
    foliage: tuple[Pixels, ...]

    def wall(self, rng: Generator) -> Pixels:
        """Returns (h, w, 3): a wall drawn at random."""
        return self.walls[int(rng.integers(len(self.walls)))]

    def table(self, rng: Generator) -> Pixels:
        """Returns (h, w, 3): a table drawn at random."""
        return self.tables[int(rng.integers(len(self.tables)))]

    def carved(self, rng: Generator, height: int, width: int) -> Pixels:
        """Returns (height, width, 3): a random part of a random carved stone."""
        return crop(rng, self.carvings[int(rng.integers(len(self.carvings)))], height, width)

    def picture(self, rng: Generator, height: int, width: int) -> Pixels:
        """Returns (height, width, 3): a random part of a random picture, with its colours exchanged or inverted."""
        part = crop(rng, self.pictures[int(rng.integers(len(self.pictures)))], height, width)
        part = np.ascontiguousarray(part[:, :, rng.permutation(3)])
        return np.asarray(255 - part if rng.random() < 0.3 else part, np.uint8)


def _newspaper(rng: Generator) -> Pixels:
    page = colourise(fractal_noise(rng, _SIDE, _SIDE), np.array([[205, 200, 185], [240, 236, 226]], np.float32))
    ink = np.array([40, 38, 42], np.float32)
    for column in range(3):
        x, y = 12 + column * 210, 10
        while y < _SIDE - 110:
            letter(page, sentence(rng, 2), (x, y, 190, 30), ink, Style(int(rng.integers(1, 5)), 0.0, 0))
            rows = int(rng.integers(50, 130))
            if rng.random() < 0.4:
                page[y + 36 : y + 36 + rows, x : x + 190] = dead_leaves(rng, rows, 190, leaves=60)[: _SIDE - y - 36]
            else:
                paragraph(rng, page, (x, y + 36, 190, rows), 11, ink)
            y += rows + 46
    return page


def _cloth(rng: Generator) -> Pixels:
    tile = int(rng.integers(50, 110))
    motif = dead_leaves(rng, tile, tile, leaves=25, smallest=5.0)
    times = _SIDE // tile + 1
    return np.ascontiguousarray(np.tile(motif, (times, times, 1))[:_SIDE, :_SIDE])


def _foliage(rng: Generator) -> Pixels:
    leaves = dead_leaves(rng, _SIDE, _SIDE, leaves=900, smallest=4.0)
    grey = np.asarray(cv2.cvtColor(leaves, cv2.COLOR_RGB2GRAY), np.float32) * np.float32(1 / 255)
    dark, light = palette(rng, 2, saturation=0.4)
    green = np.stack([dark * (0.25, 0.4, 0.2), light * (0.7, 1, 0.5)])
    across = np.linspace(-1, 1, _SIDE, dtype=np.float32)
    reach = np.sqrt(across[None, :] ** 2 + across[:, None] ** 2) + 0.9 * (fractal_noise(rng, _SIDE, _SIDE) - 0.5)
    alpha = cv2.convertScaleAbs(np.clip((0.85 - reach) * 25, 0, 1), alpha=255.0)
    return np.dstack([colourise(grey, green), alpha])


def _wall(rng: Generator) -> Pixels:
    kind = int(rng.integers(0, 5))
    if kind == 0:
        return plaster(rng, _SIDE, _SIDE)
    if kind == 1:
        return masonry(rng, _SIDE, _SIDE, course=int(rng.integers(36, 60)), length=int(rng.integers(70, 130)))
    return masonry(rng, _SIDE, _SIDE, course=int(rng.integers(11, 20)), length=int(rng.integers(26, 44)))


def _table(rng: Generator) -> Pixels:
    kind = int(rng.integers(0, 3))
    if kind == 0:
        return planks(rng, _SIDE, _SIDE, boards=int(rng.integers(4, 8)))
    return _cloth(rng) if kind == 1 else _newspaper(rng)


def _picture(rng: Generator) -> Pixels:
    if rng.random() < 0.2:
        return colourise(fractal_noise(rng, _SIDE, _SIDE, roughness=0.75), palette(rng, 6))
    return dead_leaves(rng, _SIDE, _SIDE, leaves=int(rng.integers(300, 900)))


def _carving(rng: Generator) -> Pixels:
    return relief(rng, _SIDE, _SIDE)


def _made(make: Callable[[Generator], Pixels], seed: SeedSequence) -> Pixels:
    return make(np.random.default_rng(seed))


def stock_up(seeds: SeedSequence, pool: Executor) -> Stock:
    """Makes the stock of a world in parallel; the same for the same seeds, whatever the pool."""
    makers = ((_wall, 8), (_table, 8), (_picture, 12), (_carving, 3), (_foliage, 3))
    waiting = [[pool.submit(_made, make, seed) for seed in seeds.spawn(count)] for make, count in makers]
    walls, tables, pictures, carvings, foliage = (tuple(job.result() for job in jobs) for jobs in waiting)
    return Stock(walls, tables, pictures, carvings, foliage)
