"""Reads boxes of images from a file, whatever program proposed them.

JSON: {"NAME": [[x0, y0, x1, y1], ...], ...}. CSV: a line NAME,x0,y0,x1,y1 for each box; the first line may hold these
column names. Pixels of the upright original, half-open. NAME is that of the image in the index.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resight.arrays import Boxes
from resight.errors import UsageError

COLUMNS = ("name", "x0", "y0", "x1", "y1")


def read_boxes(path: Path) -> Mapping[str, Boxes]:
    """Returns boxes (R, 4) float64 of each image named in a `.json` or `.csv` file, in the file's order.

    Raises UsageError, naming the file and the key or line, where it is not readable or not of that form, a number is
    not finite, or a box is empty.
    """
    suffix = path.suffix.lower()
    if suffix not in (".json", ".csv"):
        raise UsageError(f"{path}: boxes are read from .json and .csv files")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; it should hold the boxes of each image") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path}: cannot be read ({reason})") from error
    rows = _from_json(path, text) if suffix == ".json" else _from_csv(path, text)
    return {name: np.array(boxes, np.float64).reshape(-1, 4) for name, boxes in rows.items()}


def _from_json(path: Path, text: str) -> dict[str, list[list[float]]]:
    try:
        document = json.loads(text, object_pairs_hook=lambda pairs: _each_once(path, pairs))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: must be an object of image names, each with a list of boxes")
    found: dict[str, list[list[float]]] = {}
    for name, boxes in document.items():
        if not isinstance(boxes, list):
            raise UsageError(f"{path}: {name!r}: must be a list of boxes, each x0, y0, x1, y1")
        found[name] = [_checked(box, f"{path}: {name!r}, box {number}") for number, box in enumerate(boxes)]
    return found


def _each_once(path: Path, pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise UsageError(f"{path}: {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return document


def _from_csv(path: Path, text: str) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {}
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        for row in reader:
            where = f"{path}: line {reader.line_num}"
            if not row or (not found and tuple(part.strip().lower() for part in row) == COLUMNS):
                continue
            if len(row) != len(COLUMNS):
                raise UsageError(f"{where}: has {len(row)} columns, not {','.join(COLUMNS)}")
            try:
                numbers = [float(part) for part in row[1:]]
            except ValueError as error:
                raise UsageError(f"{where}: {error}") from None
            found.setdefault(row[0], []).append(_checked(numbers, where))
    except csv.Error as error:
        raise UsageError(f"{path}: line {reader.line_num}: {error}") from error
    return found


def _checked(box: object, where: str) -> list[float]:
    if not (isinstance(box, list) and len(box) == 4 and all(type(value) in (int, float) for value in box)):
        raise UsageError(f"{where}: must be four numbers x0, y0, x1, y1, not {json.dumps(box)}")
    x0, y0, x1, y1 = box
    if not all(math.isfinite(value) for value in box):
        raise UsageError(f"{where}: not all of its numbers are finite")
    if x1 <= x0 or y1 <= y0:
        raise UsageError(f"{where}: is empty; x0,y0 is the upper left corner and x1,y1 the lower right one")
    return [float(value) for value in box]
