"""ROxford5k and RParis6k: Oxford and Paris annotated again (easy, medium, hard), also with a million distractors.

Source: Radenovic et al., Revisiting Oxford and Paris: Large-Scale Image Retrieval Benchmarking, CVPR 2018, section 3;
the authors' programs filipradenovic/revisitop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.buildings import QUERIES_PER_LANDMARK, Buildings
from resight.datasets.benchmarks.flickr100k import beside
from resight.datasets.benchmarks.ground_truth_files import (
    find_ground_truth,
    ground_truth_paths,
    read_ground_truth,
)
from resight.datasets.benchmarks.labels import LabelledQuery
from resight.datasets.benchmarks.oxford import OXFORD
from resight.datasets.benchmarks.paris import PARIS
from resight.datasets.dataset import Dataset, JudgedQuery
from resight.errors import UsageError

SETTINGS = {
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}
"""Labels that are positive and labels that are junk, by setting."""
MAIN = "medium"
DISTRACTORS = 1_001_001


def read_roxford5k(folder: Path) -> Dataset:
    """Reads ROxford5k from a folder. Raises UsageError.

    Notes: gnd_roxford5k.pkl takes precedence over gnd_roxford5k.json. The query photos are in the same folder but not
    in the database. A query's id is its photo's name. Each of the 15 queries that were added to the 55 of Oxford5k
    belongs to the landmark of the query with which it shares most positives. Boxes count from 0 and are half-open:
    python/example_process_images.py of filipradenovic/revisitop crops them so; the authors' crop is rounded, here it is
    rounded outward.
    """
    return _read(folder, "roxford5k", OXFORD)


def read_rparis6k(folder: Path) -> Dataset:
    """Reads RParis6k from a folder, as `read_roxford5k` does; photos as in `read_paris6k`. Raises UsageError."""
    return _read(folder, "rparis6k", PARIS)


def read_roxford5k_1m(folder: Path) -> Dataset:
    """Reads ROxford5k from a folder, with the distractors R1M beside it. Raises UsageError."""
    return _with_million(read_roxford5k(folder), folder)


def read_rparis6k_1m(folder: Path) -> Dataset:
    """Reads RParis6k from a folder, with the distractors R1M beside it. Raises UsageError."""
    return _with_million(read_rparis6k(folder), folder)


def _with_million(dataset: Dataset, folder: Path) -> Dataset:
    # Where the authors' python/download.py puts them: a data set beside the others.
    million = beside(folder, "revisitop1m") / "jpg"
    return replace(dataset, name=f"{dataset.name}-1m", distractors=million, distractor_count=DISTRACTORS)


def _read(folder: Path, name: str, buildings: Buildings) -> Dataset:
    path = find_ground_truth(folder, name)
    if path is None:
        first, second = ground_truth_paths(folder, name)
        raise UsageError(f"{folder}: no ground truth of {name}: neither {first.name} nor {second.name} is there")
    truth = read_ground_truth(path, ("easy", "hard", "junk"))
    if again := {query.image for query in truth.queries}.intersection(truth.images):
        raise UsageError(f"{path}: qimlist: {min(again)} is in imlist too; a query of {name} is not in the database")
    names = [query.image for query in truth.queries]
    if twice := {query for position, query in enumerate(names) if query in names[:position]}:
        raise UsageError(f"{path}: qimlist: {min(twice)} is listed twice")
    photos = buildings.photos(folder)
    groups = _landmarks(truth.queries, buildings)
    settings = {
        setting: tuple(
            JudgedQuery(
                id=query.image,
                image=photos[query.image],
                positives=frozenset(photos[one] for one in query.names(*right)),
                junk=frozenset(photos[one] for one in query.names(*junk)),
                box=query.box,
                group=group,
            )
            for query, group in zip(truth.queries, groups, strict=True)
        )
        for setting, (right, junk) in SETTINGS.items()
    }
    return Dataset(
        name=name,
        root=photos.root,
        images=tuple(photos[one] for one in truth.images),
        settings=settings,
        main=MAIN,
        allowed=frozenset(photos[one] for one in (*names, *buildings.corrupt)),
    )


def _landmarks(queries: Sequence[LabelledQuery], buildings: Buildings) -> list[str]:
    """Returns the landmark of each query.

    The first queries have it by their position; an added one has that of the queries with which it shares photos.
    """
    known = queries[: QUERIES_PER_LANDMARK * len(buildings.landmarks)]
    shown = [query.names("easy", "hard") for query in queries]

    def most_alike(added: frozenset[str]) -> int:
        return max(range(len(known)), key=lambda one: len(added & shown[one]))

    places = [*range(len(known)), *map(most_alike, shown[len(known) :])]
    return [buildings.landmark(place) for place in places]


_OXFORD_LAYOUT = """\
jpg/all_souls_000000.jpg ...  5,063 photos of Oxford5k: the database and the 70 queries
gnd_roxford5k.pkl             the authors' ground truth; or
gnd_roxford5k.json            the same as JSON. The first that exists is used."""
_PARIS_LAYOUT = """\
jpg/paris_defense_000000.jpg ...  6,392 photos of Paris6k, in jpg/, jpg/LANDMARK/ or paris/LANDMARK/: the database and
                                  the 70 queries
gnd_rparis6k.pkl                  the authors' ground truth; or
gnd_rparis6k.json                 the same as JSON. The first that exists is used."""
_MILLION_LAYOUT = """\
../revisitop1m/jpg/**.jpg     1,001,001 distractors R1M, beside FOLDER"""
_SOURCE = "Revisiting Oxford and Paris, http://cmp.felk.cvut.cz/revisitop/"

BENCHMARKS = (
    Benchmark(
        name="roxford5k",
        title="Revisited Oxford",
        images=4993,
        queries=70,
        source=_SOURCE,
        layout=_OXFORD_LAYOUT,
        confirmed=True,
        read=read_roxford5k,
    ),
    Benchmark(
        name="rparis6k",
        title="Revisited Paris",
        images=6322,
        queries=70,
        source=_SOURCE,
        layout=_PARIS_LAYOUT,
        confirmed=True,
        read=read_rparis6k,
    ),
    Benchmark(
        name="roxford5k-1m",
        title="Revisited Oxford and R1M",
        images=4993,
        queries=70,
        source=_SOURCE,
        layout=f"{_OXFORD_LAYOUT}\n{_MILLION_LAYOUT}",
        confirmed=True,
        read=read_roxford5k_1m,
        extra=DISTRACTORS,
    ),
    Benchmark(
        name="rparis6k-1m",
        title="Revisited Paris and R1M",
        images=6322,
        queries=70,
        source=_SOURCE,
        layout=f"{_PARIS_LAYOUT}\n{_MILLION_LAYOUT}",
        confirmed=True,
        read=read_rparis6k_1m,
        extra=DISTRACTORS,
    ),
)
