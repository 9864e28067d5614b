"""The size of an image by its header alone, before anything is decoded."""

from __future__ import annotations

import io

from resight.images import jpeg_xl
from resight.images.formats import format_of, opener, start_of_picture
from resight.images.jpeg_segments import picture_segments
from resight.images.quiet import quiet_pillow


def stored_size(data: bytes) -> tuple[int, int] | None:
    """Returns (width, height) as the file stores them, not turned upright; None where the header does not say.

    Those of camera raw files are not read: their decoder checks them itself.
    """
    kind = format_of(data)
    if kind is None:
        data = data[start_of_picture(data) :]
        kind = format_of(data)
    if kind is None or kind == "camera raw":
        return None
    if kind == "JPEG XL":
        return jpeg_xl.size_of(data)
    try:
        with quiet_pillow(), opener(kind)(io.BytesIO(picture_segments(data) if kind == "JPEG" else data)) as image:
            return image.size
    except MemoryError:
        raise
    except Exception:
        return None  # decoding says what is wrong
