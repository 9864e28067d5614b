"""Folders of photos that may be indexed from the page: those that the operator named, and what lies in them.

A client names a folder by the name of one of these and of folders below it, with "/" between; it is looked up part by
part among what is there, and what leads elsewhere is not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from resight.errors import UsageError
from resight.filesystems import is_in
from resight.folders.walking import INDEX_SUFFIX, escape_name, existing_folder, is_below, unescape_name
from resight.images import displayed
from resight.index.roots import TAKEN, check_no_index
from resight.server.faults import Refusal, not_found

MOST_FOLDERS = 1000
"""Folders of one folder that are listed."""
MOST_ENTRIES = 100_000
"""Entries of one folder that are looked at."""


class PhotoFolders:
    """The folders that may be indexed, each under a name of its own. Raises UsageError for what is no such folder."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._roots: dict[str, Path] = {}
        for path in paths:
            real = Path(os.path.realpath(existing_folder(path)))
            check_no_index(real)
            if not os.access(real, os.R_OK | os.X_OK):
                raise UsageError(f"{displayed(path)}: this folder may not be read; change its permissions")
            if real not in self._roots.values():
                self._roots[self._free(escape_name(real.name) or "photos")] = real

    def __bool__(self) -> bool:
        return bool(self._roots)

    def find(self, path: str) -> Path:
        """Returns the folder that a client names. Raises Refusal where there is none."""
        title, _, rest = path.partition("/")
        root = self._roots.get(title)
        if root is None or (rest and not is_below(rest)):
            raise _no_folder()
        folder = str(root)
        for part in rest.split("/") if rest else ():
            folder = os.path.realpath(os.path.join(folder, unescape_name(part)))
            if part.startswith(".") or not self._is_folder(folder, str(root)):
                raise _no_folder()
        return Path(folder)

    def listed(self, path: str) -> dict[str, Any]:
        """Returns what is in a folder, for JSON; "" has those that the operator named. Raises Refusal.

        folders: those in it; images: photos and videos by their endings that are in it, not below. more: whether there
        is more than is told.
        """
        if not path:
            folders = [{"name": title, "path": title} for title in self._roots]
            return {"path": "", "folders": folders, "images": 0, "more": False}
        folder, root = self.find(path), str(self._roots[path.partition("/")[0]])
        try:
            with os.scandir(folder) as entries:
                seen = list(islice(entries, MOST_ENTRIES + 1))
        except OSError as error:
            raise Refusal(
                403,
                "folder",
                f"This folder cannot be read: {error.strerror}.",
                "Take another, or tell who runs the service.",
            ) from None
        names = [entry.name for entry in seen if not entry.name.startswith(".")]
        images = sum(os.path.splitext(name)[1].lower() in TAKEN for name in names)
        shown = sorted(
            escape_name(entry.name)
            for entry in seen
            if not entry.name.startswith(".") and self._is_listed(entry, folder, root)
        )
        return {
            "path": path,
            "folders": [{"name": name, "path": f"{path}/{name}"} for name in shown[:MOST_FOLDERS]],
            "images": images,
            "more": len(shown) > MOST_FOLDERS or len(seen) > MOST_ENTRIES,
        }

    def check_stay(self, paths: Iterable[Path]) -> None:
        """Raises UsageError where one of some folders that are in these is a link out of them by now."""
        for path in paths:
            real = os.path.realpath(path)
            around = [str(root) for root in self._roots.values() if is_in(str(path), str(root))]
            if around and not any(is_in(real, root) for root in around):
                raise UsageError(
                    f"{displayed(path)}: has become a link to {displayed(Path(real))}, which may not be indexed; put "
                    "the folder back, or take its photos out of the index"
                )

    def _is_listed(self, entry: os.DirEntry[str], folder: Path, root: str) -> bool:
        try:
            return entry.is_dir() and self._is_folder(os.path.realpath(folder / entry.name), root)
        except OSError:
            return False

    @staticmethod
    def _is_folder(path: str, root: str) -> bool:
        """Returns whether a real path is a folder of photos below a root."""
        return is_in(path, root) and not path.lower().endswith(INDEX_SUFFIX) and os.path.isdir(path)

    def _free(self, title: str) -> str:
        number, free = 2, title
        while free in self._roots:
            number, free = number + 1, f"{title} ({number})"
        return free


def _no_folder() -> Refusal:
    return not_found("There is no such folder here.", "Take one of /v1/folders.")
