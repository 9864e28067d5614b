"""Threads that search: as many as there is room for, a short line before them, and an end to waiting."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from resight.server.faults import Refusal, busy

T = TypeVar("T")


class Workers:
    """A pool that refuses what it has no room for, instead of letting everyone wait.

    A thread cannot be stopped: work whose client was told that it takes too long keeps its place until it ends, and
    work that has not begun is dropped.
    """

    def __init__(self, name: str, at_once: int, waiting: int, per_client: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._most, self._per_client, self._seconds = at_once + waiting, per_client, seconds
        self._clients: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def load(self) -> int:
        """Returns how much is being done or waits."""
        with self._lock:
            return self._clients.total()

    async def run(self, client: str, work: Callable[[], T]) -> T:
        """Returns what `work` returns. client: the address that asks. Raises what it raises, Refusal 429 and 503."""
        future = self._submit(client, work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            # The work may also have ended, well or not, in the moment in which its time did.
            if future.done() and not future.cancelled() and isinstance(future.exception(), TimeoutError):
                raise
            raise busy(f"This took longer than {self._seconds:g} seconds.") from None

    def _submit(self, client: str, work: Callable[[], T]) -> Future[T]:
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
        try:
            future = self._pool.submit(work)
        except BaseException:
            self._left(client)
            raise
        future.add_done_callback(lambda _: self._left(client))
        return future

    def _left(self, client: str) -> None:
        with self._lock:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def close(self) -> None:
        """Drops what waits; what is being done ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
