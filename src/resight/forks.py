"""What lets a process that was forked go on: none but the forking thread comes along, and libraries wait for others."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from resight.errors import ResightError

_single_threaded: set[str] = set()
_first_used: dict[str, int] = {}


def single_threaded_in_forks(library: str, set_threads: Callable[[int], object]) -> None:
    """Has processes that are forked from here on use one OpenMP thread in a library. Call before its first use.

    OpenMP keeps the team of the forking thread, which in the child would wait for threads that are not there. Its
    setting is the thread's own too, so that threads which the child starts have teams of their own again.
    """
    if library not in _single_threaded and hasattr(os, "register_at_fork"):
        _single_threaded.add(library)
        os.register_at_fork(after_in_child=partial(set_threads, 1))


def check_not_forked(library: str) -> None:
    """Raises ResightError where a library that no forked process can use was first used before the fork."""
    if _first_used.setdefault(library, os.getpid()) != os.getpid():
        raise ResightError(
            f"{library} was used before this process was forked, and would wait for ever in it: start workers by "
            'multiprocessing\'s "spawn", or open the index only in the workers (gunicorn without --preload)'
        )


class WorkerPool:
    """Threads that stay between calls, and that a forked process starts anew."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._process = 0
        self._executor: ThreadPoolExecutor | None = None

    @property
    def executor(self) -> ThreadPoolExecutor:
        """The pool of this process."""
        if self._executor is None or self._process != os.getpid():
            self._executor = ThreadPoolExecutor(self._threads)
            self._process = os.getpid()
        return self._executor
