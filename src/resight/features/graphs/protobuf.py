"""Encodes fields of protocol-buffer messages; a message is the concatenation of its fields.

Source: the wire format of Protocol Buffers, "Encoding": a field is its number and type as a varint, then its value.
"""

from __future__ import annotations

import struct

_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def integer(field: int, value: int) -> bytes:
    """Returns a field of type int64, int32 or enum. `value`: not negative."""
    return _key(field, _VARINT) + _varint(value)


def number(field: int, value: float) -> bytes:
    """Returns a field of type float."""
    return _key(field, _FIXED32) + struct.pack("<f", value)


def data(field: int, value: bytes | str) -> bytes:
    """Returns a field of type bytes or string, or one that is a message."""
    content = value.encode() if isinstance(value, str) else value
    return _key(field, _BYTES) + _varint(len(content)) + content


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    """Returns seven bits a byte, the lowest first; all bytes but the last have the highest bit set."""
    if value < 0:
        raise ValueError(f"{value} is negative")
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
