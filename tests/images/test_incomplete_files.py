"""Files that break off: what is there is read, what is not is said, and too little is refused."""

from __future__ import annotations

import re

import numpy as np
import pillow_heif
import pytest
from drawings import drawing, encoded

from resight.errors import ImageError
from resight.images import decode_bytes

pillow_heif.register_heif_opener()

PICTURE = drawing(size=(160, 128))
FILES = {
    "JPEG": encoded(PICTURE, "JPEG", quality=92),
    "JPEG, progressive": encoded(PICTURE, "JPEG", quality=92, progressive=True),
    "JPEG, grey": encoded(PICTURE.convert("L"), "JPEG", quality=92),
    "JPEG, CMYK": encoded(PICTURE.convert("CMYK"), "JPEG", quality=92),
    "PNG": encoded(PICTURE, "PNG"),
    "GIF": encoded(PICTURE, "GIF"),
    "GIF, interlaced": encoded(PICTURE, "GIF", interlace=1),
    "BMP": encoded(PICTURE, "BMP"),
    "BMP, palette": encoded(PICTURE.convert("P"), "BMP"),
    "WebP": encoded(PICTURE, "WEBP", quality=90),
    "WebP, lossless": encoded(PICTURE, "WEBP", lossless=True),
    "TIFF": encoded(PICTURE, "TIFF"),
    "HEIC": encoded(PICTURE, "HEIF"),
}
WHOLE = {kind: decode_bytes(data, "x").pixels for kind, data in FILES.items()}


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind.startswith(("JPEG", "PNG", "GIF"))])
@pytest.mark.parametrize("lost", [1, 2])
def test_without_its_end_mark_a_picture_is_whole(kind: str, lost: int) -> None:
    decoded = decode_bytes(FILES[kind][:-lost], "x")
    assert decoded.remark == ""
    np.testing.assert_array_equal(decoded.pixels, WHOLE[kind])


def test_a_png_without_its_last_chunk_is_whole() -> None:
    for lost in (12, 15):
        decoded = decode_bytes(FILES["PNG"][:-lost], "x")
        assert decoded.remark == ""
        np.testing.assert_array_equal(decoded.pixels, WHOLE["PNG"])


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind.startswith(("BMP", "WebP", "TIFF"))])
@pytest.mark.parametrize("lost", [1, 2])
def test_the_last_bytes_are_at_most_a_part_of_the_last_row(kind: str, lost: int) -> None:
    decoded = decode_bytes(FILES[kind][:-lost], "x")
    rows = (decoded.pixels != WHOLE[kind]).any(axis=(1, 2))
    assert rows.sum() <= 1
    assert decoded.remark in {"", "less than 1 % of the picture is missing, at its end"} or rows.any()


@pytest.mark.parametrize("kind", [kind for kind in FILES if "progressive" not in kind])
def test_what_is_there_is_read_and_what_is_missing_is_said(kind: str) -> None:
    data = FILES[kind]
    decoded = decode_bytes(data[: int(len(data) * (0.95 if kind == "HEIC" else 0.8))], "x")
    (share,) = re.fullmatch(r"the last (\d+) % of the picture is missing", decoded.remark).groups()  # type: ignore[union-attr]
    assert 5 <= int(share) <= 45
    differing = (decoded.pixels != WHOLE[kind]).any(axis=-1)
    # Nothing but what is said to be missing differs, which is at the top of a BMP, and between interlaced rows.
    assert differing.mean() <= int(share) / 100 + 0.01
    grey = (decoded.pixels == 128).all(axis=-1)
    assert grey[differing].mean() > 0.6


def test_the_share_that_is_missing_is_that_of_the_rows() -> None:
    data = FILES["BMP"]
    kept = len(data) - 32 * 160 * 3
    assert decode_bytes(data[:kept], "x").remark == "the last 25 % of the picture is missing"


@pytest.mark.parametrize("kind", FILES)
def test_too_little_is_refused(kind: str) -> None:
    data = FILES[kind]
    with pytest.raises(ImageError) as caught:
        decode_bytes(data[: int(len(data) * (0.05 if "progressive" in kind else 0.3))], "x")
    assert caught.value.reason.startswith(("truncated", "damaged"))


def test_a_progressive_jpeg_loses_detail_and_no_rows() -> None:
    data = FILES["JPEG, progressive"]
    decoded = decode_bytes(data[: int(len(data) * 0.7)], "x")
    assert decoded.remark == "the end of the file is missing: the whole picture is there, but without its fine detail"
    assert np.abs(decoded.pixels.astype(int) - WHOLE["JPEG, progressive"]).mean() < 30


def test_a_reduced_jpeg_is_read_as_far_as_it_goes_too() -> None:
    data = encoded(drawing(size=(800, 640)), "JPEG")
    decoded = decode_bytes(data[: int(len(data) * 0.8)], "x", 200)
    assert decoded.size == (800, 640)
    assert decoded.pixels.shape == (160, 200, 3)
    assert decoded.remark.startswith("the last ")


def test_zeros_in_the_place_of_data_are_no_data() -> None:
    """Files that are rescued from cards have their full size."""
    data = FILES["JPEG"]
    at = int(len(data) * 0.8)
    rescued = data[:at] + bytes(len(data) - at)
    assert decode_bytes(rescued, "x").remark == decode_bytes(data[:at], "x").remark != ""
    assert decode_bytes(data + bytes(500), "x").remark == ""


def test_grey_at_the_end_of_a_picture_is_not_taken_for_missing() -> None:
    picture = PICTURE.copy()
    picture.paste((128, 128, 128), (0, 64, 160, 128))
    data = encoded(picture, "JPEG", quality=92)
    assert decode_bytes(data[:-2], "x").remark == ""


def test_a_tiff_whose_directory_is_behind_its_end_is_cut() -> None:
    data = encoded(PICTURE, "TIFF", compression="tiff_lzw")
    with pytest.raises(ImageError, match="truncated TIFF: the end of the file is missing"):
        decode_bytes(data[: len(data) // 2], "x")
