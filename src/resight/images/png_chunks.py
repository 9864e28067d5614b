"""Keeps the chunks of a PNG that make its picture, and drops the others.

A decoder fails on texts and profiles over its limit for unpacking, on wrong checksums and lengths of chunks that it
would not need, and on a missing end. Source: Portable Network Graphics (ISO/IEC 15948).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
UNPACKED_LIMIT = 1 << 20
"""Most bytes to which a text that may give the orientation is unpacked; longer texts are skipped."""

_IEND = b"\0\0\0\0IEND\xaeB`\x82"
_PICTURE = frozenset({b"IHDR", b"PLTE", b"IDAT"})
_KNOWN = re.compile(rb"IDAT|PLTE|IEND|tRNS|IHDR")
_TEXTS_OF_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
_TRANSPARENCY_BYTES = {0: 2, 2: 6}


def picture_chunks(data: bytes) -> bytes:
    """Returns the PNG with only the chunks that make its picture and give its orientation, and with an end.

    Chunks of other kinds are dropped unread, and so are damaged ones, except those without which there is no picture:
    the decoder reports their damage.
    """
    kept = [SIGNATURE]
    colours = data[25] if len(data) > 25 else 0
    for kind, chunk in _chunks(data):
        if kind == b"IEND":
            break
        if kind in _PICTURE or _counts(kind, chunk, colours):
            kept.append(chunk)
    kept.append(_IEND)
    return b"".join(kept)


def bits_a_sample(data: bytes) -> int:
    """Returns the bits per sample by the header, 1 to 16."""
    return data[24] if len(data) > 24 else 8


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields each chunk with its kind; one of wrong length, or cut off, extends to the next known chunk or the end."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if _begins_chunk(data, end):
            chunk = data[at:end]
        else:
            found = _KNOWN.search(data, at + 8)
            end = found.start() - 4 if found else len(data)
            body = data[at + 8 : end - 4 if found else end]
            chunk = struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))
        yield kind, chunk
        at = max(end, at + 8)


def _begins_chunk(data: bytes, at: int) -> bool:
    """Tells whether a chunk, or the end of a complete file, is at an offset."""
    return at == len(data) or (at + 8 <= len(data) and data[at + 4 : at + 8].isalpha())


def _counts(kind: bytes, chunk: bytes, colours: int) -> bool:
    """Tells whether an ancillary chunk is intact, and changes how the picture looks."""
    body = chunk[8:-4]
    if kind not in (b"tRNS", b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
        return False
    if len(chunk) < 12 or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        return False
    if kind == b"tRNS":
        return len(body) >= _TRANSPARENCY_BYTES.get(colours, 1)
    return kind == b"eXIf" or (body.startswith(_TEXTS_OF_ORIENTATION) and _unpacks(kind, body))


def _unpacks(kind: bytes, body: bytes) -> bool:
    """Tells whether a text is not packed, or unpacks to no more than the limit."""
    after = body.index(b"\0") + 1
    if kind == b"tEXt" or (kind == b"iTXt" and body[after : after + 1] == b"\0"):
        return True
    if kind == b"iTXt":  # flag, method, language, translated keyword
        parts = body[after + 2 :].split(b"\0", 2)
        packed = parts[2] if len(parts) == 3 else b""
    else:
        packed = body[after + 1 :]
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed, UNPACKED_LIMIT)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail
