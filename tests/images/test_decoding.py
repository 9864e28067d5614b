"""Decoding: every format upright and at the right size, every broken file an ImageError with its reason."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from resight.errors import ImageError, UsageError
from resight.images import (
    MAX_PIXELS,
    MAX_PROGRESSIVE_PIXELS,
    Decoded,
    check_box,
    crop,
    decode,
    decode_bytes,
    enlarge,
    part_of,
    resize,
    upright_size,
)

pillow_heif.register_heif_opener()  # to write HEIC here; reading does not need it


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    """Red grows to the right, green downwards, blue marks a corner: tells all eight orientations apart."""
    y, x = np.mgrid[0:height, 0:width]
    blue = 255 * ((x < width // 2) & (y < height // 2))
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, blue], axis=-1).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "HEIF"])
def test_every_format_gives_the_same_picture(kind: str) -> None:
    image = gradient()
    decoded = decode_bytes(encoded(image, kind, quality=95), "x")
    assert decoded.size == (60, 40)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.shape == (40, 60, 3)
    assert decoded.pixels.flags.c_contiguous
    assert decoded.pixels.flags.writeable
    assert distance(decoded.pixels, np.asarray(image)) < (6 if kind in {"JPEG", "WEBP", "AVIF", "HEIF"} else 0.01)


def test_gif_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    decoded = decode_bytes(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "x")
    assert decoded.pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("max_side", [None, 30])
def test_orientation_is_applied_and_size_is_the_upright_original(
    kind: str, orientation: int, max_side: int | None
) -> None:
    image = gradient()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image, kind, quality=95, exif=exif.tobytes())
    tagged = gradient()
    tagged.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(tagged)

    decoded = decode_bytes(data, "x", max_side)

    assert decoded.size == upright.size
    if max_side:
        upright = upright.resize((30, 20) if upright.width > upright.height else (20, 30), Image.Resampling.LANCZOS)
    assert decoded.pixels.shape == (*upright.size[::-1], 3)
    assert distance(decoded.pixels, np.asarray(upright)) < 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_upright_size_is_that_of_the_decoded_image(kind: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo"
    path.write_bytes(encoded(gradient(60, 40), kind, exif=exif.tobytes()))
    assert upright_size(path) == decode(path).size == ((60, 40) if orientation < 5 else (40, 60))


def test_the_upright_size_of_what_is_no_image_is_an_image_error(tmp_path: Path) -> None:
    for content in (b"", b"text", b"\xff\xd8\xff\xe0 and then nothing"):
        (tmp_path / "bad.jpg").write_bytes(content)
        with pytest.raises(ImageError, match=r"bad\.jpg"):
            upright_size(tmp_path / "bad.jpg")


def test_damaged_metadata_does_not_damage_the_picture() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40)
    assert decode_bytes(data, "x").size == (60, 40)


def test_sixteen_bit_greyscale_is_scaled_not_clipped() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(values / 257).astype(np.uint8)
    for kind in ("PNG", "TIFF"):
        pixels = decode_bytes(encoded(Image.fromarray(values), kind), "x").pixels
        np.testing.assert_array_equal(pixels, np.repeat(expected[..., None], 3, axis=-1))


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_greyscale_without_an_agreed_white_is_stretched(dtype: type) -> None:
    values = np.array([[-100, 0], [300, 101]]).astype(dtype)
    pixels = decode_bytes(encoded(Image.fromarray(values), "TIFF"), "x").pixels
    assert pixels[..., 0].tolist() == [[0, 64], [255, 128]]


def test_transparency_is_laid_over_white() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = [255, 0, 0, 255]
    rgba[1, 1] = [0, 0, 0, 128]
    expected = [[[255, 0, 0], [255, 255, 255]], [[255, 255, 255], [127, 127, 127]]]
    image = Image.fromarray(rgba)
    assert decode_bytes(encoded(image, "PNG"), "x").pixels.tolist() == expected
    grey = decode_bytes(encoded(image.convert("LA"), "PNG"), "x").pixels
    assert grey[0, 1].tolist() == [255, 255, 255]

    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    data = encoded(palette, "PNG", transparency=0)
    assert decode_bytes(data, "x").pixels.tolist() == [[[255, 255, 255], [0, 0, 255]]]


def test_cmyk_becomes_rgb() -> None:
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    red, green, blue = decode_bytes(data, "x").pixels[8, 8].tolist()
    assert red > 240
    assert max(green, blue) < 15


@settings(max_examples=25, deadline=None)
@given(width=st.integers(1, 300), height=st.integers(1, 300), max_side=st.integers(1, 320))
def test_the_long_side_is_what_was_asked_and_nothing_grows(width: int, height: int, max_side: int) -> None:
    for kind in ("JPEG", "PNG"):
        decoded = decode_bytes(encoded(Image.new("RGB", (width, height)), kind), "x", max_side)
        assert decoded.size == (width, height)
        h, w = decoded.pixels.shape[:2]
        assert max(w, h) == min(max_side, max(width, height))
        assert abs(w * height - h * width) <= max(width, height) + max(w, h)


def test_reduced_decoding_looks_like_full_decoding_reduced() -> None:
    data = encoded(gradient(1600, 1000), "JPEG", quality=95)
    reduced = decode_bytes(data, "x", 200).pixels
    assert distance(reduced, resize(decode_bytes(data, "x").pixels, 200)) < 1


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    with pytest.raises(ImageError) as caught:
        decode_bytes(png_header(20_000, 15_000), "bomb.png")
    assert caught.value.reason == "300 megapixels, over the limit of 100; save it smaller"
    with pytest.raises(ImageError, match="300 megapixels"):
        decode_bytes(png_header(20_000, 15_000), "bomb.png", 1024)


def resized_header(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size."""
    start = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)
    return data[: start + 5] + struct.pack(">HH", height, width) + data[start + 9 :]


def test_a_large_jpeg_is_decoded_only_reduced() -> None:
    small = encoded(gradient(), "JPEG")
    huge = resized_header(small, 20_000, 15_000)
    with pytest.raises(ImageError, match=r"300 megapixels, over the limit of 100; decode it with a max_side"):
        decode_bytes(huge, "huge.jpg")
    reduced = decode_bytes(huge, "huge.jpg", 1024)
    assert reduced.size == (20_000, 15_000)
    assert reduced.pixels.shape == (768, 1024, 3)
    with pytest.raises(ImageError, match="300 megapixels"):
        decode_bytes(huge, "huge.jpg", 19_000)
    progressive = resized_header(encoded(gradient(), "JPEG", progressive=True), 40_000, 15_000)
    assert MAX_PROGRESSIVE_PIXELS < 40_000 * 15_000
    with pytest.raises(ImageError, match="600 megapixels, over the limit of 400 for a progressive JPEG"):
        decode_bytes(progressive, "huge.jpg", 1024)


def test_pillows_own_limit_is_not_in_the_way_and_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1300)  # 2400 pixels would give a warning
    data = {kind: encoded(gradient(), kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for one in data.values():
            assert decode_bytes(one, "x").size == (60, 40)
    assert Image.MAX_IMAGE_PIXELS == 1300
    assert MAX_PIXELS == 100_000_000


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    expected = {
        "empty.jpg": "the file is empty",
        "text.jpg": "not an image",
        "folder.jpg": "is a folder",
        "pipe.jpg": "is not a regular file",
        "loop.jpg": "cannot be read: Too many levels of symbolic links",
        "missing.jpg": "no such file",
        "a\0b.jpg": "cannot be read",
    }
    for name, reason in expected.items():
        with pytest.raises(ImageError) as caught:
            decode(tmp_path / name)
        assert caught.value.reason.startswith(reason)
        assert "\n" not in str(caught.value)
        assert name in caught.value.path


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(gradient(), "JPEG"))
    path.chmod(0)
    with pytest.raises(ImageError, match="permission denied"):
        decode(path)


def test_permission_denied_is_told_from_other_faults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ImageError, match="permission denied"):
        decode(tmp_path / "x.jpg")


def test_names_that_are_not_utf8_can_be_printed(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        decode(tmp_path / os.fsdecode(b"\xff.jpg"))
    assert str(caught.value).encode().decode().endswith("\\xff.jpg: no such file")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF"])
def test_damaged_files_are_image_errors(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8))
    data = encoded(noise, kind, **options)
    refused = 0
    rng = np.random.default_rng(1)
    for cut in np.linspace(1, len(data) * 0.9, 20).astype(int):
        try:
            assert decode_bytes(data[:cut], "x").remark
        except ImageError:
            refused += 1
    for _ in range(60):
        broken = bytearray(data)
        for at in rng.integers(0, min(len(data), 400), 4):
            broken[at] = int(rng.integers(256))
        try:
            decode_bytes(bytes(broken), "x", 40)
        except ImageError:
            refused += 1
    assert refused > 0
    out, err = capfd.readouterr()
    assert out == ""
    if kind != "TIFF":  # libtiff itself prints its errors, though not its warnings
        assert err == ""


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from(
        [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"GIF89a", b"BM", b"\0\0\0\x18ftypheic", b""]
    ),
    rest=st.binary(max_size=200),
)
def test_arbitrary_bytes_never_raise_anything_else(start: bytes, rest: bytes) -> None:
    with suppress(ImageError):
        decode_bytes(start + rest, "x")


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    data = encoded(gradient(), "TIFF")
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [decode_bytes(data, "x") for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_importing_the_module_imports_no_decoder() -> None:
    code = "import sys, resight.images; print([m for m in ('PIL', 'pillow_heif', 'cv2') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ((0, 0, 0, 5), "empty"),
        ((5, 0, 3, 5), "empty"),
        ((float("nan"), 0, 5, 5), "finite"),
        ((0, 0, float("inf"), 5), "finite"),
        ((-1, 0, 5, 5), "reaches beyond"),
        ((0, 0, 101, 5), "reaches beyond"),
        ((100, 0, 120, 5), "outside"),
        ((0, 60, 10, 80), "outside"),
        ((0, 0, 1), "four numbers"),
    ],
)
def test_bad_boxes(box: tuple[float, ...], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        check_box(box, (100, 50))
    assert "100 x 50" in str(caught.value)


def test_a_whole_image_is_a_good_box() -> None:
    assert check_box((0, 0, 100, 50), (100, 50)) == (0.0, 0.0, 100.0, 50.0)


def test_crop_rounds_outward() -> None:
    pixels = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    np.testing.assert_array_equal(crop(pixels, (1.5, 0.0, 3.1, 2.0)), pixels[0:2, 1:4])
    np.testing.assert_array_equal(crop(pixels, (2.0, 3.0, 6.0, 5.0)), pixels[3:5, 2:6])
    with pytest.raises(UsageError):
        crop(pixels, (0, 0, 7, 5))


def test_resize_and_enlarge() -> None:
    pixels = np.asarray(gradient(90, 60))
    assert resize(pixels, 90) is pixels
    assert resize(pixels, 30).shape == (20, 30, 3)
    assert enlarge(pixels, 90) is pixels
    assert enlarge(pixels, 180).shape == (120, 180, 3)
    assert distance(resize(enlarge(pixels, 180), 90), pixels) < 1


def test_a_part_of_a_reduced_photo_knows_where_it_lies() -> None:
    pixels = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
    part = part_of(Decoded(pixels, (240, 160)), (21.0, 8.0, 100.0, 160.0))
    np.testing.assert_array_equal(part.pixels, pixels[2:40, 5:25])
    assert part.origin == (20.0, 8.0)
    assert part.factors == (0.25, 0.25)
    with pytest.raises(UsageError, match="reaches beyond"):
        part_of(Decoded(pixels, (240, 160)), (0, 0, 241, 160))
