"""The versions of all that turns files into pixels."""

from __future__ import annotations

import functools

from resight.versions import versions_line

DECODERS = ("resight", "pillow", "pillow-heif", "opencv-contrib-python-headless", "rawpy", "pillow-jxl-plugin", "av")
"""Packages that decode, where they are installed."""


@functools.cache
def decoders() -> str:
    """Returns the versions of all that turns files into pixels: others may read what these could not."""
    return versions_line(DECODERS)
