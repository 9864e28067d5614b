"""JPEGs with something before, beside or after the picture."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from drawings import drawing, encoded
from PIL import Image

from resight.images import decode_bytes, upright_size

PICTURE = drawing(size=(160, 128))
PLAIN = encoded(PICTURE, "JPEG", quality=90)
PIXELS = decode_bytes(PLAIN, "x").pixels


def segment(marker: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, length or len(body) + 2) + body


def with_segments(*made: bytes) -> bytes:
    return PLAIN[:2] + b"".join(made) + PLAIN[2:]


def thumbnail() -> bytes:
    return encoded(drawing(9, (32, 24)), "JPEG")


BESIDE = {
    "after the end": PLAIN + b"\0\1\2 whatever follows",
    "another picture after the end": PLAIN + thumbnail(),
    "before the start": b"HTTP/1.1 200 OK\r\n\r\n" + PLAIN,
    "a header of an old computer": bytes([0, 4]) + bytes(126) + PLAIN,
    "a short JFIF": with_segments(segment(0xE0, b"JFIF\0")),
    "a short Adobe": with_segments(segment(0xEE, b"Adobe\0")),
    "Photoshop's that ends early": with_segments(segment(0xED, b"Photoshop 3.0\x008BIM\4\4")),
    "a length beyond the next segment": with_segments(segment(0xE5, b"body", 9)),
    "a length beyond the file": with_segments(segment(0xE5, b"body", 65000)),
    "a length of nothing": with_segments(b"\xff\xe5\0\0"),
    "a small picture in broken metadata": with_segments(segment(0xE1, b"Exif\0\0" + thumbnail() + b"rest", 60)),
    "an index of pictures that leads nowhere": with_segments(segment(0xE2, b"MPF\0" + b"\xff" * 40)),
    "a profile in pieces": with_segments(segment(0xE2, b"ICC_PROFILE\0"), segment(0xE2, b"ICC_PROFILE\0\1\7abc")),
}


@pytest.mark.parametrize("kind", BESIDE)
def test_the_picture_is_read_whatever_is_beside_it(kind: str) -> None:
    decoded = decode_bytes(BESIDE[kind], "x")
    np.testing.assert_array_equal(decoded.pixels, PIXELS)
    assert decoded.remark == ""


def test_the_side_that_is_up_is_known_of_a_file_that_is_mended() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(PICTURE, "JPEG", exif=exif.tobytes())
    assert decode_bytes(data[:-2], "x").size == (128, 160)
    broken = data[:2] + segment(0xED, b"Photoshop 3.0\x008BIM\4\4") + data[2:-2]
    assert decode_bytes(broken, "x").size == (128, 160)


def test_the_size_of_a_file_that_is_mended(tmp_path: Path) -> None:
    for name, data in BESIDE.items():
        path = tmp_path / "photo.jpg"
        path.write_bytes(data)
        assert upright_size(path) == (160, 128), name


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_colours_are_meant_as_they_were_in_a_file_that_is_mended(mode: str) -> None:
    data = encoded(PICTURE.convert(mode), "JPEG", quality=90)
    np.testing.assert_array_equal(decode_bytes(data[:-2], "x").pixels, decode_bytes(data, "x").pixels)


def test_inverted_colours_of_print() -> None:
    """Photoshop stores the four inks of a JPEG inverted, also as YCCK."""
    cmyk = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    data = encoded(cmyk, "JPEG", quality=95)
    red, green, blue = decode_bytes(data, "x").pixels[16, 16].tolist()
    assert red > 240
    assert max(green, blue) < 15
    assert Image.open(io.BytesIO(data)).info.get("adobe") is not None
