"""The folder of one person's files that can be made anew: downloaded weights, measured runtimes, compiled kernels."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of such files, which may not exist and may not be writable.

    RESIGHT_CACHE names the folder of all kinds; without it that is `resight` in XDG_CACHE_HOME or ~/.cache, and for a
    user without a home the temporary one.
    """
    if named := os.environ.get("RESIGHT_CACHE"):
        return Path(named) / kind
    place = os.environ.get("XDG_CACHE_HOME") or ""
    # A relative one counts as none, which is the rule of the XDG base directories.
    if not os.path.isabs(place):
        # Unlike Path.home(), this raises nothing where a user has no home: "~" stays as it is.
        place = os.path.expanduser("~/.cache")
    return Path(place) / "resight" / kind if os.path.isabs(place) else temporary_folder(kind)


def temporary_folder(kind: str) -> Path:
    """The folder for one kind among the temporary files, one for each user; others may have made it."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError:  # nothing at all can be written
        place = os.path.abspath(os.sep)
    return Path(place) / f"resight-{user}" / kind
