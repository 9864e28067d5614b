"""Where the folders of an index are now.

A root is kept by its absolute path and, where it lies in or below the folder that holds the index, by the path from
there as well: an index and its photos that move together, as on a disk that is mounted elsewhere, stay together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from resight.filesystems import is_in
from resight.folders.walking import escape_name, unescape_name
from resight.images import file_of_name
from resight.store.rows import Root
from resight.store.table import ImageTable

SAMPLE = 8
"""Photos that are looked for where a root may be in two places."""


def kept_root(root: Root, index: Path) -> Root:
    """The root as it is kept in the index at `index`, which knows now where it lies from there."""
    home, folder = _home(index), unescape_name(root.path)
    return root._replace(beside=escape_name(os.path.relpath(folder, home)) if is_in(folder, home) else "")


def located_root(root: Root, number: int, index: Path, images: ImageTable) -> Root:
    """The root, by its number, with the path where it is now.

    Where a folder is in both places, because the index was copied or moved alone, it is the one with the photos that
    the index knows; where it is in neither, the path is the one that it had.
    """
    if not root.beside:
        return root
    beside = os.path.normpath(os.path.join(_home(index), unescape_name(root.beside)))
    moved = root._replace(path=escape_name(beside))
    if moved.path == root.path or not os.path.isdir(beside):
        return root
    if not os.path.isdir(unescape_name(root.path)):
        return moved
    return moved if _known(moved, number, images) >= _known(root, number, images) else root


def file_path(root: Root, name: str) -> Path:
    """Where the file of an image is: that of its video, where it is a frame."""
    return picture_path(root, file_of_name(name))


def picture_path(root: Root, name: str) -> Path:
    """Where an image is read from: its file or, in that of a video, the frame, as clip.mp4#t=12.5."""
    return Path(unescape_name(root.path)) / unescape_name(name.removeprefix(root.prefix))


def sample(places: list[int], most: int = SAMPLE) -> Iterator[int]:
    """At most `most` of some positions, evenly over all of them."""
    step = max(1, -(-len(places) // most))
    yield from places[::step]


def _known(root: Root, number: int, images: ImageTable) -> int:
    """Returns the number of a few photos of a root that are there with the size that the index knows."""
    places = np.flatnonzero(images.roots == number).tolist()
    return sum(file_size(file_path(root, images.names[place])) == images.sizes[place] for place in sample(places))


def file_size(path: Path) -> int:
    """Bytes of a file, -1 where it is not there or cannot be asked."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _home(index: Path) -> str:
    return os.path.dirname(os.path.realpath(index))
