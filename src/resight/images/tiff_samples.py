"""TIFFs that Pillow cannot read, or not with all their bits: any number of bands of any type, without loss.

Pillow still unpacks the bytes: a small directory describes them to it as an 8-bit grey image, as wide as a row has
bytes, so that strips, tiles and every lossless compression are Pillow's work. This module interprets the samples.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resight.arrays import Array, Pixels
from resight.errors import ImageError
from resight.images.limits import MAX_PIXELS, check_pixels
from resight.images.ranges import eight_bits
from resight.images.tiff_directory import Directory, directories

if TYPE_CHECKING:
    from PIL.Image import Image

UNREADABLE_KIND = "a TIFF of an unsupported kind; save it as a TIFF without compression, or as PNG"

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _ROWS_A_STRIP, _STRIP_SIZES = 273, 278, 279
_BANDS, _PLANAR, _PREDICTOR, _COLOURS = 277, 284, 317, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_SIZES = 322, 323, 324, 325
_EXTRA, _FORMAT, _NO_DATA = 338, 339, 42113
_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)
_SIGNED = 2
_TYPES = {1: "u", _SIGNED: "i", 3: "f"}
_KINDS = frozenset({"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"})
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE = range(4)
_ASSOCIATED, _UNASSOCIATED = 1, 2
_MOST_BYTES = 8 * MAX_PIXELS


@dataclass(frozen=True)
class _Layout:
    """The layout of samples in a file. block: (width, height) of a tile, or of a strip."""

    size: tuple[int, int]
    bands: int
    dtype: np.dtype[np.generic]
    block: tuple[int, int]
    tiled: bool
    planes: int


def first_directory(data: bytes) -> Directory | None:
    """Returns the directory of the picture to read, or None where there is none."""
    return next(iter(directories(data)), None)


def no_data_of(directory: Directory) -> float | None:
    """Returns the value for "no data" that GDAL and other map programs write as text."""
    text = directory.tags.get(_NO_DATA)
    try:
        value = float(text.rstrip(b"\0 ")) if isinstance(text, bytes) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_negative(directory: Directory) -> bool:
    """Tells whether the smallest value is white."""
    return directory.number(_PHOTOMETRIC, _MIN_IS_BLACK) == _MIN_IS_WHITE


def needs_its_samples(directory: Directory) -> bool:
    """Tells whether Pillow reads a TIFF without complaint, but wrongly: signed bytes, and planes of 16 bits."""
    bits = max(directory.numbers(_BITS, (1,)), default=1)
    signed = _SIGNED in directory.numbers(_FORMAT)
    return (signed and bits == 8) or (bits == 16 and directory.number(_PLANAR, 1) == 2)


def image_of(data: bytes, directory: Directory, name: str) -> Image:
    """Makes an L, RGB or RGBA image from the samples. Raises ImageError for a kind of picture that cannot be read."""
    from PIL import Image as Pillow

    layout = _layout(directory, name)
    photometric = directory.number(_PHOTOMETRIC, _MIN_IS_BLACK)
    values = _samples(data, directory, layout)
    if photometric == _PALETTE:
        return Pillow.fromarray(_coloured(values[..., 0], directory, name))
    if photometric not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB):
        raise ImageError(name, UNREADABLE_KIND)
    shown = 3 if layout.bands >= 3 else 1
    pixels = eight_bits(values[..., :shown].squeeze(), no_data_of(directory))
    if photometric == _MIN_IS_WHITE:
        pixels = 255 - pixels
    extra = directory.number(_EXTRA)
    colours = Pillow.fromarray(pixels.reshape(values.shape[:2] if shown == 1 else (*values.shape[:2], 3)))
    if extra not in (_ASSOCIATED, _UNASSOCIATED) or layout.bands <= shown:
        return colours
    alpha = Pillow.fromarray(_opacity(values[..., shown]))
    bands = [*colours.convert("RGB").split(), alpha]
    return Pillow.merge("RGBa", bands).convert("RGBA") if extra == _ASSOCIATED else Pillow.merge("RGBA", bands)


def _layout(directory: Directory, name: str) -> _Layout:
    """Returns the layout that the tags describe.

    Raises ImageError where it is not a lossless picture of whole bytes, or too large.
    """
    width, height, bands = directory.number(_WIDTH), directory.number(_HEIGHT), directory.number(_BANDS, 1)
    check_pixels(name, (width, height))
    bits, kinds = set(directory.numbers(_BITS, (1,))), set(directory.numbers(_FORMAT, (1,)))
    code = f"{directory.order}{_TYPES.get(min(kinds), '?')}{min(bits) // 8}"
    known = len(bits) == len(kinds) == 1 and not min(bits) % 8 and code[1:] in _KINDS
    if not known or min(width, height, bands) < 1 or directory.number(_COMPRESSION, 1) not in _LOSSLESS:
        raise ImageError(name, UNREADABLE_KIND)
    dtype = np.dtype(code)
    if width * height * bands * dtype.itemsize > _MOST_BYTES:
        raise ImageError(name, f"its {bands} bands take over {_MOST_BYTES >> 20} MiB; save it smaller")
    tiled = _TILE_WIDTH in directory.tags
    rows = min(height, directory.number(_ROWS_A_STRIP, height) or height)
    block = (directory.number(_TILE_WIDTH), directory.number(_TILE_HEIGHT)) if tiled else (width, rows)
    if min(block) < 1 or math.prod(block) > max(math.prod((width, height)) * 4, 1 << 20):
        raise ImageError(name, UNREADABLE_KIND)
    return _Layout((width, height), bands, dtype, block, tiled, bands if directory.number(_PLANAR, 1) == 2 else 1)


def _samples(data: bytes, directory: Directory, layout: _Layout) -> Array:
    """Returns the samples (H, W, n) of the picture, in native byte order."""
    places = directory.numbers(_TILES if layout.tiled else _STRIPS)
    sizes = directory.numbers(_TILE_SIZES if layout.tiled else _STRIP_SIZES)
    each = len(places) // layout.planes
    # Bands beyond the third and alpha are never shown.
    wanted = range(min(layout.planes, 4))
    planes = []
    # The directory appended to the file must not be read in place of missing data.
    if max((at + size for at, size in zip(places, sizes, strict=True)), default=1) > len(data):
        raise EOFError("the last strips or tiles are missing")
    for plane in wanted:
        own = slice(plane * each, (plane + 1) * each)
        planes.append(_plane(data, directory, layout, places[own], sizes[own]))
    joined = planes[0] if len(planes) == 1 else np.concatenate(planes, axis=-1)
    return joined.astype(layout.dtype.newbyteorder("="))


def _plane(
    data: bytes, directory: Directory, layout: _Layout, places: tuple[int, ...], sizes: tuple[int, ...]
) -> Array:
    """Returns the samples (H, W, n) of bands that are stored together, in the file's byte order."""
    from PIL.TiffImagePlugin import TiffImageFile

    width, height = layout.size
    across, down = (-(-width // layout.block[0]), -(-height // layout.block[1])) if layout.tiled else (1, 1)
    bands = 1 if layout.planes > 1 else layout.bands
    unit = bands * layout.dtype.itemsize
    block_width = layout.block[0]
    padded = across * block_width, down * layout.block[1] if layout.tiled else height
    tags: dict[int, tuple[int, ...]] = {
        _WIDTH: (padded[0] * unit,),
        _HEIGHT: (padded[1],),
        _BITS: (8,),
        _COMPRESSION: (directory.number(_COMPRESSION, 1),),
        _PHOTOMETRIC: (_MIN_IS_BLACK,),
        _BANDS: (1,),
    }
    if layout.tiled:
        tags |= {_TILE_WIDTH: (block_width * unit,), _TILE_HEIGHT: (layout.block[1],)}
        tags |= {_TILES: places, _TILE_SIZES: sizes}
    else:
        tags |= {_ROWS_A_STRIP: (layout.block[1],), _STRIPS: places, _STRIP_SIZES: sizes}
    image = TiffImageFile(io.BytesIO(_with_directory(data, directory.order, tags)))
    image.load()
    rows: Pixels = np.asarray(image).reshape(padded[1], across, block_width * unit)
    values = _unpredicted(rows, directory.number(_PREDICTOR, 1), layout.dtype, bands)
    return values.reshape(padded[1], across * block_width, bands)[:height, :width]


def _unpredicted(rows: Pixels, predictor: int, dtype: np.dtype[np.generic], bands: int) -> Array:
    """Undoes the predictor of rows (H, blocks, bytes) of each block."""
    if predictor == 3:  # differences of bytes, after the bytes of a row were sorted by significance
        summed = np.cumsum(rows.reshape(*rows.shape[:2], -1, bands), axis=2, dtype=np.uint8)
        by_weight = summed.reshape(*rows.shape[:2], dtype.itemsize, -1)
        return np.ascontiguousarray(by_weight.swapaxes(-1, -2)).view(dtype.newbyteorder(">"))
    values = np.ascontiguousarray(rows).view(dtype)
    if predictor != 2:
        return values
    whole = values.view(dtype.str.replace("i", "u").replace("f", "u"))
    summed = np.cumsum(whole.reshape(*rows.shape[:2], -1, bands), axis=2, dtype=whole.dtype.newbyteorder("="))
    return summed.astype(whole.dtype).view(dtype)


def _with_directory(data: bytes, order: str, tags: dict[int, tuple[int, ...]]) -> bytes:
    """Appends another directory to the file."""
    at = len(data) + len(data) % 2
    rest_at = at + 2 + 12 * len(tags) + 4
    entries, rest = b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        entries += struct.pack(order + "HHI", tag, 4, len(values))
        entries += packed if len(values) == 1 else struct.pack(order + "I", rest_at + len(rest))
        rest += packed if len(values) != 1 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    # The bytes there belong to the header, 16 bytes in a BigTIFF, and to no strip.
    body = head + data[8:].ljust(at - 8, b"\0")
    return body + struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0" + rest


def _coloured(indices: Array, directory: Directory, name: str) -> Pixels:
    """Looks up the colours (H, W, 3) of a palette."""
    colours = np.array(directory.numbers(_COLOURS), np.uint16).reshape(3, -1).T
    if indices.dtype.kind != "u" or not len(colours):
        raise ImageError(name, UNREADABLE_KIND)
    # Some programs write 8-bit colours where 16 bits are required.
    eight = colours >> 8 if colours.max() > 255 else colours
    return eight.astype(np.uint8)[np.minimum(indices.astype(np.int64), len(colours) - 1)]


def _opacity(values: Array) -> Pixels:
    """Returns alpha (H, W) of any type as uint8."""
    if values.dtype.kind == "f":
        return np.rint(np.clip(np.nan_to_num(values.astype(np.float64)), 0, 1) * 255).astype(np.uint8)
    top = 2.0 ** (8 * values.dtype.itemsize - (values.dtype.kind == "i")) - 1
    return np.rint(np.clip(values.astype(np.float64), 0, top) * (255.0 / top)).astype(np.uint8)
