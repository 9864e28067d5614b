"""INRIA Holidays: 500 groups of photos of the same scene; the first of each group is the query for the others.

Source: Jegou, Douze and Schmid, Hamming embedding and weak geometric consistency, ECCV 2008, section 5.1; the page
"INRIA Holidays dataset" of the authors and the program holidays_map.py of their evaluation package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.labels import checked_name
from resight.datasets.benchmarks.matlab import MatlabFile, open_matlab
from resight.datasets.benchmarks.text_files import lines_of
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import UsageError
from resight.folders.walking import find_images

INDEXED = "gnd_holidays.mat"
LISTS = ("eval_holidays/holidays_images.dat", "holidays_images.dat")
PHOTOS = "jpg"
SUFFIX = ".jpg"

_NAME = re.compile(r"(?P<number>[0-9]{6,9})\.jpg")


def read_holidays(folder: Path) -> Dataset:
    """Reads Holidays from a folder; a query is not among its positives. Raises UsageError.

    Notes: gnd_holidays.mat takes precedence over the authors' holidays_images.dat, and that over the names of the
    photos in the folder. By name, a photo whose number ends in 00 is the query for those that differ from it in the
    last two digits only: so holidays_map.py of the authors' package eval_holidays reads its list. In the file for
    MATLAB, `imlist` has names without suffix, `qidx` the queries and `gnd` their `ok` and `junk`, indices into `imlist`
    from 1. Photos are turned by their metadata; the "upright" Holidays of some papers was turned by hand.
    """
    root = folder / PHOTOS
    indexed = folder / INDEXED
    listed = next((path for name in LISTS if (path := folder / name).is_file()), None)
    if indexed.is_file():
        images, queries = _by_index(indexed)
    elif listed is not None:
        images, queries = _by_name(lines_of(listed), str(listed))
    elif root.is_dir():
        images, queries = _by_name(((found.name, str(found.path)) for found in find_images(root)), str(root))
    else:
        raise UsageError(
            f"{folder}: neither {INDEXED} nor {' nor '.join(LISTS)} nor a folder {PHOTOS} with photos is there"
        )
    return Dataset("holidays", root, images, {ALL: queries}, allowed=frozenset())


def _by_name(names: Iterable[tuple[str, str]], source: str) -> tuple[tuple[str, ...], tuple[JudgedQuery, ...]]:
    groups: dict[int, list[str]] = {}
    images: dict[str, None] = {}
    for name, where in names:
        match = _NAME.fullmatch(name)
        if match is None:
            raise UsageError(f"{where}: {name!r:.100} is no name of Holidays, such as 100000.jpg")
        if name in images:
            raise UsageError(f"{where}: {name} is listed twice")
        images[name] = None
        groups.setdefault(int(match["number"]) // 100, []).append(name)
    if not images:
        raise UsageError(f"{source}: lists no photos")
    queries = []
    for group, members in sorted(groups.items()):
        query = next((name for name in members if int(name.removesuffix(SUFFIX)) % 100 == 0), None)
        if query is None:
            raise UsageError(f"{source}: {members[0]} is there, but not its query {group * 100}{SUFFIX}")
        queries.append(JudgedQuery(query.removesuffix(SUFFIX), query, frozenset(members) - {query}))
    return tuple(images), tuple(queries)


def _by_index(path: Path) -> tuple[tuple[str, ...], tuple[JudgedQuery, ...]]:
    file = open_matlab(path, ("imlist", "qidx", "gnd"))
    images = tuple(checked_name(name, f"{path}: imlist") + SUFFIX for name in file.texts("imlist"))
    if len(set(images)) != len(images):
        raise file.wrong("imlist", "a photo is listed twice")
    first = _indexed(file, "qidx", file.numbers("qidx"), images)
    if len(set(first)) != len(first):
        raise file.wrong("qidx", "a query is listed twice")
    records = file.records("gnd")
    if len(records) != len(first):
        raise file.wrong("gnd", f"has {len(records)} queries and qidx {len(first)}; they must be the same")
    queries = []
    for number, (query, record) in enumerate(zip(first, records, strict=True), start=1):
        if not {"ok", "junk"} <= record.keys():
            raise file.wrong(f"gnd({number})", "must have ok and junk")
        positives, junk = (
            frozenset(_indexed(file, f"gnd({number}).{label}", record[label], images)) for label in ("ok", "junk")
        )
        if both := positives & junk:
            raise file.wrong(f"gnd({number})", f"{min(both)} is both ok and junk")
        queries.append(JudgedQuery(query.removesuffix(SUFFIX), query, positives, junk))
    return images, tuple(queries)


def _indexed(file: MatlabFile, variable: str, indices: Sequence[float], images: tuple[str, ...]) -> list[str]:
    for index in indices:
        if index not in range(1, len(images) + 1):
            raise file.wrong(variable, f"{index:g} is no index into imlist, 1 to {len(images)}")
    return [images[int(index) - 1] for index in indices]


BENCHMARKS = (
    Benchmark(
        name="holidays",
        title="INRIA Holidays",
        images=1491,
        queries=500,
        source="INRIA Holidays dataset, https://lear.inrialpes.fr/people/jegou/data.php.html",
        layout="""\
jpg/100000.jpg ...                 1,491 photos
gnd_holidays.mat                   ground truth in common use; or
eval_holidays/holidays_images.dat  the authors' list of photos, there or in FOLDER; or
                                   neither: the names of the photos tell as much
The first of these that exists is used.""",
        confirmed=True,
        read=read_holidays,
    ),
)
