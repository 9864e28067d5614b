"""The part of a collection that a search looks at, by the names of its photos."""

from __future__ import annotations

import difflib
import fnmatch
import posixpath
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from resight.errors import UsageError
from resight.folders.names import COMPARED, composed

_WILD = re.compile(r"[*?\[]")


def chosen(names: Sequence[str], patterns: Sequence[str]) -> NDArray[np.bool_]:
    """(n,) which of n names are in a part: those that at least one of the patterns matches.

    A pattern with "*", "?" or "[" is matched with the whole name, and "*" takes any number of folders; any other is a
    folder with everything below it, or a name. Capitals count; how accents are written does not. Raises UsageError
    where a pattern matches no name.
    """
    forms = [composed(name) for name in names]
    part = np.zeros(len(names), np.bool_)
    for pattern in patterns:
        matches = _matcher(pattern)
        found = np.fromiter(map(matches, forms), np.bool_, len(forms))
        if not found.any():
            raise UsageError(f'no name in the index matches "{pattern}"{_nearest_folder(pattern, names)}')
        part |= found
    return part


def _matcher(pattern: str) -> Callable[[str], bool]:
    tidy = composed(pattern.replace("\\", "/")).removeprefix("./")
    if _WILD.search(tidy):
        # A pattern that ends in "/" is a folder too.
        compiled = re.compile(fnmatch.translate(tidy + "*" if tidy.endswith("/") else tidy))
        return lambda name: compiled.match(name) is not None
    folder = tidy.rstrip("/") + "/"
    if tidy.endswith("/"):
        return lambda name: name.startswith(folder)
    return lambda name: name == tidy or name.startswith(folder)


def _nearest_folder(pattern: str, names: Sequence[str]) -> str:
    """The end of a message: the folder that may be meant, or some that there are."""
    folders: set[str] = set()
    for folder in {posixpath.dirname(name) for name in names}:
        while folder and folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    if not folders:
        return "; its names have no folders"
    wanted = _WILD.split(pattern.replace("\\", "/"))[0].strip("/")
    near = [folder for folder in folders if wanted and f"/{folder}".endswith(f"/{wanted}")]
    near = near or [folder for folder in folders if folder.casefold() == wanted.casefold()]
    near = near or difflib.get_close_matches(wanted, sorted(folders)[:COMPARED], n=1)
    # A path on the disk begins with folders that no name has.
    near = near or [folder for folder in folders if f"/{wanted}".endswith(f"/{folder}")]
    if near:
        return f"; did you mean {max(sorted(near), key=len)}/?"
    return f"; its folders begin with {min(folders)}/"
