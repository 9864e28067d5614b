"""The photos of an index as clients get them: the very bytes that were indexed, decoded, and encoded anew as JPEG.

No path comes from a client: a name is looked up in the index, which knows the file. What is read there is served only
if it lies in the folder that was indexed and has the content that was indexed, so that no link, no exchanged file and
no name leads anywhere else. Nothing of the file itself but its pixels goes out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from resight.arrays import Pixels
from resight.errors import ImageError
from resight.filesystems import is_in
from resight.folders.walking import unescape_name
from resight.images import Box, Decoded, content_hash, decode_bytes, decode_whole, displayed, read_bytes, resize
from resight.index.files import indexed_file
from resight.server.faults import Refusal, not_found
from resight.server.large import in_turn
from resight.server.shelf import Generation

QUALITY = 88
"""Quality of JPEGs, 0 to 100."""


@dataclass(frozen=True)
class Region:
    """A part of a photo as IIIF's Image API 3.0 writes it, in whole pixels: "x,y,w,h"."""

    x: int
    y: int
    w: int
    h: int

    @classmethod
    def parse(cls, text: str) -> Region:
        """Reads "x,y,w,h". Raises Refusal."""
        parts = text.split(",")
        if len(parts) != 4 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
            raise Refusal(422, "request", "The region is not x,y,w,h in pixels.", 'Write it like "10,20,300,200".')
        region = cls(*map(int, parts))
        if not region.w or not region.h:
            raise Refusal(422, "request", "The region has no area.", "Give a width and a height of at least 1.")
        return region

    @classmethod
    def around(cls, box: Box, size: tuple[int, int]) -> Region:
        """Returns the whole pixels that a box (x0, y0, x1, y1) touches in an image of `size` (width, height)."""
        x0, y0 = max(0, int(np.floor(box[0]))), max(0, int(np.floor(box[1])))
        x1, y1 = min(size[0], int(np.ceil(box[2]))), min(size[1], int(np.ceil(box[3])))
        return cls(x0, y0, max(1, x1 - x0), max(1, y1 - y0))

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.w},{self.h}"

    def of(self, photo: Decoded) -> Pixels:
        """Cuts the region out of a photo that may be decoded at a smaller size. Raises Refusal where it is outside."""
        width, height = photo.size
        if self.x >= width or self.y >= height:
            raise Refusal(
                422, "request", f"The region is outside of the photo, which is {width} x {height}.", "Move it inside."
            )
        rows, columns = photo.pixels.shape[:2]
        x0, x1 = self.x * columns // width, -(-min(self.x + self.w, width) * columns // width)
        y0, y1 = self.y * rows // height, -(-min(self.y + self.h, height) * rows // height)
        return photo.pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]


def photo_bytes(generation: Generation, name: str) -> bytes:
    """Returns the bytes of a photo that was indexed under a name. Raises Refusal and ImageError."""
    place = generation.listing.place(name)
    snapshot = generation.collection.snapshot
    file = indexed_file(snapshot, place)
    path = file.unchanged()
    if path is None or not (file.root.follow_links or _is_below(file.path, Path(unescape_name(file.root.path)))):
        raise _gone()
    data = read_bytes(path)
    if content_hash(data) != snapshot.images.hashes[place]:
        raise _gone()
    return data


def read_photo(generation: Generation, name: str, max_side: int | None = None) -> Decoded:
    """Returns a photo, its long side reduced to `max_side` where longer. Raises Refusal and ImageError."""
    data = photo_bytes(generation, name)
    with in_turn([data]):
        if max_side is None:
            return decode_whole(data, displayed(name))
        return decode_bytes(data, displayed(name), max_side)


def jpeg(pixels: Pixels, side: int | None = None, quality: int = QUALITY) -> bytes:
    """Encodes (H, W, 3) uint8 RGB as JPEG, its long side reduced to `side` where longer. Raises ImageError."""
    if side is not None and max(pixels.shape[:2]) > side:
        pixels = resize(pixels, side)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError("photo", "it cannot be written as JPEG, whose sides have up to 65,535 pixels")
    return data.tobytes()


def png(pixels: Pixels) -> bytes:
    """Encodes (H, W, 3) uint8 RGB as PNG."""
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def _is_below(path: Path, root: Path) -> bool:
    return is_in(os.path.realpath(path), os.path.realpath(root))


def _gone() -> Refusal:
    return not_found(
        "The file of this photo is gone or has changed since it was indexed.", "Run `resight update` on the index."
    )
