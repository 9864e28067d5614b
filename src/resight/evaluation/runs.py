"""Runs: the rankings of a system, ours or another, in one file."""

from __future__ import annotations

import io
import json
import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from resight.datasets.trec import decode_name, encode_name, reading, rows, writing_lines
from resight.errors import UsageError
from resight.images import displayed

Scores = Sequence[float] | NDArray[np.floating]

FORM = "query Q0 document rank score tag"
"""Columns of a run. The second, the rank and the tag are ignored."""


class RankedNames(NamedTuple):
    """Distinct documents, best first. names: n; scores: (n,) float64, read-only, descending; ties by name."""

    names: tuple[str, ...]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """Rankings of a system by query id.

    source: origin of the run, for messages. query_lines, name_lines: line of the first occurrence of a query or a
    document, in a file that has lines.
    """

    rankings: Mapping[str, RankedNames]
    source: str = "the run"
    query_lines: Mapping[str, int] = field(default_factory=dict)
    name_lines: Mapping[str, int] = field(default_factory=dict)


def ranked(names: Sequence[str], scores: Scores) -> RankedNames:
    """Sorts documents as a run: by descending score, ties by name in the order of code points.

    Raises ValueError where a name occurs twice, a score is not finite, or the numbers of names and scores differ.
    """
    values = np.array(scores, np.float64)
    if values.shape != (len(names),):
        raise ValueError(f"{len(names)} names have scores of shape {values.shape}")
    if len(set(names)) != len(names):
        raise ValueError("a document is ranked twice")
    if not np.isfinite(values).all():
        raise ValueError("a score is not a finite number")
    if (values[1:] < values[:-1]).all():
        values.flags.writeable = False
        return RankedNames(tuple(names), values)
    return _in_order(names, np.arange(len(names)), values, _alphabetical(names))


def read_run(path: Path) -> Run:
    """Reads a run from lines of `FORM`, percent-encoded, or from JSON {query: {document: score}}; both may be gzip.

    A file is JSON if it begins with "{" or has the suffix of JSON; its names are not percent-encoded. Raises UsageError
    that names the file and the line, or the key, where a line has more or fewer columns, a name is not well encoded, a
    score is not a finite number, a document occurs twice for a query, or nothing is ranked.

    Lines may come in any order. Each takes 16 bytes while they are read, and then 16 for as long as the run is kept,
    plus about 300 for each distinct name: 100 million lines over a million photos take about 2 GB. JSON needs twice its
    unpacked text on top of that.
    """
    table = _Table(path)
    with reading(path) as file:
        if _is_json(file, path):
            _read_json(file, table)
        else:
            _read_lines(file, table)
    if not table.queries:
        raise UsageError(f'{displayed(path)}: nothing is ranked in it; lines of "{FORM}" are expected, or JSON')
    return table.run()


@contextmanager
def writing_run(path: Path, tag: str) -> Iterator[Callable[[str, Sequence[str], Scores], None]]:
    """Yields a function that adds a ranking (query id, names, scores) to a run, which replaces `path` at the end.

    Lines are in the order in which `read_run` sorts them, however ties are ordered in the input, and scores are written
    in full precision. Packed where the name ends in .gz. A query without documents leaves no line. Raises ValueError
    for a query that comes twice and in the cases of `ranked` and `encode_name`; StorageError where the disk refuses.

    Notes: trec_eval, and with it pytrec_eval and ir_measures, keeps scores in single precision and puts the last name
    first among ties.
    """
    written: set[str] = set()
    label = encode_name(tag)
    with writing_lines(path) as write:

        def add(query: str, names: Sequence[str], scores: Scores) -> None:
            if query in written:
                raise ValueError(f"query {query} is ranked twice")
            written.add(query)
            asked = encode_name(query)
            ordered = ranked(names, scores)
            lines = zip(ordered.names, ordered.scores.tolist(), strict=True)
            write(
                "".join(
                    f"{asked} Q0 {encode_name(name)} {rank} {score!r} {label}\n"
                    for rank, (name, score) in enumerate(lines, start=1)
                )
            )

        yield add


def write_run(path: Path, rankings: Mapping[str, tuple[Sequence[str], Scores]], tag: str) -> None:
    """Writes rankings, names and their scores by query id, as one run. Raises the errors of `writing_run`."""
    with writing_run(path, tag) as add:
        for query, (names, scores) in rankings.items():
            add(query, names, scores)


class _Entries:
    """The documents of one query in the order of the file: numbers of their names, scores, lines."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.names = array("i")
        self.scores = array("d")
        self.lines = array("I")


class _Table:
    """A run while it is read: each name is stored once, and referred to by its number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: dict[str, int] = {}
        self.lines = array("I")
        self.queries: dict[str, _Entries] = {}

    def number(self, name: str, line: int) -> int:
        """Returns the number of a name; `line` is the first line of a new name."""
        number = self.names.setdefault(name, len(self.names))
        if number == len(self.lines):
            self.lines.append(line)
        return number

    def run(self) -> Run:
        """Returns the run, and releases what was read on the way."""
        names = list(self.names)
        places = _alphabetical(names)
        rankings = {}
        query_lines = {query: entries.line for query, entries in self.queries.items() if entries.line}
        for query in list(self.queries):
            entries = self.queries.pop(query)
            numbers = np.frombuffer(entries.names, np.int32) if entries.names else np.empty(0, np.int32)
            scores = np.frombuffer(entries.scores, np.float64) if entries.scores else np.empty(0)
            twice = _second(numbers)
            if twice is not None:
                where = f"line {entries.lines[twice]}: " if entries.lines else ""
                name = names[numbers[twice]]
                raise UsageError(f'{displayed(self.path)}, {where}"{name}" is ranked twice for query "{query}"')
            rankings[query] = _in_order(names, numbers, scores, places)
        lines = dict(zip(names, self.lines, strict=True)) if query_lines else {}
        return Run(rankings, displayed(self.path), query_lines, lines)


def _read_lines(file: io.BufferedReader, table: _Table) -> None:
    queries: dict[bytes, _Entries] = {}
    numbers: dict[bytes, int] = {}
    for line, (query, _, document, _, score, _) in rows(file, table.path, FORM):
        try:
            entries = queries.get(query)
            if entries is None:
                entries = queries[query] = table.queries.setdefault(decode_name(query), _Entries(line))
            number = numbers.get(document)
            if number is None:
                number = numbers[document] = table.number(decode_name(document), line)
            value = _number(score)
        except ValueError as error:
            raise UsageError(f"{displayed(table.path)}, line {line}: {error}") from None
        entries.names.append(number)
        entries.scores.append(value)
        entries.lines.append(line)


def _number(score: bytes) -> float:
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    # Python would accept 1_000 as a number.
    if not math.isfinite(value) or b"_" in score:
        raise ValueError(f'the score "{score.decode("utf-8", "backslashreplace")}" is not a finite number')
    return value


class _Object(NamedTuple):
    """A JSON object with its keys in order, including repeated ones. values: an array where all are scores."""

    keys: tuple[str, ...]
    values: Sequence[object]


def _is_json(file: io.BufferedReader, path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1:] == [".json"] or file.peek(1).lstrip().startswith(b"{")


def _read_json(file: io.BufferedReader, table: _Table) -> None:
    where = displayed(table.path)
    expected = "{query: {document: score}} is expected"
    try:
        found = json.loads(file.read().decode(), object_pairs_hook=_object, parse_constant=float)
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not UTF-8 text, at byte {error.start}") from None
    except RecursionError:
        raise UsageError(f"{where}: lists in lists without end; {expected}") from None
    except ValueError as error:
        raise UsageError(f"{where}: not JSON: {error}") from None
    if not isinstance(found, _Object):
        raise UsageError(f"{where}: {expected}")
    for query, entries in zip(found.keys, found.values, strict=True):
        at = f'{where}, query "{query}"'
        if query in table.queries:
            raise UsageError(f"{at}: stands twice")
        if not isinstance(entries, _Object):
            raise UsageError(f"{at}: {expected}")
        if not all(entries.keys) or not query:
            raise UsageError(f"{at}: an empty name")
        for name, value in zip(entries.keys, entries.values, strict=True):
            if not _is_score(value):
                raise UsageError(f'{at}, document "{name}": the score {_shown(value)} is not a finite number')
        kept = table.queries[query] = _Entries(0)
        kept.names.extend(table.number(name, 0) for name in entries.keys)
        kept.scores.extend(cast(Sequence[float], entries.values))


def _object(pairs: list[tuple[str, object]]) -> _Object:
    values = [value for _, value in pairs]
    keys = tuple(key for key, _ in pairs)
    # An array takes a fifth of the memory.
    return _Object(keys, array("d", cast(list[float], values)) if all(map(_is_score, values)) else values)


def _is_score(value: object) -> bool:
    try:
        return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _shown(value: object) -> str:
    if isinstance(value, _Object):
        return "{…}"
    return "[…]" if isinstance(value, list) else json.dumps(value)[:40]


def _second(numbers: NDArray[np.int32]) -> int | None:
    """Returns the first position of a number that occurred before; None where all differ."""
    order = np.argsort(numbers, kind="stable")
    same = numbers[order[1:]] == numbers[order[:-1]]
    return int(order[1:][same].min()) if same.any() else None


def _alphabetical(names: Sequence[str]) -> NDArray[np.int32]:
    """Returns (n,) the rank of each name in alphabetical order."""
    places = np.empty(len(names), np.int32)
    places[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return places


def _in_order(
    names: Sequence[str], numbers: NDArray[np.integer], scores: NDArray[np.float64], places: NDArray[np.int32]
) -> RankedNames:
    order = np.lexsort((places[numbers], -scores))
    kept = scores[order]
    kept.flags.writeable = False
    return RankedNames(tuple([names[number] for number in numbers[order].tolist()]), kept)
