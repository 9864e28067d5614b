"""Vectors of photos and of rendered views as an index makes them, before they are whitened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from resight.arrays import Float32, Pixels
from resight.channels.extraction import in_order
from resight.cores import cores
from resight.descriptors.kinds import NetVlad, Whitened
from resight.features.extractor import Extractor
from resight.features.kinds import JoinedMaps
from resight.features.opening import open_extractor
from resight.images import Decoded, decode
from resight.progress import Progress
from resight.recipe import ChannelRecipe
from resight.training.model import Part
from resight.training.whitening import PhotoVectors

Source = Callable[[], Decoded]
"""Reads or renders one image."""


def from_file(path: Path, side: int) -> Source:
    """Returns the source of a photo in a file, decoded to a long side of at most `side`."""
    return lambda: decode(path, side)


def from_pixels(make: Callable[[], Pixels]) -> Source:
    """Returns the source of pixels that are made when they are needed."""

    def read() -> Decoded:
        pixels = make()
        return Decoded(pixels, (pixels.shape[1], pixels.shape[0]))

    return read


def vectors_of(
    channel: ChannelRecipe,
    parts: Sequence[Part],
    folder: Path,
    sources: Sequence[Source],
    progress: Progress | None = None,
) -> list[PhotoVectors]:
    """Returns the vectors of each part of some images, before whitening. Paths of weights are relative to `folder`."""
    extractor = open_extractor(channel.features, folder)
    makers = [_maker(part, extractor) for part in parts]
    found: list[list[Float32]] = [[] for _ in parts]
    prepared = in_order(sources, lambda one: extractor.prepare(one()), cores())
    for done, window in _windows(prepared, extractor.together):
        for features in extractor.extract(window):
            of_parts = features if isinstance(channel.features, JoinedMaps) else [features]
            for own, make, one in zip(found, makers, of_parts, strict=True):
                own.append(make(one))
        if progress is not None:
            progress(done, len(sources))
    return [PhotoVectors(own) for own in found]


def _maker(part: Part, extractor: Extractor[Any, Any]) -> Callable[[Any], Float32]:
    """Returns what makes the vectors (m, C) of a part of its features."""
    if isinstance(part.method, Whitened):
        return part.method.vectors_of
    assert isinstance(part.method, NetVlad), "nothing else has a head"
    encoder = part.method.model_copy(update={"whitening": "none"}).opened(extractor, {})

    def whole(features: Any) -> Float32:
        vector: Float32 = encoder.query(features, (0, 0))[None]  # type: ignore[index]
        return vector

    return whole


def _windows(items: Iterator[Any], size: int) -> Iterator[tuple[int, list[Any]]]:
    """Yields the number of items so far, and the last of them, `size` at once."""
    window: list[Any] = []
    done = 0
    for done, one in enumerate(items, start=1):
        window.append(one)
        if len(window) == size:
            yield done, window
            window = []
    if window:
        yield done, window
