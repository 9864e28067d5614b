"""Pickles of arrays and lists: what is read is what was stored, and nothing that a pickle carries is ever run."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import struct
import sys
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.datasets.pickles import MAX_BYTES, load_arrays_pickle
from resight.errors import UsageError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ARRAYS = [
    np.arange(6, dtype="<i4").reshape(2, 3),
    np.arange(6, dtype=">i4").reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
    np.array(["oxford", "Übersicht"]),
    np.array([b"a", b"bc"]),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array(5, np.uint8),
    np.zeros((0, 3), np.float16),
    np.array([{"ok": [1, 2]}, ["x"], None], dtype=object),
    np.array([], dtype=object),
]


def load(data: bytes, folder: Path) -> object:
    path = folder / "gnd.pkl"
    path.write_bytes(data)
    return load_arrays_pickle(path)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}-{array.shape}")
def test_arrays_are_what_was_stored(array: np.ndarray, protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps(array, protocol)
    read, expected = load(data, tmp_path), pickle.loads(data)
    assert type(read) is np.ndarray
    assert (read.dtype, read.shape, read.tolist()) == (expected.dtype, expected.shape, expected.tolist())
    assert read.flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [np.float32(2.5), np.int64(-3), np.bool_(True), np.str_("é"), np.bytes_(b"x")])
def test_scalars_are_what_was_stored(value: np.generic, protocol: int, tmp_path: Path) -> None:
    read = load(pickle.dumps(value, protocol), tmp_path)
    assert type(read) is type(value)
    assert read == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_containers_are_what_was_stored(protocol: int, tmp_path: Path) -> None:
    shared = [1]
    value = {
        "imlist": ["a", "Ü", ""],
        "mixed": (1, -70000, 10**40, 2.5, True, False, None, b"", b"raw"),
        1: [shared, shared, (), (1,), (1, 2), (1, 2, 3), [], {}],
        b"key": {"set": {1, "x"}, "frozen": frozenset({2})},
        2.5: list(range(2000)),
    }
    read = load(pickle.dumps(value, protocol), tmp_path)
    assert read == value
    assert isinstance(read, dict)
    assert read[1][0] is read[1][1]
    assert load(pickle.dumps(OrderedDict(b=1, a=2), protocol), tmp_path) == {"b": 1, "a": 2}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(-9, 9), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(plain, st.sampled_from(PROTOCOLS))
def test_any_plain_value_is_what_was_stored(tmp_path_factory: pytest.TempPathFactory, value: object, at: int) -> None:
    assert load(pickle.dumps(value, at), tmp_path_factory.getbasetemp()) == value


def test_pickles_of_python_2_and_numpy_1(tmp_path: Path) -> None:
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntp3\nS'b'\np4\ntp5\nRp6\n(I1\n(I2\ntp7\n"
        b"cnumpy\ndtype\np8\n(S'i2'\np9\nI0\nI1\ntp10\nRp11\n(I3\nS'<'\np12\nNNNI-1\nI-1\nI0\ntp13\nbI00\n"
        b"S'\\x01\\x00\\xff\\xff'\np14\ntp15\nb"
    )
    scalar = b"cnumpy.core.multiarray\nscalar\n(g11\nS'\\x05\\x00'\ntR"
    text = (
        b"(dS'ok'\n" + array + b"sS'one'\n" + scalar + b"sS'name'\nS'caf\\xe9'\nsS'n'\nL12L\nsS's'\nc__builtin__\nset\n"
    )
    read = load(text + b"((lI1\naI2\natRs.", tmp_path)
    assert isinstance(read, dict)
    assert read.pop("ok").tolist() == [1, -1]
    assert read == {"one": 5, "name": "café", "n": 12, "s": {1, 2}}

    # Python 2 stores the pairs as lists in a list, which are appended one by one.
    ordered = b"ccollections\nOrderedDict\n((lp0\n(lp1\nS'b'\naI1\naa(lp2\nS'a'\naI2\naatR."
    assert list(load(ordered, tmp_path).items()) == [("b", 1), ("a", 2)]  # type: ignore[attr-defined]


class Call:
    """Pickled as a call of anything with anything."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "arguments", "asked"),
    [
        (os.system, ("touch ran",), r"(posix|nt)\.system"),
        (eval, ("open('ran', 'w')",), r"(__builtin__|builtins)\.eval"),
        (exec, ("open('ran', 'w')",), r"(__builtin__|builtins)\.exec"),
        (open, ("ran", "w"), r"(_io|io)\.open"),
        (getattr, (np, "load"), r"(__builtin__|builtins)\.getattr"),
        (__import__, ("os",), r"(__builtin__|builtins)\.__import__"),
        (np.load, ("x.npy", None, True), r"numpy\.load"),
        (np.fromfile, ("/etc/passwd",), r"numpy.*\.fromfile"),
        (np.array, ([1],), r"numpy.*\.array"),
        (np.frombuffer, (b"12345678",), r"numpy.*\.frombuffer"),
        (np.vectorize, (len,), r"(__builtin__|builtins|numpy.*)\.(vectorize|len)"),
        (pickle.loads, (b"N.",), r"_?pickle\.loads"),
        (bytearray, (1 << 40,), r"(__builtin__|builtins)\.bytearray"),
        (copyreg._reconstructor, (object, object, None), r"copy_?reg\._reconstructor"),  # type: ignore[attr-defined]
        (np.matrix, ([1],), r"numpy.*\.matrix"),
        (np.memmap, ("ran",), r"numpy\.memmap"),
    ],
)
def test_calls_of_anything_else_are_refused_by_name(
    function: object,
    arguments: tuple[object, ...],
    asked: str,
    protocol: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if function is getattr:
        arguments = ("text", "join")
    data = pickle.dumps({"imlist": ["a"], "gnd": [Call(function, *arguments)]}, protocol)
    with pytest.raises(UsageError, match=rf"gnd\.pkl: asks for {asked}; nothing in a pickle is run"):
        load(data, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gnd.pkl"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy.f2py.crackfortran", "myeval"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy", "ndarray.__reduce__"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("numpy", "core.multiarray.scalar"),
        ("builtins", "set.__class__"),
        ("numpy.core.multiarray", ""),
        ("somewhere.else", "scalar"),
        ("numpy", "_reconstruct"),
        ("", ""),
        ("os\x1b[31m", "system"),
    ],
)
@pytest.mark.parametrize("stacked", [False, True])
def test_paths_into_allowed_names_are_refused(module: str, name: str, stacked: bool, tmp_path: Path) -> None:
    by_line, by_stack = f"c{module}\n{name}\n.".encode(), b"\x80\x04" + text(module) + text(name) + b"\x93."
    with pytest.raises(UsageError, match=r"gnd\.pkl: asks for ") as caught:
        load(by_stack if stacked else by_line, tmp_path)
    assert "\x1b" not in str(caught.value)


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


NDARRAY = b"cnumpy\nndarray\n"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
SCALAR = b"cnumpy.core.multiarray\nscalar\n"
FROM_BUFFER = b"cnumpy.core.numeric\n_frombuffer\n"
EMPTY_ARRAY = RECONSTRUCT + b"(" + NDARRAY + b"(I0\ntC\x01btR"


def dtype(name: str, state: bytes = b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb") -> bytes:
    return b"cnumpy\ndtype\n(" + b"U" + bytes([len(name)]) + name.encode() + b"K\x00K\x01tR" + state


def test_the_pieces_that_attacks_are_made_of_work(tmp_path: Path) -> None:
    """So that the refusals below are for what is wrong with them."""
    read = load(EMPTY_ARRAY + b"(K\x01(K\x02t" + dtype("i2") + b"\x89C\x04\x01\x00\x02\x00tb.", tmp_path)
    assert isinstance(read, np.ndarray)
    assert read.tolist() == [1, 2]
    assert load(SCALAR + b"(" + dtype("i2") + b"C\x02\x01\x00tR.", tmp_path) == 1
    read = load(FROM_BUFFER + b"(C\x02\x07\x00" + dtype("i2") + b"(K\x01tU\x01CtR.", tmp_path)
    assert isinstance(read, np.ndarray)
    assert read.tolist() == [7]


INNER = pickle.dumps(Call(os.system, "touch ran"))
ATTACKS: dict[str, tuple[bytes, str]] = {
    "scalar of an object, whose bytes numpy would unpickle": (
        SCALAR + b"(" + dtype("O8") + b"B" + struct.pack("<I", len(INNER)) + INNER + b"tR.",
        "holds Python objects as the bytes of an array",
    ),
    "array of objects from bytes": (
        EMPTY_ARRAY + b"(K\x01(K\x01t" + dtype("O8") + b"\x89C\x0801234567tb.",
        "holds Python objects as the bytes of an array",
    ),
    "buffer of objects": (
        FROM_BUFFER + b"(C\x0801234567" + dtype("O8") + b"(K\x01tU\x01CtR.",
        "holds Python objects as the bytes of an array",
    ),
    "object in an array of objects": (
        EMPTY_ARRAY + b"(K\x01(K\x01t" + dtype("O8") + b"\x89(lcos\nsystem\natb.",
        r"asks for os\.system",
    ),
    "name in an array of objects": (
        EMPTY_ARRAY + b"(K\x01(K\x01t" + dtype("O8") + b"\x89(l" + NDARRAY + b"atb.",
        r"holds numpy\.ndarray where data should be",
    ),
    "name as data": (b"(l" + NDARRAY + b"a.", r"holds numpy\.ndarray where data should be"),
    "type of elements as data": (dtype("i2") + b".", "holds a dtype where data should be"),
    "structured array": (dtype("V8", b"") + b".", "neither of numbers nor of text"),
    "fields in the state": (
        dtype("i2", b"(K\x03U\x01<N(U\x01atNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb") + b".",
        "a structured array",
    ),
    "type of elements by another name": (dtype("i4,O", b"") + b".", "neither of numbers nor of text"),
    "subclass of arrays": (
        RECONSTRUCT + b"(cnumpy\nmatrix\n(I0\ntC\x01btR.",
        r"asks for numpy\.matrix",
    ),
    "reconstruction of something else": (
        RECONSTRUCT + b"(cbuiltins\nset\n(I0\ntC\x01btR.",
        r"calls numpy\.core\.multiarray\._reconstruct with other arguments",
    ),
    "reconstruction of a giant array": (
        RECONSTRUCT + b"(" + NDARRAY + b"(J\xff\xff\xff\x7ftC\x01btR.",
        r"calls numpy\.core\.multiarray\._reconstruct with other arguments",
    ),
    "call of an array type": (NDARRAY + b"((K\x7fttR.", r"calls numpy\.ndarray with other arguments"),
    "call of data": (b"(l)R.", "calls a list with a tuple"),
    "call with arguments that are no tuple": (b"cbuiltins\nset\n]R.", "calls builtins.set with a list"),
    "call of what a call made": (b"cbuiltins\nset\n(]tR)R.", "calls a set with a tuple"),
    "another codec": (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "other arguments"),
    "bytes of a giant length": (b"cbuiltins\nbytes\n(J\xff\xff\xff\x7ftR.", "other arguments"),
    "set of a string": (b"cbuiltins\nset\n(X\x01\x00\x00\x00atR.", "other arguments"),
    "state of a list": (b"](dS'a'\nI1\nsb.", "sets the state of a list"),
    "state of a dict": (b"}(dS'__class__'\nI1\nsb.", "sets the state of a dict"),
    "state of a name": (NDARRAY + b"}b.", "sets the state of numpy.ndarray"),
    "state of a scalar": (SCALAR + b"(" + dtype("i2") + b"C\x02\x01\x00tR}b.", "sets the state of a int16"),
    "second state of an array": (
        EMPTY_ARRAY + b"(K\x01(K\x01t" + dtype("i1") + b"\x89C\x01atb}b.",
        "sets the state of a ndarray",
    ),
    "state of an array that is a dict": (EMPTY_ARRAY + b"}b.", "stored in another way"),
    "state of another version": (
        EMPTY_ARRAY + b"(K\x02(K\x01t" + dtype("i1") + b"\x89C\x01atb.",
        "stored in another way",
    ),
    "persistent name": (b"Pabc\n.", "something outside the file"),
    "persistent object": (b"I1\nQ.", "something outside the file"),
    "buffer from outside": (b"\x80\x05\x97.", "something outside the file"),
    "read-only buffer": (b"\x80\x05]\x98.", "something outside the file"),
    "extension of one byte": (b"\x82\x01.", "a name by its number in a registry"),
    "extension of two bytes": (b"\x83\x01\x00.", "a name by its number in a registry"),
    "extension of four bytes": (b"\x84\x01\x00\x00\x00.", "a name by its number in a registry"),
    "instance": (b"(S'touch ran'\nios\nsystem\n.", "an object of a class"),
    "object": (b"(cbuiltins\nset\no.", "an object of a class"),
    "new object": (b"\x80\x02cbuiltins\nset\n)\x81.", "an object of a class"),
    "new object with keywords": (b"\x80\x04cbuiltins\nset\n)}\x92.", "an object of a class"),
    "append to a name": (NDARRAY + b"I1\na.", "appends to numpy.ndarray"),
    "append to an array": (EMPTY_ARRAY + b"I1\na.", "appends to a ndarray"),
    "items of an array": (EMPTY_ARRAY + b"I0\nI1\ns.", "sets items of a ndarray"),
    "members of a list": (b"](K\x01\x90.", "adds to a list"),
    "tuple for a key": (b"}(K\x01tK\x02s.", "has a tuple for a key"),
    "list for a key": (b"}]K\x02s.", "has a list for a key"),
    "giant number for a key": (b"}\x8b\x10\x00\x00\x00" + b"\x7f" * 16 + b"K\x02s.", "has a int for a key"),
    "nested tuples in a set": (b"\x8f(" + b")" + b"\x85" * 100_000 + b"\x90.", "has a tuple for a key"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, message = ATTACKS[attack]
    with pytest.raises(UsageError, match=rf"gnd\.pkl: {message if message.startswith('asks') else '.*' + message}"):
        load(data, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gnd.pkl"]


def test_a_registered_extension_is_refused_even_where_it_is_cached(tmp_path: Path) -> None:
    copyreg.add_extension("os", "system", 240)
    try:
        with pytest.raises(UsageError, match="a name by its number in a registry"):
            load(b"\x82\xf0(S'true'\ntR.", tmp_path)
    finally:
        copyreg.remove_extension("os", "system", 240)


def test_a_pickle_in_a_pickle_stays_bytes(tmp_path: Path) -> None:
    assert load(pickle.dumps([INNER]), tmp_path) == [INNER]


def test_nothing_is_imported(tmp_path: Path) -> None:
    name = "wave"  # part of Python, and nothing here needs it
    sys.modules.pop(name, None)
    with pytest.raises(UsageError, match=r"asks for wave\.open"):
        load(b"cwave\nopen\n(S'ran'\nS'wb'\ntR.", tmp_path)
    assert name not in sys.modules


@pytest.mark.parametrize(
    "claim",
    [
        EMPTY_ARRAY + b"(K\x01(\x8a\x05\x00\x00\x00\x00\x01t" + dtype("f8") + b"\x89C\x01atb.",
        EMPTY_ARRAY + b"(K\x01(" + b"J\xff\xff\xff\x7f" * 3 + b"t" + dtype("f8") + b"\x89C\x01atb.",
        EMPTY_ARRAY + b"(K\x01(J\xff\xff\xff\x7ft" + dtype("O8") + b"\x89]tb.",
        EMPTY_ARRAY + b"(K\x01(J\xff\xff\xff\xfft" + dtype("i1") + b"\x89C\x01atb.",
        FROM_BUFFER + b"(C\x01a" + dtype("f8") + b"(J\xff\xff\xff\x7ftU\x01CtR.",
        SCALAR + b"(" + dtype("S99999999") + b"C\x01atR.",
        EMPTY_ARRAY + b"(K\x01(" + b"K\x01" * 40 + b"t" + dtype("i1") + b"\x89C\x01atb.",
        b"B\xff\xff\xff\x7fabc.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"T\xff\xff\xff\xffabc.",
        b"\x8b\xff\xff\xff\xffabc.",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"L" + b"9" * 100_000 + b"L\n.",
    ],
)
def test_a_claim_of_more_than_there_is_takes_no_memory(claim: bytes, tmp_path: Path) -> None:
    import tracemalloc

    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"gnd\.pkl: is no pickle, or damaged"):
            load(claim, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_far_places_in_the_memo_take_no_memory(tmp_path: Path) -> None:
    assert load(b"K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff.", tmp_path) == 7


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"(lp0\n(" + b"I1\nI2\nI3\nI4\nI5\n" * 2000 + b"e0cbuiltins\nset\np1\n0(l", b"g1\n(g0\ntRa"),
        (b"B\x00\x00\x01\x00" + b"x" * 65536 + b"p0\n0" + dtype("i1") + b"p1\n0(l", None),
    ],
)
def test_copies_of_a_shared_part_do_not_multiply(start: bytes, again: bytes | None, tmp_path: Path) -> None:
    again = again or FROM_BUFFER + b"(g0\ng1\n(J\x00\x00\x01\x00tU\x01CtRa"
    with pytest.raises(UsageError, match=r"gnd\.pkl: makes far more data than it holds"):
        load(start + again * 500 + b".", tmp_path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gnd\.pkl: the file is over the limit of 4 MiB"):
        load(b"]" * (MAX_BYTES + 1), tmp_path)


@pytest.mark.parametrize("nest", [b"]%sa", b"\x85", b"}I0\n%ss", b"\x85\x85"])
def test_deep_nesting_neither_recurses_nor_crashes(nest: bytes, tmp_path: Path) -> None:
    depth = 100_000
    opening, _, closing = nest.partition(b"%s") if b"%s" in nest else (b"", b"", nest)
    value = load(opening * depth + b"]" + closing * depth + b".", tmp_path)
    for _ in range(depth):
        assert isinstance(value, list | tuple | dict)
        value = value[0]


@pytest.mark.parametrize("shape", [(1,), (0,)])
def test_arrays_in_arrays_are_refused_because_python_crashes_on_freeing_many(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    inner, outer = np.empty(shape, object), np.empty(1, object)
    outer[0] = inner
    with pytest.raises(UsageError, match=r"gnd\.pkl: holds an array of objects in an array of objects"):
        load(pickle.dumps(outer), tmp_path)
    # Also where the inner one is filled only after it was put into the outer one.
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    dtype = b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR"
    late = empty + b"p0\n0" + empty + b"(I1\n(I1\nt" + dtype + b"I0\n(lg0\natb."
    with pytest.raises(UsageError, match="holds an array of objects in an array of objects"):
        load(late, tmp_path)


def test_a_list_that_holds_itself_is_read(tmp_path: Path) -> None:
    read = load(b"]q\x00h\x00a.", tmp_path)
    assert isinstance(read, list)
    assert read[0] is read


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_truncated_file_says_so_wherever_it_ends(protocol: int, tmp_path: Path) -> None:
    value = {"imlist": ["a", "b"], "gnd": [{"ok": np.array([1, 2]), "junk": [], "x": (1, 2.5, None, {3})}]}
    data = pickle.dumps(value, protocol)
    for end in range(len(data)):
        with pytest.raises(UsageError, match=r"gnd\.pkl: is no pickle, or damaged at byte \d+ "):
            load(data[:end], tmp_path)


@pytest.mark.parametrize(
    "data",
    [
     b"", b".", b"0.", b"1.", b"a.", b"(.", b"I1\nI2\n.", b"h\x05.", b"g5\n.", b"q\x01.", b"\x80\x07N.", b"\xfe",
     b"Ix\n.", b"Sabc\n.", b"S'\\xq'\n.", b"V\\u12\n.", b"Fx\n.", b"X\x01\x00\x00\x00\xff.", b"}(K\x01u.", b"(K\x01d.",
     b"R.", b"b.", b"K\x01K\x02\x93.", b"gx\n.", b"\x85.", EMPTY_ARRAY + b".", b"<html>", b'{"imlist": []}',
     EMPTY_ARRAY + b"(K\x01(K\x01t" + dtype("U1") + b"\x89C\x04\xff\xff\xff\xfftb."],
)  # fmt: skip
def test_what_is_no_pickle_says_so(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gnd\.pkl: is no pickle, or damaged at byte \d+ \(.+\); get it again"):
        load(data, tmp_path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.pkl: no such file"):
        load_arrays_pickle(tmp_path / "none.pkl")
    with pytest.raises(UsageError, match="no such file"):
        load_arrays_pickle(tmp_path)


class Harmless(pickle.Unpickler):
    """Python's own, where it can ask for nothing but plain containers."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("_codecs", "encode"), ("__builtin__", "set"), ("__builtin__", "bytes")}:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(name)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_bytes_are_read_as_python_reads_them_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    value = [1, (2, "a", None), {"k": [2.5, True]}, b"x", {1}]
    changed = bytearray(pickle.dumps(value, data.draw(st.sampled_from(PROTOCOLS))))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        expected = Harmless(io.BytesIO(changed), encoding="latin1").load()
    except Exception:  # anything; Python also minds frames and protocols, which do not matter here
        expected = None
    with suppress(UsageError):
        read = load(bytes(changed), tmp_path_factory.getbasetemp())
        assert expected is None or repr(read) == repr(expected)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_arbitrary_bytes_never_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    with suppress(UsageError):
        load(data + b".", tmp_path_factory.getbasetemp())
