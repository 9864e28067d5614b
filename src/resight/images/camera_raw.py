"""Camera raw files: sensor data, developed by LibRaw (extra `raw`).

Most of them begin like a TIFF, with a small preview picture in the first directory, which must not be taken for the
photo. A raw file is recognised by its maker's mark, or by a directory whose pixels are those of a sensor.
"""

from __future__ import annotations

import io

from resight.arrays import Pixels
from resight.errors import ImageError
from resight.images.limits import check_pixels
from resight.images.tiff_directory import directories

INSTALL = "a camera raw file; install `pip install 'resight[raw]'` to read it"

_MARKS = (
    b"FUJIFILMCCD-RAW",  # RAF
    b"IIRO",  # ORF
    b"IIRS",
    b"MMOR",
    b"IIU\0",  # RW2
    b"FOVb",  # X3F
    b"\0MRM",  # MRW
)
_TIFF = (b"II*\0", b"MM\0*")
_PHOTOMETRIC = 262
_DNG_VERSION = 50706
_SENSOR = (32803, 34892)
"""Photometric interpretations: a mosaic of colour filters, and the same after demosaicing."""
_TURNED = (5, 6)
"""LibRaw's flips that exchange width and height."""


def is_camera_raw(data: bytes) -> bool:
    """Tells whether the first bytes and the directories are those of a camera raw file, not of another TIFF."""
    if data.startswith(_MARKS) or data[4:12] == b"ftypcrx " or data[6:14] == b"HEAPCCDR":  # CR3, CRW
        return True
    if not data.startswith(_TIFF):
        return False
    if data[8:10] == b"CR":  # CR2
        return True
    found = directories(data)
    return any(one.number(_PHOTOMETRIC) in _SENSOR for one in found) or any(_DNG_VERSION in one.tags for one in found)


def develop(data: bytes, name: str, max_side: int | None) -> tuple[Pixels, tuple[int, int]]:
    """Develops the photo with the camera's white balance: (H, W, 3), upright, and its (width, height).

    Half the size is developed where that is enough for `max_side`, which saves demosaicing. Raises ImageError.
    """
    try:
        import rawpy
    except ImportError:
        raise ImageError(name, INSTALL) from None
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            size = (int(sizes.width), int(sizes.height))
            check_pixels(name, size)
            upright = size[::-1] if sizes.flip in _TURNED else size
            half = max_side is not None and max(size) >= 2 * max_side
            return raw.postprocess(use_camera_wb=True, half_size=half, output_bps=8), (upright[0], upright[1])
    except rawpy.LibRawFileUnsupportedError as error:
        reason = "a camera raw file of an unsupported kind; save it as DNG, TIFF or JPEG"
        raise ImageError(name, reason) from error
    except rawpy.LibRawError as error:
        reason = "damaged camera raw file: its pixels cannot be read; fetch it again from where it came"
        raise ImageError(name, reason) from error
