"""FlickrLogos-32 (Romberg et al., ICMR 2011), its retrieval protocol: 960 photos of logos search 4,280 others."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.text_files import Row, read_rows
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.folders.walking import escape_name, is_below

_DATABASE = "trainvalset.txt"
_QUERIES = "testset-logosonly.txt"
_TEST = "testset.txt"
_LINE = "CLASS,NAME.jpg"
_NO_LOGO = "no-logo"
_SEPARATORS = re.compile("[ \t,;]+")

LAYOUT = f"""\
classes/jpg/CLASS/*.jpg: the photos, {_NO_LOGO} among the classes
{_DATABASE}: the database (P1 and P2), {_LINE} a line
{_QUERIES}: the queries (P3 without {_NO_LOGO}), likewise
{_TEST}: P3, likewise"""


def read_flickrlogos32(folder: Path) -> Dataset:
    """Reads the retrieval protocol. Raises UsageError, naming the list and the faulty line.

    Source: the authors' page, "FlickrLogos-32" (multimedia-computing.de/flickrlogos): the parts P1, P2 and P3; their
    program fl_eval_retrieval.py (FlickrLogos-32 SDK 1.0.4): lists, 40 positives a query, the AP of Oxford5k;
    SetaSouto/torchsight, torchsight/datasets/flickr32.py: where the photos are.

    Notes: The query is the whole photo, as in the authors' program; the boxes and masks in classes/masks are not read.
    Classes are compared in lower case, as there. That program drops hits with a score of 0 or less; here they count.
    """
    database = {name: logo for _, name, logo in _listed(folder / _DATABASE)}
    by_class = defaultdict(set)
    for name, logo in database.items():
        by_class[logo].add(name)
    positives = {logo: frozenset(names) for logo, names in by_class.items()}
    queries = []
    for row, name, logo in _listed(folder / _QUERIES):
        if name in database:
            raise row.wrong(f"{name} is a photo of the database as well, in {_DATABASE}")
        if logo == _NO_LOGO or logo not in positives:
            raise row.wrong(f"nothing in {_DATABASE} shows what the query {name} does")
        queries.append(
            JudgedQuery(id=str(PurePosixPath(name).with_suffix("")), image=name, positives=positives[logo], group=logo)
        )
    return Dataset(
        name="flickrlogos32",
        root=folder / "classes" / "jpg",
        images=tuple(database),
        settings={ALL: tuple(queries)},
        allowed=frozenset(name for _, name, _ in _listed(folder / _TEST)),
    )


def _listed(path: Path) -> list[tuple[Row, str, str]]:
    """Returns for each listed photo its row, its name below the photo folder, and its class."""
    listed = []
    seen = set()
    for row in read_rows(path, [_LINE]):
        match _SEPARATORS.split(row.cells[_LINE]):
            case [logo, file] if is_below(f"{logo}/{file}"):
                name = escape_name(f"{logo}/{file}")
            case _:
                raise row.wrong(f"expected {_LINE}, not {row.cells[_LINE]!r}")
        if name in seen:
            raise row.wrong(f"{name} is listed twice")
        seen.add(name)
        listed.append((row, name, logo.lower()))
    return listed


BENCHMARKS = (
    Benchmark(
        name="flickrlogos32",
        title="FlickrLogos-32: logos of 32 brands, retrieval protocol",
        images=4280,
        queries=960,
        source="FlickrLogos-32, multimedia-computing.de/flickrlogos (on request)",
        layout=LAYOUT,
        confirmed=True,
        read=read_flickrlogos32,
    ),
)
