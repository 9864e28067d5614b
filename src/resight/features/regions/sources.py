"""The parts of a photo that a recipe asks for: of grids, by proposals, or from a file of boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from resight.arrays import Boxes, GridBoxes, Int64, Mask, Pixels
from resight.errors import UsageError
from resight.features.kinds import RegionFeatures
from resight.features.networks.download import find
from resight.features.regions.files import read_boxes
from resight.features.regions.grids import dense_patches, rigid_grid, rmac_grid, rmac_levels, spatial_pyramid
from resight.features.regions.proposals import selective_search

Parts = tuple[GridBoxes, Int64]
"""Boxes (R, 4) in pixels, and the level of each, from 1."""
PartSource = Callable[[Pixels, str, tuple[int, int]], Parts]
"""A function of pixels (H, W, 3), the name of the photo, and the (width, height) of its upright original."""


def region_source(params: RegionFeatures) -> PartSource:
    """Returns the function that finds the parts of a photo, without the whole of it.

    "whole" and "patches" have none. Raises UsageError where the file of boxes is missing or not one.
    """
    match params.regions:
        case "grid":
            return lambda pixels, name, size: _grid(pixels, params.levels)
        case "rigid":
            return lambda pixels, name, size: _of_one_level(_rigid(pixels, params.cells))
        case "pyramid":
            return lambda pixels, name, size: _pyramid(pixels, params.levels)
        case "dense":
            return lambda pixels, name, size: _of_one_level(_dense(pixels, params.side, params.step))
        case "proposals":
            return lambda pixels, name, size: _of_one_level(selective_search(pixels, params.most))
        case "files":
            boxes = read_boxes(_boxes_file(params.boxes_file or ""))
            return lambda pixels, name, size: _of_one_level(_listed(boxes, pixels, name, size))
        case _:
            return lambda pixels, name, size: _of_one_level(np.empty((0, 4), np.int64))


def half_counted(counts: Mask, boxes: GridBoxes) -> list[bool]:
    """Tells of each box whether at least half of it counts: others would mostly show the colour that fills the mask."""
    return [bool(counts[y0:y1, x0:x1].mean() >= 0.5) for x0, y0, x1, y1 in boxes.tolist()]


def _boxes_file(named: str) -> Path:
    path = Path(named).expanduser()
    if path.is_absolute():
        return path
    found = find(named)
    if found is None:
        raise UsageError(
            f"boxes_file is {named}, and there is no such file in the folder that RESIGHT_WEIGHTS names: put it there, "
            "or write its whole path, from the root"
        )
    return found


def _grid(pixels: Pixels, levels: int) -> Parts:
    height, width = pixels.shape[:2]
    # The first square of a square photo is the whole.
    first = int(height == width)
    return rmac_grid(height, width, levels)[first:], rmac_levels(height, width, levels)[first:]


def _rigid(pixels: Pixels, cells: int) -> GridBoxes:
    height, width = pixels.shape[:2]
    return rigid_grid(height, width, min(cells, height), min(cells, width))


def _pyramid(pixels: Pixels, levels: int) -> Parts:
    height, width = pixels.shape[:2]
    boxes = spatial_pyramid(height, width, levels)[1:]
    return boxes, np.repeat(np.arange(1, levels), [4**level for level in range(1, levels)])[: len(boxes)]


def _dense(pixels: Pixels, side: float, step: float) -> GridBoxes:
    height, width = pixels.shape[:2]
    short = min(height, width)
    return dense_patches(height, width, max(1, round(side * short)), max(1, round(step * short)))


def _listed(boxes: Mapping[str, Boxes], pixels: Pixels, name: str, size: tuple[int, int]) -> GridBoxes:
    """Returns the boxes of a photo, on its reduced pixels; of one that the file does not have, none."""
    height, width = pixels.shape[:2]
    factors = np.array([width / size[0], height / size[1]] * 2)
    scaled = boxes.get(name, np.empty((0, 4))) * factors
    outward = np.concatenate([np.floor(scaled[:, :2]), np.ceil(scaled[:, 2:])], axis=1)
    inside: GridBoxes = np.clip(outward, 0, [width, height, width, height]).astype(np.int64)
    return inside[(inside[:, 2:] > inside[:, :2]).all(axis=1)]


def _of_one_level(boxes: GridBoxes) -> Parts:
    return boxes, np.ones(len(boxes), np.int64)
