"""JPEG XL: its header is read here, its pixels by an extra."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from drawings import drawing, encoded

from resight.errors import ImageError
from resight.images import decode_bytes
from resight.images.jpeg_xl import size_of

HEADERS = {
    # Written by libjxl.
    b"\xff\x0aO@": (64, 64),
    b"\xff\x0a1A": (300, 200),
    b"\xff\x0a\xe80": (40, 30),
}


@pytest.mark.parametrize("header", HEADERS)
def test_the_size_is_in_the_first_bytes(header: bytes) -> None:
    assert size_of(header + bytes(12)) == HEADERS[header]
    box = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
    assert size_of(box + b"\0\0\0\0jxlc" + header + bytes(12)) == HEADERS[header]
    assert size_of(box) is None


def test_a_bomb_is_refused_from_its_header() -> None:
    # From the lowest bit on: not small, the longest of the four ways to give a height, the height, as wide as high.
    value = 0 | 3 << 1 | (40_000 - 1) << 3 | 1 << 33
    data = b"\xff\x0a" + value.to_bytes(12, "little")
    assert size_of(data) == (40_000, 40_000)
    with pytest.raises(ImageError, match="1600 megapixels, over the limit of 100"):
        decode_bytes(data, "x.jxl")


def test_without_its_decoder_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", None)
    with pytest.raises(ImageError, match=r"a JPEG XL file; install `pip install 'resight\[jxl\]'` to read it"):
        decode_bytes(b"\xff\x0aO@" + bytes(12), "x.jxl")


def test_pixels() -> None:
    pytest.importorskip("pillow_jxl", reason="no decoder of JPEG XL is installed: pip install 'resight[jxl]'")
    picture = drawing()
    decoded = decode_bytes(encoded(picture, "JXL", lossless=True), "x.jxl")
    assert decoded.size == picture.size
    np.testing.assert_array_equal(decoded.pixels, np.asarray(picture))
