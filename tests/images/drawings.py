"""Pictures drawn by seed, and files of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw


def drawing(seed: int = 0, size: tuple[int, int] = (96, 80), shapes: int = 40) -> Image.Image:
    """Rectangles of many colours: every row of it differs from the next."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(60, 200, (size[1], size[0], 3), np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(shapes):
        x, y, w, h = rng.integers(0, [*size, 24, 24])
        draw.rectangle([int(x), int(y), int(x + w), int(y + h)], fill=tuple(map(int, rng.integers(0, 256, 3))))
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()
