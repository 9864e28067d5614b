"""Large photos are decoded one after the other: a photo of 64 megapixels takes hundreds of MB while it is decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from resight.images.headers import stored_size

LARGE = 16_000_000
"""Pixels from which on a photo waits for others."""

_turn = threading.Lock()


@contextmanager
def in_turn(photos: Iterable[bytes]) -> Iterator[None]:
    """Waits, where one of these files has many pixels, until no other such photo of this process is decoded."""
    if not any(_pixels(data) >= LARGE for data in photos):
        yield
        return
    with _turn:
        yield


def _pixels(data: bytes) -> int:
    """Returns how many pixels a file has by its header; those that do not tell are taken for large ones."""
    size = stored_size(data)
    return LARGE if size is None else size[0] * size[1]
