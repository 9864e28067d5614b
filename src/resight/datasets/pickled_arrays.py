"""Restores numpy arrays, scalars and plain containers from their pickled form without calling the names in it.

Source: numpy 2.4, `ndarray.__reduce_ex__`, `dtype.__reduce__`, `generic.__reduce__` and `numpy._core.numeric`; the
names of numpy 1 and of Python 2 differ in the module only.
"""

from __future__ import annotations

import math
import re
import sys
from enum import Enum
from typing import Any, cast

import numpy as np

from resight.arrays import Array

_MOST_DIMENSIONS = 32
_LONGEST_SIDE = 1 << 40
_LONGEST_KEY_BITS = 64
_KEYS = (bool, int, float, str, bytes)
_ELEMENT_TYPE = re.compile("[biufcSUO][1-9][0-9]{0,8}")


class DamagedError(Exception):
    """Error for bytes that are not a valid pickle."""


class ForbiddenError(Exception):
    """Error for a pickle that asks for something other than data."""


class Known(Enum):
    """Functions and types that the accepted names stand for."""

    RECONSTRUCT = "numpy.core.multiarray._reconstruct"
    SCALAR = "numpy.core.multiarray.scalar"
    FROM_BUFFER = "numpy.core.numeric._frombuffer"
    ARRAY = "numpy.ndarray"
    ELEMENT_TYPE = "numpy.dtype"
    ENCODE = "_codecs.encode"
    BYTES = "builtins.bytes"
    SET = "builtins.set"
    FROZEN_SET = "builtins.frozenset"
    ORDERED_DICT = "collections.OrderedDict"


KNOWN = {
    **{tuple(known.value.rsplit(".", 1)): known for known in Known},
    ("numpy._core.multiarray", "_reconstruct"): Known.RECONSTRUCT,
    ("numpy._core.multiarray", "scalar"): Known.SCALAR,
    ("numpy._core.numeric", "_frombuffer"): Known.FROM_BUFFER,
    ("__builtin__", "bytes"): Known.BYTES,
    ("__builtin__", "set"): Known.SET,
    ("__builtin__", "frozenset"): Known.FROZEN_SET,
}
"""Meaning of a module and a name in it."""


class ElementType:
    """A numpy dtype of numbers, text or objects while it is restored."""

    def __init__(self, name: object) -> None:
        if not (isinstance(name, str) and _ELEMENT_TYPE.fullmatch(name)):
            raise ForbiddenError("holds an array that is neither of numbers nor of text nor of objects")
        self.dtype = np.dtype(name)

    def set_state(self, state: object) -> None:
        """Applies the byte order in numpy's stored state of a dtype. Raises ForbiddenError where it has fields."""
        match state:
            case (int(), str("<" | ">" | "|" | "=" as order), None, None, None, int(), int(), int(), *_):
                self.dtype = self.dtype.newbyteorder(order)
            case _:
                raise ForbiddenError("holds a structured array")


def key(value: object) -> object:
    """Returns a valid key or member of a set.

    Raises ForbiddenError for values whose hashing would call their own code or take long.
    """
    if type(value) not in _KEYS or (isinstance(value, int) and value.bit_length() > _LONGEST_KEY_BITS):
        raise ForbiddenError(f"has a {type(value).__name__} for a key")
    return value


def pairs(items: list[object]) -> dict[object, object]:
    """Makes a dict from alternating keys and values."""
    if len(items) % 2:
        raise DamagedError("a key without a value")
    return {key(name): value for name, value in zip(items[::2], items[1::2], strict=True)}


def called(function: Known, arguments: tuple[object, ...]) -> tuple[object, int]:
    """Returns the value that a pickle means by calling a known name, and its size in bytes or items."""
    match function, arguments:
        case Known.ENCODE, (str(text), "latin1" | "latin-1"):
            return text.encode("latin1"), len(text)
        case Known.BYTES, ():
            return b"", 0
        case Known.SET, (list(items),):
            return set(map(key, items)), len(items)
        case Known.FROZEN_SET, (list(items),):
            return frozenset(map(key, items)), len(items)
        case Known.ORDERED_DICT, ():
            return {}, 0
        case Known.ORDERED_DICT, (list(items),):
            return pairs([part for item in items for part in _pair(item)]), len(items)
        case Known.ELEMENT_TYPE, (name, *_):
            return ElementType(name), 0
        case Known.SCALAR, (ElementType(dtype=dtype), raw):
            return _scalar(dtype, raw), dtype.itemsize
        case Known.RECONSTRUCT, (Known.ARRAY, (0,), _):
            return np.ndarray((0,), np.object_), 0
        case Known.FROM_BUFFER, (raw, ElementType(dtype=dtype), shape, order, *axes):
            return _array(_shape(shape), dtype, order, axes, _bytes(raw))
    raise ForbiddenError(f"calls {function.value} with other arguments than arrays and containers are stored with")


def fill(array: Array, state: object) -> int:
    """Fills a new array from numpy's stored state; returns its size in bytes or items."""
    match state:
        case (1, shape, ElementType(dtype=dtype), bool() | 0 | 1 as column_major, list(items)) if dtype.hasobject:
            sides = _shape(shape)
            # Python frees nested arrays by recursion in C, which a long chain of them would crash.
            if any(isinstance(item, np.ndarray) and item.dtype.hasobject for item in items):
                raise ForbiddenError("holds an array of objects in an array of objects")
            if math.prod(sides) != len(items):
                raise DamagedError(f"an array of {len(items)} objects that should have {math.prod(sides)}")
            _set_state(array, sides, dtype, bool(column_major), items)
            return len(items)
        case (1, shape, ElementType(dtype=dtype), bool() | 0 | 1 as column_major, raw):
            sides, content = _shape(shape), _bytes(raw)
            _require_content(sides, dtype, content)
            _set_state(array, sides, dtype, bool(column_major), content)
            return len(content)
    raise ForbiddenError("holds an array that is stored in another way than numpy's")


def _set_state(
    array: Array, shape: tuple[int, ...], dtype: np.dtype[np.generic], column_major: bool, content: bytes | list[object]
) -> None:
    state: Any = (1, shape, dtype, column_major, content)  # numpy's type stubs ask for its own bool, which it refuses
    array.__setstate__(state)


def _pair(item: object) -> tuple[object, object]:
    if not (isinstance(item, list | tuple) and len(item) == 2):
        raise DamagedError("a key without a value")
    return item[0], item[1]


def _scalar(dtype: np.dtype[np.generic], raw: object) -> np.generic:
    content = _bytes(raw)
    _require_content((), dtype, content)
    return cast(np.generic, np.frombuffer(content, dtype)[0])


def _array(
    shape: tuple[int, ...], dtype: np.dtype[np.generic], order: object, axes: list[object], content: bytes
) -> tuple[Array, int]:
    _require_content(shape, dtype, content)
    array = np.frombuffer(content, dtype)
    match order, axes:
        case ("C" | "F" as plain, [] | [None]):
            array = array.reshape(shape, order=plain)
        case ("K", [tuple(order_of_axes)]) if sorted(_shape(order_of_axes)) == list(range(len(shape))):
            array = array.reshape(shape).transpose(order_of_axes)
        case _:
            raise ForbiddenError("holds an array that is stored in another way than numpy's")
    return array.copy(order="K"), len(content)


def _shape(value: object) -> tuple[int, ...]:
    if not (isinstance(value, tuple) and len(value) <= _MOST_DIMENSIONS):
        raise DamagedError("an array without a shape")
    if not all(type(side) is int and 0 <= side <= _LONGEST_SIDE for side in value):
        raise DamagedError("an array with a side that is no length")
    return value


def _bytes(value: object) -> bytes:
    """Returns raw bytes, which Python 2 stored as text."""
    if isinstance(value, str):
        return value.encode("latin1")
    if type(value) is not bytes:
        raise DamagedError(f"a {type(value).__name__} in place of the bytes of an array")
    return value


def _require_content(shape: tuple[int, ...], dtype: np.dtype[np.generic], content: bytes) -> None:
    """Raises an error before any allocation: a shape alone may claim any amount of memory."""
    if dtype.hasobject:
        raise ForbiddenError("holds Python objects as the bytes of an array")
    expected = math.prod(shape) * dtype.itemsize
    if expected != len(content):
        raise DamagedError(f"an array of {len(content)} bytes that should have {expected}")
    _require_text(dtype, content)


def _require_text(dtype: np.dtype[np.generic], content: bytes) -> None:
    """Raises DamagedError for numbers that are not characters; else only reading the text would reveal them."""
    if dtype.kind == "U":
        points = np.frombuffer(content, np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if points.size and points.max() > sys.maxunicode:
            raise DamagedError("text with what is no character")
