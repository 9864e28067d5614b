"""Reads a data set of your own: a folder with `images/` and a `groundtruth.json` of what each query should find.

    {"images": ["a.jpg", …],
     "queries": [{"image": "q.jpg", "positives": ["a.jpg"], "junk": [], "box": [x0, y0, x1, y1], "challenge": "blur"}],
     "groups": {"cup": ["a.jpg", "q.jpg"]}}

`images` are the database. Files of `images/` that it does not list are not searched; a query may be one of them.
`junk`, `box`, `challenge` and `groups` are optional; other keys are ignored. Figures are also given by challenge, and
by group for the queries without a challenge.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resight.datasets.benchmarks.benchmark import OWN, Benchmark
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.datasets.json_files import read_json
from resight.errors import UsageError
from resight.folders.walking import escape_name, find_images, is_below
from resight.images import Box

GROUND_TRUTH = "groundtruth.json"
PHOTOS = "images"


def photo_root(folder: Path) -> Path:
    """Returns the folder of the photos of a data set: its `images/`, or the folder itself where it has none.

    Raises UsageError where there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    return folder / PHOTOS if (folder / PHOTOS).is_dir() else folder


def read_folder(folder: Path) -> Dataset:
    """Reads a data set. Raises UsageError that names the file and the wrong key."""
    source = folder / GROUND_TRUTH
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; a data set is a folder with {PHOTOS}/ and {GROUND_TRUTH}")
    if not source.is_file():
        grouped = "; photos in a folder per group are read with --dataset groups" if _has_groups(folder) else ""
        raise UsageError(f"{source}: no such file; it says which photos each query should find{grouped}")
    return _Reader(source, folder / PHOTOS).dataset(read_json(source))


def _has_groups(folder: Path) -> bool:
    """Tells whether there are photos in two folders or more."""
    with os.scandir(folder) as scan:
        inside = sorted(entry.path for entry in scan if entry.is_dir() and not entry.name.startswith("."))
    holding = (path for path in inside if next(find_images(Path(path), lambda _: None), None))
    return next(holding, None) is not None and next(holding, None) is not None


@dataclass
class _Reader:
    """A reader that checks a document key by key, so that every error names the key."""

    source: Path
    root: Path
    asked: dict[str, int] = field(default_factory=dict)

    def wrong(self, key: str, what: str) -> UsageError:
        return UsageError(f"{self.source}: {key}: {what}")

    def dataset(self, document: object) -> Dataset:
        if not isinstance(document, dict):
            raise UsageError(f'{self.source}: must be an object with "images" and "queries"')
        images = self.names(document, "images", "images")
        if not images:
            raise self.wrong("images", "is empty; there is nothing to search")
        rows = self.present(document, "queries", "queries")
        if not isinstance(rows, list):
            raise self.wrong("queries", "must be a list")
        groups = self.groups(document.get("groups", {}))
        database = frozenset(images)
        queries = tuple(self.query(row, f"queries[{position}]", database, groups) for position, row in enumerate(rows))
        if not queries:
            raise self.wrong("queries", "is empty; there is nothing to evaluate")
        name = self.source.parent.resolve().name
        return Dataset(name, self.root, tuple(map(escape_name, images)), {ALL: queries})

    def query(self, row: object, key: str, database: frozenset[str], groups: Mapping[str, str]) -> JudgedQuery:
        if not isinstance(row, dict):
            raise self.wrong(key, 'must be an object with "image" and "positives"')
        image = self.present(row, "image", f"{key}.image")
        if not isinstance(image, str):
            raise self.wrong(f"{key}.image", f"must be a name, not {json.dumps(image)}")
        self.below(image, f"{key}.image")
        positives = self.members(row, "positives", key, database)
        junk = self.members(row, "junk", key, database) if "junk" in row else frozenset[str]()
        if both := positives & junk:
            raise self.wrong(f"{key}.junk", f"{min(both)!r} is among the positives as well")
        challenge = row.get("challenge")
        if not (challenge is None or isinstance(challenge, str)):
            raise self.wrong(f"{key}.challenge", f"must be a name, not {json.dumps(challenge)}")
        return JudgedQuery(
            id=self.unused(escape_name(image)),
            image=escape_name(image),
            positives=_escaped(positives),
            junk=_escaped(junk),
            box=self.box(row.get("box"), f"{key}.box"),
            group=groups.get(image) if challenge is None else challenge,
        )

    def unused(self, image: str) -> str:
        """Returns an unused id for a query: the photo's name, with #2, #3 and so on for more queries of the photo."""
        while True:
            self.asked[image] = count = self.asked.get(image, 0) + 1
            if count == 1:
                return image
            if (name := f"{image}#{count}") not in self.asked:
                self.asked[name] = 1
                return name

    def groups(self, value: object) -> dict[str, str]:
        """Returns the first group of each image."""
        if not isinstance(value, dict):
            raise self.wrong("groups", "must be an object with a list of names for each group")
        first: dict[str, str] = {}
        for group in value:
            for image in self.names(value, group, f"groups[{json.dumps(group)}]"):
                first.setdefault(image, group)
        return first

    def present(self, row: Mapping[str, Any], name: str, key: str) -> Any:
        if name not in row:
            raise self.wrong(key, "is missing")
        return row[name]

    def names(self, row: Mapping[str, Any], name: str, key: str) -> tuple[str, ...]:
        values = self.present(row, name, key)
        if not isinstance(values, list):
            raise self.wrong(key, "must be a list of names")
        seen: set[str] = set()
        for position, value in enumerate(values):
            if not isinstance(value, str):
                raise self.wrong(f"{key}[{position}]", f"must be a name, not {json.dumps(value)}")
            if value in seen:
                raise self.wrong(f"{key}[{position}]", f"{value!r} is listed twice")
            self.below(value, f"{key}[{position}]")
            seen.add(value)
        return tuple(values)

    def members(self, row: Mapping[str, Any], name: str, key: str, database: frozenset[str]) -> frozenset[str]:
        values = self.names(row, name, f"{key}.{name}")
        for position, value in enumerate(values):
            if value not in database:
                raise self.wrong(f"{key}.{name}[{position}]", f'{value!r} is not among "images"')
        return frozenset(values)

    def below(self, name: str, key: str) -> None:
        if not is_below(name):
            raise self.wrong(key, f"{name!r} is not the path of a file below {self.root}")

    def box(self, value: object, key: str) -> Box | None:
        if value is None:
            return None
        if not (isinstance(value, list) and len(value) == 4 and all(map(_is_finite, value))):
            raise self.wrong(key, f"must be four numbers x0, y0, x1, y1, not {json.dumps(value)}")
        x0, y0, x1, y1 = map(float, value)
        if x1 <= x0 or y1 <= y0:
            raise self.wrong(key, f"{json.dumps(value)} is empty; x0, y0 is its upper left corner, x1, y1 the other")
        return x0, y0, x1, y1


def _is_finite(value: object) -> bool:
    # A number may be too large for a float; isfinite would fail on it, the comparison does not.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # type: ignore[arg-type]


def _escaped(names: frozenset[str]) -> frozenset[str]:
    return frozenset(escape_name(name) for name in names)


BENCHMARKS = (
    Benchmark(
        name="folder",
        title="A folder of your own with its ground truth",
        images=None,
        queries=None,
        source=OWN,
        layout=(
            f"{PHOTOS}/            the photos, in folders or not\n"
            f'{GROUND_TRUTH}   {{"images": [NAME, ...],\n'
            '                    "queries": [{"image": NAME, "positives": [NAME, ...], "junk": [NAME, ...],\n'
            '                                 "box": [X0, Y0, X1, Y1], "challenge": TEXT}, ...],\n'
            '                    "groups": {GROUP: [NAME, ...], ...}}\n'
            '"junk", "box", "challenge" and "groups" may be left out; a NAME is a path below images/'
        ),
        confirmed=True,
        read=read_folder,
    ),
)
