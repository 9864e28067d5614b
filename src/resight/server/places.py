"""Places of which there are so many, and so many for one address: what finds none is refused at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from resight.server.faults import Refusal, busy


class Places:
    """Counts who has a place. Safe to share between threads."""

    def __init__(self, most: int, per_client: int) -> None:
        self._most, self._per_client = most, per_client
        self._clients: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """The number of places that are taken."""
        with self._lock:
            return self._clients.total()

    def take(self, client: str) -> None:
        """Takes a place until `leave`. client: the address that asks. Raises Refusal 429 and 503."""
        with self._lock:
            if self._clients.total() >= self._most:
                raise busy("The service is answering as many requests as it can.")
            if self._clients[client] >= self._per_client:
                raise Refusal(
                    429,
                    "too-many",
                    f"Your address has {self._per_client} requests under way.",
                    "Wait for their answers before you ask more.",
                    {"Retry-After": "3"},
                )
            self._clients[client] += 1

    def leave(self, client: str) -> None:
        """Gives a place back."""
        with self._lock:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    @contextmanager
    def held(self, client: str) -> Iterator[None]:
        """Holds a place meanwhile. Raises Refusal 429 and 503."""
        self.take(client)
        try:
            yield
        finally:
            self.leave(client)
