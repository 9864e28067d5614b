"""Small pictures of photos: made when they are first wanted, and kept in a folder, named by what they show."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from resight.errors import ResightError
from resight.files import write_whole
from resight.server.photos import jpeg, read_photo
from resight.server.shelf import Generation

SIDES = (120, 240, 480, 960)
"""Long sides in pixels that thumbnails have: the next larger one of what is asked for."""

_log = logging.getLogger(__name__)


class Thumbnails:
    """A folder of thumbnails, by the content of the photo and the size. Where it cannot be written, none is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._complained = False

    def tag(self, generation: Generation, name: str, side: int) -> str:
        """Returns the key of a thumbnail: it changes when the photo does. Raises Refusal."""
        place = generation.listing.place(name)
        return f"{generation.collection.snapshot.images.hashes[place]}-{nearest_side(side)}"

    def get(self, generation: Generation, name: str, side: int) -> bytes:
        """Returns the JPEG, from the folder where it is there. Raises Refusal and ImageError."""
        tag = self.tag(generation, name, side)
        path = self._folder / tag[:2] / f"{tag}.jpg"
        with suppress(OSError):
            if data := path.read_bytes():
                return data
        data = jpeg(read_photo(generation, name, nearest_side(side)).pixels, quality=80)
        try:
            os.makedirs(path.parent, mode=0o700, exist_ok=True)
            write_whole(path, data)
        except (OSError, ResightError) as error:
            if not self._complained:
                _log.warning("thumbnails are not kept, %s cannot be written: %s", self._folder, error)
                self._complained = True
        return data


def nearest_side(side: int) -> int:
    """Returns the side at which a thumbnail of at least `side` pixels is made."""
    return next((one for one in SIDES if one >= side), SIDES[-1])
