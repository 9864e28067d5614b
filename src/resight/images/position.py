"""Where a photo was taken, as the camera noted it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resight.images.formats import format_of, opener
from resight.images.jpeg_segments import picture_segments
from resight.images.quiet import quiet_pillow
from resight.images.reading import read_bytes

_GPS = 0x8825
_NORTH, _LATITUDE, _EAST, _LONGITUDE = 1, 2, 3, 4
_BASES = (1.0, 60.0, 3600.0)


def position_of(path: Path | str) -> tuple[float, float] | None:
    """Returns latitude and longitude in degrees, north and east positive, of the EXIF of a file, None without.

    Numbers are as the file has them, also where no place on earth has them. Raises ImageError where the file cannot be
    read; metadata that is damaged is none.
    """
    data = read_bytes(path)
    kind = format_of(data)
    if kind is None:
        return None
    try:
        whole = picture_segments(data) if kind == "JPEG" else data
        with quiet_pillow(), opener(kind)(io.BytesIO(whole)) as image:
            return degrees_of(image.getexif().get_ifd(_GPS))
    except MemoryError:
        raise
    except Exception:
        return None


def degrees_of(tags: Mapping[int, Any]) -> tuple[float, float] | None:
    """Returns latitude and longitude of the GPS tags of EXIF 2.3, section 4.6.6: degrees, minutes and seconds."""
    if not {_NORTH, _LATITUDE, _EAST, _LONGITUDE} <= tags.keys():
        return None
    found = []
    for sign, key, back in ((_NORTH, _LATITUDE, "S"), (_EAST, _LONGITUDE, "W")):
        parts = [float(one) for one in tags[key]]
        angle = sum(part / base for part, base in zip(parts, _BASES, strict=False))
        found.append(-angle if str(tags[sign]).strip("\0 ").upper() == back else angle)
    return found[0], found[1]
