"""Searches that were answered: kept for a while, so that a page, evidence and a list of hits need no second search."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any

import numpy as np

from resight.images import Box
from resight.index import Asked, Hit
from resight.index.identity import Identity
from resight.server.faults import Refusal, not_found
from resight.server.requests import SearchRequest
from resight.server.shelf import ServedIndex

SECONDS = 30 * 60
MOST = 200
"""Searches that are kept, the newest."""
BYTES = 256 << 20
"""Bytes of what is kept of them together: photos that were sent, what channels compare, and hits."""
OBJECT = 100
"""Bytes that a value which is no array counts for: a number, a name, an object around others."""


@dataclass(frozen=True)
class QueryPicture:
    """A photo that was asked with: the bytes that were sent, or the name of a photo of the index.

    size: (width, height); box: the part that was asked with. example: whether a person marked it as right.
    """

    data: bytes | None
    name: str | None
    size: tuple[int, int]
    box: Box | None
    example: bool = False


@dataclass(frozen=True)
class KeptSearch:
    """One search with its answer.

    identity: of the index that answered. asked: what channels compare of each picture. more: whether there are hits
    behind those that are kept. first, all: seconds until the first ranking was there, and until the last was.
    """

    served: ServedIndex
    identity: Identity
    request: SearchRequest
    pictures: Sequence[QueryPicture]
    asked: Sequence[Asked]
    hits: Sequence[Hit]
    more: bool
    notes: Sequence[str]
    first: float
    all: float
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    at: float = field(default_factory=time.monotonic)

    @cached_property
    def bytes(self) -> int:
        """Of the photos that were sent, of what channels compare of each, and of the hits."""
        return _bytes_of([self.pictures, self.asked, self.hits])

    def ranked(self, name: str) -> tuple[int, Hit]:
        """Returns the rank, from 1, and the hit of a name. Raises Refusal."""
        for rank, hit in enumerate(self.hits, start=1):
            if hit.name == name:
                return rank, hit
        raise not_found("This photo is not among the hits of the search.", "Take a name from the hits.")


class KeptSearches:
    """The newest searches, for half an hour. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: OrderedDict[str, KeptSearch] = OrderedDict()
        self._lock = threading.Lock()
        self._clock = clock

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, search: KeptSearch) -> None:
        """Keeps a search, in the place of an earlier state of it, and lets go what is old or too much."""
        with self._lock:
            self._kept.pop(search.id, None)
            self._kept[search.id] = search
            total = sum(one.bytes for one in self._kept.values())
            while len(self._kept) > 1 and (len(self._kept) > MOST or total > BYTES or self._is_old()):
                total -= self._kept.popitem(last=False)[1].bytes

    def get(self, key: str) -> KeptSearch:
        """Returns a search. Raises Refusal where it is not kept any more, or another index is in that one's place."""
        with self._lock:
            found = self._kept.get(key)
            # What was computed by the recipe and the words of another index says nothing of the one in its place.
            if found is None or self._clock() - found.at > SECONDS or found.identity != found.served.now.identity:
                raise Refusal(404, "search-gone", "This search is not kept any more.", "Search again.")
            return found

    def _is_old(self) -> bool:
        return self._clock() - next(iter(self._kept.values())).at > SECONDS


def _bytes_of(value: Any) -> int:
    """Returns about how many bytes a value takes, with all that it holds."""
    match value:
        case np.ndarray():
            return value.nbytes + OBJECT
        case bytes() | str():
            return len(value) + OBJECT
        case Mapping():
            return sum(map(_bytes_of, value.values())) + OBJECT
        case list() | tuple() | frozenset():
            return sum(map(_bytes_of, value)) + OBJECT
    if is_dataclass(value) and not isinstance(value, type):
        return sum(_bytes_of(getattr(value, one.name)) for one in fields(value)) + OBJECT
    return OBJECT
