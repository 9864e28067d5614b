"""Keeps Pillow from talking to the terminal about metadata."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

# Inserted and removed as it is: `warnings.filterwarnings` would also forget which warnings the process has shown.
_PILLOW_REMARKS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_NOWHERE = logging.NullHandler()
_quiet_lock = threading.Lock()
_quiet_threads = 0


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keeps Pillow's remarks about metadata from the terminal while at least one thread decodes.

    `warnings.catch_warnings` is not safe in threads: the last one to leave would put back another one's filters.
    """
    global _quiet_threads
    filters = cast("list[object]", warnings.filters)
    with _quiet_lock:
        _quiet_threads += 1
        if _quiet_threads == 1:
            filters.insert(0, _PILLOW_REMARKS)
            logging.getLogger("PIL").addHandler(_NOWHERE)
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_threads -= 1
            if _quiet_threads == 0:
                logging.getLogger("PIL").removeHandler(_NOWHERE)
                with suppress(ValueError):  # somebody replaced the filters meanwhile
                    filters.remove(_PILLOW_REMARKS)
