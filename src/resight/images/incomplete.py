"""Pictures whose file breaks off, or is damaged on the way, read as far as they go.

What is missing is not asked of a decoder, which seldom knows: the picture is read twice with different things in the
place of what is not there, and where both readings agree it is the file that speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from resight.images.formats import Opener, opener
from resight.images.jpeg_segments import breaks_off_in_first_scan, picture_segments
from resight.images.reasons import REMARK_ON_DETAIL, remark_on_rows

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

LoadedT = tuple["ImageFile", tuple[int, int]]
Load = Callable[[Opener, bytes], LoadedT]
"""Opens and loads an image file; gives it with the (width, height) of the original."""

_NOISE_BYTES = 4096


@dataclass(frozen=True)
class Partial:
    """What could be read. size: (width, height) of the original; known: (H, W) bool, pixels that the file gave.

    missing: the share that it did not give. remark: what to say of it, empty where nothing is missing.
    """

    image: ImageFile
    size: tuple[int, int]
    known: NDArray[np.bool_]
    missing: float
    remark: str


def read_as_far_as_it_goes(kind: str, data: bytes, load: Load) -> Partial | None:
    """The part of a picture that is there, or None for a format that gives no part.

    Raises what the decoder raises where nothing can be read.
    """
    match kind:
        case "JPEG":
            return _jpeg(data, load)
        case "WebP":
            variants = [(opener(kind), _filled_webp(data, filling)) for filling in (b"\0", b"\x5a")]
            return _in_order(*(load(*variant) for variant in variants))
        case "PNG" | "GIF" | "BMP" | "TIFF":
            (one, size), (other, _) = (load(_prefilled(opener(kind), ink), data) for ink in (128, 0))
            known = _agreement(one, other)
            missing = 1 - float(known.mean())
            return Partial(one, size, known, missing, remark_on_rows(missing) if missing else "")
    return None


def _jpeg(data: bytes, load: Load) -> Partial:
    """Coefficients that are missing are zeros to libjpeg; noise in their place tells where they are."""
    noise = np.random.default_rng(0).integers(0, 255, _NOISE_BYTES, np.uint8).tobytes()  # no byte of it is a marker
    plain, noisy = picture_segments(data), picture_segments(data, noise)
    found = _in_order(*(load(opener("JPEG"), variant) for variant in (plain, noisy)))
    if not found.missing or not found.image.info.get("progressive") or breaks_off_in_first_scan(plain):
        return found
    return Partial(found.image, found.size, np.ones_like(found.known), 0.0, REMARK_ON_DETAIL)


def _in_order(one: LoadedT, other: LoadedT) -> Partial:
    """From two readings of a format that codes pixels row after row: nothing after the first difference is known."""
    (image, size), agreed = one, _agreement(one[0], other[0])
    differing = np.flatnonzero(~agreed.all(axis=1))
    missing = (len(agreed) - int(differing[0])) / len(agreed) if len(differing) else 0.0
    return Partial(image, size, agreed, missing, remark_on_rows(missing) if missing else "")


def _agreement(one: ImageFile, other: ImageFile) -> NDArray[np.bool_]:
    """(H, W) pixels that are the same in both."""
    same = np.asarray(one) == np.asarray(other)
    return np.asarray(same if same.ndim == 2 else same.all(axis=-1))


def _filled_webp(data: bytes, filling: bytes) -> bytes:
    """As many bytes as the header announces, or a header that announces what is there."""
    length = int.from_bytes(data[4:8], "little") + 8
    if length - len(data) > len(data):
        return data
    filled = data + filling * (length - len(data))
    return b"RIFF" + (len(filled) - 8).to_bytes(4, "little") + filled[8:]


def _prefilled(plain: Opener, ink: int) -> Opener:
    """The same class of image files, but what no data reaches keeps the colour `ink`, and an early end is no error."""
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
                # Decoders of damaged data raise whatever comes first; what was written before stands.
                if self._im is None:
                    raise
                self.tile: list[object] = []
                return Image.load(self)

    return Prefilled
