"""JPEG XL: reads the size from the header, before a decoder allocates memory for it (extra `jxl`).

Source: ISO/IEC 18181-1, SizeHeader, and 18181-2 for the boxes around it.
"""

from __future__ import annotations

INSTALL = "a JPEG XL file; install `pip install 'resight[jxl]'` to read it"

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def size_of(data: bytes) -> tuple[int, int] | None:
    """Returns the coded (width, height), not turned upright; None where there is no header."""
    start = _codestream(data)
    if start is None or data[start : start + 2] != b"\xff\x0a":
        return None
    bits = _Bits(data[start + 2 : start + 16])
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else bits.side()
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return 8 * (bits.take(5) + 1) if small else bits.side(), height


def _codestream(data: bytes) -> int | None:
    """Returns the offset of the coded picture: 0, or that of the first box that holds it."""
    if data.startswith(b"\xff\x0a"):
        return 0
    at = 0
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if kind == b"jxlc":
            return at + head
        if kind == b"jxlp":
            return at + head + 4
        if length < head:
            return None
        at += length
    return None


class _Bits:
    """A reader of numbers packed from the lowest bit on."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def side(self) -> int:
        return self.take((9, 13, 18, 30)[self.take(2)]) + 1
