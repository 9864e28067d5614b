"""The versions of all that turns files into pixels."""

from __future__ import annotations

import contextlib
import functools
from importlib import metadata

DECODERS = ("resight", "pillow", "pillow-heif", "opencv-contrib-python-headless", "rawpy", "pillow-jxl-plugin")
"""Packages that decode, where they are installed."""


@functools.cache
def decoders() -> str:
    """The versions of all that turns files into pixels: others may read what these could not."""
    found = []
    for name in DECODERS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name}-{metadata.version(name)}")
    return " ".join(found)
