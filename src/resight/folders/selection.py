"""The photos of a collection that a person means: by names, paths of files, folders and patterns.

There is one language of patterns, that of `patterns.py`. Here it is matched with whole names, and what is there by
exactly the name that was given, a photo or a folder, wins over what the name would match as a pattern.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resight.arrays import Mask
from resight.errors import UsageError
from resight.folders.names import COMPARED, composed, find_name, suggestion
from resight.folders.patterns import Patterns, is_pattern
from resight.images import VIDEO_SUFFIXES, displayed, file_of_name

FOLDERS_TOLD = 5
"""Folders that an error lists where a pattern matches nothing."""

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Meant:
    """Names that a text means.

    names: sorted; by_pattern: there is nothing of exactly this name, so it was matched as a pattern.
    """

    text: str
    names: tuple[str, ...]
    by_pattern: bool


def names_within(names: Sequence[str], patterns: Sequence[str]) -> Mask:
    """Returns (n,) which of n names are in a part of a collection: those that at least one of the patterns means.

    Raises UsageError where a pattern means no name.
    """
    names, part = list(names), np.zeros(len(names), np.bool_)
    for pattern in patterns:
        own = _exactly(pattern, names)
        if not own.any():
            own = np.fromiter(map(_covering(pattern), names), np.bool_, len(names))
        if not own.any():
            raise UsageError(f'no name in the index matches "{displayed(pattern)}"{_nearest_folder(pattern, names)}')
        part |= own
    return part


def names_meant(
    names: Sequence[str],
    asked: Iterable[str | Path],
    folders: Sequence[tuple[Path, str]],
    where: str,
    elsewhere: Mapping[str, str] | None = None,
) -> list[Meant]:
    """Returns the names meant by names, paths of files, folders ("2019/") and patterns, one entry for each text.

    For who changes something by names: a text without a wildcard that does not end with "/" is a name and no pattern,
    so that one that is misspelt, or lacks its folder, means nothing. folders: those of the photos, each with the prefix
    of its names. where: the end of an error, "in the index, so nothing was removed". elsewhere: names of photos that
    are meant by themselves alone though they are not among the names, with what is the matter with each. UsageError
    where one means none.
    """
    names = list(names)
    by_name = {name: place for place, name in enumerate(names)}
    found: list[Meant] = []
    for given in asked:
        text = displayed(given)
        place = find_name(given, by_name, folders)
        if place is not None:
            found.append(Meant(text, _with_frames(names[place], names), by_pattern=False))
            continue
        if elsewhere is not None and str(given) in elsewhere:
            raise UsageError(f"{text}: not {where}: {elsewhere[str(given)]}")
        meant = _inside(str(given), names)
        if not meant.names:
            folder = f'; for the folder write "{text}/"' if any(name.startswith(f"{text}/") for name in names) else ""
            raise UsageError(f"{text}: not {where}{folder or suggestion(given, names)}")
        found.append(meant)
    return found


def _inside(text: str, names: Sequence[str]) -> Meant:
    """Returns the names in a folder, or that a pattern covers; none where the text is no more than a name."""
    if text.endswith("/") and text.strip("/"):
        own = _exactly(text, names)
        if own.any():
            return Meant(text, tuple(sorted(names[place] for place in np.flatnonzero(own).tolist())), by_pattern=False)
    if is_pattern(text) or (text.endswith("/") and text.strip("/")):
        return Meant(text, tuple(sorted(filter(_covering(text), names))), by_pattern=True)
    return Meant(text, (), by_pattern=False)


def _covering(pattern: str) -> Callable[[str], bool]:
    """Returns what tells whether a pattern covers a name or, of a frame, that of its video."""
    cover = Patterns([pattern]).cover
    return lambda name: cover(name) or ("#t=" in name and cover(file_of_name(name)))


def _with_frames(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Returns a name and, where it is that of a video, those of its frames, sorted."""
    if posixpath.splitext(name)[1].lower() not in VIDEO_SUFFIXES:
        return (name,)
    frames = f"{name}#t="
    return (name, *sorted(one for one in names if one.startswith(frames) and file_of_name(one) == name))


def _exactly(text: str, names: Sequence[str]) -> Mask:
    """Returns (n,) which names are the text itself, frames of it or, where it ends with "/", in the folder it names."""
    own = composed(text)
    if not text.endswith("/"):
        return np.fromiter(
            (own in (composed(name), composed(file_of_name(name))) for name in names), np.bool_, len(names)
        )
    return np.fromiter((composed(name).startswith(own) for name in names), np.bool_, len(names))


def _nearest_folder(pattern: str, names: Sequence[str]) -> str:
    """Returns the end of a message: the folder that may be meant, or some that there are."""
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
    upper = sorted(folder for folder in folders if "/" not in folder)
    more = f" and {len(upper) - FOLDERS_TOLD} more" if len(upper) > FOLDERS_TOLD else ""
    return f"; its folders are {', '.join(f'{folder}/' for folder in upper[:FOLDERS_TOLD])}{more}"
