"""Memory that is free goes back to the system: photos are large, and come in all sizes on many threads."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
ARENAS = 4
"""Heaps of the C library, of which each keeps what it once needed; by default there are eight for each core."""
OWN_PAGES = 1 << 20
"""Bytes from which on a block has pages of its own, which are given back when it is freed."""


def give_back_memory() -> bool:
    """Lets glibc give the pages of large blocks back; returns whether this is glibc, as others do so by themselves."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl, say
        return False
    return bool(mallopt(_M_ARENA_MAX, ARENAS)) and bool(mallopt(_M_MMAP_THRESHOLD, OWN_PAGES))
