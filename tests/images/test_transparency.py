"""What transparent pictures are laid over: the ink is seen, whatever its colour and however it is stored."""

from __future__ import annotations

import numpy as np
import pillow_heif
import pytest
from drawings import encoded
from PIL import Image, ImageDraw
from tiff_files import tiff

from resight.images import decode_bytes

pillow_heif.register_heif_opener()


def art(*inks: tuple[int, int, int]) -> Image.Image:
    """A frame of each ink on nothing, which is stored as black."""
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    for number, ink in enumerate(inks):
        ImageDraw.Draw(image).rectangle([4 + 20 * number, 4, 20 + 20 * number, 40], outline=(*ink, 255), width=4)
    return image


def ground(data: bytes) -> list[int]:
    colour: list[int] = decode_bytes(data, "x").pixels[0, 0].tolist()
    return colour


WHITE, GREY, BLACK = [255] * 3, [128] * 3, [0] * 3


@pytest.mark.parametrize(
    ("inks", "expected"),
    [
        ([(0, 0, 0)], WHITE),
        ([(255, 255, 255)], BLACK),
        ([(255, 255, 0)], BLACK),
        ([(0, 0, 255)], WHITE),
        ([(200, 0, 0)], WHITE),
        ([(128, 128, 128)], WHITE),
        ([(230, 230, 230)], BLACK),
        ([(0, 0, 0), (255, 255, 255)], GREY),
        ([(0, 0, 0), (0, 0, 0), (255, 255, 255)], GREY),
        ([], WHITE),
    ],
)
def test_the_ground_is_one_that_the_ink_stands_out_from(inks: list[tuple[int, int, int]], expected: list[int]) -> None:
    assert ground(encoded(art(*inks), "PNG")) == expected


def files_of(image: Image.Image) -> dict[str, bytes]:
    grey = image.convert("LA")
    palette = Image.new("P", image.size)
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.putdata([int(alpha > 0) for alpha in np.asarray(image.getchannel("A")).ravel().tolist()])
    values = np.asarray(image)
    associated = values.copy()
    associated[..., :3] = values[..., :3].astype(int) * values[..., 3:] // 255
    sixteen = values.astype(np.uint16) * 257
    return {
        "PNG": encoded(image, "PNG"),
        "PNG, grey": encoded(grey, "PNG"),
        "PNG, palette": encoded(palette, "PNG", transparency=0),
        "PNG, palette with alpha": encoded(palette, "PNG", transparency=b"\x10\xff"),
        "PNG, a colour": encoded(image.convert("RGB"), "PNG", transparency=(0, 0, 0)),
        "GIF": encoded(palette, "GIF", transparency=0),
        "WebP": encoded(image, "WEBP", lossless=True),
        "AVIF": encoded(image, "AVIF", quality=100),
        "HEIC": encoded(image, "HEIF", quality=100),
        "TIFF": tiff(values, 2, tags={338: ("H", (2,))}),
        "TIFF, associated": tiff(associated, 2, tags={338: ("H", (1,))}),
        "TIFF, grey": tiff(np.asarray(grey), 1, tags={338: ("H", (2,))}),
        "TIFF, grey, associated": tiff(np.asarray(grey), 1, tags={338: ("H", (1,))}),
        "TIFF, 16 bits": tiff(sixteen, 2, tags={338: ("H", (2,))}),
        "TIFF, float": tiff((values / 255).astype(np.float32), 2, tags={338: ("H", (2,))}),
    }


WHITE_INK = art((255, 255, 255))


@pytest.mark.parametrize("kind", files_of(WHITE_INK))
def test_white_ink_is_seen_in_every_format(kind: str) -> None:
    pixels = decode_bytes(files_of(WHITE_INK)[kind], "x").pixels
    inked = np.asarray(WHITE_INK.getchannel("A")) > 0
    assert pixels[inked].min() > 200
    assert pixels[~inked].max() < 50


def test_opaque_pictures_are_left_alone() -> None:
    image = Image.new("RGBA", (8, 8), (250, 250, 250, 255))
    assert ground(encoded(image, "PNG")) == [250] * 3
