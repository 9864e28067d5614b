"""The folder of one person's files that can be made anew: downloaded weights, measured runtimes, compiled kernels."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of such files, which may not exist and may not be writable.

    RESIGHT_CACHE names the folder of all kinds; without it that is `resight` in XDG_CACHE_HOME or ~/.cache.
    """
    if named := os.environ.get("RESIGHT_CACHE"):
        return Path(named) / kind
    # Unlike Path.home(), this raises nothing where a user has no home.
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "resight" / kind
