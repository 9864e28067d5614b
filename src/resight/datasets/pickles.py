"""Reads a pickle of arrays and lists without running any code that a pickle can carry.

A pickle is a program for a small stack machine. This is that machine without the ability to call the names in a pickle:
no name from the file is ever imported, looked up or called. The few names that pickles of numpy and of containers use
are handled by `pickled_arrays` with their arguments; all others are refused.
"""

from __future__ import annotations

import codecs
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from resight.arrays import Array
from resight.datasets.pickled_arrays import (
    KNOWN,
    DamagedError,
    ElementType,
    ForbiddenError,
    Known,
    called,
    fill,
    key,
    pairs,
)
from resight.errors import UsageError

MAX_BYTES = 1 << 22
"""Largest pickle that is read. The largest ground truth in use has 0.3 MB, and one byte may become a set of 216."""

# Data made of shared parts may be larger than the file, but only slightly in an honest file.
_MOST_MADE_PER_BYTE = 8
_PLAIN = (bool, int, float, str, bytes, type(None), set, frozenset, np.generic)


def load_arrays_pickle(path: Path) -> object:
    """Reads a pickle of numpy arrays and scalars, lists, tuples, dicts, sets, text, bytes and numbers.

    Raises UsageError that names the file, and the object that it asked for where that is anything else.

    Notes: Protocols 0 to 5 are read, of Python 2 and 3 and of numpy 1 and 2. Text of Python 2 is decoded as Latin-1, as
    numpy needs it. Arrays of numbers, text and objects are read, structured ones are not. An OrderedDict becomes a
    dict, a bytearray bytes; keys and members of sets are text, bytes or numbers.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: the file is over the limit of {MAX_BYTES >> 20} MiB for a pickle")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    machine = _Machine(data)
    try:
        return machine.run()
    except ForbiddenError as error:
        raise UsageError(
            f"{path}: {error}; nothing in a pickle is run here, so only numpy arrays, lists, dicts, text and numbers "
            "are let through. Get the file from its authors, or as JSON"
        ) from error
    # Numpy and the codecs raise any of these on hostile bytes.
    except (DamagedError, ValueError, TypeError, OverflowError, struct.error) as error:
        raise UsageError(f"{path}: is no pickle, or damaged at byte {machine.at} ({error}); get it again") from error


class _Machine:
    """The stack machine. stack: the values under construction; marks: the stacks below, each up to a mark."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[object] = []
        self.marks: list[list[object]] = []
        self.memo: dict[int, object] = {}
        self.empty_arrays: dict[int, Array] = {}
        self.made = 0

    def run(self) -> object:
        if not self.data:
            raise DamagedError("the file is empty")
        while (code := self.take(1)) != pickle.STOP:
            if code in _FORBIDDEN:
                raise ForbiddenError(f"holds {_FORBIDDEN[code]}")
            if code not in _OPERATIONS:
                raise DamagedError(f"no such instruction: {code!r}")
            _OPERATIONS[code](self)
        if self.marks or len(self.stack) != 1 or self.empty_arrays:
            raise DamagedError("it ends in the middle")
        _require_data(self.stack[0])
        return self.stack[0]

    def take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if count < 0 or self.at > len(self.data):
            raise DamagedError("the end is missing")
        return self.data[start : self.at]

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise DamagedError("the end is missing")
        return self.take(end + 1 - self.at)[:-1]

    def protocol(self) -> None:
        version = self.number("<B")
        if version > pickle.HIGHEST_PROTOCOL:
            raise DamagedError(f"protocol {version} is not known")

    def frame(self) -> None:
        """Ignores the length of a frame: every length is checked where it is used."""
        self.take(8)

    def number(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def top(self) -> object:
        if not self.stack:
            raise DamagedError("it takes what is not there")
        return self.stack[-1]

    def pop(self) -> object:
        value = self.top()
        del self.stack[-1]
        return value

    def pop_to_mark(self) -> list[object]:
        if not self.marks:
            raise DamagedError("it goes back to a mark that is not there")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def discard(self) -> None:
        if self.stack:
            del self.stack[-1]
        else:
            self.pop_to_mark()

    def recall(self, number: int) -> None:
        if number not in self.memo:
            raise DamagedError("it recalls what it never stored")
        self.stack.append(self.memo[number])

    def remember(self, number: int) -> None:
        self.memo[number] = self.top()

    def append(self, items: list[object]) -> None:
        target = self.top()
        if type(target) is not list:
            raise ForbiddenError(f"appends to {_shown(target)}")
        target += items

    def set_items(self, items: list[object]) -> None:
        target = self.top()
        if type(target) is not dict:
            raise ForbiddenError(f"sets items of {_shown(target)}")
        target.update(pairs(items))

    def add_items(self, items: list[object]) -> None:
        target = self.top()
        if type(target) is not set:
            raise ForbiddenError(f"adds to {_shown(target)}")
        target.update(map(key, items))

    def name(self, module: object, name: object) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise DamagedError("it names something that is no text")
        if (module, name) not in KNOWN:
            # Escaped and shortened, because it is printed to a terminal and the author of the file chose it.
            asked = f"{module}.{name}".encode("unicode_escape").decode()
            raise ForbiddenError(f"asks for {asked[:100]}")
        self.stack.append(KNOWN[module, name])

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not (isinstance(function, Known) and type(arguments) is tuple):
            raise ForbiddenError(f"calls {_shown(function)} with {_shown(arguments)}")
        value, size = called(function, arguments)
        self.spend(size)
        if function is Known.RECONSTRUCT and isinstance(value, np.ndarray):
            self.empty_arrays[id(value)] = value
        self.stack.append(value)

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if isinstance(target, ElementType):
            target.set_state(state)
        elif isinstance(target, np.ndarray) and id(target) in self.empty_arrays:
            self.spend(fill(target, state))
            del self.empty_arrays[id(target)]
        else:
            raise ForbiddenError(f"sets the state of {_shown(target)}")

    def spend(self, size: int) -> None:
        self.made += size
        if self.made > _MOST_MADE_PER_BYTE * len(self.data):
            raise ForbiddenError("makes far more data than it holds")

    def integer_line(self) -> int:
        text = self.line()
        return text == b"01" if text in (b"00", b"01") else int(text)

    def quoted_line(self) -> str:
        text = self.line()
        if len(text) < 2 or text[:1] not in (b'"', b"'") or text[:1] != text[-1:]:
            raise DamagedError("text without quotation marks")
        return codecs.escape_decode(text[1:-1])[0].decode("latin1")

    def long_integer(self, layout: str) -> int:
        return int.from_bytes(self.take(self.number(layout)), "little", signed=True)

    def text(self, layout: str) -> str:
        return self.take(self.number(layout)).decode("utf-8", "surrogatepass")

    def old_text(self, layout: str) -> str:
        return self.take(self.number(layout)).decode("latin1")

    def sized_bytes(self, layout: str) -> bytes:
        return self.take(self.number(layout))

    def last(self, count: int) -> tuple[object, ...]:
        return tuple(self.pop() for _ in range(count))[::-1]


def _shown(value: object) -> str:
    if isinstance(value, ElementType):
        return "a dtype"
    return value.value if isinstance(value, Known) else f"a {type(value).__name__}"


def _require_data(value: object) -> None:
    """Raises ForbiddenError unless every part is data, not a stand-in for a name; without recursion, each part once."""
    waiting, seen = [value], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, np.ndarray):
            waiting += one.ravel().tolist() if one.dtype.hasobject else ()
        else:
            raise ForbiddenError(f"holds {_shown(one)} where data should be")


def _pushes(make: Callable[[_Machine], object]) -> Callable[[_Machine], None]:
    def operation(machine: _Machine) -> None:
        value = make(machine)  # first, because it may return to another stack
        machine.stack.append(value)

    return operation


_FORBIDDEN = {
    pickle.PERSID: "a reference to something outside the file",
    pickle.BINPERSID: "a reference to something outside the file",
    pickle.NEXT_BUFFER: "a reference to something outside the file",
    pickle.READONLY_BUFFER: "a reference to something outside the file",
    pickle.EXT1: "a name by its number in a registry",
    pickle.EXT2: "a name by its number in a registry",
    pickle.EXT4: "a name by its number in a registry",
    pickle.INST: "an object of a class",
    pickle.OBJ: "an object of a class",
    pickle.NEWOBJ: "an object of a class",
    pickle.NEWOBJ_EX: "an object of a class",
}

_OPERATIONS: dict[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: _Machine.protocol,
    pickle.FRAME: _Machine.frame,
    pickle.MARK: _Machine.mark,
    pickle.POP: _Machine.discard,
    pickle.POP_MARK: lambda machine: machine.pop_to_mark().clear(),
    pickle.DUP: _pushes(_Machine.top),
    pickle.NONE: _pushes(lambda machine: None),
    pickle.NEWTRUE: _pushes(lambda machine: True),
    pickle.NEWFALSE: _pushes(lambda machine: False),
    pickle.INT: _pushes(_Machine.integer_line),
    pickle.LONG: _pushes(lambda machine: int(machine.line().removesuffix(b"L"))),
    pickle.BININT: _pushes(lambda machine: machine.number("<i")),
    pickle.BININT1: _pushes(lambda machine: machine.number("<B")),
    pickle.BININT2: _pushes(lambda machine: machine.number("<H")),
    pickle.LONG1: _pushes(lambda machine: machine.long_integer("<B")),
    pickle.LONG4: _pushes(lambda machine: machine.long_integer("<i")),
    pickle.FLOAT: _pushes(lambda machine: float(machine.line())),
    pickle.BINFLOAT: _pushes(lambda machine: struct.unpack(">d", machine.take(8))[0]),
    pickle.STRING: _pushes(_Machine.quoted_line),
    pickle.BINSTRING: _pushes(lambda machine: machine.old_text("<i")),
    pickle.SHORT_BINSTRING: _pushes(lambda machine: machine.old_text("<B")),
    pickle.UNICODE: _pushes(lambda machine: machine.line().decode("raw-unicode-escape")),
    pickle.SHORT_BINUNICODE: _pushes(lambda machine: machine.text("<B")),
    pickle.BINUNICODE: _pushes(lambda machine: machine.text("<I")),
    pickle.BINUNICODE8: _pushes(lambda machine: machine.text("<Q")),
    pickle.SHORT_BINBYTES: _pushes(lambda machine: machine.sized_bytes("<B")),
    pickle.BINBYTES: _pushes(lambda machine: machine.sized_bytes("<I")),
    pickle.BINBYTES8: _pushes(lambda machine: machine.sized_bytes("<Q")),
    pickle.BYTEARRAY8: _pushes(lambda machine: machine.sized_bytes("<Q")),
    pickle.EMPTY_TUPLE: _pushes(lambda machine: ()),
    pickle.TUPLE1: _pushes(lambda machine: machine.last(1)),
    pickle.TUPLE2: _pushes(lambda machine: machine.last(2)),
    pickle.TUPLE3: _pushes(lambda machine: machine.last(3)),
    pickle.TUPLE: _pushes(lambda machine: tuple(machine.pop_to_mark())),
    pickle.EMPTY_LIST: _pushes(lambda machine: []),
    pickle.LIST: _pushes(_Machine.pop_to_mark),
    pickle.APPEND: lambda machine: machine.append([machine.pop()]),
    pickle.APPENDS: lambda machine: machine.append(machine.pop_to_mark()),
    pickle.EMPTY_DICT: _pushes(lambda machine: {}),
    pickle.DICT: _pushes(lambda machine: pairs(machine.pop_to_mark())),
    pickle.SETITEM: lambda machine: machine.set_items([*machine.last(2)]),
    pickle.SETITEMS: lambda machine: machine.set_items(machine.pop_to_mark()),
    pickle.EMPTY_SET: _pushes(lambda machine: set()),
    pickle.ADDITEMS: lambda machine: machine.add_items(machine.pop_to_mark()),
    pickle.FROZENSET: _pushes(lambda machine: frozenset(map(key, machine.pop_to_mark()))),
    pickle.GET: lambda machine: machine.recall(int(machine.line())),
    pickle.BINGET: lambda machine: machine.recall(machine.number("<B")),
    pickle.LONG_BINGET: lambda machine: machine.recall(machine.number("<I")),
    pickle.PUT: lambda machine: machine.remember(int(machine.line())),
    pickle.BINPUT: lambda machine: machine.remember(machine.number("<B")),
    pickle.LONG_BINPUT: lambda machine: machine.remember(machine.number("<I")),
    pickle.MEMOIZE: lambda machine: machine.remember(len(machine.memo)),
    pickle.GLOBAL: lambda machine: machine.name(machine.line().decode(), machine.line().decode()),
    pickle.STACK_GLOBAL: lambda machine: machine.name(*machine.last(2)),
    pickle.REDUCE: _Machine.reduce,
    pickle.BUILD: _Machine.build,
}
