"""TIFFs of every kind of sample, order and packing give the same picture."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import drawing, encoded
from tiff_files import DEFLATE, tiff

from resight.errors import ImageError
from resight.images import decode_bytes

HEIGHT, WIDTH = 40, 50
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH]
BANDS = np.stack([X / 49, Y / 39, (X + Y) / 88, 1 - X / 49, 0 * X + 0.5, X * Y / 2000, Y * 0 + 0.2], axis=-1)
TOPS = {"u1": 255, "u2": 65535, "u4": 2**31 - 1, "u8": 2**50, "i1": 127, "i2": 30000, "i4": 2**30}
TOPS |= {"f2": 1, "f4": 1, "f8": 1}
LAYOUTS: dict[str, dict[str, object]] = {
    "strips": {},
    "big-endian": {"order": ">"},
    "planes": {"planar": True},
    "tiles": {"tile": 16},
    "deflate": {"compression": DEFLATE, "predictor": True},
    "deflate, tiles": {"compression": DEFLATE, "tile": 32, "predictor": True},
    "BigTIFF": {"big": True},
    "BigTIFF, big-endian": {"big": True, "order": ">"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TOPS)
def test_samples_of_every_type_and_number_of_bands(dtype: str, layout: str) -> None:
    options = dict(LAYOUTS[layout])
    if dtype.startswith("f"):
        options.pop("predictor", None)
    for bands in (1, 2, 3, 5, 7):
        scaled = BANDS[..., :bands] * TOPS[dtype]
        values = (scaled if dtype.startswith("f") else scaled.round()).astype(dtype)
        shown = 3 if bands >= 3 else 1
        tags = {338: ("H", (0,) * (bands - shown))} if bands > shown else {}
        data = tiff(values, 2 if shown == 3 else 1, tags=tags, **options)  # type: ignore[arg-type]
        expected = np.broadcast_to(BANDS[..., :shown] * 255, (HEIGHT, WIDTH, 3))
        np.testing.assert_allclose(decode_bytes(data, "x").pixels, expected, atol=2)


def test_bands_without_names_are_shown_as_colours() -> None:
    values = (BANDS[..., :4] * 65535).round().astype(np.uint16)
    data = tiff(values, 1, tags={338: ("H", (0, 0, 0))})
    np.testing.assert_allclose(decode_bytes(data, "x").pixels, BANDS[..., :3] * 255, atol=1)


def test_a_palette_of_16_bits() -> None:
    indices = (X + 64 * Y).astype(np.uint16)
    colours = np.zeros((3, 65536), int)
    colours[:, :4096] = np.random.default_rng(0).integers(0, 65536, (3, 4096))
    data = tiff(indices, 3, tags={320: ("H", tuple(colours.ravel().tolist()))})
    np.testing.assert_array_equal(decode_bytes(data, "x").pixels, colours[:, indices].transpose(1, 2, 0) >> 8)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg", "zstd", "lzma"])
def test_packed_tiffs(compression: str) -> None:
    picture = drawing()
    options = {"quality": 95} if compression == "jpeg" else {}
    pixels = decode_bytes(encoded(picture, "TIFF", compression=compression, **options), "x").pixels.astype(int)
    assert np.abs(pixels - np.asarray(picture)).mean() < (6 if compression == "jpeg" else 0.01)


def test_one_bit() -> None:
    picture = drawing().convert("1")
    for compression in (None, "group4"):
        pixels = decode_bytes(encoded(picture, "TIFF", compression=compression), "x").pixels
        np.testing.assert_array_equal(pixels[..., 0], np.asarray(picture) * 255)


def test_a_floating_point_predictor() -> None:
    values = BANDS[..., :3].astype(np.float32)
    # Bytes of a row by weight, then differences of those of the same band.
    by_weight = values.astype(">f4").view(np.uint8).reshape(HEIGHT, WIDTH * 3, 4).swapaxes(1, 2).reshape(HEIGHT, -1, 3)
    packed = np.diff(by_weight, axis=1, prepend=np.zeros_like(by_weight[:, :1])).reshape(HEIGHT, WIDTH, 12)
    data = tiff(
        np.ascontiguousarray(packed).view(np.float32),
        2,
        tags={317: ("H", (3,))},
        compression=DEFLATE,
    )
    np.testing.assert_allclose(decode_bytes(data, "x").pixels, values * 255, atol=1)


def test_orientation_of_what_is_made_from_samples() -> None:
    values = BANDS[..., :3].astype(np.float64)
    decoded = decode_bytes(tiff(values, 2, tags={274: ("H", (6,))}), "x")
    assert decoded.size == (HEIGHT, WIDTH)
    np.testing.assert_allclose(decoded.pixels, np.rot90(values, -1) * 255, atol=1)


def test_bombs_and_wrong_numbers_are_refused_before_memory_is_taken() -> None:
    small = np.zeros((4, 4, 5), np.float64)
    for tags, reason in (
        ({256: ("I", (60_000,)), 257: ("I", (60_000,))}, "3600 megapixels"),
        ({256: ("I", (9_000,)), 257: ("I", (9_000,))}, "its 5 bands take over"),
        ({258: ("H", (12,) * 5)}, "a TIFF of an unsupported kind"),
        ({259: ("H", (99,))}, "a TIFF of an unsupported kind"),
    ):
        with pytest.raises(ImageError, match=reason):
            decode_bytes(tiff(small, 1, tags=tags), "x")  # type: ignore[arg-type]
