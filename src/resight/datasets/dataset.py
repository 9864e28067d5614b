"""The result of every loader: photos by name, queries with their positives, and the rules of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from resight.folders.walking import unescape_name
from resight.images import Box

Mark = Literal["right", "wrong", "junk"]
AveragePrecision = Literal["trapezoid", "rectangle", "filled-in"]
Measure = Literal["AP", "acc@1", "N-S"]
"""The measure that a benchmark is known by; the mean of AP is mAP."""

DISTRACTORS = "distractors/"
"""Prefix of the names of distractors in an index, so that they cannot be taken for database images."""

ALL = "all"
"""Name of the only setting of a data set without several."""


@dataclass(frozen=True)
class JudgedQuery:
    """A photo, or the `box` (x0, y0, x1, y1) of it, with the names of its positives and of its junk.

    id: the query's name in a run; unique in its data set. group: a landmark, class or challenge for which separate
    figures are given. more: further photos of the same thing and their boxes, which form one query with the first.
    """

    id: str
    image: str
    positives: frozenset[str]
    junk: frozenset[str] = frozenset()
    box: Box | None = None
    group: str | None = None
    more: tuple[tuple[str, Box | None], ...] = ()

    def mark(self, name: str) -> Mark:
        """Returns the ground truth of a hit: right, wrong or junk."""
        if name in self.positives:
            return "right"
        return "junk" if name in self.junk else "wrong"


@dataclass(frozen=True)
class Rules:
    """The counting rules of a benchmark.

    ap: the kind of average precision. depth: number of first hits that count, None for all.
    """

    measure: Measure = "AP"
    ap: AveragePrecision = "trapezoid"
    depth: int | None = None


@dataclass(frozen=True)
class Dataset:
    """Photos by name below `root`, as in an index of `root`; the database among them; and the queries.

    settings: the queries by setting, such as easy, medium and hard, each with its own ground truth; the same ids,
    photos and boxes in the same order in each. main: the setting whose figure is quoted first. query_root: folder of
    the query photos, if not below `root`. shots: the shot of each database image, where shots are retrieved; positives
    and junk then are shots. distractors: a folder of photos that also belong to the benchmark; distractor_count: their
    published number. allowed: names that may be below `root` though they are not in the database, None for any.

    A query that is a database image finds itself first, which is no information: it becomes junk here, unless the
    ground truth lists it among the positives, as that of Oxford5k does.
    """

    name: str
    root: Path
    images: tuple[str, ...]
    settings: Mapping[str, tuple[JudgedQuery, ...]]
    rules: Rules = field(default_factory=Rules)
    main: str = ALL
    query_root: Path | None = None
    shots: Mapping[str, str] = field(default_factory=dict)
    distractors: Path | None = None
    distractor_count: int = 0
    allowed: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.query_root is None and not self.shots:
            database = frozenset(self.images)
            own = {name: tuple(_without_itself(q, database) for q in listed) for name, listed in self.settings.items()}
            object.__setattr__(self, "settings", own)

    @property
    def queries(self) -> tuple[JudgedQuery, ...]:
        """The queries of the main setting."""
        return self.settings[self.main]

    def path(self, name: str) -> Path:
        """Returns the file of a database photo."""
        return self.root / unescape_name(name)

    def query_path(self, name: str) -> Path:
        """Returns the file of a query photo."""
        return (self.query_root or self.root) / unescape_name(name)


def _without_itself(query: JudgedQuery, database: frozenset[str]) -> JudgedQuery:
    own = frozenset({query.image, *(name for name, _ in query.more)}) & database
    return replace(query, junk=query.junk | own - query.positives) if own - query.positives - query.junk else query
