"""Page."""

from __future__ import annotations


def write_mining_page(path, collection, mined, *, note="", progress=None):
    path.write_text("")
