"""Asks every query of a data set and judges the answers. No ground truth reaches the search or its re-ranking."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Protocol

from resight.errors import ImageError, UsageError
from resight.evaluation.folder import Dataset, Query, photo_root
from resight.evaluation.result import EvaluationResult, Metrics, QueryResult
from resight.evaluation.result import Protocol as Choices
from resight.images import Box

DISTRACTORS = "distractors/"
"""What the names of distractors begin with in the index, so that they cannot be taken for database images."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

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


class Named(Protocol):
    """A hit, of which only the name counts here."""

    @property
    def name(self) -> str: ...


class Answer(Protocol):
    """What a search returned, best first."""

    @property
    def hits(self) -> Sequence[Named]: ...


class Searchable(Protocol):
    """Anything that ranks database images for a photo or a box of it; `resight.Index` does."""

    def search(self, query: Path, *, box: Box | None, k: int, include_self: bool) -> Answer:
        """The `k` best images. Raises ImageError where the query is no readable photo."""
        ...


def evaluate(
    index: Searchable, dataset: Dataset, *, recipe: str, distractors: int = 0, progress: Progress | None = None
) -> EvaluationResult:
    """Asks an index of the data set's photos, and of so many distractors, every query.

    The whole ranking counts: as many hits are asked for as there are images. A query photo that cannot be read finds
    nothing and is listed as unreadable. Raises UsageError where the index holds photos of neither kind.
    """
    size = len(dataset.images) + distractors
    known = frozenset(dataset.images)
    results: list[QueryResult] = []
    unreadable: list[tuple[str, str]] = []
    for done, query in enumerate(dataset.queries):
        if progress is not None:
            progress("searching", done, len(dataset.queries))
        start = time.perf_counter()
        try:
            # The query itself stays in: whether it is a positive or junk is for the ground truth to say.
            answer = index.search(dataset.path(query.image), box=query.box, k=size, include_self=True)
            ranking = [hit.name for hit in answer.hits]
        except ImageError as error:
            unreadable.append((query.image, error.reason))
            ranking = []
        seconds = time.perf_counter() - start
        for name in ranking:
            if not (name in known or name.startswith(DISTRACTORS)):
                raise UsageError(f"{name}: in the index but not in {dataset.root}; use an index of these photos only")
        results.append(_judge(query, ranking, known, seconds))
    if progress is not None:
        progress("searching", len(dataset.queries), len(dataset.queries))
    crop = "box" if any(query.box is not None for query in dataset.queries) else "none"
    choices = Choices(database=len(dataset.images), distractors=distractors, queries=len(dataset.queries), crop=crop)
    return EvaluationResult(recipe, choices, tuple(results), tuple(unreadable), versions=_versions())


def evaluate_recipe(
    recipe: str | Path,
    dataset: Dataset,
    *,
    distractors: Path | None = None,
    fit: Path | None = None,
    at: Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> EvaluationResult:
    """Indexes the data set's photos, and all photos below `distractors`, by a recipe and asks every query.

    What the recipe fits is fitted on the photos below `fit`, where that is given. The index is a temporary one, or it
    is made at `at` and stays there. `say` is told lines about fitting.
    """
    from resight.index import Index

    with ExitStack() as stack:
        path = at or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="resight-"))) / "evaluation.resight"
        start = time.perf_counter()
        index = Index.create(path, recipe, fit=fit, progress=say)
        indexing = None if progress is None else partial(progress, "indexing")
        report = index.add(dataset.root, only=frozenset(dataset.images), progress=indexing, say=say)
        unreadable = list(report.unreadable)
        count = 0
        if distractors is not None:
            distracting = None if progress is None else partial(progress, "indexing distractors")
            more = index.add(photo_root(distractors), prefix=DISTRACTORS, progress=distracting)
            count = more.added + more.changed + more.unchanged
            unreadable += more.unreadable
        seconds = time.perf_counter() - start
        info = index.info()
        result = evaluate(index, dataset, recipe=index.recipe.name, distractors=count, progress=progress)
        return replace(
            result,
            unreadable=(*unreadable, *result.unreadable),
            index_seconds=seconds,
            bytes_per_image=info.bytes_per_image,
            words_per_image=info.words_per_image,
            bytes_per_feature=info.bytes_per_feature,
        )


def _judge(query: Query, ranking: Sequence[str], database: frozenset[str], seconds: float) -> QueryResult:
    # A query that is in the database finds itself first, which says nothing; only a ground truth that lists it among
    # the positives, as Oxford5k does, counts it.
    junk = query.junk | ({query.image} & database - query.positives)
    return QueryResult(
        image=query.image,
        metrics=Metrics.of(ranking, query.positives, junk),
        positives=len(query.positives),
        found=len(query.positives.intersection(ranking)),
        seconds=seconds,
        box=query.box,
        challenge=query.challenge,
    )


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
