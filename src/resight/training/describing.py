"""Descriptors of many photos by the network as it is now, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from resight.arrays import Float32, Pixels
from resight.training.drawing import Seen
from resight.training.model import TrainedDescriptor, joined
from resight.training.views import Views

TOGETHER = 16
WINDOW = 256
"""Images that are in memory at once, to be sorted by shape."""
WORKERS = 2


def describe(model: TrainedDescriptor, how: str, views: Views, seen: Sequence[Seen]) -> Float32:
    """Returns (n, D) joined descriptors of some images, in their order. how: as of `joining.join`."""

    def whole(x: Tensor) -> Tensor:
        return joined(model.parts, how, model(x)[: len(model.parts)])

    return np.stack(_each(model, views, seen, whole))


def rows_of_part(model: TrainedDescriptor, number: int, views: Views, seen: Sequence[Seen]) -> list[Float32]:
    """Returns the vectors (R, C) of one part before whitening of each image."""
    return _each(model, views, seen, lambda x: model.rows(x)[number])


def maps_of_part(model: TrainedDescriptor, number: int, views: Views, seen: Sequence[Seen]) -> list[Float32]:
    """Returns the maps (C, h, w) of one part of each image."""
    return _each(model, views, seen, lambda x: model.layers(x)[number])


def plain(rows: Sequence[int]) -> list[Seen]:
    """Returns photos as they are."""
    return [Seen(row, "plain", ()) for row in rows]


def _each(
    model: TrainedDescriptor, views: Views, seen: Sequence[Seen], made: Callable[[Tensor], Tensor]
) -> list[Float32]:
    found: dict[int, Float32] = {}
    with torch.inference_mode():
        for numbers, images in _equal_shapes(views, seen):
            rows = made(model.inputs(images)).float().cpu().numpy()
            found |= dict(zip(numbers, rows, strict=True))
    return [found[number] for number in range(len(seen))]


def _equal_shapes(views: Views, seen: Sequence[Seen]) -> Iterator[tuple[list[int], Pixels]]:
    """Yields numbers and images (B, H, W, 3) of equal shape."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(seen), WINDOW):
            for batch in views.batches(list(pool.map(views.image, seen[start : start + WINDOW]))):
                for first in range(0, len(batch.numbers), TOGETHER):
                    few = slice(first, first + TOGETHER)
                    yield [start + number for number in batch.numbers[few].tolist()], batch.images[few]
