"""Relevance judgements as one file: a ground truth without its photos."""

from __future__ import annotations

import re
from pathlib import Path

from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.datasets.trec import decode_name, encode_name, reading, rows, writing_lines
from resight.errors import UsageError
from resight.images import displayed

FORM = "query iteration document relevance"
"""Columns of judgements. The second is ignored."""

_NOTHING = "-"
_WHOLE = re.compile(rb"[+-]?[0-9]{1,9}")


def write_qrels(path: Path, dataset: Dataset, setting: str) -> None:
    """Writes the queries of one setting: lines of `FORM`, percent-encoded, 1 for a positive and -1 for junk.

    A query photo that is a database image is among the junk or the positives like any other (`Dataset`), so that
    reading the file gives the same judgements. A query with neither has one line that calls a document "-" not
    relevant. Packed where the name ends in .gz. Raises UsageError for an unknown setting, ValueError for an empty name,
    StorageError where the disk refuses.

    Notes: in trec_eval, and with it pytrec_eval and ir_measures, -1 is a document that was not judged. It keeps its
    position in the ranking and so counts as wrong, where junk is removed here: the two agree on runs without junk. A
    query without positives has 0 there and enters the mean; here it is left out.
    """
    if setting not in dataset.settings:
        raise UsageError(f'{dataset.name} has no setting "{setting}"; it has {", ".join(dataset.settings)}')
    with writing_lines(path) as write:
        for query in dataset.settings[setting]:
            marks = [(name, 1) for name in sorted(query.positives)] + [(name, -1) for name in sorted(query.junk)]
            asked = encode_name(query.id)
            write("".join(f"{asked} 0 {encode_name(name)} {mark}\n" for name, mark in marks or [(_NOTHING, 0)]))


def read_qrels(path: Path) -> Dataset:
    """Reads the queries from lines of `FORM`, which may be gzip, in the order of their first lines.

    A relevance above 0 is a positive, one below 0 junk; 0 is wrong, like all documents that are not mentioned. The data
    set has no photos: it lists no images and `JudgedQuery.image` is empty. Raises UsageError that names the file and
    the line where there are more or fewer columns, a name is not well encoded, a relevance is not a whole number, or a
    document is judged twice for a query; and where there are no judgements.
    """
    judged: dict[str, dict[str, int]] = {}
    with reading(path) as file:
        for line, (query, _, document, relevance) in rows(file, path, FORM):
            where = f"{displayed(path)}, line {line}"
            try:
                marks, name = judged.setdefault(decode_name(query), {}), decode_name(document)
            except ValueError as error:
                raise UsageError(f"{where}: {error}") from None
            if not _WHOLE.fullmatch(relevance):
                shown = relevance.decode("utf-8", "backslashreplace")
                raise UsageError(f'{where}: the relevance "{shown}" is not a whole number')
            if name in marks:
                raise UsageError(f'{where}: "{name}" is judged twice for query "{decode_name(query)}"')
            marks[name] = int(relevance)
    if not judged:
        raise UsageError(f'{displayed(path)}: nothing is judged in it; lines of "{FORM}" are expected')
    queries = tuple(
        JudgedQuery(
            id=query,
            image="",
            positives=frozenset(name for name, mark in marks.items() if mark > 0),
            junk=frozenset(name for name, mark in marks.items() if mark < 0),
        )
        for query, marks in judged.items()
    )
    return Dataset(name=path.stem, root=path.parent, images=(), settings={ALL: queries})
