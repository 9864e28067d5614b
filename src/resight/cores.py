"""The share of the machine that this process may use, and the share that products of matrices take of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_limited = False
"""True while a thread that has asked for products on one thread has not left."""


def cores() -> int:
    """Processor cores that this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def single_threaded_products() -> Iterator[None]:
    """Makes products of matrices use one thread each, for callers that keep all cores busy by themselves.

    The setting is of the libraries and holds for the whole process meanwhile. Of several threads that ask for it at
    once the first decides when the former setting returns.

    Notes: threads of OpenBLAS wait for each other by spinning. Where others have the cores, a product of a third of a
    millisecond took 80.
    """
    global _limited
    with _lock:
        first, _limited = not _limited, True
    if not first:
        yield
        return
    try:
        with _libraries().limit(limits=1, user_api="blas"):
            yield
    finally:
        with _lock:
            _limited = False


@cache
def _libraries() -> ThreadpoolController:
    """Returns the libraries of products that are loaded; finding them takes 30 ms."""
    import numpy  # noqa: F401  # its library is to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
