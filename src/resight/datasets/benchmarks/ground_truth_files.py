"""Ground truth as one file gnd_NAME.pkl or gnd_NAME.json.

A dict of `imlist`, the names of the database photos without suffix; `qimlist`, those of the query photos; and `gnd`, a
dict for each query with `bbx`, the box x0, y0, x1, y1 in pixels, and lists of indices into `imlist`, from 0, under
labels such as ok and junk. Read from cirtorch/datasets/testdataset.py of filipradenovic/cnnimageretrieval-pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resight.datasets.benchmarks.labels import LabelledQuery, checked_box, checked_name, require_apart
from resight.datasets.json_files import read_json
from resight.datasets.pickles import load_arrays_pickle
from resight.errors import UsageError


@dataclass(frozen=True)
class GroundTruth:
    """Ground truth of one file. images: the database, names without suffix."""

    images: tuple[str, ...]
    queries: tuple[LabelledQuery, ...]


def ground_truth_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """Returns the possible files; the first that exists is used."""
    return folder / f"gnd_{name}.pkl", folder / f"gnd_{name}.json"


def find_ground_truth(folder: Path, name: str) -> Path | None:
    """Returns gnd_NAME.pkl, else gnd_NAME.json, else None."""
    return next((path for path in ground_truth_paths(folder, name) if path.is_file()), None)


def read_ground_truth(path: Path, labels: Sequence[str]) -> GroundTruth:
    """Reads and checks a file. Raises UsageError that names the file and the wrong key."""
    document = load_arrays_pickle(path) if path.suffix == ".pkl" else read_json(path)
    if not isinstance(document, dict):
        raise UsageError(f"{path}: must hold a dict of imlist, qimlist and gnd")
    images = _names(path, document, "imlist")
    if len(set(images)) != len(images):
        twice = next(name for position, name in enumerate(images) if name in images[:position])
        raise UsageError(f"{path}: imlist: {twice} is listed twice")
    names = _names(path, document, "qimlist")
    rows = _list(path, document, "gnd", "gnd")
    if len(rows) != len(names):
        raise UsageError(f"{path}: gnd has {len(rows)} queries and qimlist {len(names)}; they must be the same")
    queries = tuple(
        _query(path, f"gnd[{position}]", row, name, images, labels)
        for position, (row, name) in enumerate(zip(rows, names, strict=True))
    )
    return GroundTruth(images, queries)


def _query(
    path: Path, key: str, row: object, name: str, images: tuple[str, ...], labels: Sequence[str]
) -> LabelledQuery:
    if not isinstance(row, dict):
        raise UsageError(f"{path}: {key}: must be a dict with bbx, {', '.join(labels)}")
    numbers = _list(path, row, "bbx", f"{key}.bbx")
    try:
        corners = [float(one) for one in numbers if isinstance(one, int | float | np.integer | np.floating)]
    except OverflowError:  # a whole number that is too large for a float
        corners = []
    if len(corners) != len(numbers):
        raise UsageError(f"{path}: {key}.bbx: must be four numbers x0, y0, x1, y1")
    box = checked_box(corners, f"{path}: {key}.bbx")
    named = {label: _indexed(path, row, label, f"{key}.{label}", images) for label in labels}
    require_apart(named, f"{path}: {key}")
    return LabelledQuery(name, box, named, f"{path}: {key}")


def _indexed(path: Path, row: dict[str, object], label: str, key: str, images: tuple[str, ...]) -> frozenset[str]:
    names = set()
    for position, index in enumerate(_list(path, row, label, key)):
        if not isinstance(index, int | np.integer) or isinstance(index, bool) or not 0 <= index < len(images):
            raise UsageError(f"{path}: {key}[{position}]: must be an index into imlist, 0 to {len(images) - 1}")
        names.add(images[index])
    return frozenset(names)


def _names(path: Path, document: dict[str, object], key: str) -> tuple[str, ...]:
    names = []
    for position, name in enumerate(_list(path, document, key, key)):
        if not isinstance(name, str):
            raise UsageError(f"{path}: {key}[{position}]: must be the name of a photo")
        names.append(checked_name(str(name), f"{path}: {key}[{position}]"))
    return tuple(names)


def _list(path: Path, row: dict[str, object], name: str, key: str) -> list[object]:
    if name not in row:
        raise UsageError(f"{path}: {key} is missing")
    value = row[name]
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return list(value.tolist())
    if not isinstance(value, list | tuple):
        raise UsageError(f"{path}: {key}: must be a list")
    return list(value)
