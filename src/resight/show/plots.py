"""Draws plots as SVG text: means with their intervals, and curves. Labels never overlap, however long the names are.

Every shape carries its colours as attributes, so that a file is self-contained, and a class, so that a page can restyle
it.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight.errors import StorageError
from resight.files import write_whole
from resight.markup import plain_text

WIDTH = 960
"""Width of a plot, in its own pixels."""

_INK, _QUIET, _GRID, _PAPER = "#1d1d1f", "#5f5d63", "#dddad3", "#ffffff"
_SIZE = 13
_LINE = 17
_GAP = 16
_LABELS, _READING = 250, 215
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#b8860b", "#444444")
"""Colours that can be distinguished with any colour vision: after Okabe and Ito, Color universal design, 2008, darker
for white paper."""
_DASHES = ("", "7 4", "2 3", "9 3 2 3")
_ACROSS = 3
_COLUMN = (WIDTH - (_ACROSS - 1) * _GAP) / _ACROSS
_MARGIN_LEFT, _MARGIN_BELOW = 46, 44


@dataclass(frozen=True)
class Interval:
    """A value and its interval; NaN where there is none. series: index of the result, from 0."""

    label: str
    value: float
    low: float
    high: float
    series: int


@dataclass(frozen=True)
class Curve:
    """Points (x, y), each from 0 to 1, x ascending; none where y is NaN. series: index of the result, from 0."""

    x: Sequence[float]
    y: Sequence[float]
    series: int


@dataclass(frozen=True)
class Panel:
    """A part of a plot, `WIDTH` wide and `height` high, drawn from (0, 0)."""

    height: float
    drawing: str


def plot(title: str, description: str, panels: Sequence[Panel]) -> str:
    """Draws panels one below the other as an SVG element. description: text for a person who cannot see the plot."""
    lines = list(_wrapped(title, WIDTH - 2 * _GAP, 17))
    body, y = [], _GAP + 22.0 * len(lines)
    heading = "".join(_text(line, _GAP, _GAP + 22 * row + 12, size=17, weight=600) for row, line in enumerate(lines))
    for panel in panels:
        body.append(f'<g transform="translate({_GAP} {y:.1f})">{panel.drawing}</g>')
        y += panel.height + _GAP
    width, height = WIDTH + 2 * _GAP, math.ceil(y)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" aria-labelledby="plot-title plot-desc"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
        f'<title id="plot-title">{plain_text(title)}</title><desc id="plot-desc">{plain_text(description)}</desc>'
        f'<rect class="paper" width="{width}" height="{height}" fill="{_PAPER}"/>{heading}{"".join(body)}</svg>'
    )


def write_plot(path: str | os.PathLike[str], drawing: str) -> Path:
    """Writes an SVG element as a self-contained file, whole or not at all. Raises StorageError."""
    target = Path(path)
    try:
        write_whole(target, f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing}\n'.encode("utf-8", "replace"))
    except OSError as error:
        raise StorageError(
            f"{target}: the plot could not be written ({error.strerror}); name a file where it can be written"
        ) from error
    return target


def interval_panel(heading: str, axis: str, rows: Sequence[Interval], *, reference: float | None = None) -> Panel:
    """Draws a row for each interval: its name, the value as a dot on the bar of its interval, and the numbers.

    axis: the quantity on the axis, which spans the values and need not begin at 0. reference: a value to mark.
    """
    left, right = float(_LABELS + _GAP), float(WIDTH - _READING - _GAP)
    known = [one for row in rows for one in (row.value, row.low, row.high) if math.isfinite(one)]
    ticks = _ticks([*known, *([] if reference is None else [reference])])
    scale = (right - left) / (ticks[-1] - ticks[0])
    top = _heading_height(heading)
    parts, y = [], top
    for row in rows:
        labels = list(_wrapped(row.label, _LABELS, _SIZE))
        height = max(2, len(labels)) * _LINE + 6
        middle = y + height / 2
        start = middle - len(labels) * _LINE / 2 + _LINE - 4
        parts += [_text(line, _LABELS, start + n * _LINE, anchor="end") for n, line in enumerate(labels)]
        if math.isfinite(row.value):
            low, value, high = (left + (one - ticks[0]) * scale for one in (row.low, row.value, row.high))
            parts.append(_dot(value, middle, row.series))
            if math.isfinite(low):
                parts.append(_bar(low, high, middle, row.series))
            parts.append(_text(_reading(row, reference is not None), right + _GAP, middle + 4.5, quiet=True))
        else:
            parts.append(_text("no query has positives", right + _GAP, middle + 4.5, quiet=True))
        y += height
    grid = [_line(left + (tick - ticks[0]) * scale, top, left + (tick - ticks[0]) * scale, y) for tick in ticks]
    if reference is not None:
        at = left + (reference - ticks[0]) * scale
        grid.append(_line(at, top, at, y, "ink", _INK))
    shown = zip(ticks, _numbers(ticks), strict=True)
    numbers = [
        _text(number, left + (tick - ticks[0]) * scale, y + 18, anchor="middle", quiet=True) for tick, number in shown
    ]
    caption = _text(axis, (left + right) / 2, y + 38, anchor="middle")
    return Panel(y + 46, "".join([_heading(heading), *grid, *parts, *numbers, caption]))


def curve_panels(x_axis: str, y_axis: str, charts: Sequence[tuple[str, Sequence[Curve]]]) -> list[Panel]:
    """Draws square charts of curves, each with its name, at most three in a row."""
    rows = [charts[start : start + _ACROSS] for start in range(0, len(charts), _ACROSS)]
    panels = []
    for row in rows:
        drawn = [_chart(name, x_axis, y_axis, curves) for name, curves in row]
        placed = [
            f'<g transform="translate({n * (_COLUMN + _GAP):.1f} 0)">{panel.drawing}</g>'
            for n, panel in enumerate(drawn)
        ]
        panels.append(Panel(max(panel.height for panel in drawn), "".join(placed)))
    return panels


def legend_panel(labels: Sequence[str]) -> Panel:
    """Draws the name of each series beside a sample of its line, from series 0."""
    parts, y = [], 0.0
    for series, label in enumerate(labels):
        lines = list(_wrapped(label, WIDTH - 64, _SIZE))
        parts.append(f'<path d="M0 {y + 9:.1f}h46" {_stroke(series)}/>')
        parts += [_text(line, 56, y + 13 + n * _LINE) for n, line in enumerate(lines)]
        y += len(lines) * _LINE + 4
    return Panel(y, "".join(parts))


def _chart(name: str, x_axis: str, y_axis: str, curves: Sequence[Curve]) -> Panel:
    top = _heading_height(name, _COLUMN)
    side = _COLUMN - _MARGIN_LEFT - _GAP
    parts = [_heading(name, _COLUMN)]
    for step in range(6):
        share = step / 5
        x, y = _MARGIN_LEFT + share * side, top + (1 - share) * side
        parts += [_line(x, top, x, top + side), _line(_MARGIN_LEFT, y, _MARGIN_LEFT + side, y)]
        parts.append(_text(f"{share:.1f}", x, top + side + 17, anchor="middle", quiet=True))
        parts.append(_text(f"{share:.1f}", _MARGIN_LEFT - 6, y + 4.5, anchor="end", quiet=True))
    for curve in curves:
        points = " ".join(
            f"{_MARGIN_LEFT + x * side:.1f},{top + (1 - y) * side:.1f}"
            for x, y in zip(curve.x, curve.y, strict=True)
            if math.isfinite(y)
        )
        parts.append(f'<polyline points="{points}" {_stroke(curve.series)}/>')
    middle = top + side / 2
    parts.append(_text(x_axis, _MARGIN_LEFT + side / 2, top + side + 37, anchor="middle"))
    parts.append(f'<g transform="rotate(-90 11 {middle:.1f})">{_text(y_axis, 11, middle + 4.5, anchor="middle")}</g>')
    return Panel(top + side + _MARGIN_BELOW, "".join(parts))


def _dot(x: float, y: float, series: int) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_COLOURS[series % len(_COLOURS)]}"/>'


def _bar(low: float, high: float, y: float, series: int) -> str:
    return (
        f'<path class="bar" d="M{low:.1f} {y:.1f}H{high:.1f}M{low:.1f} {y - 5:.1f}v10M{high:.1f} {y - 5:.1f}v10"'
        f' fill="none" stroke="{_COLOURS[series % len(_COLOURS)]}" stroke-width="2"/>'
    )


def _reading(row: Interval, signed: bool) -> str:
    sign = "+" if signed else ""
    if not math.isfinite(row.low):
        return f"{row.value:{sign}.3f} [too few queries]"
    return f"{row.value:{sign}.3f} [{row.low:{sign}.3f}, {row.high:{sign}.3f}]"


def _stroke(series: int) -> str:
    """Returns the stroke of a series: colours repeat after six series, with different dashes."""
    dashes = _DASHES[(series + series // len(_COLOURS)) % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="{_COLOURS[series % len(_COLOURS)]}" stroke-width="2.2"{dashed}'


def _ticks(values: Sequence[float]) -> list[float]:
    """Returns round numbers, evenly spaced, from below the lowest value to above the highest."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    spread = max(high - low, 0.02)
    power = 10.0 ** math.floor(math.log10(spread / 4))
    step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= spread / 5)
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [step * number for number in range(first, last + 1)]


def _numbers(ticks: Sequence[float]) -> list[str]:
    places = next(places for places in range(12) if all(abs(round(tick, places) - tick) < 1e-9 for tick in ticks))
    return [f"{tick + 0.0:.{places}f}" for tick in ticks]


def _heading(text: str, width: float = WIDTH) -> str:
    lines = _wrapped(text, width, _SIZE + 1)
    return "".join(_text(line, 0, 14 + n * _LINE, size=_SIZE + 1, weight=600) for n, line in enumerate(lines))


def _heading_height(text: str, width: float = WIDTH) -> float:
    return 12.0 + _LINE * len(list(_wrapped(text, width, _SIZE + 1)))


def _line(x0: float, y0: float, x1: float, y1: float, kind: str = "grid", colour: str = _GRID) -> str:
    return f'<path class="{kind}-line" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{colour}" fill="none"/>'


def _text(
    text: str,
    x: float,
    y: float,
    *,
    anchor: str = "start",
    size: int = _SIZE,
    weight: int = 400,
    quiet: bool = False,
) -> str:
    kind, colour = ("quiet", _QUIET) if quiet else ("ink", _INK)
    return (
        f'<text class="{kind}-text" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
        f' font-weight="{weight}" fill="{colour}">{plain_text(text)}</text>'
    )


def _wrapped(text: str, width: float, size: int) -> Iterator[str]:
    """Yields lines that are no wider than `width` for certain: broken at a space, hyphen or the like, else anywhere."""
    line, room = "", width / size
    for piece in _pieces(text):
        if line and _width(line + piece.rstrip()) > room:
            yield line.rstrip()
            line = ""
        for character in piece:
            if line and _width(line + character) > room and not character.isspace():
                yield line.rstrip()
                line = ""
            line += character
    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    start = 0
    for end, character in enumerate(text, start=1):
        if character in " -_/.,()":
            yield text[start:end]
            start = end
    if start < len(text):
        yield text[start:]


def _width(text: str) -> float:
    """Returns an upper estimate of the width of text in ems, as the font that will be used is unknown."""
    return sum(map(_character_width, text))


def _character_width(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF" or character in "MW@%mw":
        return 1.05
    return 0.82 if character.isupper() else 0.66
