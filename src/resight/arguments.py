"""Arguments of the public functions: taken where it is clear what is meant, else refused by name."""

from __future__ import annotations

import inspect
import math
import numbers
import operator
import os
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import cast

import numpy as np

from resight.arrays import Array, UInt8
from resight.errors import UsageError
from resight.images import MAX_PIXELS, Box, displayed

LONGEST_NAME = 255
LONGEST_PATH = 4095
"""Bytes of one name, and of a whole path: no file system that is in use takes more."""


def whole_number(name: str, value: object, *, least: int) -> int:
    """Returns a whole number of Python, numpy or an array of one; 3.0 is one too. Raises UsageError."""
    wanted = f"give a whole number, {least} or more"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if isinstance(value, bool | np.bool_):
        raise UsageError(f"{name} is {value}: {wanted}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{name} is {_shown(value)}: {wanted}") from None
    if number < least:
        raise UsageError(f"{name} is {number}: {wanted}")
    return number


def real_number(name: str, value: object) -> float:
    """Returns a finite number of Python or numpy. Raises UsageError."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise UsageError(f"{name} is {_shown(value)}: give a finite number")
    return float(value)


def share(name: str, value: object) -> float:
    """Returns the argument as a number from 0 to 1. Raises UsageError."""
    number = real_number(name, value)
    if not 0 <= number <= 1:
        raise UsageError(f"{name} is {number:g}: it must be a number from 0 to 1")
    return number


def flag(name: str, value: object) -> bool:
    """Returns True or False, of numpy too. Raises UsageError."""
    if not isinstance(value, bool | np.bool_):
        raise UsageError(f"{name} is {_shown(value)}: give True or False")
    return bool(value)


def text(name: str, value: object) -> str:
    """Returns a str. Raises UsageError."""
    if not isinstance(value, str):
        raise UsageError(f"{name} is {_shown(value)}: give a text")
    return value


def path(name: str, value: object) -> Path:
    """Returns a path that is no empty text. Raises UsageError."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str) or not os.fspath(value):
        raise UsageError(f"{name} is {_shown(value)}: give a path, as a str or a Path")
    given = Path(value)
    try:
        longest, whole = max((len(os.fsencode(part)) for part in given.parts), default=0), os.fsencode(given)
    except UnicodeEncodeError:  # half a character, which no file name has
        raise UsageError(f"{name} is {ascii(str(given))[:60]}: it is no path that a file system has") from None
    if b"\0" in whole:
        raise UsageError(f"{name} is {_shown(str(given))}: a path has no zero byte in it")
    if longest > LONGEST_NAME or len(whole) > LONGEST_PATH:
        raise UsageError(
            f"{name} is {_shown(str(given))}: it is longer than a file system takes, {LONGEST_NAME} bytes for a name "
            f"and {LONGEST_PATH} for a path"
        )
    return given


def path_or_name(name: str, value: object) -> str | Path:
    """Returns a text as it is, or a path. Raises UsageError."""
    return value if isinstance(value, str) else path(name, value)


def callback(name: str, value: object, *arguments: str) -> None:
    """Raises UsageError for what is neither None nor can be called with the arguments, which are named.

    So it is known before any work is done that it was to be told.
    """
    if value is None:
        return
    if not callable(value):
        raise UsageError(f"{name} is {_shown(value)}: give a function, or None")
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return  # some of C do not say what they take
    try:
        signature.bind(*arguments)
    except TypeError:
        raise UsageError(
            f"{name} is a function that cannot be called as {name}({', '.join(arguments)}), which it must be"
        ) from None


def texts(name: str, value: object) -> list[str | Path]:
    """Returns a list of the texts or paths of any iterable; one alone is a list of one. Raises UsageError."""
    if isinstance(value, str | os.PathLike):
        value = [value]
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise UsageError(f"{name} is {_shown(value)}: give a list of texts")
    found = list(value)
    for one in found:
        if not isinstance(one, str | os.PathLike):
            raise UsageError(f"{name} has {_shown(one)} in it: give a list of texts")
    return [one if isinstance(one, str) else Path(one) for one in found]


def box(value: object) -> Box | None:
    """Returns the numbers of any sequence or array, or None. Raises UsageError.

    Whether there are four, and whether they lie inside the photo, is checked with the photo (`check_box`).
    """
    wanted = "give four numbers, (x0, y0, x1, y1) in pixels"
    if value is None:
        return None
    # The numbers of a set have no order.
    if isinstance(value, str | bytes | Set | Mapping) or not isinstance(value, Iterable):
        raise UsageError(f"box is {_shown(value)}: {wanted}")
    sides = np.asarray(value).tolist() if isinstance(value, np.ndarray) else list(value)
    if not isinstance(sides, list) or not all(_is_number(side) for side in sides):
        raise UsageError(f"box is {_shown(sides)}: {wanted}")
    return cast("Box", tuple(float(side) for side in sides))


def pixels(value: object) -> UInt8:
    """Returns (H, W, 3) uint8 of an array or nested lists; grey ones (H, W) and (H, W, 1) get three equal channels.

    Whole numbers from 0 to 255 in lists are taken, in arrays uint8 alone: what another type has for white is not known.
    Raises UsageError, also where there are more pixels than are decoded of a file.
    """
    wanted = "it must be uint8 (H, W, 3) RGB, or (H, W) grey"
    given: Array
    if isinstance(value, np.ndarray):
        given = value
    else:
        try:
            given = np.array(value)
        except ValueError:  # rows of several lengths
            raise UsageError(f"the query is a list whose rows differ in length; {wanted}") from None
        if given.dtype.kind in "iu" and given.size and given.min() >= 0 and given.max() <= 255:
            given = given.astype(np.uint8)
    shape = given.shape
    if given.ndim == 2:
        given = given[..., None]
    if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] not in (1, 3) or 0 in given.shape:
        raise UsageError(f"the query is an array of {given.dtype} {shape}; {wanted}")
    if given.shape[0] * given.shape[1] > MAX_PIXELS:
        millions = f"{given.shape[0] * given.shape[1] / 1e6:.0f} megapixels"
        raise UsageError(
            f"the query is an array of {millions}, over the limit of {MAX_PIXELS // 10**6}; make it smaller"
        )
    return np.ascontiguousarray(given if given.shape[2] == 3 else np.repeat(given, 3, axis=2))


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def _shown(value: object) -> str:
    """Returns a value and its type, short: an argument may be a whole photo."""
    if isinstance(value, str | int | float | bool | None):
        shown = repr(value)
        return shown if len(shown) <= 60 else f"{shown[:57]}..."
    if isinstance(value, os.PathLike):
        return displayed(os.fspath(value))
    if isinstance(value, list | tuple) and len(value) <= 6 and all(isinstance(one, int | float | str) for one in value):
        return repr(value)
    return f"a {type(value).__name__}"
