"""Training tuples: photos that show the same thing, with the evidence, and photos that may not be taken for others.

They are one file, `tuples.json`, that mining writes and training reads. Photos are named as in the index they were
mined from; nothing in it depends on the order of the photos there. docs/mine.md describes every field.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from resight.errors import UsageError
from resight.files import write_whole
from resight.folders.walking import unescape_name
from resight.images import displayed
from resight.training.related import Related, relations
from resight.wrong_values import what_is_wrong

TUPLES = "tuples.json"
VERSION = 1
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Photo:
    """A photo that training may read.

    file: its path, absolute or relative to the folder of the tuples, with bytes that are not UTF-8 escaped as in names;
    see `Tuples.path_of`. hash: of its content, as the index has it; empty where it is not known. cluster: what it
    shows, as far as mining knows: photos of one cluster are never each other's negatives, and an anchor takes at most
    one hard negative of a cluster.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    file: str
    hash: str
    cluster: int


@dataclass(frozen=True)
class Positive:
    """A photo of the same thing as the anchor's, and its evidence; `Tuples.evidence` says what that number is."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    evidence: float


@dataclass(frozen=True)
class Anchor:
    """A photo that training asks with.

    positives: photos of the same thing, the best first; none where only rendered views of the anchor are its positives.
    negatives: its hard negatives, the hardest first, where mining has chosen them; where it is empty, training mines
    them from the pool. weight: how often it is drawn, relative to the others,
    where an epoch has fewer draws than anchors; where it shows every anchor once, their order alone follows weights.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    positives: tuple[Positive, ...] = ()
    negatives: tuple[str, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class Tuples:
    """Everything that mining knows.

    kind: of mining. evidence: what the numbers of positives are, such as "inliers of a homography". photos: by name.
    anchors: in the order of their names. pool: photos that negatives are taken from. links: pairs of photos that may
    show the same thing, though that is too weak for a positive: photos that at most `hops` links or positives join are
    never each other's negatives, nor is one of them a negative of what is in a cluster with the other. provenance: of
    the index, its recipe, and the parameters of mining.
    """

    kind: str
    evidence: str
    photos: Mapping[str, Photo]
    anchors: Sequence[Anchor]
    pool: Sequence[str]
    links: Sequence[tuple[str, str]] = ()
    hops: int = 2
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def relations(self) -> Related:
        """The photos that are never each other's negatives, by rows in the order of their names."""
        rows = {name: row for row, name in enumerate(self._names)}
        pairs = [(anchor.name, positive.name) for anchor in self.anchors for positive in anchor.positives]
        joined = [(rows[one], rows[other]) for one, other in (*self.links, *pairs)]
        clusters = [self.photos[name].cluster for name in self._names]
        return relations(clusters, np.array(joined, np.int64).reshape(-1, 2), self.hops)

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self.photos)

    def related(self, name: str) -> frozenset[str]:
        """Returns the photos that are never negatives of one; what is related to a photo has that photo related to it.

        They are those that `hops` links or positives reach from it, with their clusters, and those that reach its own
        cluster so. The photo itself and its own cluster are among them.
        """
        row = bisect_left(self._names, name)
        if self._names[row : row + 1] != [name]:
            raise KeyError(name)
        return frozenset(self._names[other] for other in self.relations[row])

    def path_of(self, name: str, folder: Path) -> Path:
        """Returns the file of a photo. folder: that of the tuples, to which the path may be relative."""
        return folder / unescape_name(self.photos[name].file)

    def clusters(self) -> Mapping[int, list[str]]:
        """Returns the names of the photos of each cluster, in order."""
        found: dict[int, list[str]] = {}
        for name in sorted(self.photos):
            found.setdefault(self.photos[name].cluster, []).append(name)
        return found

    def text(self) -> str:
        """Returns the file's text: the same tuples always give the same text."""
        table = asdict(self) | {"version": VERSION}
        table["photos"] = dict(sorted(table["photos"].items()))
        return json.dumps(table, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    def hash(self) -> str:
        """Returns the SHA-256 of `text`."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def write(self, folder: Path) -> Path:
        """Writes `tuples.json` into a folder, which is made where it is missing, at once. Returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / TUPLES
        write_whole(file, self.text().encode())
        return file


class _File(BaseModel):
    """The fields of the file; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", strict=False)

    version: int
    kind: str
    evidence: str
    photos: dict[str, Photo]
    anchors: list[Anchor]
    pool: list[str]
    links: list[tuple[str, str]]
    hops: int
    provenance: dict[str, Any]


def read_tuples(path: Path) -> Tuples:
    """Reads the tuples of a folder, or of a file.

    Raises UsageError for a file that is missing, no tuples, of another version, or names photos that it does not list.
    """
    file = path / TUPLES if path.is_dir() else path
    try:
        text = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{displayed(file)}: these tuples cannot be read ({error.strerror}): `resight mine` makes them"
        ) from None
    try:
        read = _File.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{displayed(file)}: these are no training tuples: {where} {what_is_wrong(first)}") from None
    if read.version != VERSION:
        raise UsageError(f"{displayed(file)}: tuples of version {read.version}; this is {VERSION}: mine them again")
    tuples = Tuples(**{name: getattr(read, name) for name in _File.model_fields if name != "version"})
    _check(tuples, file)
    return tuples


def _check(tuples: Tuples, file: Path) -> None:
    """Raises UsageError where tuples name what they do not list, contradict themselves, or have no usable number."""

    def wrong(what: str) -> UsageError:
        return UsageError(f"{displayed(file)}: {what}; mine them again")

    if tuples.hops < 0:
        raise wrong(f"hops is {tuples.hops}, which is below 0")
    named = [("pool", tuples.pool), ("links", [name for link in tuples.links for name in link])]
    named += [("anchors", [anchor.name for anchor in tuples.anchors])]
    seen: set[str] = set()
    for anchor in tuples.anchors:
        if anchor.name in seen:
            raise wrong(f"the anchor {anchor.name!r} is there twice")
        seen.add(anchor.name)
        others = [*(positive.name for positive in anchor.positives), *anchor.negatives]
        if anchor.name in others:
            raise wrong(f"the anchor {anchor.name!r} is its own positive or negative")
        if len(set(others)) < len(others):
            raise wrong(f"the anchor {anchor.name!r} has a positive or a negative twice, or one that is both")
        if not (
            anchor.weight > 0 and all(map(math.isfinite, (anchor.weight, *(p.evidence for p in anchor.positives))))
        ):
            raise wrong(f"the anchor {anchor.name!r} has a weight that is not above 0, or a number that is not finite")
        named.append((f"the anchor {anchor.name!r}", others))
    for where, names in named:
        for name in names:
            if name not in tuples.photos:
                raise wrong(f"{where} names {name!r}, which is not among its photos")
