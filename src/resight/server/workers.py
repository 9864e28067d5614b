"""Threads that search: as many as there is room for, a short line before them, and an end to waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from resight.server.faults import busy
from resight.server.places import Places

T = TypeVar("T")


class Workers:
    """A pool that refuses what it has no room for, instead of letting everyone wait.

    A thread cannot be stopped: work whose client was told that it takes too long keeps its place until it ends, and
    work that has not begun is dropped.
    """

    def __init__(self, name: str, at_once: int, waiting: int, per_client: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._places, self._seconds = Places(at_once + waiting, per_client), seconds

    @property
    def load(self) -> int:
        """Returns how much is being done or waits."""
        return self._places.taken

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
        self._places.take(client)
        try:
            future = self._pool.submit(work)
        except BaseException:
            self._places.leave(client)
            raise
        future.add_done_callback(lambda _: self._places.leave(client))
        return future

    def close(self) -> None:
        """Drops what waits; what is being done ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
