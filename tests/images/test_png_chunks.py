"""PNGs whose metadata is large, damaged or of an unknown kind: the picture is what counts."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from drawings import drawing, encoded
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from resight.errors import ImageError
from resight.images import decode_bytes
from resight.images.png_chunks import picture_chunks

PICTURE = drawing()
PLAIN = encoded(PICTURE, "PNG")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(made: bytes, *, at_end: bool = False) -> bytes:
    """The picture with a chunk after its header, or after its pixels."""
    at = len(PLAIN) - 12 if at_end else 33
    return PLAIN[:at] + made + PLAIN[at:]


LARGE = {
    "profile": encoded(PICTURE, "PNG", icc_profile=os.urandom(1_500_000)),
    "zTXt": with_chunk(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2_000_000)))),
    "iTXt": with_chunk(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(2_000_000)))),
    "after the pixels": with_chunk(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2_000_000))), at_end=True),
    "many": with_chunk(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000))) * 70),
}


def spoilt(made: bytes) -> bytes:
    return made[:-1] + bytes([made[-1] ^ 1])


DAMAGED = {
    f"checksum of {kind.decode()}": with_chunk(spoilt(chunk(kind, body)))
    for kind, body in (
        (b"tEXt", b"Comment\0text"),
        (b"gAMA", struct.pack(">I", 45455)),
        (b"iCCP", b"name\0\0" + zlib.compress(b"profile")),
        (b"eXIf", b"II*\0\x08\0\0\0"),
        (b"vpAg", b"anything"),
    )
} | {
    "short gAMA": with_chunk(chunk(b"gAMA", b"\0")),
    "short cHRM": with_chunk(chunk(b"cHRM", b"\0")),
    "short pHYs": with_chunk(chunk(b"pHYs", b"\0")),
    "unknown packing": with_chunk(chunk(b"iCCP", b"name\0\7rest")),
    "wrong length": with_chunk(struct.pack(">I", 5000) + chunk(b"tEXt", b"Comment\0text")[4:]),
    "frames that are none": with_chunk(chunk(b"acTL", b"\0")),
    "text after the end": PLAIN + b"and something else",
    "short tRNS": with_chunk(chunk(b"tRNS", b"\0")),
}


@pytest.mark.parametrize("data", (LARGE | DAMAGED).values(), ids=(LARGE | DAMAGED).keys())
def test_the_picture_is_read_whatever_is_beside_it(data: bytes) -> None:
    decoded = decode_bytes(data, "x")
    np.testing.assert_array_equal(decoded.pixels, np.asarray(PICTURE))
    assert decoded.remark == ""


def test_metadata_is_not_unpacked_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[int] = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self) -> None:
            self._real = real()

        def decompress(self, data: bytes, limit: int) -> bytes:
            found = self._real.decompress(data, limit)
            unpacked.append(len(found))
            return found

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

    monkeypatch.setattr("zlib.decompressobj", Counting)
    bomb = with_chunk(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(1 << 26))))
    np.testing.assert_array_equal(decode_bytes(bomb, "x").pixels, np.asarray(PICTURE))
    assert 0 < max(unpacked) <= 1 << 20


def xmp(image: Image.Image) -> bytes:
    info = PngInfo()
    packet = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    info.add_itxt("XML:com.adobe.xmp", packet, zip=True)
    return encoded(image, "PNG", pnginfo=info)


def exif(image: Image.Image) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = 6
    return encoded(image, "PNG", exif=tags.tobytes())


@pytest.mark.parametrize("write", [exif, xmp])
def test_what_says_which_side_is_up_is_kept(write: Callable[[Image.Image], bytes]) -> None:
    data = write(PICTURE)
    assert decode_bytes(data, "x").size == (80, 96)
    np.testing.assert_array_equal(decode_bytes(data, "x").pixels, np.rot90(np.asarray(PICTURE), -1))


def test_a_sound_png_keeps_its_chunks_of_pixels_as_they_are() -> None:
    assert picture_chunks(PLAIN) == PLAIN


def test_a_damaged_header_is_refused() -> None:
    broken = bytearray(PLAIN)
    broken[18] ^= 1
    with pytest.raises(ImageError, match="damaged PNG: its pixels cannot be read"):
        decode_bytes(bytes(broken), "x")
