"""The black pixels of an image, by which a mask says what does not count."""

from __future__ import annotations

import io

import numpy as np

from resight.arrays import Mask
from resight.errors import ImageError
from resight.images.formats import format_of, opener
from resight.images.limits import check_pixels
from resight.images.quiet import quiet_pillow
from resight.images.reasons import refusal

_LOSSLESS = frozenset({"PNG", "TIFF", "GIF", "BMP"})


def not_black(data: bytes, name: str) -> Mask:
    """Returns (H, W) booleans, True where a pixel of the upright image in `data` is not black.

    A pixel is not black where one of its values, alpha aside, is not 0.

    Raises ImageError.

    Lossy formats are refused, because they change black a little.
    """
    kind = format_of(data)
    if kind not in _LOSSLESS:
        raise ImageError(name, "is not a PNG, TIFF, GIF or BMP; other formats alter black; save it as PNG")
    try:
        from PIL import ImageOps

        with quiet_pillow(), opener(kind)(io.BytesIO(data)) as image:
            check_pixels(name, image.size)
            upright = ImageOps.exif_transpose(image)
            values = np.asarray(upright.convert("RGBA") if upright.mode in ("P", "PA") else upright)
            colours = values[..., :1] if upright.mode == "LA" else values[..., :3]
            return np.asarray(values != 0 if values.ndim == 2 else (colours != 0).any(axis=2))
    except (MemoryError, ImageError):
        raise
    except Exception as error:
        # Decoders raise all kinds of exceptions on hostile bytes; all of them mean the same here.
        raise ImageError(name, refusal(kind, error)) from error
