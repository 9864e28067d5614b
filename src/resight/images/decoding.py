"""Bytes of any readable format to upright pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from resight.arrays import Mask, Pixels, UInt8, UInt16
from resight.errors import ImageError, UsageError
from resight.images import camera_raw, jpeg_xl
from resight.images.formats import Opener, format_of, opener, start_of_picture, what_else
from resight.images.incomplete import Partial, read_as_far_as_it_goes
from resight.images.jpeg_segments import picture_segments, without_zeros_of_a_gap
from resight.images.limits import check_pixels
from resight.images.png_chunks import bits_a_sample, picture_chunks
from resight.images.quiet import quiet_pillow
from resight.images.ranges import eight_bits
from resight.images.reading import displayed, read_bytes
from resight.images.reasons import refusal, too_little
from resight.images.resizing import scaled_size
from resight.images.tiff_samples import first_directory, image_of, is_negative, needs_its_samples, no_data_of
from resight.images.transparency import laid_over_ground

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

LEAST_PART = 0.5
"""Least share of a picture that must be readable for the picture to be accepted."""

REDUCED_SIDE = 5000
"""Long side to which a photo is reduced when a part of it is wanted and it is too large to be decoded at full size."""

_ORIENTATION_TAG = 0x0112
_BITS_TAG = 258
_GREY = 128
_DARK = 128
"""If all samples of a 16-bit picture are below this level (of 255), they may have 14 bits or fewer (see `ranges`)."""


@dataclass(frozen=True)
class Decoded:
    """An upright image. pixels: (H, W, 3) uint8 RGB; size: (width, height) of the upright original, not reduced.

    remark: what a person should know about the image, in one line, such as that its last part is missing; usually
    empty. counts: (H, W), False where a mask excludes a pixel, or None where all count. name: that of the image in its
    collection, empty where it has none. drawing: whether it is a line drawing, as whoever asks with it says; None where
    nobody says.
    """

    pixels: Pixels
    size: tuple[int, int]
    remark: str = ""
    counts: Mask | None = None
    name: str = ""
    drawing: bool | None = None


def decode(path: Path | str, max_side: int | None = None) -> Decoded:
    """Returns the image in a file, upright, its long side reduced to `max_side` where longer.

    Raises ImageError with the reason.
    """
    return decode_bytes(read_bytes(path), displayed(path), max_side)


def decode_bytes(data: bytes, name: str, max_side: int | None = None) -> Decoded:
    """Returns the image in `data`, like `decode`; `name` identifies it in an ImageError.

    Notes: Of animations and multi-page files the first image is used. Transparent images are laid over the background
    that they stand out from (see `transparency`). Samples of more than 8 bits are scaled to 8 by the range that they
    use (see `ranges`). Colour profiles are ignored: features are made for the sRGB of cameras. A picture of which at
    least half can be read is accepted, with a remark, and grey where data are missing.
    """
    if max_side is not None and max_side < 1:
        raise UsageError(f"max_side is {max_side}; it must be at least 1")
    kind, data = _recognised(data, name)
    if kind == "camera raw":
        pixels, size = camera_raw.develop(data, name, max_side)
        return _finished(_image(pixels), size, 1, max_side)
    with quiet_pillow():
        return _decoded(kind, data, name, max_side)


def decode_whole(data: bytes, name: str) -> Decoded:
    """Decodes a photo at full size, because a reduced photo has lost the details of a small part of it.

    A photo over the limit on pixels is reduced, which JPEGs allow while they are decoded. Raises ImageError.
    """
    try:
        return decode_bytes(data, name)
    except ImageError:
        return decode_bytes(data, name, REDUCED_SIDE)


def upright_size(path: Path | str) -> tuple[int, int]:
    """Returns (width, height) of the image in a file, upright; from the header alone for JPEG. Raises ImageError."""
    data, name = read_bytes(path), displayed(path)
    if format_of(data) == "JPEG":
        try:
            # Read only the segments that count: a broken one may lead into the preview picture of the metadata.
            with quiet_pillow(), opener("JPEG")(io.BytesIO(picture_segments(data))) as image:
                width, height = image.size
                return (height, width) if _orientation(image) in (5, 6, 7, 8) else (width, height)
        except MemoryError:
            raise
        except Exception:
            pass  # a damaged header may be repaired below
    return decode_bytes(data, name, max_side=64).size  # other formats tell size or orientation only when loaded


def _recognised(data: bytes, name: str) -> tuple[str, bytes]:
    """Returns the format, and the bytes from the start of the picture on. Raises ImageError."""
    if not data:
        raise ImageError(name, "the file is empty")
    kind = format_of(data)
    if kind is None:
        data = data[start_of_picture(data) :]
        kind = format_of(data)
    if kind is None:
        raise ImageError(name, what_else(data))
    if kind == "PNG":
        data = picture_chunks(data)
    if kind == "JPEG XL":
        check_pixels(name, jpeg_xl.size_of(data) or (0, 0))
    return kind, data


def _decoded(kind: str, data: bytes, name: str, max_side: int | None) -> Decoded:
    load = partial(_loaded, name=name, max_side=max_side)
    written = without_zeros_of_a_gap(data) if kind == "JPEG" else data
    try:
        if len(written) < len(data):
            raise EOFError("zeros in the place of data")
        image, size = load(opener(kind), data)
        return _finished(_as_rgb(image, data, name), size, _orientation(image), max_side)
    except (MemoryError, ImageError):
        raise
    except ImportError as error:
        raise ImageError(name, jpeg_xl.INSTALL) from error
    except Exception as error:
        # Decoders raise all kinds of exceptions on hostile bytes; all of them mean the same here.
        return _recovered(kind, written, name, max_side, error)


def _recovered(kind: str, data: bytes, name: str, max_side: int | None, error: Exception) -> Decoded:
    """Decodes by other means an image that its decoder refuses. Raises ImageError where none works."""
    directory = first_directory(data) if kind == "TIFF" else None
    if kind == "TIFF" and (directory is None or not directory.complete):
        error = EOFError("the directory is behind the end of the file")
    try:
        if directory is not None and directory.complete:
            image = image_of(data, directory, name)
            return _finished(_flat(image), image.size, directory.number(_ORIENTATION_TAG, 1), max_side)
    except (MemoryError, ImageError):
        raise
    except Exception:
        pass  # `error` already describes the fault
    try:
        found = read_as_far_as_it_goes(kind, data, partial(_loaded, name=name, max_side=max_side))
        if found is not None and found.missing <= 1 - LEAST_PART:
            rgb = _greyed(_as_rgb(found.image, data, name), found)
            return _finished(rgb, found.size, _orientation(found.image), max_side, found.remark)
    except (MemoryError, ImageError):
        raise
    except Exception:
        raise ImageError(name, refusal(kind, error)) from error
    raise ImageError(name, too_little(kind, found.missing) if found else refusal(kind, error)) from error


def _loaded(open_: Opener, data: bytes, name: str, max_side: int | None) -> tuple[ImageFile, tuple[int, int]]:
    """Returns the image as the format stores it, and its (width, height) before a JPEG's reduced decoding."""
    image = open_(io.BytesIO(data))
    original, drafted = image.size, False
    is_jpeg = image.format == "JPEG"
    if is_jpeg and max_side is not None and max(original) > max_side:
        drafted = image.draft(None, scaled_size(original, max_side)) is not None
    progressive = bool(image.info.get("progressive"))
    check_pixels(name, original, image.size, progressive=progressive, reducible=is_jpeg)
    image.load()
    # A HEIC file tells its true size only after loading.
    return image, original if drafted else image.size


def _finished(
    image: Image, original: tuple[int, int], orientation: int, max_side: int | None, remark: str = ""
) -> Decoded:
    """Reduces an RGB image and turns it upright."""
    from PIL import Image as Pillow

    if max_side is not None and max(image.size) > max_side:
        target = scaled_size(original, max_side)
        image = image.resize(target, Pillow.Resampling.LANCZOS, reducing_gap=3.0)
    turns = {
        2: Pillow.Transpose.FLIP_LEFT_RIGHT,
        3: Pillow.Transpose.ROTATE_180,
        4: Pillow.Transpose.FLIP_TOP_BOTTOM,
        5: Pillow.Transpose.TRANSPOSE,
        6: Pillow.Transpose.ROTATE_270,
        7: Pillow.Transpose.TRANSVERSE,
        8: Pillow.Transpose.ROTATE_90,
    }
    if orientation in turns:
        image = image.transpose(turns[orientation])
    width, height = original
    return Decoded(np.array(image), (height, width) if orientation in (5, 6, 7, 8) else (width, height), remark)


def _orientation(image: ImageFile) -> int:
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return 1  # the decoder has turned it already
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Damaged metadata does not damage the picture; only its orientation is lost.
        return 1


def _as_rgb(image: ImageFile, data: bytes, name: str) -> Image:
    """Converts an image of any mode to RGB; `data` is its file."""
    directory = first_directory(data) if image.format == "TIFF" else None
    if directory is not None and needs_its_samples(directory):
        return _flat(image_of(data, directory, name))
    if image.mode.startswith(("I", "F")):
        pixels = eight_bits(np.asarray(image), no_data_of(directory) if directory else None)
        return _image(255 - pixels if directory and is_negative(directory) else pixels).convert("RGB")
    # Pillow keeps only the upper 8 bits of 16-bit colours, and these may be nearly empty.
    if directory is not None and _has_lost_bits(image, max(directory.numbers(_BITS_TAG, (8,)), default=8)):
        return _flat(image_of(data, directory, name))
    if image.format == "PNG" and _has_lost_bits(image, bits_a_sample(data)):
        return _flat(_sixteen_bit_png(data))
    return _flat(image)


def _has_lost_bits(image: Image, bits: int) -> bool:
    if bits != 16 or image.mode not in ("RGB", "RGBA"):
        return False
    return all(high < _DARK for _, high in cast("list[tuple[int, int]]", image.getextrema())[:3])


def _sixteen_bit_png(data: bytes) -> Image:
    """Reads all 16 bits of a colour PNG that Pillow has opened."""
    import cv2

    samples = cast("UInt16", cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    colours = eight_bits(samples[..., 2::-1])
    if samples.shape[2] == 3:
        return _image(colours)
    return _image(np.dstack([colours, (samples[..., 3] >> 8).astype(np.uint8)]))


def _flat(image: Image) -> Image:
    """Returns the image without transparency."""
    return laid_over_ground(image) if image.has_transparency_data else image.convert("RGB")


def _greyed(image: Image, found: Partial) -> Image:
    """Fills with grey the pixels that the file does not give."""
    pixels = np.array(image)
    pixels[~found.known] = _GREY
    return _image(pixels)


def _image(pixels: UInt8) -> Image:
    from PIL import Image as Pillow

    return Pillow.fromarray(pixels)
