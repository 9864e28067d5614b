"""Camera raw files: told from TIFFs, developed where LibRaw is there, and said what to install where it is not."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from tiff_files import tiff

from resight.errors import ImageError
from resight.folders.walking import SUFFIXES
from resight.images import decode_bytes
from resight.images.camera_raw import is_camera_raw

HEIGHT, WIDTH = 120, 160


def mosaic() -> np.ndarray:
    """(H, W) samples of 12 bits: red grows to the right, green downwards."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    values = np.full((HEIGHT, WIDTH), 1200.0)
    red, blue = (y % 2 == 0) & (x % 2 == 0), (y % 2 == 1) & (x % 2 == 1)
    values[red] = 4000 * (x / (WIDTH - 1))[red]
    green = ~red & ~blue
    values[green] = 4000 * (y / (HEIGHT - 1))[green]
    return values.astype(np.uint16)


DNG = tiff(
    mosaic(),
    32803,
    tags={
        271: b"Maker",
        272: b"Model",
        274: ("H", (1,)),
        33421: ("H", (2, 2)),
        33422: ("B", (0, 1, 1, 2)),
        50706: ("B", (1, 4, 0, 0)),
        50707: ("B", (1, 1, 0, 0)),
        50708: b"Maker Model",
        50714: ("H", (0,)),
        50717: ("I", (4095,)),
        50778: ("H", (21,)),
    },
)
"""The least that is a DNG."""


def test_raw_files_are_told_by_their_bytes() -> None:
    assert is_camera_raw(DNG)
    assert is_camera_raw(b"II*\0\x10\0\0\0CR\2\0" + bytes(20))
    assert is_camera_raw(b"FUJIFILMCCD-RAW 0201" + bytes(20))
    assert is_camera_raw(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    for photometric in (0, 1, 2):
        bands = 3 if photometric == 2 else 1
        assert not is_camera_raw(tiff(np.zeros((4, 4, bands), np.uint8), photometric))
    assert {".dng", ".cr2", ".nef", ".arw", ".jxl"} <= SUFFIXES


def test_without_libraw_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(ImageError, match=r"a camera raw file; install `pip install 'resight\[raw\]'` to read it"):
        decode_bytes(DNG, "x.dng")


def test_a_raw_file_is_developed_and_not_taken_for_its_thumbnail() -> None:
    pytest.importorskip("rawpy", reason="LibRaw is not installed: pip install 'resight[raw]'")
    decoded = decode_bytes(DNG, "x.dng")
    assert decoded.size == (WIDTH, HEIGHT)
    assert decoded.pixels.shape == (HEIGHT, WIDTH, 3)
    red, green = decoded.pixels[..., 0].astype(int), decoded.pixels[..., 1].astype(int)
    assert red[:, 140].mean() > red[:, 10].mean() + 50
    assert green[110].mean() > green[10].mean() + 50
    half = decode_bytes(DNG, "x.dng", 80)
    assert half.size == (WIDTH, HEIGHT)
    assert half.pixels.shape == (60, 80, 3)
    with pytest.raises(ImageError, match="damaged camera raw file"):
        decode_bytes(DNG[: len(DNG) // 2], "x.dng")
