"""Files to pixels: the only place that decodes, turns upright, crops and resizes.

Formats are told by their first bytes, never by the file's name, and Pillow's plugin for that format is called directly.
So only what a file needs is imported, nothing is registered for the rest of the process, and the limit on pixels is
this module's own: `PIL.Image.MAX_IMAGE_PIXELS` stays what the process has set.
"""

from __future__ import annotations

import io
import logging
import math
import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from resight.errors import ImageError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]

MAX_PIXELS = 100_000_000
"""Most pixels that are decoded, counted after a JPEG's reduced-size decoding. 100 megapixels are 400 MB in Pillow."""
MAX_PROGRESSIVE_PIXELS = 4 * MAX_PIXELS
"""A progressive JPEG keeps the coefficients of the whole image, 3 to 6 bytes a pixel, at whatever size it decodes."""
MAX_BYTES = 1 << 30
"""Largest file that is read."""

_ORIENTATION_TAG = 0x0112
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})


@dataclass(frozen=True)
class Decoded:
    """An upright image. pixels: (H, W, 3) uint8 RGB; size: (width, height) of the upright original, not reduced."""

    pixels: Pixels
    size: tuple[int, int]


def decode(path: Path | str, max_side: int | None = None) -> Decoded:
    """The image in a file, upright, its long side reduced to `max_side` where longer; ImageError with the reason."""
    return decode_bytes(read_bytes(path), displayed(path), max_side)


def read_bytes(path: Path | str) -> bytes:
    """A file, whole, in one reading: what is hashed is what is decoded. ImageError where that is not possible."""
    name = displayed(path)
    try:
        # Before opening, because opening a pipe waits until something writes to it.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(name, "is a folder")
        if not stat.S_ISREG(mode):
            raise ImageError(name, "is not a regular file")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ImageError(name, "no such file", may_pass=True) from None
    except PermissionError:
        raise ImageError(name, "permission denied", may_pass=True) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ImageError(name, f"cannot be read: {_one_line(reason)}", may_pass=True) from None
    if len(data) > MAX_BYTES:
        raise ImageError(name, f"the file is over the limit of {MAX_BYTES >> 20} MiB; make it smaller")
    return data


def decode_bytes(data: bytes, name: str, max_side: int | None = None) -> Decoded:
    """The image in `data`, like `decode`; `name` is what an ImageError calls it.

    Notes
    -----
    Of animations and multi-page files the first image counts. Transparent images are laid over white. 16-bit greyscale
    is scaled to 8 bits, 32-bit and floating-point greyscale, which have no agreed white, from their own minimum and
    maximum. Colour profiles are ignored: features are made for what cameras call sRGB.
    """
    if max_side is not None and max_side < 1:
        raise UsageError(f"max_side is {max_side}; it must be at least 1")
    if not data:
        raise ImageError(name, "the file is empty")
    found = _opener(data)
    if found is None:
        raise ImageError(name, "not an image (JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC and AVIF are read)")
    kind, opener = found
    try:
        with _quiet_pillow(), opener(io.BytesIO(data)) as image:
            return _decode_opened(image, name, max_side)
    except (MemoryError, ImageError):
        raise
    except Exception as error:
        # Decoders meet hostile bytes with whatever exception happens to come first; all of them mean the same here.
        raise ImageError(name, _reason(kind, error)) from error


def upright_size(path: Path | str) -> tuple[int, int]:
    """(width, height) of the image in a file, upright; by its header alone for JPEG. ImageError."""
    data, name = read_bytes(path), displayed(path)
    found = _opener(data)
    if found is None or found[0] != "JPEG":
        return decode_bytes(data, name, max_side=64).size  # others tell size or orientation only when loaded
    kind, opener = found
    try:
        with _quiet_pillow(), opener(io.BytesIO(data)) as image:
            width, height = image.size
            return (height, width) if _orientation(image) in (5, 6, 7, 8) else (width, height)
    except MemoryError:
        raise
    except Exception as error:  # as in decode_bytes
        raise ImageError(name, _reason(kind, error)) from error


def displayed(path: Path | str) -> str:
    """A path as text that can be printed: bytes that are not UTF-8 become backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check_box(box: tuple[float, ...], size: tuple[int, int]) -> Box:
    """The box (x0, y0, x1, y1), half-open, as floats; UsageError unless it has an area and lies inside the image."""
    shown = ",".join(f"{value:g}" for value in box)
    width, height = size
    where = f"box {shown} in an image of {width} x {height} pixels"
    if len(box) != 4:
        raise UsageError(f"{where}: a box has four numbers, x0,y0,x1,y1")
    x0, y0, x1, y1 = (float(value) for value in box)
    if not all(math.isfinite(value) for value in (x0, y0, x1, y1)):
        raise UsageError(f"{where}: not all of its numbers are finite")
    if x1 <= x0 or y1 <= y0:
        raise UsageError(f"{where}: it is empty; x0,y0 is the upper left corner and x1,y1 the lower right one")
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        raise UsageError(f"{where}: it lies outside the image")
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        raise UsageError(f"{where}: it reaches beyond the image")
    return x0, y0, x1, y1


def crop(pixels: Pixels, box: Box) -> Pixels:
    """The pixels (h, w, 3) that a checked box touches: its edges are rounded outward. The upper left corner of the crop
    is (floor(x0), floor(y0))."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = check_box(box, (width, height))
    return np.ascontiguousarray(pixels[math.floor(y0) : math.ceil(y1), math.floor(x0) : math.ceil(x1)])


@dataclass(frozen=True)
class Part:
    """A part of a photo.

    pixels: (h, w, 3) uint8. origin: (x, y) of its upper left corner in the upright original. factors: (x, y), pixels
    for each of the original, less than 1 where the photo was reduced when it was decoded.
    """

    pixels: Pixels
    origin: tuple[float, float]
    factors: tuple[float, float]


def part_of(decoded: Decoded, box: Box) -> Part:
    """The pixels that touch a box of the original. UsageError as `check_box`."""
    height, width = decoded.pixels.shape[:2]
    x, y = width / decoded.size[0], height / decoded.size[1]
    reduced = np.clip(np.array(check_box(box, decoded.size)) * [x, y, x, y], 0, [width, height] * 2)
    x0, y0, x1, y1 = reduced.tolist()
    return Part(crop(decoded.pixels, (x0, y0, x1, y1)), (math.floor(x0) / x, math.floor(y0) / y), (x, y))


def resize(pixels: Pixels, max_side: int) -> Pixels:
    """Pixels with a long side of at most `max_side` (Lanczos, antialiased); an image that is small enough comes back as
    it is."""
    height, width = pixels.shape[:2]
    if max(width, height) <= max_side:
        return pixels
    from PIL import Image

    target = _scaled_size((width, height), max_side)
    return np.array(Image.fromarray(pixels).resize(target, Image.Resampling.LANCZOS))


def enlarge(pixels: Pixels, min_side: int) -> Pixels:
    """Pixels with a long side of at least `min_side` (bicubic); an image that is large enough comes back as it is."""
    height, width = pixels.shape[:2]
    if max(width, height) >= min_side:
        return pixels
    from PIL import Image

    target = _scaled_size((width, height), min_side)
    return np.array(Image.fromarray(pixels).resize(target, Image.Resampling.BICUBIC))


def _scaled_size(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    longest = max(size)
    width, height = (max(1, round(side * long_side / longest)) for side in size)
    return width, height


def _opener(data: bytes) -> tuple[str, Callable[[io.BytesIO], ImageFile]] | None:
    """The format's name and Pillow's class for it, told by the first bytes."""
    if data.startswith(b"\xff\xd8\xff"):
        from PIL.JpegImagePlugin import JpegImageFile

        return "JPEG", JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        from PIL.PngImagePlugin import PngImageFile

        return "PNG", PngImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        from PIL.WebPImagePlugin import WebPImageFile

        return "WebP", WebPImageFile
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        from PIL.TiffImagePlugin import TiffImageFile

        return "TIFF", TiffImageFile
    if data.startswith((b"GIF87a", b"GIF89a")):
        from PIL.GifImagePlugin import GifImageFile

        return "GIF", GifImageFile
    if data[4:8] == b"ftyp":
        return _iso_media_opener(data)
    if data.startswith(b"BM"):
        from PIL.BmpImagePlugin import BmpImageFile

        return "BMP", BmpImageFile
    return None


def _iso_media_opener(data: bytes) -> tuple[str, Callable[[io.BytesIO], ImageFile]] | None:
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[start : start + 4] for start in range(8, end, 4)}
    if brands & {b"avif", b"avis"}:
        from PIL.AvifImagePlugin import AvifImageFile

        return "AVIF", AvifImageFile
    if brands & _HEIF_BRANDS:
        from pillow_heif import HeifImageFile

        return "HEIC", HeifImageFile
    return None


def _decode_opened(image: ImageFile, name: str, max_side: int | None) -> Decoded:
    from PIL import Image

    original = image.size
    drafted = False
    if image.format == "JPEG" and max_side is not None and max(original) > max_side:
        drafted = image.draft(None, _scaled_size(original, max_side)) is not None
    _check_pixels(name, original, image.size, bool(image.info.get("progressive")), image.format == "JPEG")
    image.load()
    if not drafted:
        original = image.size  # a HEIC file tells its true size only now
    orientation = _orientation(image)
    loaded = _as_rgb(image)
    if max_side is not None and max(loaded.size) > max_side:
        target = _scaled_size(original, max_side)
        loaded = loaded.resize(target, Image.Resampling.LANCZOS, reducing_gap=3.0)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    if orientation in turns:
        loaded = loaded.transpose(turns[orientation])
    width, height = original
    return Decoded(np.array(loaded), (height, width) if orientation in (5, 6, 7, 8) else (width, height))


def _check_pixels(
    name: str, original: tuple[int, int], reduced: tuple[int, int], progressive: bool, is_jpeg: bool
) -> None:
    millions = math.prod(original) / 1e6
    mend = "save it smaller"
    if math.prod(reduced) > MAX_PIXELS:
        if is_jpeg and reduced == original:
            mend = "decode it with a max_side, or save it smaller"
        raise ImageError(name, f"{millions:.0f} megapixels, over the limit of {MAX_PIXELS // 10**6}; {mend}")
    if progressive and math.prod(original) > MAX_PROGRESSIVE_PIXELS:
        limit = MAX_PROGRESSIVE_PIXELS // 10**6
        raise ImageError(name, f"{millions:.0f} megapixels, over the limit of {limit} for a progressive JPEG; {mend}")


def _orientation(image: ImageFile) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Damaged metadata does not damage the picture; what it says about orientation is lost.
        return 1


def _as_rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(image), image.mode)).convert("RGB")
    if image.has_transparency_data:
        # White, because what is cut out is made for a page, and because the colours stored under full transparency
        # (often black) would show as edges that nobody ever saw.
        backdrop = Image.new("RGBA", image.size, "white")
        backdrop.alpha_composite(image.convert("RGBA"))
        return backdrop.convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: NDArray[np.generic], mode: str) -> Pixels:
    """Greyscale (H, W) of more than 8 bits as uint8: Pillow's own conversion clips everything above 255 to white."""
    if mode.startswith("I;16"):
        return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    return np.rint((finite - low) * (255.0 / (high - low or 1.0))).astype(np.uint8)


def _reason(kind: str, error: Exception) -> str:
    from PIL.Image import DecompressionBombError

    text = _one_line(str(error))
    if isinstance(error, DecompressionBombError):
        return f"over the limit of {MAX_PIXELS // 10**6} megapixels; save it smaller"
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"truncated {kind}: the end of the file is missing"
    return f"damaged {kind}: {text or type(error).__name__}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


# Inserted and removed as it is: `warnings.filterwarnings` would also forget which warnings the process has shown.
_PILLOW_REMARKS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_NOWHERE = logging.NullHandler()
_quiet_lock = threading.Lock()
_quiet_threads = 0


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keeps Pillow's remarks about metadata from the terminal while at least one thread decodes.

    `warnings.catch_warnings` is not safe in threads: the last one to leave would put back another one's filters.
    """
    global _quiet_threads
    filters = cast("list[object]", warnings.filters)
    with _quiet_lock:
        _quiet_threads += 1
        if _quiet_threads == 1:
            filters.insert(0, _PILLOW_REMARKS)
            logging.getLogger("PIL").addHandler(_NOWHERE)
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_threads -= 1
            if _quiet_threads == 0:
                logging.getLogger("PIL").removeHandler(_NOWHERE)
                with suppress(ValueError):  # somebody replaced the filters meanwhile
                    filters.remove(_PILLOW_REMARKS)
