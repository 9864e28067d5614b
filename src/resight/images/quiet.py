"""Keeps Pillow's warnings about metadata off the terminal."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

# Insert and remove the filter directly: `warnings.filterwarnings` would also forget which warnings were already shown.
_PILLOW_REMARKS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_NOWHERE = logging.NullHandler()
_quiet_lock = threading.Lock()
_quiet_threads = 0


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keeps Pillow's warnings about metadata off the terminal while at least one thread decodes.

    `warnings.catch_warnings` is not safe in threads: the last thread to leave would restore another thread's filters.
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
                with suppress(ValueError):  # other code replaced the filters meanwhile
                    filters.remove(_PILLOW_REMARKS)
