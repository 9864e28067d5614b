"""The language of patterns that name files and folders, much as those of .gitignore do: there is no other one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property

from resight.errors import UsageError
from resight.images import displayed

NEVER_PHOTOS = (
    "**/@eaDir/",
    "**/#snapshot/",
    "**/@Recently-Snapshot/",
    "**/~snapshot/",
    "**/__MACOSX/",
    "**/lost+found/",
    "**/System Volume Information/",
    "**/*.photoslibrary/resources/",
)
"""Folders that hold no photo of a person's own: thumbnails that Synology and Apple make, earlier states of the same
folders that a NAS keeps (Synology, QNAP, NetApp), what a Mac adds to archives, and what belongs to a file system."""

_WILD = re.compile(r"[*?\[]")


class Patterns:
    """Patterns of the files and folders to leave out; a folder is left out with everything below it.

    A pattern without "/" matches a file or folder of that name at any depth. One with "/" matches the path from the
    root; where it ends with "/" it matches folders alone. `*` stands for any characters of one name, `?` for one,
    `[a-z]` and `[!a-z]` for one of these or of all others, `**` between slashes for any number of folders, and a
    backslash takes the meaning from the character after it. Capitals count as small letters, and composed
    characters as decomposed ones. UsageError for a pattern that cannot match.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.texts: Sequence[str] = tuple(patterns)
        names: list[str] = []
        paths: list[str] = []
        folders: list[str] = []
        for text in self.texts:
            path = _checked(text)
            if "/" not in path:
                names.append(_of_name(path))
            else:
                (folders if path.endswith("/") else paths).append(_of_path(path.strip("/")))
        self._name, self._path, self._folder = _any(names), _any(paths), _any(folders)

    def __bool__(self) -> bool:
        return bool(self.texts)

    def match(self, path: str, is_folder: bool) -> bool:
        """Returns whether one of the patterns matches the file or folder at `path` itself ("/" between its parts)."""
        path = _composed(path)
        return bool(
            (self._name and self._name.fullmatch(path[path.rfind("/") + 1 :]))
            or (self._path and self._path.fullmatch(path))
            or (is_folder and self._folder and self._folder.fullmatch(path))
        )

    def cover(self, path: str) -> bool:
        """Returns whether one of the patterns matches the file at `path` or a folder that it is in."""
        folder, _, last = path.rpartition("/")
        # Asked of a million names: folders are known, and most patterns look at one part of a path alone.
        known = self._folders.get(folder)
        if self._covers_folder(folder) if known is None else known:
            return True
        if self._name is not None and self._name.fullmatch(last if last.isascii() else _composed(last)):
            return True
        return self._path is not None and self._path.fullmatch(_composed(path)) is not None

    @cached_property
    def _folders(self) -> dict[str, bool]:
        return {"": False}

    def _covers_folder(self, path: str) -> bool:
        # Folders have many files: each is asked about once.
        above: list[str] = []
        while path not in self._folders:
            above.append(path)
            path = path.rpartition("/")[0]
        known = self._folders[path]
        for path in reversed(above):
            known = self._folders[path] = known or self.match(path, is_folder=True)
        return known


def same_pattern(one: str, other: str) -> bool:
    """Returns whether two texts are one pattern, apart from capitals, the form of accents, and "./" for "/"."""
    return _checked(one).casefold() == _checked(other).casefold()


def is_pattern(text: str) -> bool:
    """Returns whether a name has a wildcard in it, so that it matches others too."""
    return bool(_WILD.search(text))


def _checked(text: str) -> str:
    path = _composed(text)
    if path.startswith("./"):
        path = path[1:]
    parts = path.strip("/").split("/")
    if not path.strip("/ ") or "" in parts or {".", ".."} & {*parts} or "\0" in path:
        raise UsageError(
            f'pattern "{displayed(text)}": matches nothing; give a name such as "#recycle", or a path below the folder'
        )
    if path.startswith("!"):
        raise UsageError(
            f'pattern "{displayed(text)}": there are no exceptions; take a pattern back with --include, and write '
            '"\\!" for a name that begins with "!"'
        )
    return path


def _of_path(path: str) -> str:
    *folders, last = path.split("/")
    above = ("(?:[^/]+/)*" if part == "**" else _of_name(part) + "/" for part in folders)
    return "".join(above) + (".+" if last == "**" else _of_name(last))


def _of_name(name: str) -> str:
    """Returns a regular expression for one part of a path."""
    out, place = [], 0
    while place < len(name):
        one = name[place]
        closing = name.find("]", place + 2 + name.startswith(("!", "^"), place + 1)) if one == "[" else -1
        if one == "*":
            out.append("[^/]*")
        elif one == "?":
            out.append("[^/]")
        elif closing > 0:
            out.append(_of_class(name[place + 1 : closing]))
            place = closing
        elif one == "\\" and place + 1 < len(name):
            place += 1
            out.append(re.escape(name[place]))
        else:
            out.append(re.escape(one))
        place += 1
    return "".join(out)


def _of_class(inside: str) -> str:
    negated = inside[0] in "!^"
    parts = re.findall(r"(.)-(.)|(.)", inside[negated:], re.DOTALL)
    members = (
        f"{re.escape(low)}-{re.escape(high)}" if low else re.escape(single)
        for low, high, single in parts
        if not low or low <= high
    )
    listed = "".join(members)
    if not listed:  # such as [z-a], which no character is in
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{listed}]"


def _any(expressions: Sequence[str]) -> re.Pattern[str] | None:
    if not expressions:
        return None
    return re.compile("|".join(f"(?:{one})" for one in expressions), re.IGNORECASE | re.DOTALL)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
