"""Names of indexed photos: found however a person writes them, and the nearest to one that is not there."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from resight.errors import UsageError
from resight.folders.walking import escape_name, is_below
from resight.images import displayed, file_of_name

COMPARED = 10_000
"""Most names to which the spelling of a wrong one is compared: of more, those that begin or end like it."""
TOLD = 3
"""Names that an error lists where a text may mean several."""


class Name(str):
    """The name of an indexed photo, also where there is a file of that name: what a hit is called."""

    __slots__ = ()


def names_file(query: str) -> bool:
    """Returns whether a query that may be a file or a name is an existing file, or a frame of one; a folder is none.

    A `Name` never is.
    """
    if isinstance(query, Name) or os.path.isdir(query):
        return False
    return os.path.exists(query) or ("#t=" in query and os.path.isfile(file_of_name(query)))


def find_name(
    given: str | os.PathLike[str], by_name: Mapping[str, int], folders: Iterable[tuple[Path, str]] = ()
) -> int | None:
    """Returns the entry of `by_name` for the photo that a person means, or None.

    A name is found as it is; with "./" before it, with backslashes, with bytes that are not UTF-8 as they are on the
    disk; with letters and their accents composed or not; and as the path of the file, there or not, in one of the
    `folders`, each with the prefix of its names. A `Path` is only the path of a file. UsageError where two are meant.
    """
    if isinstance(given, str):
        name = _named(given, by_name)
        if name is not None or isinstance(given, Name) or not given:
            return by_name[name] if name is not None else None
    listed = folders if isinstance(folders, Sequence) else list(folders)
    for path in _spellings(os.fspath(given)):
        meant = {by_name[name]: name for one in _below(path, listed) if (name := _named(one, by_name)) is not None}
        if len(meant) > 1:
            raise UsageError(
                f"{displayed(path)}: the index has this file under {len(meant)} names: "
                f"{_listed([meant[place] for place in sorted(meant)])}; say which"
            )
        if meant:
            return meant.popitem()[0]
    return None


def suggestion(given: str | os.PathLike[str], names: Iterable[str]) -> str:
    """Returns the end of a message about a name that is not there: what may be meant, or nothing.

    A name that lacks its first folders is the commonest mistake; then come other folders, capitals, and spelling. A
    million names take about a second.
    """
    wanted = _tidy(os.fspath(given)) or os.fspath(given)
    listed = names if isinstance(names, list) else list(names)
    last = posixpath.basename(wanted)
    if last:
        ending = [name for name in listed if name.endswith(last)]
        meant = [name for name in ending if name.endswith("/" + wanted)]
        meant = meant or [name for name in ending if posixpath.basename(name) == last]
        if not meant:
            folded = last.casefold()
            meant = [name for name in listed if posixpath.basename(name).casefold() == folded]
        if meant:
            return f"; did you mean {_listed(sorted(meant, key=lambda name: -_common_end(name, wanted)))}?"
    near = _nearest(wanted, listed)
    return f'; the nearest name is "{near}"' if near else ""


def composed(name: str) -> str:
    """Returns the name with every letter and its accents as one character where there is one (Unicode's form NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _named(given: str, by_name: Mapping[str, int]) -> str | None:
    """The name in the index that is written so, or in another form of the same characters."""
    forms = list(_forms(given))
    for form in forms:
        if form in by_name:
            return form
    wanted = {composed(form) for form in forms}
    if all(form.isascii() for form in wanted):
        return None
    # Names may also be composed in part.
    alike = [name for name in by_name if not name.isascii() and composed(name) in wanted]
    if len(alike) > 1:
        raise UsageError(f"{given}: {len(alike)} names of the index differ from this in how their accents are written")
    return alike[0] if alike else None


def _forms(given: str) -> Iterator[str]:
    """Yields the forms in which an index may have a name."""
    for text in (given, _tidy(given)):
        for form in (text, composed(text), unicodedata.normalize("NFD", text)):
            yield form
            # What the terminal gives of a file whose name is not UTF-8.
            yield escape_name(form)


def _tidy(given: str) -> str:
    """Returns a path as names are written: "/" between its parts, and none that lead nowhere."""
    tidy = posixpath.normpath(given.replace("\\", "/")) if given else ""
    return "" if tidy == "." else tidy


def _spellings(given: str) -> Iterator[str]:
    """Yields paths on this disk that may be meant."""
    yield given
    if os.sep != "\\" and "\\" in given:
        yield given.replace("\\", "/")


def _below(path: str, folders: Sequence[tuple[Path, str]]) -> Iterator[str]:
    """Yields the names that a file would have below the folders that it is in."""
    try:
        if b"\0" in os.fsencode(path):
            return
    except UnicodeEncodeError:  # half a character, which no file name has
        return
    absolute = os.path.abspath(path)
    # The links above a file are those of the folder's own path; the file itself may be a link that has a name.
    places = [absolute, os.path.join(os.path.realpath(os.path.dirname(absolute)), os.path.basename(absolute))]
    for place in dict.fromkeys([*places, os.path.realpath(absolute)]):
        for folder, prefix in folders:
            below = os.path.relpath(place, folder).replace(os.sep, "/")
            if is_below(below):
                yield prefix + escape_name(below)


def _common_end(name: str, wanted: str) -> int:
    """Returns the number of parts that two paths have in common at their ends."""
    pairs = zip(reversed(name.split("/")), reversed(wanted.split("/")), strict=False)
    return next((count for count, (one, other) in enumerate(pairs) if one != other), wanted.count("/") + 1)


def _nearest(wanted: str, names: Sequence[str]) -> str | None:
    """Returns the name that is spelt most like another."""
    import difflib

    if len(names) > COMPARED:
        folder, last = posixpath.split(wanted)
        start, end = posixpath.join(folder, last[:2]), last[-6:]
        names = [name for name in names if name.startswith(start) or name.endswith(end)][:COMPARED]
    return next(iter(difflib.get_close_matches(wanted, names, n=1)), None)


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:TOLD], *([f"{len(names) - TOLD} more"] if len(names) > TOLD else [])]
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
