"""What an evaluation found, with everything needed to say what the numbers mean, as one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from resight.errors import StorageError
from resight.evaluation.metrics import (
    clipped_precision_at,
    mean_over_queries,
    oxford_ap,
    precision_at,
)
from resight.files import write_whole

KAPPAS = (1, 5, 10)
CLIPPED_KAPPAS = (5, 10)


@dataclass(frozen=True)
class Protocol:
    """The choices that make two figures comparable, or not."""

    database: int
    distractors: int
    queries: int
    ap: str = "trapezoid"
    junk: str = "removed from the ranking before counting; so is a database image that is the query and no positive"
    crop: str = "none"
    reranking_saw_ground_truth: bool = False


@dataclass(frozen=True)
class Metrics:
    """Figures of one query, or their means over the queries that have positives. NaN where there are none."""

    ap: float
    precision: Mapping[int, float]
    clipped_precision: Mapping[int, float]

    @classmethod
    def of(cls, ranking: Sequence[str], positives: frozenset[str], junk: frozenset[str]) -> Metrics:
        """The figures of one ranking of names, best first."""
        return cls(
            ap=oxford_ap(ranking, positives, junk),
            precision={k: precision_at(k, ranking, positives, junk) for k in KAPPAS},
            clipped_precision={k: clipped_precision_at(k, ranking, positives, junk) for k in CLIPPED_KAPPAS},
        )

    @classmethod
    def mean(cls, each: Sequence[Metrics]) -> Metrics:
        """The mean of every figure over the queries that have positives."""
        return cls(
            ap=mean_over_queries(one.ap for one in each),
            precision={k: mean_over_queries(one.precision[k] for one in each) for k in KAPPAS},
            clipped_precision={k: mean_over_queries(one.clipped_precision[k] for one in each) for k in CLIPPED_KAPPAS},
        )

    def to_dict(self, ap: str = "ap") -> dict[str, float]:
        """Figures by their usual names; `ap` names the average precision (`mAP` for a mean)."""
        plain = {f"P@{k}": value for k, value in self.precision.items()}
        return {ap: self.ap, **plain, **{f"mP@{k}": value for k, value in self.clipped_precision.items()}}


@dataclass(frozen=True)
class QueryResult:
    """One query: its figures, how many of its positives there are and were ranked, and the seconds it took."""

    image: str
    metrics: Metrics
    positives: int
    found: int
    seconds: float
    box: tuple[float, float, float, float] | None = None
    challenge: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "image": self.image,
            "box": self.box,
            "challenge": self.challenge,
            **self.metrics.to_dict(),
            "positives": self.positives,
            "found": self.found,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class EvaluationResult:
    """How well one recipe did on one data set; `mean` and `challenges` are derived from `queries`.

    unreadable: (name, reason) of database photos that could not be indexed; they count as not found.
    index_seconds: time to index database and distractors, or None where the index was there already.
    bytes_per_image, words_per_image, bytes_per_feature: None where the recipe has no such thing.
    versions: program or library to version.
    """

    recipe: str
    protocol: Protocol
    queries: tuple[QueryResult, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    index_seconds: float | None = None
    bytes_per_image: float | None = None
    words_per_image: float | None = None
    bytes_per_feature: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def mean(self) -> Metrics:
        return Metrics.mean([query.metrics for query in self.queries])

    @property
    def challenges(self) -> dict[str, Metrics]:
        """Means over the queries of each challenge, in the order of their first appearance."""
        names = dict.fromkeys(query.challenge for query in self.queries if query.challenge is not None)
        return {
            name: Metrics.mean([query.metrics for query in self.queries if query.challenge == name]) for name in names
        }

    @property
    def search_seconds(self) -> float:
        """Mean seconds a query; NaN without queries."""
        return mean_over_queries(query.seconds for query in self.queries)

    def to_dict(self) -> dict[str, Any]:
        """The document as plain values, NaN included."""
        return {
            "recipe": self.recipe,
            "protocol": asdict(self.protocol),
            "metrics": self.mean.to_dict(ap="mAP"),
            "challenges": {name: mean.to_dict(ap="mAP") for name, mean in self.challenges.items()},
            "queries": [query.to_dict() for query in self.queries],
            "unreadable": [{"image": name, "reason": reason} for name, reason in self.unreadable],
            "seconds": {"index": self.index_seconds, "search_per_query": self.search_seconds},
            "bytes_per_image": self.bytes_per_image,
            "words_per_image": self.words_per_image,
            "bytes_per_feature": self.bytes_per_feature,
            "versions": dict(self.versions),
        }

    def plain(self) -> dict[str, Any]:
        """The document with null for what has no value (NaN), as JSON demands."""
        return {key: _without_nan(value) for key, value in self.to_dict().items()}

    def to_json(self) -> str:
        """The document as JSON text; what has no value (NaN) is null."""
        return json.dumps(self.plain(), indent=2, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Writes the JSON document: the whole of it or, on an error, nothing. Raises StorageError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self.to_json().encode())
        except OSError as error:
            raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
