"""Recognises the format of bytes by the first of them, and finds its decoder."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from resight.images.camera_raw import is_camera_raw

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Opener = Callable[[io.BytesIO], "ImageFile"]
"""One of Pillow's classes of image files, called with the bytes."""

READ = "JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC, AVIF, JPEG XL and camera raw files are read"

FIRST_BYTES = 256
"""This many first bytes of a file are enough to tell whether it is an image."""

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_BEFORE = 4096
"""A picture may begin this late: mail programs, old computers and rescued memory cards put something before it."""
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"\0\0\1\xba", "a video"),
    (b"ID3", "a sound file"),
    (b"%!PS", "a PostScript document"),
)


def format_of(data: bytes) -> str | None:
    """Returns the name of the format that the bytes begin with, or None where it is not a readable one."""
    if data.startswith(_JPEG):
        return "JPEG"
    if data.startswith(_PNG):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "JPEG XL"
    if is_camera_raw(data):  # before TIFF: most raw files begin like one, with a preview picture in it
        return "camera raw"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[4:8] == b"ftyp":
        return _iso_media_format(data)
    if data.startswith(b"BM"):
        return "BMP"
    return None


def begins_like_an_image(first: bytes) -> bool:
    """Tells whether the first `FIRST_BYTES` of a file are those of a readable format."""
    if first.startswith(b"BM") and (first[6:10] != bytes(4) or first[15:18] != bytes(3)):
        return False  # two letters are not enough: BMP's reserved bytes are 0, and its header has less than 256 bytes
    return format_of(first) is not None


def start_of_picture(data: bytes) -> int:
    """Returns the offset of a JPEG or PNG that has other bytes before it; 0 where none is found."""
    found = [at for at in (data.find(_JPEG, 0, _BEFORE), data.find(_PNG, 0, _BEFORE)) if at > 0]
    return min(found, default=0)


def what_else(data: bytes) -> str:
    """Returns the reason for refusing bytes of no readable format, naming what they are where that is known."""
    if not data.strip(b"\0"):
        return "the file holds nothing but zeros: it was never written completely; fetch it again from where it came"
    known = next((what for start, what in _OTHERS if data.startswith(start)), None)
    if known is None and data[4:8] == b"ftyp":
        known = "a video"
    if known is None and data[:256].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        known = "a web page, as servers answer when a picture is gone"
    if known == "a video":
        return "not an image but a video; a frame of it is called as the file, with #t=SECONDS after it"
    return f"not an image but {known}" if known else f"not an image ({READ})"


def opener(kind: str) -> Opener:
    """Returns Pillow's class for a format by its name.

    Raises ImportError where an extra is needed that is not installed.
    """
    match kind:
        case "JPEG":
            from PIL.JpegImagePlugin import JpegImageFile

            return JpegImageFile
        case "PNG":
            from PIL.PngImagePlugin import PngImageFile

            return PngImageFile
        case "WebP":
            from PIL.WebPImagePlugin import WebPImageFile

            return WebPImageFile
        case "TIFF":
            from PIL.TiffImagePlugin import TiffImageFile

            return TiffImageFile
        case "GIF":
            from PIL.GifImagePlugin import GifImageFile

            return GifImageFile
        case "BMP":
            from PIL.BmpImagePlugin import BmpImageFile

            return BmpImageFile
        case "AVIF":
            from PIL.AvifImagePlugin import AvifImageFile

            return AvifImageFile
        case "HEIC":
            from pillow_heif import HeifImageFile

            return HeifImageFile
        case "JPEG XL":
            from pillow_jxl.JpegXLImagePlugin import JXLImageFile

            return cast("Opener", JXLImageFile)
    raise ValueError(kind)


def _iso_media_format(data: bytes) -> str | None:
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[start : start + 4] for start in range(8, end, 4)}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIC" if brands & _HEIF_BRANDS else None
