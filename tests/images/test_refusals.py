"""What is said of pictures that cannot be read is for the person who keeps them, whatever is wrong with the file."""

from __future__ import annotations

import re

import numpy as np
import pillow_heif
import pytest
from drawings import drawing, encoded

from resight.errors import ImageError
from resight.images import decode_bytes

pillow_heif.register_heif_opener()

PICTURE = drawing(size=(64, 48))
FILES = {
    "JPEG": encoded(PICTURE, "JPEG"),
    "progressive": encoded(PICTURE, "JPEG", progressive=True),
    "PNG": encoded(PICTURE, "PNG"),
    "GIF": encoded(PICTURE, "GIF"),
    "BMP": encoded(PICTURE, "BMP"),
    "WebP": encoded(PICTURE, "WEBP"),
    "TIFF": encoded(PICTURE, "TIFF"),
    "TIFF, packed": encoded(PICTURE, "TIFF", compression="tiff_lzw"),
    "AVIF": encoded(PICTURE, "AVIF"),
    "HEIC": encoded(PICTURE, "HEIF"),
}
NAMES = "(JPEG|PNG|GIF|BMP|WebP|TIFF|AVIF|HEIC|JPEG XL|camera raw file)"
AGAIN = "; fetch it again from where it came"
SAID = (
    rf"truncated {NAMES}: the end of the file is missing{AGAIN}",
    rf"truncated {NAMES}: \d+ % of the picture is missing, and at least half of it must be there{AGAIN}",
    rf"damaged {NAMES}: its pixels cannot be read{AGAIN}",
    rf"an? {NAMES} of an unsupported kind; save it .*",
    r"\d+ megapixels, over the limit of \d+( for a progressive JPEG)?; (decode it with a max_side, or )?save it "
    r"smaller",
    r"over the limit of \d+ megapixels; save it smaller",
    r"its \d+ bands take over \d+ MiB; save it smaller",
    r"not an image.*",
    r"the file holds nothing but zeros.*",
    r"a camera raw file; install `pip install 'resight\[raw\]'` to read it",
)


@pytest.mark.parametrize("kind", FILES)
def test_every_refusal_is_one_of_these_sentences(kind: str) -> None:
    data, rng = FILES[kind], np.random.default_rng(0)
    broken = [data[: int(cut)] for cut in np.linspace(1, len(data) - 1, 12)]
    for _ in range(24):
        flipped = bytearray(data)
        for at in rng.integers(0, len(data) if rng.random() < 0.5 else min(len(data), 200), 3):
            flipped[at] = int(rng.integers(256))
        broken.append(bytes(flipped))
    reasons = []
    for one in broken:
        try:
            decode_bytes(one, "x", 40)
        except ImageError as error:
            reasons.append(error.reason)
    assert reasons
    assert [one for one in reasons if not any(re.fullmatch(sentence, one) for sentence in SAID)] == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes(4000), "the file holds nothing but zeros: it was never written completely"),
        (b"%PDF-1.7 and so on", "not an image but a PDF document"),
        (b"PK\3\4rest", "not an image but a ZIP archive or an office document"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "not an image but a video"),
        (b"\n<!DOCTYPE html><html>", "not an image but a web page"),
        (b"anything", "not an image (JPEG, PNG"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, said: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode_bytes(data, "x")
    assert caught.value.reason.startswith(said)
