"""Reads as much as possible of pictures whose file is cut off or damaged.

A decoder seldom knows which pixels are missing. So the picture is read twice with different filler bytes in place of
the missing ones: pixels on which both readings agree come from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from resight.arrays import Mask
from resight.images.formats import Opener, opener
from resight.images.jpeg_segments import is_hardly_begun, picture_segments
from resight.images.reasons import REMARK_ON_DETAIL, remark_on_rows

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

LoadedT = tuple["ImageFile", tuple[int, int]]
Load = Callable[[Opener, bytes], LoadedT]
"""Opens and loads an image file; returns it with the (width, height) of the original."""

_NOISE_BYTES = 4096
_MOST_FILLING = 1 << 20
_READINGS = 3
"""Enough filler bytes to tell the file's pixels from the filler's: short fillers may decode alike."""
_FILLINGS = (b"", b"\x5a" * _MOST_FILLING, b"\x01", b"\x03", b"\x07", b"\x1f", b"\xff")
"""Bytes put in place of missing ones, before zeros."""


@dataclass(frozen=True)
class Partial:
    """A picture as far as it could be read. size: (width, height) of the original; known: (H, W), pixels of the file.

    missing: the share of unknown pixels. remark: a line about it for a person, empty where nothing is missing.
    """

    image: ImageFile
    size: tuple[int, int]
    known: Mask
    missing: float
    remark: str


def read_as_far_as_it_goes(kind: str, data: bytes, load: Load) -> Partial | None:
    """Returns the readable part of a picture, or None for a format that cannot be read in part.

    Raises the decoder's exception where nothing can be read.
    """
    match kind:
        case "JPEG":
            return _jpeg(data, load)
        case "WebP" | "AVIF" | "HEIC":
            return _filled(kind, data, load)
        case "PNG" | "GIF" | "BMP" | "TIFF":
            row = _bmp_row_bytes(data) if kind == "BMP" else 0
            (one, size), (other, _) = (
                load(_prefilled(opener(kind), ink), data + bytes([ink]) * row) for ink in (128, 0)
            )
            known = _agreement(one, other)
            missing = 1 - float(known.mean())
            return Partial(one, size, known, missing, remark_on_rows(missing) if missing else "")
    return None


def _jpeg(data: bytes, load: Load) -> Partial:
    """Reads a JPEG: libjpeg takes missing coefficients for zeros; noise in their place shows where they are."""
    noise = np.random.default_rng(0).integers(0, 255, _NOISE_BYTES, np.uint8).tobytes()  # no byte of it is a marker
    plain, noisy = picture_segments(data), picture_segments(data, noise)
    found = _in_order([load(opener("JPEG"), variant) for variant in (plain, noisy)])
    if not found.missing or not found.image.info.get("progressive"):
        return found
    if is_hardly_begun(plain):
        raise EOFError("a progressive JPEG that is hardly begun")
    return Partial(found.image, found.size, np.ones_like(found.known), 0.0, REMARK_ON_DETAIL)


def _in_order(readings: Sequence[LoadedT]) -> Partial:
    """Returns the known part from readings of a format that codes pixels row after row: up to the first difference."""
    image, size = readings[0]
    agreed = np.all([_agreement(image, other) for other, _ in readings[1:]], axis=0)
    differing = np.flatnonzero(~agreed.all(axis=1))
    missing = (len(agreed) - int(differing[0])) / len(agreed) if len(differing) else 0.0
    return Partial(image, size, agreed, missing, remark_on_rows(missing) if missing else "")


def _agreement(one: ImageFile, other: ImageFile) -> Mask:
    """Returns (H, W) booleans, True where both images have the same pixel."""
    same = np.asarray(one) == np.asarray(other)
    return np.asarray(same if same.ndim == 2 else same.all(axis=-1))


def _filled(kind: str, data: bytes, load: Load) -> Partial | None:
    """Reads formats whose entropy coders take any filler for pixels; which fillers they refuse depends on the bytes."""
    complete = _complete_webp if kind == "WebP" else _complete_boxes
    found: list[LoadedT] = []
    for filling in _FILLINGS:
        variant = complete(data, filling)
        if variant is not None and len(found) < _READINGS:
            with suppress(Exception):  # decoders of damaged data raise all kinds of exceptions
                found.append(load(opener(kind), variant))
    return _in_order(found) if len(found) > 1 else None


def _bmp_row_bytes(data: bytes) -> int:
    """Returns the number of bytes of a row, which are enough to complete a partial last row."""
    width, bits = int.from_bytes(data[18:22], "little"), int.from_bytes(data[28:30], "little")
    return min(-(-width * bits // 32) * 4, _MOST_FILLING)


def _complete_webp(data: bytes, filling: bytes) -> bytes | None:
    """Returns the file with its last chunk longer than it can need, so that its decoder does not run out of bytes."""
    at = 12
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if end > len(data) or data[at : at + 4] in (b"VP8 ", b"VP8L"):
            filled = data + (filling + bytes(_MOST_FILLING))[: _MOST_FILLING + len(data) % 2]
            length, whole = len(filled) - at - 8, len(filled) - 8
            head = b"RIFF" + whole.to_bytes(4, "little") + filled[8 : at + 4]
            return head + length.to_bytes(4, "little") + filled[at + 8 :]
        at = end + end % 2
    return None


def _complete_boxes(data: bytes, filling: bytes) -> bytes | None:
    """Returns the file filled up to the size in the boxes of HEIC and AVIF, or None where more than half is missing."""
    at = 0
    while at + 16 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8 or length > 2 * len(data):
            return None
        at += length
    missing = at - len(data)
    return data + (filling + bytes(missing))[:missing] if missing > 0 else None


def _prefilled(plain: Opener, ink: int) -> Opener:
    """Makes a variant of an image class: pixels without data keep the colour `ink`, and an early end is no error."""
    from PIL.Image import Image

    base: Any = plain

    class Prefilled(base):  # type: ignore[misc]
        def load_prepare(self) -> None:
            super().load_prepare()
            bands = len(self.getbands())
            colour = (ink,) * bands if bands > 1 else float(ink) if self.mode == "F" else ink
            self.im.paste(colour, (0, 0, *self.size))

        def load(self) -> object:
            try:
                return super().load()
            except Exception:
                # Decoders of damaged data raise all kinds of exceptions; the pixels written before stay.
                if self._im is None:
                    raise
                self.tile: list[object] = []
                return Image.load(self)

    return Prefilled
