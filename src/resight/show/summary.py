"""Summarises a comparison: its tables as text, notes on how to read them, and its plot."""

from __future__ import annotations

import math
from dataclasses import dataclass

from resight.datasets.dataset import ALL
from resight.evaluation.comparison import Comparison, Contrast, Estimate, Kind, Part
from resight.evaluation.curves import mean_curve
from resight.show.plots import Curve, Interval, Panel, curve_panels, interval_panel, legend_panel, plot

NONE = "-"


@dataclass(frozen=True)
class Table:
    """Text for a page or a terminal. columns: the first holds names, all others hold numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def setting_tables(comparison: Comparison) -> list[Table]:
    """Returns a table for each setting: a row for each result, with its mean and its difference from the baseline."""
    several = len(comparison.names) > 1
    corrected = comparison.tests > 1
    columns = ["", comparison.measure_of_means, "95 % interval"]
    if several:
        columns += ["difference", "95 % interval", "won/lost/tied", "p", *(["p (Holm)"] if corrected else [])]
    tables = []
    for part in comparison.of_kind("all"):
        rows = []
        for row in part.rows:
            cells = [row.name, number(row.estimate.mean), _interval(row.estimate)]
            if several:
                cells += _contrast_cells(row.contrast, corrected)
            rows.append(tuple(cells))
        tables.append(Table(_setting_title(comparison, part), tuple(columns), tuple(rows)))
    return tables


def part_table(comparison: Comparison, kind: Kind) -> Table | None:
    """Returns a row for each group, or each box size, with the mean of every result; None without such parts."""
    parts = comparison.of_kind(kind)
    if not parts:
        return None
    first, *others = comparison.names
    columns = ["", "queries", first]
    for name in others:
        columns += [name, "difference", "won/lost/tied"]
    rows = []
    for part in parts:
        cells = [part.name, str(part.rows[0].estimate.queries), number(part.rows[0].estimate.mean)]
        for row in part.rows[1:]:
            cells.append(number(row.estimate.mean))
            cells += [NONE, NONE] if row.contrast is None else [_signed(row.contrast.difference), _score(row.contrast)]
        rows.append(tuple(cells))
    what = "group" if kind == "group" else "size of the query box, in thirds of the queries"
    where = "" if len(comparison.baseline.settings) == 1 else f", {comparison.setting}"
    return Table(f"{comparison.measure_of_means} by {what}{where}", tuple(columns), tuple(rows))


def cost_table(comparison: Comparison) -> Table:
    """Returns the cost of each result: bytes per image and seconds per query."""
    rows = []
    for name, result in comparison.results.items():
        size, seconds = result.costs.bytes_per_image, result.search_seconds
        rows.append((name, NONE if size is None else f"{size:.0f}", NONE if seconds is None else f"{seconds:.4f}"))
    return Table("Costs", ("", "bytes an image", "seconds a query"), tuple(rows))


def subject(comparison: Comparison) -> str:
    """Describes in a line which queries were asked of which images."""
    protocol = comparison.baseline.protocol
    parts = [_queries(protocol.queries)]
    if protocol.database:
        parts.append(f"{protocol.database:,} {protocol.retrieved}")
    if protocol.distractors:
        parts.append(f"{protocol.distractors:,} distractors")
    parts.append("queries cropped to their boxes" if protocol.crop == "box" else "whole photos as queries")
    if protocol.depth is not None:
        parts.append(f"the first {protocol.depth:,} hits count")
    if comparison.measure == "AP":
        parts.append(f"AP of the {protocol.ap} kind")
    return ", ".join(parts)


def notes(comparison: Comparison) -> list[str]:
    """Returns notes on how to read the tables, and on their limits."""
    said = ["Intervals: bootstrap over queries. They do not say what other photos would have given."]
    if len(comparison.names) > 1:
        said.append(f"Differences are to {comparison.names[0]}, on the same queries; more than 0 is better than it.")
        correction = f" Holm's correction is for all {comparison.tests} tests." if comparison.tests > 1 else ""
        said.append(f"p: paired randomisation test over queries, two-sided.{correction}")
        if len(comparison.parts) > len(comparison.settings):
            said.append("Groups and sizes are not tested: among many, some differ by chance.")
    return [*said, *(f"Note: {remark}." for remark in comparison.remarks)]


def comparison_plot(comparison: Comparison) -> str:
    """Draws means and differences from the baseline with intervals, and mean precision-recall curves, as SVG."""
    measure, first = comparison.measure_of_means, comparison.names[0]
    panels: list[Panel] = []
    for part in comparison.of_kind("all"):
        heading = _setting_title(comparison, part)
        means = [
            Interval(row.name, row.estimate.mean, row.estimate.low, row.estimate.high, series)
            for series, row in enumerate(part.rows)
        ]
        panels.append(interval_panel(heading, f"{measure} with its 95 % interval", means))
        differences = [
            Interval(row.name, row.contrast.difference, row.contrast.low, row.contrast.high, series)
            for series, row in enumerate(part.rows)
            if row.contrast is not None
        ]
        if differences:
            axis = f"difference of {measure} with its 95 % interval"
            panels.append(
                interval_panel(f"Difference to {first}, on the same queries", axis, differences, reference=0.0)
            )
    panels += curve_panels(
        "recall",
        "mean filled-in precision",
        [(_curves_title(part), _curves(comparison, part)) for part in comparison.of_kind("all")],
    )
    panels.append(legend_panel(comparison.names))
    return plot(f"{comparison.baseline.dataset}: {measure}", _description(comparison), panels)


def number(value: float) -> str:
    """Formats a figure for tables."""
    return f"{value:.4f}" if math.isfinite(value) else NONE


def _signed(value: float) -> str:
    return f"{value:+.4f}"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low:.4f} to {estimate.high:.4f}" if math.isfinite(estimate.low) else NONE


def _score(contrast: Contrast) -> str:
    return f"{contrast.wins}/{contrast.losses}/{contrast.ties}"


def _contrast_cells(contrast: Contrast | None, corrected: bool) -> list[str]:
    if contrast is None:
        return [NONE] * (5 if corrected else 4)
    interval = f"{_signed(contrast.low)} to {_signed(contrast.high)}" if math.isfinite(contrast.low) else NONE
    cells = [_signed(contrast.difference), interval, _score(contrast)]
    p_values = [contrast.p_value, *([contrast.corrected] if corrected else [])]
    return [*cells, *(NONE if one is None else f"{one:.4f}" for one in p_values)]


def _setting_title(comparison: Comparison, part: Part) -> str:
    count = part.rows[0].estimate.queries
    asked = _queries(count)
    left_out = comparison.baseline.protocol.queries - count
    without = f", {left_out:,} without positives left out" if left_out else ""
    return f"{part.name}: {asked}{without}" if len(comparison.baseline.settings) > 1 else f"{asked}{without}"


def _curves_title(part: Part) -> str:
    return "Precision and recall" if part.name == ALL else part.name


def _curves(comparison: Comparison, part: Part) -> list[Curve]:
    curves = []
    for series, name in enumerate(comparison.names):
        found = [(query.ranks, query.positives) for query in comparison.queries(name, part.setting)]
        recall, precision = mean_curve(found)
        curves.append(Curve(recall.tolist(), precision.tolist(), series))
    return curves


def _description(comparison: Comparison) -> str:
    said = []
    for part in comparison.of_kind("all"):
        each = ", ".join(f"{row.name} {number(row.estimate.mean)} ({_interval(row.estimate)})" for row in part.rows)
        said.append(f"{part.name}: {each}.")
    return " ".join(said)


def _queries(count: int) -> str:
    return f"{count:,} {'query' if count == 1 else 'queries'}"
