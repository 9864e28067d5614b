"""Reads a data set of one's own: a folder with `images/` and a `groundtruth.json` that says what should be found.

    {"images": ["a.jpg", …],
     "queries": [{"image": "q.jpg", "positives": ["a.jpg"], "junk": [], "box": [x0, y0, x1, y1], "challenge": "blur"}]}

`images` are the database. Files of `images/` that it does not list are not searched; a query may be one of them.
`junk`, `box` and `challenge` may be left out; other keys are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from resight.errors import ImageError, UsageError
from resight.folders import escape_name, unescape_name
from resight.images import Box, check_box, decode

GROUND_TRUTH = "groundtruth.json"
PHOTOS = "images"


@dataclass(frozen=True)
class Query:
    """A photo, or the `box` (x0, y0, x1, y1) of it, with the names of what should be found and of what is ignored."""

    image: str
    positives: frozenset[str]
    junk: frozenset[str] = frozenset()
    box: Box | None = None
    challenge: str | None = None

    def mark(self, name: str) -> Literal["right", "wrong", "junk"]:
        """What the ground truth says of a hit; the query itself is neither right nor wrong unless it is a positive."""
        if name in self.positives:
            return "right"
        return "junk" if name in self.junk or name == self.image else "wrong"


@dataclass(frozen=True)
class Dataset:
    """Photos below `root` by name, as an index of `root` calls them; which are the database; the queries."""

    root: Path
    images: tuple[str, ...]
    queries: tuple[Query, ...]

    def path(self, name: str) -> Path:
        """The file of a photo."""
        return self.root / unescape_name(name)


def photo_root(folder: Path) -> Path:
    """Where the photos of a data set are: its `images/`, or the folder itself where it has none.

    Raises UsageError where there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    return folder / PHOTOS if (folder / PHOTOS).is_dir() else folder


def read_folder(folder: Path) -> Dataset:
    """Reads and checks a data set. Raises UsageError that names the file and the key that is wrong."""
    source = folder / GROUND_TRUTH
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; a data set is a folder with {PHOTOS}/ and {GROUND_TRUTH}")
    if not source.is_file():
        raise UsageError(f"{source}: no such file; it says which photos each query should find")
    if not (folder / PHOTOS).is_dir():
        raise UsageError(f"{folder / PHOTOS}: no such folder; the photos that {GROUND_TRUTH} names go there")
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source}: not JSON ({error})") from error
    except OSError as error:
        raise UsageError(f"{source}: cannot be read ({error.strerror})") from error
    return _Reader(source, folder / PHOTOS).dataset(document)


@dataclass(frozen=True)
class _Reader:
    """Checks a document key by key, so that every error says where it stands."""

    source: Path
    root: Path

    def wrong(self, key: str, what: str) -> UsageError:
        return UsageError(f"{self.source}: {key}: {what}")

    def dataset(self, document: object) -> Dataset:
        if not isinstance(document, dict):
            raise UsageError(f'{self.source}: must be an object with "images" and "queries"')
        images = self.names(document, "images", "images")
        if not images:
            raise self.wrong("images", "is empty; there is nothing to search")
        for position, name in enumerate(images):
            self.on_disk(name, f"images[{position}]")
        rows = self.present(document, "queries", "queries")
        if not isinstance(rows, list):
            raise self.wrong("queries", "must be a list")
        database = frozenset(images)
        queries = tuple(self.query(row, f"queries[{position}]", database) for position, row in enumerate(rows))
        if not queries:
            raise self.wrong("queries", "is empty; there is nothing to evaluate")
        return Dataset(self.root, tuple(map(escape_name, images)), queries)

    def query(self, row: object, key: str, database: frozenset[str]) -> Query:
        if not isinstance(row, dict):
            raise self.wrong(key, 'must be an object with "image" and "positives"')
        image = self.present(row, "image", f"{key}.image")
        if not isinstance(image, str):
            raise self.wrong(f"{key}.image", f"must be a name, not {json.dumps(image)}")
        self.on_disk(image, f"{key}.image")
        positives = self.members(row, "positives", key, database)
        junk = self.members(row, "junk", key, database) if "junk" in row else frozenset[str]()
        if both := positives & junk:
            raise self.wrong(f"{key}.junk", f"{min(both)!r} is among the positives as well")
        challenge = row.get("challenge")
        if not (challenge is None or isinstance(challenge, str)):
            raise self.wrong(f"{key}.challenge", f"must be a name, not {json.dumps(challenge)}")
        box = self.box(row.get("box"), f"{key}.box", image)
        return Query(escape_name(image), _escaped(positives), _escaped(junk), box, challenge)

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
            seen.add(value)
        return tuple(values)

    def members(self, row: Mapping[str, Any], name: str, key: str, database: frozenset[str]) -> frozenset[str]:
        values = self.names(row, name, f"{key}.{name}")
        for position, value in enumerate(values):
            if value not in database:
                raise self.wrong(f"{key}.{name}[{position}]", f'{value!r} is not among "images"')
        return frozenset(values)

    def on_disk(self, name: str, key: str) -> None:
        """A name is the path of a file below `images/`; nothing outside is read."""
        parts = PurePosixPath(name).parts
        if "\0" in name or name != "/".join(parts) or name.startswith("/") or {"..", "."} & {*parts} or not parts:
            raise self.wrong(key, f"{name!r} is not the path of a file below {self.root}")
        if not (self.root / name).is_file():
            raise self.wrong(key, f"there is no photo {self.root / name}")

    def box(self, value: object, key: str, image: str) -> Box | None:
        if value is None:
            return None
        if not (isinstance(value, list) and len(value) == 4 and all(type(one) in (int, float) for one in value)):
            raise self.wrong(key, f"must be four numbers x0, y0, x1, y1, not {json.dumps(value)}")
        try:
            # The size is that of the upright photo, which only decoding tells; a reduced one is quickly had.
            return check_box(tuple(value), decode(self.root / image, max_side=64).size)
        except UsageError as error:
            raise self.wrong(key, f"{image!r}: {error}") from error
        except ImageError as error:
            raise self.wrong(key, str(error)) from error


def _escaped(names: frozenset[str]) -> frozenset[str]:
    return frozenset(escape_name(name) for name in names)
