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


def whole(model: TrainedDescriptor, how: str) -> Callable[[Tensor], Tensor]:
    """Returns what makes the joined descriptors (B, D) of inputs (B, 3, H, W)."""
    return lambda x: joined(model.parts, how, model(x))


def describe(
    model: TrainedDescriptor, views: Views, seen: Sequence[Seen], vectors: Callable[[Tensor], Tensor]
) -> Float32:
    """Returns (n, …) of some images, in their order; `vectors` makes (B, …) of the network's inputs."""
    found: list[Float32 | None] = [None] * len(seen)
    with torch.inference_mode():
        for numbers, images in _equal_shapes(views, seen):
            rows = vectors(model.inputs(images)).float().cpu().numpy()
            for number, row in zip(numbers, rows, strict=True):
                found[number] = row
    return np.array([one for one in found if one is not None], np.float32)


def plain(rows: Sequence[int]) -> list[Seen]:
    """Returns photos as they are."""
    return [Seen(row, "plain", ()) for row in rows]


def _equal_shapes(views: Views, seen: Sequence[Seen]) -> Iterator[tuple[list[int], Pixels]]:
    """Yields numbers and images (B, H, W, 3) of equal shape."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(seen), WINDOW):
            images = list(pool.map(views.image, seen[start : start + WINDOW]))
            for batch in views.batches(images):
                for few in _batched(len(batch.numbers)):
                    yield [start + int(batch.numbers[one]) for one in few], batch.images[few]


def _batched(count: int) -> Iterator[list[int]]:
    for start in range(0, count, TOGETHER):
        yield list(range(start, min(count, start + TOGETHER)))
