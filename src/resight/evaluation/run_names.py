"""Matches the names of queries and documents in a run to those of the data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from resight.datasets.dataset import DISTRACTORS, Dataset
from resight.errors import UsageError
from resight.evaluation.runs import RankedNames, Run
from resight.folders.names import suggestion
from resight.folders.walking import SUFFIXES

_NONE = RankedNames((), np.empty(0))
_LISTED = 5


def match_run(run: Run, dataset: Dataset) -> dict[str, RankedNames]:
    """Returns the rankings by query id, in the order of the data set and with its names of documents.

    A document is a database image, a shot, or a distractor, whose name begins with `DISTRACTORS`. The run may omit an
    image's suffix or its first folders where the rest is unambiguous. A data set that lists no images, as `read_qrels`
    returns it, accepts any name. Raises UsageError where the run has a query that the data set does not have, or lacks
    one; where a name is unknown or ambiguous; and where a query ranks an image under two names.
    """
    ids = [query.id for query in dataset.queries]
    _check_queries(run, ids)
    rankings = {query: run.rankings[query] for query in ids}
    if not dataset.images:
        return rankings
    used = dict.fromkeys(name for ranking in rankings.values() for name in ranking.names)
    known = {*dataset.images, *dataset.shots.values()}
    names = _full_names(run, [name for name in used if not (name in known or name.startswith(DISTRACTORS))], known)
    if not names:
        return rankings
    meant = {name: names.get(name, name) for name in used}
    return {query: _renamed(run, query, ranking, meant) for query, ranking in rankings.items()}


def with_missing(run: Run, dataset: Dataset) -> Run:
    """Returns the run with an empty ranking for each query of the data set that it lacks."""
    return replace(run, rankings={**{query.id: _NONE for query in dataset.queries}, **run.rankings})


def _check_queries(run: Run, ids: Sequence[str]) -> None:
    known = set(ids)
    for query in run.rankings:
        if query not in known:
            where = _where(run, run.query_lines.get(query))
            hint = suggestion(query, ids) or f"; its queries are called {_listed(ids)}"
            raise UsageError(f'{where}there is no query "{query}" in the data set{hint}')
    missing = [query for query in ids if query not in run.rankings]
    if missing:
        raise UsageError(
            f"{run.source}: {len(missing)} of {len(ids)} queries are missing: {_listed(missing)}; rank every "
            "query, or have the missing ones count as queries that found nothing (--allow-missing)"
        )


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_LISTED]) + (", …" if len(ids) > _LISTED else "")


def _full_names(run: Run, short: Sequence[str], known: set[str]) -> dict[str, str]:
    """Maps each of some shortened names to the known name that it means."""
    if not short:
        return {}
    meant: dict[str, list[str]] = {name: [] for name in short}
    for name in sorted(known):
        for form in _short_forms(name):
            if form in meant:
                meant[form].append(name)
    for name, full in meant.items():
        where = _where(run, run.name_lines.get(name), name)
        if not full:
            raise UsageError(
                f'{where}there is no image "{name}" in the data set{suggestion(name, sorted(known))}; '
                f'the names of distractors begin with "{DISTRACTORS}"'
            )
        if len(full) > 1:
            raise UsageError(f'{where}"{name}" may be "{full[0]}" or "{full[1]}"; write more of the name')
    return {name: full[0] for name, full in meant.items()}


def _short_forms(name: str) -> Iterator[str]:
    """Yields a name with all its folders, with fewer and none, and each of these without its suffix."""
    stem, suffix = os.path.splitext(name)
    folders = name.count("/")
    for without in range(folders + 1):
        for whole in (name, stem) if suffix.lower() in SUFFIXES else (name,):
            yield whole.split("/", without)[-1]


def _renamed(run: Run, query: str, ranking: RankedNames, meant: Mapping[str, str]) -> RankedNames:
    names = tuple([meant[name] for name in ranking.names])
    if len(set(names)) < len(names):
        first: dict[str, str] = {}
        for short, name in zip(ranking.names, names, strict=True):
            if name in first:
                raise UsageError(
                    f'{run.source}: query "{query}" ranks "{name}" twice, as "{first[name]}" and as "{short}"'
                )
            first[name] = short
    return RankedNames(names, ranking.scores)


def _where(run: Run, line: int | None, name: str | None = None) -> str:
    if line is not None:
        return f"{run.source}, line {line}: "
    ranked = (query for query, ranking in run.rankings.items() if name in ranking.names)
    query = next(ranked, None) if name is not None else None
    return f"{run.source}: " if query is None else f'{run.source}, query "{query}": '
