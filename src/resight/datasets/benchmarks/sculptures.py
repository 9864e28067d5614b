"""Sculptures 6k (Arandjelović and Zisserman, ICCV 2011): 70 photos of ten sculptures search the test half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.text_files import at_line, read_lines
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import UsageError
from resight.folders.walking import escape_name, find_images
from resight.images import displayed

_PHOTOS = "sculptures6k/test"
_TRUTH = "sculptures6k_evaluation/sculptures6k_gt.txt"

LAYOUT = f"""\
{_PHOTOS}/*.jpg: the database
sculptures6k/train/*.jpg: not read
{_TRUTH}: a line of heading, then for each query four lines:
    name of the photo; a line that is not read; names that are right; names that are ignored, with blanks between"""


def read_sculptures6k(folder: Path) -> Dataset:
    """Reads the test half, which is all that its folder holds. Raises UsageError, naming the line of the ground truth.

    Source: NelleV/SORBB, src/load.py (`read_gt`), which reads the four lines so, and docs/report/report.tex: seven
    photos each of ten sculptures, positives and "ignores", which count neither as right nor as wrong; average precision
    as in Oxford5k.

    Notes: No page or program of the authors could be read, so the layout is not confirmed. NelleV/SORBB also skips the
    second line of each query: should it be the region of the query, then the whole photo is used here instead.
    """
    path, root = folder / _TRUTH, folder / _PHOTOS
    lines = read_lines(path)
    images = tuple(found.name for found in find_images(root))
    known = frozenset(images)
    queries: dict[str, JudgedQuery] = {}
    for number, (query, right, ignored) in _blocks(path, lines):
        for offset, names in enumerate(((query,), (), right, ignored)):
            for name in names:
                if name not in known:
                    raise UsageError(
                        f"{at_line(path, number + offset)}: {name} is not among the {len(known)} photos in "
                        f"{displayed(root)}"
                    )
        positives, junk = frozenset(right), frozenset(ignored)
        if positives & junk:
            raise UsageError(
                f"{at_line(path, number + 3)}: {min(positives & junk)} is ignored, but right on line {number + 2}"
            )
        if query in queries:
            raise UsageError(f"{at_line(path, number)}: {query} is asked twice")
        queries[query] = JudgedQuery(id=Path(query).stem, image=query, positives=positives, junk=junk)
    return Dataset(name="sculptures6k", root=root, images=images, settings={ALL: tuple(queries.values())})


def _blocks(path: Path, lines: list[str]) -> Iterator[tuple[int, tuple[str, tuple[str, ...], tuple[str, ...]]]]:
    """Yields the number of a query's first line; its name, its positives, and the names to ignore."""
    body = lines[1:]
    if len(body) % 4 == 3:
        body = [*body, ""]  # the last query ignores nothing, and the file ends without its empty line
    if not body or len(body) % 4:
        raise UsageError(f"{displayed(path)}: {len(lines)} lines; expected one, and four for each query")
    for start in range(0, len(body), 4):
        query, _, right, ignored = body[start : start + 4]
        yield (
            start + 2,
            (
                escape_name(query.strip()),
                tuple(escape_name(name) for name in right.split()),
                tuple(escape_name(name) for name in ignored.split()),
            ),
        )


BENCHMARKS = (
    Benchmark(
        name="sculptures6k",
        title="Sculptures 6k: smooth sculptures, test half",
        images=None,
        queries=70,
        source="The Sculptures 6k dataset, robots.ox.ac.uk/~vgg/data/sculptures6k",
        layout=LAYOUT,
        confirmed=False,
        read=read_sculptures6k,
    ),
)
