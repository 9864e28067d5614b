"""Compares results on one data set: whether they are comparable, their means, and their differences by query."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Float64
from resight.errors import UsageError
from resight.evaluation.figures import NAMES, mean_name
from resight.evaluation.resampling import bootstrap_interval, paired_test
from resight.evaluation.result import SIZES, EvaluationResult, QueryResult, terciles

Kind = Literal["all", "group", "size"]
MOST_GROUPS = 500
"""With more groups than this, no figures by group are computed."""

_SAME_PROTOCOL = {
    "ap": "the kind of average precision",
    "depth": "the number of hits that count",
    "retrieved": "what is retrieved",
    "junk": "the junk rule",
    "database": "the number of database images",
}
_NOTED_PROTOCOL = {
    "crop": "the query crop",
    "distractors": "the number of distractors",
    "reranking_saw_ground_truth": "whether re-ranking saw the ground truth",
}
_SAME_QUERY = {"image": "the photo", "positives": "the number of positives"}


@dataclass(frozen=True)
class Estimate:
    """The mean of a figure over `queries` queries, NaN without any; its 95 % bootstrap interval, NaN below two."""

    mean: float
    low: float
    high: float
    queries: int


@dataclass(frozen=True)
class Contrast:
    """A result minus the baseline, on the same queries; the 95 % interval of the difference is NaN with a single query.

    p_value: of a paired randomisation test, None where no test was made; corrected: p_value after `holm`.
    """

    difference: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    p_value: float | None = None
    corrected: float | None = None


@dataclass(frozen=True)
class Row:
    """The figures of one result in a part; contrast: None for the baseline."""

    name: str
    estimate: Estimate
    contrast: Contrast | None


@dataclass(frozen=True)
class Part:
    """All queries of a setting, or those of one group or box size, with a row for each result."""

    setting: str
    kind: Kind
    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """Results by display name; the first is the baseline.

    setting: the setting whose groups, sizes and single queries are shown. tests: number of p values, for all of which
    together the corrected ones hold. remarks: differences that do not prevent a comparison.
    """

    results: Mapping[str, EvaluationResult]
    measure: str
    setting: str
    settings: tuple[str, ...]
    parts: tuple[Part, ...]
    tests: int
    remarks: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the results, in the order in which they were given."""
        return tuple(self.results)

    @property
    def baseline(self) -> EvaluationResult:
        """The first result, with which the others are compared."""
        return next(iter(self.results.values()))

    @property
    def measure_of_means(self) -> str:
        """Name of the mean of the measure."""
        return mean_name(self.measure)

    def queries(self, name: str, setting: str) -> list[QueryResult]:
        """Returns the queries of a result in the order of the baseline's."""
        own = {query.id: query for query in self.results[name].settings[setting]}
        return [own[query.id] for query in self.baseline.settings[setting]]

    def values(self, name: str, setting: str) -> Float64:
        """Returns (n,) the measure of each query, in that order; NaN without positives."""
        return _values(self.queries(name, setting), self.baseline, self.measure)

    def of_kind(self, kind: Kind) -> list[Part]:
        """Returns the parts of a kind, such as those by group."""
        return [part for part in self.parts if part.kind == kind]

    def worst_first(self) -> list[str]:
        """Returns the ids of queries with positives, in ascending order of the baseline's figure, ties by id."""
        values = self.values(self.names[0], self.setting)
        ids = [query.id for query in self.baseline.settings[self.setting]]
        counted = [(value, one) for value, one in zip(values.tolist(), ids, strict=True) if not math.isnan(value)]
        return [one for _, one in sorted(counted)]

    def to_dict(self) -> dict[str, Any]:
        """Returns the comparison as plain values; None for a missing value."""
        return {
            "dataset": self.baseline.dataset,
            "measure": self.measure_of_means,
            "average_precision": self.baseline.protocol.ap,
            "baseline": self.names[0],
            "setting": self.setting,
            "level": 0.95,
            "correction": {"method": "Holm", "tests": self.tests},
            "remarks": list(self.remarks),
            "results": [_result(name, one) for name, one in self.results.items()],
            "parts": [_part(part) for part in self.parts],
        }


def compare(
    results: Mapping[str, EvaluationResult], *, measure: str | None = None, setting: str | None = None, seed: int = 0
) -> Comparison:
    """Compares results by name with the first of them, in each setting, and in one setting by group and by box size.

    measure: one of `figures.NAMES`, by default the measure of the benchmark. setting: the only setting to compare; by
    default all, with groups and sizes in the baseline's main one. Only the differences over all queries of a setting
    are tested: among many groups some would differ by chance.

    Raises UsageError, naming the result and the difference, where the results answer different questions.
    """
    first = next(iter(results.values()), None)
    if first is None:
        raise UsageError("nothing to compare: name one result or more")
    remarks = check_comparable(results, setting)
    chosen = _measure(results, measure)
    settings = tuple(first.settings) if setting is None else (setting,)
    main = first.main if setting is None else setting
    empty = Comparison(results, chosen, main, settings, (), 0, tuple(remarks))
    names = tuple(results)
    values = {one: [empty.values(name, one) for name in results] for one in settings}
    everything = np.ones(len(first.queries), bool)
    groups, sizes = _groups(first), terciles([query.area for query in first.queries])
    parts = [
        *(_compared(names, one, "all", one, values[one], everything, seed) for one in settings),
        *(_compared(names, main, "size", one, values[main], _equal(sizes, one), seed) for one in SIZES if one in sizes),
        *(
            _compared(names, main, "group", one, values[main], _equal(groups, one), seed)
            for one in dict.fromkeys(groups)
            if one is not None
        ),
    ]
    parts, tests = _corrected(parts)
    return replace(empty, parts=tuple(parts), tests=tests)


def check_comparable(results: Mapping[str, EvaluationResult], setting: str | None = None) -> list[str]:
    """Returns the differences from the first result that do not prevent a comparison, a sentence each.

    Raises UsageError for differences that do: another data set, other queries or positives, another way of counting.
    """
    (first_name, first), *others = results.items()
    if setting is not None and setting not in first.settings:
        raise UsageError(f'{first_name}: there is no setting "{setting}"; it has {", ".join(first.settings)}')
    remarks = []
    for name, other in others:
        if (difference := next(_differences(first, other, setting), None)) is not None:
            raise UsageError(
                f"{name} cannot be compared with {first_name}: {difference}; evaluate both in the same way"
            )
        remarks += [f"{name} differs from {first_name}: {difference}" for difference in _notable(first, other)]
    for name, one in results.items():
        if one.unreadable:
            count = "1 photo" if len(one.unreadable) == 1 else f"{len(one.unreadable)} photos"
            remarks.append(f"{name}: {count} could not be read and count as not found")
    return remarks


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p values corrected for multiple tests, so that one level holds for all together, in the order given.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - step)))
        corrected[place] = highest
    return corrected


def _differences(first: EvaluationResult, other: EvaluationResult, setting: str | None) -> Iterator[str]:
    """Yields the differences that make two results incomparable."""
    if other.dataset != first.dataset:
        yield _differ("the data set", first.dataset, other.dataset)
    for key, what in _SAME_PROTOCOL.items():
        ours, theirs = getattr(first.protocol, key), getattr(other.protocol, key)
        if ours != theirs:
            yield _differ(what, ours, theirs)
    wanted = set(first.settings) if setting is None else {setting}
    if not wanted <= set(other.settings) or (setting is None and wanted != set(other.settings)):
        yield _differ("the list of settings", ", ".join(first.settings), ", ".join(other.settings))
        return
    for name in sorted(wanted):
        yield from _query_differences(name, first.settings[name], other.settings[name])


def _query_differences(setting: str, first: Sequence[QueryResult], other: Sequence[QueryResult]) -> Iterator[str]:
    ours, theirs = ({query.id: query for query in queries} for queries in (first, other))
    if ours.keys() != theirs.keys():
        only = min(ours.keys() ^ theirs.keys())
        fault = "is one too many" if only in theirs else "is missing"
        yield f"its queries differ: {only} {fault}"
        return
    for key, query in ours.items():
        same = theirs[key]
        for field, what in _SAME_QUERY.items():
            if getattr(query, field) != getattr(same, field):
                whole = f"{what} of query {key} in setting {setting}"
                yield _differ(whole, getattr(query, field), getattr(same, field))
        if None not in (query.box, same.box) and query.box != same.box:
            yield _differ(f"the box of query {key}", query.box, same.box)


def _notable(first: EvaluationResult, other: EvaluationResult) -> Iterator[str]:
    for key, what in _NOTED_PROTOCOL.items():
        ours, theirs = getattr(first.protocol, key), getattr(other.protocol, key)
        if ours != theirs:
            yield _differ(what, ours, theirs)
    for library in sorted(first.versions.keys() | other.versions.keys()):
        here, there = first.versions.get(library, "unknown"), other.versions.get(library, "unknown")
        if here != there:
            yield _differ(f"the version of {library}", here, there)


def _differ(what: str, ours: object, theirs: object) -> str:
    return f"{what} is {theirs}, not {ours}"


def _measure(results: Mapping[str, EvaluationResult], measure: str | None) -> str:
    if measure is not None:
        plain = {mean_name(name): name for name in NAMES}.get(measure, measure)
        if plain not in NAMES:
            raise UsageError(f'there is no measure "{measure}"; choose one of {", ".join(map(mean_name, NAMES))}')
        return plain
    (first_name, first), *others = results.items()
    for name, other in others:
        if other.protocol.measure != first.protocol.measure:
            raise UsageError(
                f"{name} is known by {other.protocol.measure}, {first_name} by {first.protocol.measure};"
                " say which to compare with --measure"
            )
    return first.protocol.measure


def _values(queries: Sequence[QueryResult], rules: EvaluationResult, measure: str) -> Float64:
    return np.array([query.figures(rules.protocol.ap)[measure] for query in queries], np.float64)


def _groups(result: EvaluationResult) -> list[str | None]:
    """Returns the group of each query; none where every query is a group, all are in one, or there are too many."""
    groups = [query.group for query in result.queries]
    distinct = set(groups) - {None}
    return groups if 1 < len(distinct) <= min(MOST_GROUPS, len(groups) - 1) else [None] * len(groups)


def _equal(labels: Sequence[str | None], wanted: str) -> NDArray[np.bool_]:
    return np.array([label == wanted for label in labels], bool)


def _compared(
    names: Sequence[str],
    setting: str,
    kind: Kind,
    name: str,
    each: Sequence[Float64],
    members: NDArray[np.bool_],
    seed: int,
) -> Part:
    """Compares the queries that are `members` and have positives. each: (n,) values of every result."""
    counted = ~np.isnan(each[0]) & members
    base = each[0][counted]
    rows = []
    for number, (one, values) in enumerate(zip(names, each, strict=True)):
        own = values[counted]
        contrast = _contrast(own, base, kind, seed) if number and len(own) else None
        rows.append(Row(one, _estimate(own, seed), contrast))
    return Part(setting, kind, name, tuple(rows))


def _estimate(values: Float64, seed: int) -> Estimate:
    mean = float(values.mean()) if len(values) else math.nan
    return Estimate(mean, *bootstrap_interval(values, seed=seed), len(values))


def _contrast(values: Float64, base: Float64, kind: Kind, seed: int) -> Contrast:
    test = paired_test(values, base, seed=seed)
    p_value = test.p_value if kind == "all" else None
    return Contrast(test.difference, *test.interval, test.wins, test.losses, test.ties, p_value)


def _corrected(parts: Sequence[Part]) -> tuple[list[Part], int]:
    """Corrects the p values of the parts for the number of tests, and returns that number too."""
    tested = [row.contrast for part in parts for row in part.rows if row.contrast is not None]
    p_values = [contrast.p_value for contrast in tested if contrast.p_value is not None]
    corrected = iter(holm(p_values))

    def with_correction(row: Row) -> Row:
        if row.contrast is None or row.contrast.p_value is None:
            return row
        return replace(row, contrast=replace(row.contrast, corrected=next(corrected)))

    return [replace(part, rows=tuple(map(with_correction, part.rows))) for part in parts], len(p_values)


def _result(name: str, result: EvaluationResult) -> dict[str, Any]:
    return {
        "name": name,
        "recipe": result.recipe,
        "distractors": result.protocol.distractors,
        "bytes_per_image": result.costs.bytes_per_image,
        "seconds_per_query": result.search_seconds,
    }


def _bounds(one: Estimate | Contrast) -> list[float] | None:
    return None if math.isnan(one.low) else [one.low, one.high]


def _part(part: Part) -> dict[str, Any]:
    rows = []
    for row in part.rows:
        estimate, contrast = row.estimate, row.contrast
        rows.append(
            {
                "name": row.name,
                "mean": estimate.mean if estimate.queries else None,
                "interval": _bounds(estimate),
                "difference": None
                if contrast is None
                else {
                    "mean": contrast.difference,
                    "interval": _bounds(contrast),
                    "wins": contrast.wins,
                    "losses": contrast.losses,
                    "ties": contrast.ties,
                    "p_value": contrast.p_value,
                    "corrected_p_value": contrast.corrected,
                },
            }
        )
    queries = part.rows[0].estimate.queries
    return {"setting": part.setting, "kind": part.kind, "name": part.name, "queries": queries, "rows": rows}
