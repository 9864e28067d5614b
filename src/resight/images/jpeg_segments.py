"""Keeps the segments of a JPEG that make its picture, drops the others, and adds a missing end.

Source: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re

END = b"\xff\xd9"

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_TABLES_AND_FRAMES = frozenset({0xDB, 0xC4, 0xCC, 0xDD, *range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC)})
_FRAME = re.compile(rb"\xff[\xc0-\xc2]\0[\x0b\x11\x14]\x08(..)(..)", re.DOTALL)
_SCAN = re.compile(rb"\xff\xda\0[\x08\x0a\x0c\x0e]")
_QUANTISATION = re.compile(rb"\xff\xdb\0[\x43\x84\xc5]")
_ZEROS = 64


def picture_segments(data: bytes, filling: bytes = b"") -> bytes:
    """Returns the JPEG with only its tables, frame, scans, colours and orientation; `filling` goes before its end.

    Other application segments and comments are dropped unread. After a segment of wrong length, reading continues at
    the tables of the largest picture in the file, which is not the preview that cameras put into their metadata.
    """
    kept, at, resumed = [b"\xff\xd8"], 2, False
    while at + 4 <= len(data):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            break
        marker = data[at + 1]
        if marker in (0xFF, 0x00) or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _START_OF_SCAN:
            scans = data[at:].removesuffix(b"\xff").removesuffix(END)
            return b"".join([*kept, scans, filling, END])
        if marker == _END_OF_IMAGE:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if (length < 2 or data[end : end + 1] != b"\xff") and not resumed:
            at, resumed, kept = _largest_picture(data, at), True, kept[:1]
            continue
        if marker in _TABLES_AND_FRAMES or _says_how(marker, data[at + 4 : end]):
            kept.append(data[at:end])
        at = max(end, at + 2)
    return b"".join([*kept, filling, END])


def is_hardly_begun(data: bytes) -> bool:
    """Tells whether a progressive JPEG ends before its third scan: until then only outlines are there."""
    frames = list(_FRAME.finditer(data))
    return not frames or len(_SCAN.findall(data, max(frames, key=_area).end())) < 3


def without_zeros_of_a_gap(data: bytes) -> bytes:
    """Returns the JPEG up to a gap of zeros, which fill the rest of files rescued from memory cards.

    Zeros after the end of the image are harmless and stay.
    """
    if not data.endswith(b"\0" * _ZEROS):
        return data
    written = data.rstrip(b"\0")
    return data if written.endswith(END) else written


def _largest_picture(data: bytes, after: int) -> int:
    """Returns the offset of the tables of the largest frame; the end of the file where there is no frame."""
    frames = list(_FRAME.finditer(data, after))
    if not frames:
        return len(data)
    largest = max(frames, key=_area)
    before = max(after, data.rfind(END, after, largest.start()))
    tables = _QUANTISATION.search(data, before, largest.start())
    return tables.start() if tables else largest.start()


def _area(frame: re.Match[bytes]) -> int:
    return int.from_bytes(frame[1], "big") * int.from_bytes(frame[2], "big")


def _says_how(marker: int, body: bytes) -> bool:
    """Tells whether an application segment gives colours (JFIF, Adobe) or orientation (Exif), and is long enough."""
    match marker:
        case 0xE0:
            return body.startswith(b"JFIF\0") and len(body) >= 14
        case 0xE1:
            return body.startswith(b"Exif\0\0")
        case 0xEE:
            return body.startswith(b"Adobe") and len(body) >= 12
    return False
