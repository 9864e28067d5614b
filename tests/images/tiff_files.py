"""TIFF files of any variety, written from arrays: what the libraries here can read but not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

DEFLATE = 8


def tiff(
    samples: NDArray[np.generic],
    photometric: int = 1,
    *,
    order: str = "<",
    planar: bool = False,
    tile: int = 0,
    compression: int = 1,
    predictor: bool = False,
    big: bool = False,
    tags: Mapping[int, tuple[str, tuple[float, ...]] | bytes] | None = None,
) -> bytes:
    """A TIFF of samples (H, W) or (H, W, n), its directory first.

    order: "<" or ">". tile: the side of tiles, 0 for strips of 16 rows. tags: more of them, of a struct code and values
    or ASCII, which take the place of those that would be written.
    """
    values = samples if samples.ndim == 3 else samples[..., None]
    height, width, count = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    planes = [values[..., i : i + 1] for i in range(count)] if planar else [values]
    side = (tile, tile) if tile else (16, width)
    chunks = []
    for plane in planes:
        for y in range(0, height, side[0]):
            for x in range(0, width, side[1]):
                part = plane[y : y + side[0], x : x + side[1]]
                if tile:
                    padding = [(0, tile - part.shape[0]), (0, tile - part.shape[1]), (0, 0)]
                    part = np.pad(part, padding)
                if predictor:
                    part = np.diff(part, axis=1, prepend=np.zeros_like(part[:, :1]))
                data = part.astype(part.dtype.newbyteorder(order)).tobytes()
                chunks.append(zlib.compress(data) if compression == DEFLATE else data)
    fields: dict[int, tuple[str, tuple[float, ...]] | bytes] = {
        256: ("I", (width,)),
        257: ("I", (height,)),
        258: ("H", (values.dtype.itemsize * 8,) * count),
        259: ("H", (compression,)),
        262: ("H", (photometric,)),
        277: ("H", (count,)),
        284: ("H", (2 if planar else 1,)),
        339: ("H", (kind,) * count),
    }
    if predictor:
        fields[317] = ("H", (2,))
    where, sizes = (324, 325) if tile else (273, 279)
    if tile:
        fields |= {322: ("I", (tile,)), 323: ("I", (tile,))}
    else:
        fields[278] = ("I", (16,))
    fields |= {where: ("I", (0,) * len(chunks)), sizes: ("I", tuple(len(chunk) for chunk in chunks))}
    fields |= tags or {}
    # Once to learn where the pixels begin, and once with where they are.
    at = len(_directory(fields, order, big))
    places = []
    for chunk in chunks:
        places.append(at)
        at += len(chunk)
    fields[where] = ("I", tuple(places))
    return _directory(fields, order, big) + b"".join(chunks)


def _directory(fields: Mapping[int, tuple[str, tuple[float, ...]] | bytes], order: str, big: bool) -> bytes:
    codes = {"B": 1, "H": 3, "I": 4, "d": 12}
    word, small = ("Q", 8) if big else ("I", 4)
    start = 16 if big else 8
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HHQ", 8, 0, start) if big else struct.pack(order + "I", start)
    entries, rest = b"", b""
    rest_at = start + (8 if big else 2) + (20 if big else 12) * len(fields) + small
    for tag, field in sorted(fields.items()):
        if isinstance(field, bytes):
            code, count, data = 2, len(field) + 1, field + b"\0"
        else:
            code, count = codes[field[0]], len(field[1])
            data = struct.pack(f"{order}{count}{field[0]}", *field[1])
        entries += struct.pack(f"{order}HH{word}", tag, code, count)
        if len(data) > small:
            entries += struct.pack(order + word, rest_at + len(rest))
            rest += data + b"\0" * (-len(data) % 8)
        else:
            entries += data.ljust(small, b"\0")
    return head + struct.pack(order + ("Q" if big else "H"), len(fields)) + entries + b"\0" * small + rest
