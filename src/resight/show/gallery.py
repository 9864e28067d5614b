"""Stores the photos of a page, each once however often it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resight.errors import ImageError
from resight.folders.walking import is_below, unescape_name
from resight.images import Box, decode
from resight.images.thumbnails import Thumbnail, thumbnail
from resight.markup import plain_text
from resight.show.outlines import corners, outline


class Gallery:
    """Thumbnails by file, each of the size in which it was first shown."""

    def __init__(self) -> None:
        self._thumbnails: dict[Path, tuple[int, Thumbnail | None]] = {}

    def shown(self, file: Path | None, label: str, side: int, box: Box | None = None) -> str | None:
        """Returns an SVG element of a photo, outlined at `box` in original pixels; None where it cannot be read.

        label: plain text that describes the picture. side: the longest, in pixels, if the photo is not on the page yet.
        """
        found = None if file is None else self.picture(file, side)
        if found is None:
            return None
        used, picture = found
        part = "" if box is None else outline(corners(box) * picture.factor, "box")
        return (
            f'<svg role="img" aria-label="{plain_text(label)}" viewBox="0 0 {picture.width} {picture.height}">'
            f"{used}{part}</svg>"
        )

    def picture(self, file: Path, side: int) -> tuple[str, Thumbnail] | None:
        """Returns an SVG element for use within another, and the thumbnail of a photo; None where it cannot be read."""
        if file not in self._thumbnails:
            self._thumbnails[file] = (len(self._thumbnails), _read(file, side))
        number, picture = self._thumbnails[file]
        return None if picture is None else (f'<use href="#photo-{number}"/>', picture)

    def definitions(self) -> str:
        """Returns an invisible element with the pixels of all photos shown so far."""
        images = "\n".join(
            f'<image id="photo-{number}" width="{one.width}" height="{one.height}" href="{one.uri}"/>'
            for number, one in self._thumbnails.values()
            if one is not None
        )
        return f'<svg class="photos" width="0" height="0" aria-hidden="true"><defs>{images}</defs></svg>'


def find_photo(name: str, roots: Sequence[Path]) -> Path | None:
    """Returns the file of a photo below the first of the roots that has it.

    A name may come from an untrusted file, so that names that lead out of the roots find nothing.
    """
    below = unescape_name(name)
    if not is_below(below):
        return None
    try:
        return next((root / below for root in roots if (root / below).is_file()), None)
    except OSError:  # a name that no file can have
        return None


def _read(file: Path, side: int) -> Thumbnail | None:
    try:
        decoded = decode(file, max_side=side)
    except ImageError:
        return None
    return thumbnail(decoded.pixels, max(decoded.pixels.shape[:2]) / max(decoded.size), side)
