"""Asks every query of a data set and judges the answers. No ground truth reaches the search or its re-ranking."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from resight import arguments
from resight.datasets.dataset import DISTRACTORS, Dataset, Query
from resight.datasets.folder import photo_root
from resight.errors import ImageError, UsageError
from resight.evaluation.judging import Scored, judge, pool_shots
from resight.evaluation.result import Costs, EvaluationResult, Protocol, QueryResult, Unreadable
from resight.evaluation.runs import ranked
from resight.folders.walking import escape_name
from resight.images import Box, displayed
from resight.versions import versions

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""
Keep = Callable[[Query, Scored], None]
"""Is given each query and the whole ranking for it, as it is counted."""

_DISTRIBUTIONS = (
    "resight",
    "numpy",
    "scipy",
    "pillow",
    "opencv-contrib-python-headless",
    "faiss-cpu",
    "numba",
    "torch",
)
_Item = TypeVar("_Item")


class Named(typing.Protocol):
    """A hit, of which only name and score count here."""

    @property
    def name(self) -> str: ...
    @property
    def score(self) -> float: ...


class Answer(typing.Protocol):
    """What a search returned, best first."""

    @property
    def hits(self) -> Sequence[Named]: ...


class Searchable(typing.Protocol):
    """Anything that ranks database images for a photo or a box of it, or for several; `resight.Index` does."""

    def search(self, query: Path, *, box: Box | None, k: int, include_self: bool) -> Answer:
        """The `k` best images. Raises ImageError where the query is no readable photo."""
        ...

    def search_together(self, queries: Sequence[tuple[Path, Box | None]], *, k: int, include_self: bool) -> Answer:
        """The `k` best images for several photos of one thing. Raises ImageError."""
        ...


def evaluate_index(
    index: Searchable,
    dataset: Dataset,
    *,
    recipe: str,
    distractors: int = 0,
    progress: Progress | None = None,
    keep: Keep | None = None,
) -> EvaluationResult:
    """Asks an index of the data set's photos, and of so many distractors, every query.

    The whole ranking counts, unless the benchmark's rules say how much: as many hits are asked for as there are images.
    A query photo that cannot be read finds nothing and is listed as unreadable. Raises UsageError where the index holds
    photos of neither kind.
    """
    known = frozenset(dataset.images)
    unreadable: list[Unreadable] = []
    answers = (
        _ask(index, dataset, query, distractors, known, unreadable) for query in _counted(dataset.queries, progress)
    )
    settings = _judged(dataset, answers, keep)
    return _result(dataset, settings, recipe, distractors, unreadable)


def evaluate(
    recipe: str | Path,
    dataset: Dataset | str | Path,
    *,
    layout: str = "folder",
    distractors: str | Path | None = None,
    fit: str | Path | None = None,
    at: str | Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    keep: Keep | None = None,
) -> EvaluationResult:
    """Indexes the photos of a data set, and all photos below `distractors`, by a recipe and asks every query.

    dataset: a data set, or a folder that is read as `layout` says: a name that `resight datasets` lists.
    `distractors` take the place of those that belong to the data set. What the recipe fits is fitted on the photos
    below `fit`, where that is given. The index is a temporary one; or it is at `at` and stays there, and what it holds
    already is not read again. `say` gets lines about fitting.
    Raises UsageError where photos are missing or do not fit the ground truth, or the index at `at` holds others, such
    as distractors of before; and what `Index` raises.
    """
    from resight.datasets.benchmarks.catalogue import find
    from resight.datasets.photos import check_photos
    from resight.index.index import Index
    from resight.recipe import recipe_text

    if not isinstance(dataset, Dataset):
        dataset = find(layout).load(arguments.path("dataset", dataset))
    if distractors is not None:
        distractors = arguments.path("distractors", distractors)
        dataset = replace(dataset, distractors=None, distractor_count=0)
    check_photos(dataset, progress=None if progress is None else partial(progress, "checking photos"))
    distractors = distractors or dataset.distractors
    with ExitStack() as stack:
        if at is None:
            at = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="resight-"))) / "evaluation.resight"
        path = arguments.path("at", at)
        start = time.perf_counter()
        index = Index.create(path, recipe, fit=fit, progress=say)
        _require_no_other_root(index.info().roots, path, dataset.root, distractors)
        indexing = None if progress is None else partial(progress, "indexing")
        # Links are followed: data sets are put together out of them, and the ground truth says what is in one.
        report = index.add(dataset.root, only=frozenset(dataset.images), follow_links=True, progress=indexing, say=say)
        unreadable = list(report.unreadable)
        indexed, count = report.added + report.changed, 0
        if distractors is not None:
            distracting = None if progress is None else partial(progress, "indexing distractors")
            more = index.add(photo_root(distractors), prefix=DISTRACTORS, follow_links=True, progress=distracting)
            count = more.added + more.changed + more.unchanged
            indexed += more.added + more.changed
            unreadable += more.unreadable
            if index.info().stale:
                # What was made of the data set's photos alone; distractors are neighbours as well.
                index.compact()
        seconds = time.perf_counter() - start
        info = index.info()
        if others := info.images - (report.added + report.changed + report.unchanged + count):
            raise UsageError(
                f"{displayed(path)}: holds {others:,} photos that are not to be searched, or are gone; choose another"
                " place for the index, or remove this one"
            )
        result = evaluate_index(
            index, dataset, recipe=index.recipe.name, distractors=count, progress=progress, keep=keep
        )
        costs = Costs(
            # Where the photos were indexed before, the time says nothing.
            index_seconds=seconds if indexed else None,
            bytes_per_image=info.bytes_per_image,
            words_per_image=info.words_per_image,
            bytes_per_feature=info.bytes_per_feature,
        )
        listed = (*(Unreadable(image=name, reason=reason) for name, reason in unreadable), *result.unreadable)
        return result.model_copy(
            update={
                "unreadable": listed,
                "costs": costs,
                "recipe_text": recipe_text(recipe),
                "seed": index.recipe.seed,
                "distractor_root": None if distractors is None else str(photo_root(distractors).resolve()),
            }
        )


def _require_no_other_root(roots: Iterable[dict[str, str]], path: Path, photos: Path, distractors: Path | None) -> None:
    """Before anything is indexed: what an index holds besides would be ranked as well."""
    wanted = {(escape_name(os.path.realpath(photos)), "")}
    if distractors is not None:
        wanted.add((escape_name(os.path.realpath(photo_root(distractors))), DISTRACTORS))
    for root in roots:
        if (root["path"], root["prefix"]) not in wanted:
            raise UsageError(
                f"{displayed(path)}: holds photos of {root['path']}, which are not to be searched; choose another place"
                " for the index, or remove this one"
            )


def evaluate_rankings(dataset: Dataset, rankings: Mapping[str, Scored], *, system: str) -> EvaluationResult:
    """Judges the rankings of another system, by query id; it is taken to have searched all published distractors.

    Raises UsageError where a query of the data set has no ranking.
    """
    missing = [query.id for query in dataset.queries if query.id not in rankings]
    if missing:
        raise UsageError(f"{system}: no ranking of query {missing[0]}; every query of {dataset.name} needs one")
    answers = ((rankings[query.id], None) for query in dataset.queries)
    return _result(dataset, _judged(dataset, answers, None), system, dataset.distractor_count, [])


def _ask(
    index: Searchable,
    dataset: Dataset,
    query: Query,
    distractors: int,
    known: frozenset[str],
    unreadable: list[Unreadable],
) -> tuple[Scored, float]:
    size = len(dataset.images) + distractors
    photo = dataset.query_path(query.image)
    start = time.perf_counter()
    try:
        # The query itself stays in: whether it is a positive or junk is for the ground truth to say.
        if query.more:
            several = [(photo, query.box), *((dataset.query_path(name), box) for name, box in query.more)]
            hits = index.search_together(several, k=size, include_self=True).hits
        else:
            hits = index.search(photo, box=query.box, k=size, include_self=True).hits
    except ImageError as error:
        unreadable.append(Unreadable(image=query.image, reason=error.reason))
        hits = []
    seconds = time.perf_counter() - start
    for hit in hits:
        if not (hit.name in known or hit.name.startswith(DISTRACTORS)):
            raise UsageError(f"{hit.name}: in the index but not in {dataset.root}; use an index of these photos only")
    return ranked([hit.name for hit in hits], [hit.score for hit in hits]), seconds


def _judged(
    dataset: Dataset, answers: Iterable[tuple[Scored, float | None]], keep: Keep | None
) -> dict[str, tuple[QueryResult, ...]]:
    """Each ranking under every setting: it is had once, and forgotten when it is judged."""
    settings: dict[str, list[QueryResult]] = {name: [] for name in dataset.settings}
    for place, (ranking, seconds) in enumerate(answers):
        counted = pool_shots(ranking, dataset.shots) if dataset.shots else ranking
        for name, queries in dataset.settings.items():
            settings[name].append(judge(queries[place], counted, dataset.rules, seconds))
        if keep is not None:
            keep(dataset.queries[place], counted)
    return {name: tuple(judged) for name, judged in settings.items()}


def _result(
    dataset: Dataset,
    settings: dict[str, tuple[QueryResult, ...]],
    recipe: str,
    distractors: int,
    unreadable: Sequence[Unreadable],
) -> EvaluationResult:
    rules = dataset.rules
    protocol = Protocol(
        database=len(dataset.images),
        distractors=distractors,
        queries=len(dataset.queries),
        measure=rules.measure,
        ap=rules.ap,
        depth=rules.depth,
        crop="box" if any(query.box is not None for query in dataset.queries) else "none",
        retrieved="shots" if dataset.shots else "images",
    )
    return EvaluationResult(
        recipe=recipe,
        dataset=dataset.name,
        protocol=protocol,
        settings=settings,
        main=dataset.main,
        root=str(dataset.root.resolve()),
        query_root=None if dataset.query_root is None else str(dataset.query_root.resolve()),
        unreadable=tuple(unreadable),
        versions={"python": platform.python_version(), **versions(_DISTRIBUTIONS)},
    )


def _counted(items: Sequence[_Item], progress: Progress | None) -> Iterator[_Item]:
    for done, item in enumerate(items):
        if progress is not None:
            progress("searching", done, len(items))
        yield item
    if progress is not None:
        progress("searching", len(items), len(items))
