"""Ground truth as text files LANDMARK_N_query.txt, _good.txt, _ok.txt and _junk.txt, one set of four for each query.

The query file has one line: the photo's name and the box x0 y0 x1 y1. The other three have one name per line, which may
be repeated, as in all_souls_1_good.txt of the authors. Read from the Oxford Buildings ground truth and the program
compute_ap.cpp, Visual Geometry Group, University of Oxford.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from resight.datasets.benchmarks.labels import LabelledQuery, checked_box, checked_name, require_apart
from resight.datasets.benchmarks.text_files import lines_of
from resight.errors import UsageError

LABELS = ("good", "ok", "junk")

_QUERY_FILE = re.compile(r"(?P<landmark>.+)_(?P<number>[0-9]+)_query\.txt")
# The authors' query files of Oxford put the name of their own collection before a photo's name.
_QUERY_PREFIX = "oxc1_"


def find_landmark_files(folder: Path) -> Path | None:
    """Returns the folder with the query files: `folder` or one directly in it.

    Raises UsageError where there are several.
    """
    try:
        candidates = [folder, *sorted(one for one in folder.iterdir() if one.is_dir())]
        found = [one for one in candidates if any(_QUERY_FILE.fullmatch(file.name) for file in one.iterdir())]
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read ({error.strerror})") from error
    if len(found) > 1:
        raise UsageError(f"{found[0]} and {found[1]}: both have ground truth, LANDMARK_N_query.txt; keep one of them")
    return found[0] if found else None


def read_landmark_files(source: Path) -> Mapping[str, LabelledQuery]:
    """Reads queries by name, such as all_souls_1, in the order of landmarks and numbers. Raises UsageError."""
    matches = [match for file in source.iterdir() if (match := _QUERY_FILE.fullmatch(file.name))]
    matches.sort(key=lambda match: (match["landmark"], int(match["number"])))
    return {name: _read(source, name) for name in (f"{match['landmark']}_{match['number']}" for match in matches)}


def _read(source: Path, name: str) -> LabelledQuery:
    path = source / f"{name}_query.txt"
    lines = list(lines_of(path))
    if len(lines) != 1:
        raise UsageError(f"{path}: has {len(lines)} lines; one is expected, with the photo's name and x0 y0 x1 y1")
    line, where = lines[0]
    image, *numbers = line.split()
    try:
        box = checked_box([float(number) for number in numbers], where)
    except ValueError:
        raise UsageError(f"{where}: must be the photo's name and four numbers x0 y0 x1 y1") from None
    image = checked_name(image.removeprefix(_QUERY_PREFIX), where)
    labels = {label: _names(source / f"{name}_{label}.txt") for label in LABELS}
    positives = labels["good"] | labels["ok"]
    require_apart({"good or ok": positives, "junk": labels["junk"]}, str(source / f"{name}_junk.txt"))
    return LabelledQuery(image, box, labels, str(path))


def _names(path: Path) -> frozenset[str]:
    return frozenset(checked_name(line, where) for line, where in lines_of(path))
