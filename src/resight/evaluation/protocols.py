"""Runs every query of a data set on an index and judges the answers; search and re-ranking see no ground truth."""

from __future__ import annotations

import itertools
import os
import platform
import tempfile
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from resight import arguments
from resight.datasets.dataset import DISTRACTORS, Dataset, JudgedQuery
from resight.datasets.folder import photo_root
from resight.errors import ImageError, UsageError
from resight.evaluation.judging import Scored, judge, pool_shots
from resight.evaluation.result import Costs, EvaluationResult, Made, Protocol, QueryResult, Unreadable
from resight.evaluation.runs import ranked
from resight.folders.walking import Found, escape_name, find_images
from resight.images import displayed, file_of_name
from resight.index.queries import Query
from resight.progress import NamedProgress
from resight.versions import versions

Keep = Callable[[JudgedQuery, Scored], None]
"""Called with each query and its whole ranking, as it is judged."""

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
    """A hit; only its name and score are used here."""

    @property
    def name(self) -> str:
        """The name of the image."""
        ...

    @property
    def score(self) -> float:
        """The score of the hit; higher is better."""
        ...


class Answer(typing.Protocol):
    """The hits of a search, best first."""

    @property
    def hits(self) -> Sequence[Named]:
        """The hits, best first."""
        ...

    @property
    def seconds(self) -> float:
        """Time of the search; of several at once, an equal share."""
        ...

    @property
    def error(self) -> ImageError | UsageError | None:
        """The fault of the query, which then has no hits."""
        ...


class Searchable(typing.Protocol):
    """An index that ranks database images for photos, boxes of them, or several photos, such as `resight.Index`."""

    def search_many(self, queries: Iterable[Query], *, k: int, include_self: bool) -> Iterator[Answer]:
        """Yields the `k` best images for each query, in their order."""
        ...

    def search_together(self, queries: Sequence[Query], *, k: int, include_self: bool) -> Answer:
        """Returns the `k` best images for several photos of one thing. Raises ImageError."""
        ...


def evaluate_index(
    index: Searchable,
    dataset: Dataset,
    *,
    recipe: str,
    distractors: int = 0,
    progress: NamedProgress | None = None,
    keep: Keep | None = None,
) -> EvaluationResult:
    """Runs every query on an index of the data set's photos and `distractors` others, and judges the answers.

    The whole ranking counts, unless the benchmark's rules limit it: as many hits are asked for as there are images. A
    query photo that cannot be read finds nothing and is listed as unreadable. Raises UsageError where the index holds
    photos that are neither of the data set nor distractors.
    """
    unreadable: list[Unreadable] = []
    answers = _counted(_asked(index, dataset, len(dataset.images) + distractors), len(dataset.queries), progress)
    settings = _judged(dataset, _ranked(dataset, answers, unreadable), keep)
    return _result(dataset, settings, recipe, distractors, unreadable)


def evaluate(
    recipe: str | Path,
    dataset: Dataset | str | Path,
    *,
    layout: str = "folder",
    distractors: str | Path | None = None,
    fit: str | Path | None = None,
    at: str | Path | None = None,
    progress: NamedProgress | None = None,
    say: Callable[[str], None] | None = None,
    keep: Keep | None = None,
) -> EvaluationResult:
    """Indexes the photos of a data set and of `distractors` by a recipe, runs every query, and judges the answers.

    dataset: a data set, or a folder that is read as `layout` says: a name that `resight datasets` lists. Photos below
    `distractors` replace the data set's own. Where `fit` is given, codebooks and the like are fitted on the photos
    below it, else on all that are searched, distractors too. The index is temporary, unless `at` names a place where it
    is kept; photos that it already holds are not indexed again. `say` is called with lines about fitting. Raises
    UsageError where photos are missing or do not match the ground truth, or where the index at `at` holds other photos,
    such as distractors of an earlier run; and the errors of `Index`.
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
        index = Index.open_or_create(path, recipe, fit=fit, progress=say)
        _require_no_other_root(index.info().roots, path, dataset.root, distractors)
        if distractors is not None:
            # `add` would fit on the photos of the data set alone, which may be few.
            index.fit_together(_searched(dataset, distractors), f"{dataset.root} and {distractors}", say=say)
        indexing = None if progress is None else partial(progress, "indexing")
        # Follow links: data sets are assembled from them, and the ground truth says which photos belong to one.
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
                # Made before the distractors came; those are neighbours as well.
                index.compact()
        seconds = time.perf_counter() - start
        info = index.info()
        if others := info.images - (report.added + report.changed + report.unchanged + count):
            raise UsageError(
                f"{displayed(path)}: holds {others:,} photos that this evaluation does not search, or that are gone; "
                "choose another place for the index, or remove this one"
            )
        result = evaluate_index(
            index, dataset, recipe=index.recipe.name, distractors=count, progress=progress, keep=keep
        )
        costs = Costs(
            # Where photos were already indexed, the time means nothing.
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
                "made": {name: Made(**one._asdict()) for name, one in info.fitted.items()},
                "recipe_text": recipe_text(recipe),
                "seed": index.recipe.seed,
                "distractor_root": None if distractors is None else str(photo_root(distractors).resolve()),
            }
        )


def _searched(dataset: Dataset, distractors: Path) -> Iterator[Found]:
    """Yields all photos that are searched: those of the data set, and distractors."""
    own = frozenset(dataset.images)
    yield from (one for one in find_images(dataset.root) if one.name in own)
    yield from find_images(photo_root(distractors))


def _require_no_other_root(roots: Iterable[dict[str, str]], path: Path, photos: Path, distractors: Path | None) -> None:
    """Raises UsageError, before indexing, where the index holds other photos, which would be ranked as well."""
    wanted = {(escape_name(os.path.realpath(photos)), "")}
    if distractors is not None:
        wanted.add((escape_name(os.path.realpath(photo_root(distractors))), DISTRACTORS))
    for root in roots:
        if (root["path"], root["prefix"]) not in wanted:
            raise UsageError(
                f"{displayed(path)}: holds photos of {root['path']}, which this evaluation does not search; "
                "choose another place for the index, or remove this one"
            )


def evaluate_rankings(dataset: Dataset, rankings: Mapping[str, Scored], *, system: str) -> EvaluationResult:
    """Judges the rankings of another system, by query id; it is assumed to have searched all published distractors.

    Raises UsageError where a query of the data set has no ranking.
    """
    missing = [query.id for query in dataset.queries if query.id not in rankings]
    if missing:
        raise UsageError(f"{system}: no ranking of query {missing[0]}; every query of {dataset.name} needs one")
    answers = ((rankings[query.id], None) for query in dataset.queries)
    return _result(dataset, _judged(dataset, answers, None), system, dataset.distractor_count, [])


def _asked(index: Searchable, dataset: Dataset, k: int) -> Iterator[Answer]:
    """Yields the answer to each query, in their order.

    The query itself stays in the ranking: the ground truth says whether it is a positive or junk.
    """
    for several, group in itertools.groupby(dataset.queries, lambda query: bool(query.more)):
        if several:
            yield from (_asked_together(index, dataset, query, k) for query in group)
        else:
            asked = (Query(dataset.query_path(query.image), box=query.box) for query in group)
            yield from index.search_many(asked, k=k, include_self=True)


@dataclass(frozen=True)
class _Unanswered:
    """The answer to a query of several photos, of which one cannot be read."""

    error: ImageError
    seconds: float
    hits: tuple[Named, ...] = ()


def _asked_together(index: Searchable, dataset: Dataset, query: JudgedQuery, k: int) -> Answer:
    start = time.perf_counter()
    photos = [(query.image, query.box), *query.more]
    try:
        asked = [Query(dataset.query_path(name), box=box) for name, box in photos]
        return index.search_together(asked, k=k, include_self=True)
    except ImageError as error:
        return _Unanswered(error, time.perf_counter() - start)


def _ranked(
    dataset: Dataset, answers: Iterable[Answer], unreadable: list[Unreadable]
) -> Iterator[tuple[Scored, float]]:
    """Yields the ranking of each answer, and its seconds; notes the query photos that cannot be read.

    Raises UsageError where a query is wrong otherwise, or a hit is not of the data set.
    """
    known = frozenset(dataset.images)
    for query, answer in zip(dataset.queries, answers, strict=True):
        if isinstance(answer.error, ImageError):
            unreadable.append(Unreadable(image=query.image, reason=answer.error.reason))
        elif answer.error is not None:
            raise answer.error
        for hit in answer.hits:
            if not (file_of_name(hit.name) in known or hit.name.startswith(DISTRACTORS)):
                raise UsageError(
                    f"{hit.name}: in the index but not in {dataset.root}; use an index of these photos only"
                )
        names, scores = [hit.name for hit in answer.hits], [hit.score for hit in answer.hits]
        yield ranked(names, scores), answer.seconds


def _judged(
    dataset: Dataset, answers: Iterable[tuple[Scored, float | None]], keep: Keep | None
) -> dict[str, tuple[QueryResult, ...]]:
    """Judges each ranking under every setting; a ranking is asked for once, and dropped once it is judged."""
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


def _counted(items: Iterable[_Item], total: int, progress: NamedProgress | None) -> Iterator[_Item]:
    if progress is not None:
        progress("searching", 0, total)
    for done, item in enumerate(items, start=1):
        yield item
        if progress is not None:
            progress("searching", done, total)
