"""The result of an evaluation, with everything needed to interpret its figures, as one JSON document.

The document keeps the rank of each positive, from which every figure, interval and curve can be computed again. The
figures in it are for people and other programs; reading it recomputes them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from resight.datasets.dataset import ALL, AveragePrecision, Mark, Measure
from resight.datasets.json_files import read_json
from resight.errors import StorageError, UsageError
from resight.evaluation.figures import Figures, figures, mean_figures, mean_name
from resight.evaluation.resampling import bootstrap_interval
from resight.files import write_whole
from resight.images import Box
from resight.wrong_values import what_is_wrong

FORMAT = "resight evaluation 1"
SIZES = ("small", "medium", "large")
"""Thirds of the queries by the area of their boxes."""
SHOWN = 20
"""Hits of each query that the document keeps, including junk."""

Count = Annotated[int, Field(ge=0, le=1 << 40)]
"""A number of images; the limit is more than exist anywhere, and small enough to calculate with."""


Positive = Annotated[float, Field(ge=0.0)]
"""Seconds, bytes and similar amounts."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Protocol(_Record):
    """The choices that decide whether figures are comparable. depth: number of first hits that count, None for all."""

    database: Count
    distractors: Count
    queries: Count
    measure: Measure = "AP"
    ap: AveragePrecision = "trapezoid"
    depth: Annotated[int, Field(ge=1, le=1 << 40)] | None = None
    crop: Literal["none", "box"] = "none"
    retrieved: Literal["images", "shots"] = "images"
    junk: str = "removed from the ranking before counting; so is a database image that is the query and no positive"
    reranking_saw_ground_truth: bool = False


class RankedHit(_Record):
    """One of the first hits of a query, including junk. score: None where a ranking came without scores."""

    name: str
    score: float | None
    mark: Mark


class QueryResult(_Record):
    """One query: the number of its positives, and the 0-based ranks, without junk, of those found.

    seconds: of the search, None for the run of another system.
    """

    id: str
    image: str
    positives: Count
    ranks: tuple[Count, ...]
    seconds: Positive | None = None
    box: Box | None = None
    group: str | None = None
    hits: tuple[RankedHit, ...] = ()

    @model_validator(mode="after")
    def _ranks_ascend(self) -> Self:
        pairs = zip(self.ranks, self.ranks[1:], strict=False)
        if len(self.ranks) > self.positives or any(a >= b for a, b in pairs):
            raise ValueError("ranks must ascend from 0 on, and not be more than the positives")
        return self

    @field_validator("box")
    @classmethod
    def _box_has_an_area(
        cls, box: tuple[float, float, float, float] | None
    ) -> tuple[float, float, float, float] | None:
        if box is not None and not (0 <= box[0] < box[2] and 0 <= box[1] < box[3]):
            raise ValueError("a box is x0, y0, x1, y1 in pixels, with x0 < x1 and y0 < y1")
        return box

    def figures(self, ap: AveragePrecision) -> Figures:
        """Returns every figure by its name; NaN without positives."""
        return figures(np.asarray(self.ranks, np.int64), self.positives, ap)

    @property
    def area(self) -> float | None:
        """Area of the box in square pixels, None where the query was the whole photo."""
        return None if self.box is None else (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


class Costs(_Record):
    """Time and space that the index took; None without an index, or where the recipe has no such quantity."""

    index_seconds: Positive | None = None
    bytes_per_image: Positive | None = None
    words_per_image: Positive | None = None
    bytes_per_feature: Positive | None = None


class Made(_Record):
    """The size that a channel was really made with: words of its codebook, or dimensions; asked: by the recipe."""

    what: str
    size: Count
    asked: Count | None = None


class Unreadable(_Record):
    """A photo that could not be read: a database photo is never found, a query photo finds nothing."""

    image: str
    reason: str


class EvaluationResult(_Record):
    """The result of one system on one data set.

    recipe: its name; recipe_text: its whole text, None where a run was judged. settings: queries by setting, each with
    its own ground truth; main: the setting that is quoted first. versions: version of each program or library. root,
    query_root, distractor_root: folders of the photos. made: by channel, the size of what was fitted.
    """

    recipe: str
    dataset: str
    protocol: Protocol
    settings: Mapping[str, tuple[QueryResult, ...]]
    main: str = ALL
    recipe_text: str | None = None
    seed: int | None = None
    root: str | None = None
    query_root: str | None = None
    distractor_root: str | None = None
    unreadable: tuple[Unreadable, ...] = ()
    costs: Costs = Costs()
    made: Mapping[str, Made] = Field(default_factory=dict)
    versions: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("settings")
    @classmethod
    def _settings_agree(cls, settings: Mapping[str, tuple[QueryResult, ...]]) -> Mapping[str, tuple[QueryResult, ...]]:
        listed = {tuple(query.id for query in queries) for queries in settings.values()}
        if len(listed) != 1:
            raise ValueError("every setting must have the same queries")
        ids = listed.pop()
        if len(set(ids)) != len(ids):
            raise ValueError("two queries have the same id")
        return settings

    @model_validator(mode="after")
    def _main_is_counted(self) -> Self:
        if self.main not in self.settings:
            raise ValueError(f'there is no setting "{self.main}"')
        if self.protocol.queries != len(self.queries):
            raise ValueError(f"there are {len(self.queries)} queries, and {self.protocol.queries} by the protocol")
        return self

    @property
    def queries(self) -> tuple[QueryResult, ...]:
        """The queries of the main setting."""
        return self.settings[self.main]

    @property
    def search_seconds(self) -> float | None:
        """Mean seconds per query; None where nothing was timed."""
        timed = [query.seconds for query in self.queries if query.seconds is not None]
        return sum(timed) / len(timed) if timed else None

    def figures(self, setting: str) -> list[Figures]:
        """Returns the figures of each query of a setting, in the order of the queries."""
        return [query.figures(self.protocol.ap) for query in self.settings[setting]]

    def mean(self, setting: str | None = None) -> Figures:
        """Returns the mean of every figure over the queries of a setting that have positives."""
        return mean_figures(self.figures(setting or self.main))

    def interval(self, setting: str | None = None, measure: str | None = None) -> tuple[float, float]:
        """Returns the 95 % bootstrap interval of the mean of a figure over queries."""
        each = self.figures(setting or self.main)
        return bootstrap_interval(np.array([one[measure or self.protocol.measure] for one in each]))

    def groups(self, setting: str | None = None) -> dict[str, Figures]:
        """Returns the means over the queries of each group, in the order of their first appearance."""
        names = [query.group for query in self.queries]
        return _means(names, dict.fromkeys(name for name in names if name is not None), self._each(setting))

    def sizes(self, setting: str | None = None) -> dict[str, Figures]:
        """Returns the means over thirds of the queries, by box size: smallest, middle, largest; empty without boxes."""
        return _means(terciles([query.area for query in self.queries]), SIZES, self._each(setting))

    def _each(self, setting: str | None) -> list[Figures]:
        return self.figures(setting or self.main)

    def to_dict(self) -> dict[str, Any]:
        """Returns the document as plain values; None for a missing value."""
        return {
            "format": FORMAT,
            "recipe": self.recipe,
            "dataset": self.dataset,
            "protocol": self.protocol.model_dump(),
            "metrics": _mean_names(self.mean()),
            "main": self.main,
            "settings": {name: self._setting(name) for name in self.settings},
            "costs": self.costs.model_dump(),
            "made": {name: one.model_dump() for name, one in self.made.items()},
            "seconds_per_query": self.search_seconds,
            "unreadable": [one.model_dump() for one in self.unreadable],
            "seed": self.seed,
            "recipe_text": self.recipe_text,
            "root": self.root,
            "query_root": self.query_root,
            "distractor_root": self.distractor_root,
            "versions": dict(self.versions),
        }

    def _setting(self, name: str) -> dict[str, Any]:
        each = self.figures(name)
        return {
            "metrics": _mean_names(mean_figures(each)),
            "interval": {"measure": self.protocol.measure, "level": 0.95, "bounds": _plain(self.interval(name))},
            "groups": {group: _mean_names(mean) for group, mean in self.groups(name).items()},
            "sizes": {size: _mean_names(mean) for size, mean in self.sizes(name).items()},
            "queries": [
                {**query.model_dump(), "figures": _plain(own)}
                for query, own in zip(self.settings[name], each, strict=True)
            ],
        }

    def to_json(self) -> str:
        """Returns the document as JSON text; missing values are null."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Writes the JSON document: the whole of it or, on an error, nothing. Raises StorageError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self.to_json().encode())
        except OSError as error:
            raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another place") from error

    @classmethod
    def read(cls, path: Path) -> EvaluationResult:
        """Reads a document that `write` wrote. Raises UsageError that names the file and the wrong key."""
        document = read_json(path)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise UsageError(f'{path}: not a result of `resight evaluate --output` (no "format": "{FORMAT}")')
        settings = document.get("settings")
        if isinstance(settings, dict):
            document["settings"] = {
                name: value.get("queries") if isinstance(value, dict) else value for name, value in settings.items()
            }
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            where = f"{path}: {key}" if key else f"{path}"
            raise UsageError(f"{where}: {what_is_wrong(first)}") from error


def terciles(areas: Sequence[float | None]) -> list[str | None]:
    """Returns the third, one of `SIZES`, of each of n areas; None where there is no area.

    Equal areas fall into the same third, so that the order of the queries does not matter.
    """
    known = np.array([area for area in areas if area is not None], np.float64)
    if not len(known):
        return [None] * len(areas)
    bounds = np.quantile(known, (1 / 3, 2 / 3), method="inverted_cdf")
    return [None if area is None else SIZES[int(np.searchsorted(bounds, area))] for area in areas]


def _means(names: Sequence[str | None], wanted: Iterable[str], each: Sequence[Figures]) -> dict[str, Figures]:
    chosen = {want: [one for name, one in zip(names, each, strict=True) if name == want] for want in wanted}
    return {want: mean_figures(some) for want, some in chosen.items() if some}


def _mean_names(mean: Figures) -> dict[str, float | None]:
    """Returns means by the names under which they are quoted: the mean of AP is mAP."""
    return {mean_name(name): value for name, value in _plain(mean).items()}


def _plain(values: Any) -> Any:
    """Replaces NaN, which JSON does not have, by None."""
    if isinstance(values, Mapping):
        return {key: _plain(value) for key, value in values.items()}
    if isinstance(values, tuple):
        return [_plain(value) for value in values]
    return None if not math.isfinite(values) else values
