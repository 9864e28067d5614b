"""Finds photos that ground truth identifies by name alone, in one folder or in several below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resight.errors import UsageError
from resight.folders.walking import escape_name, find_images

SUFFIX = ".jpg"


@dataclass(frozen=True)
class PhotoNames:
    """Paths below `root` of existing photos, by name without folder and suffix."""

    root: Path
    present: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """Returns the path of the photo below the root; for a missing photo, where it would be: in the root itself."""
        return self.present.get(name, escape_name(name + SUFFIX))


def find_photo_names(root: Path) -> PhotoNames:
    """Finds the photos below a folder, none where it does not exist. Raises UsageError where two have the same name."""
    present: dict[str, str] = {}
    for found in find_images(root) if root.is_dir() else ():
        if found.path.suffix.lower() != SUFFIX:
            continue
        other = present.setdefault(found.path.stem, found.name)
        if other != found.name:
            raise UsageError(f"{found.path}: is at {root / other} as well; keep one of them")
    return PhotoNames(root, present)
