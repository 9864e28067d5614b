"""Plots: where the marks are, that no text lies on another, and that any name is only text."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from resight.errors import StorageError
from resight.show import plots
from resight.show.plots import (
    Curve,
    Interval,
    Panel,
    curve_panels,
    interval_panel,
    legend_panel,
    plot,
    write_plot,
)

SVG = "{http://www.w3.org/2000/svg}"
LONG = "a-recipe-whose-name-never-ends-" * 6
WIDE = "倉敷市の美術館" * 8
UNBROKEN = "W" * 120
NASTY = "<script>alert(1)</script> & \"'\x00\x1b\udcff\ufffe]]>"


def parsed(panels: list[Panel], title: str = "Title") -> ET.Element:
    return ET.fromstring(plot(title, "Description", panels))


def texts(root: ET.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def shifts(text: str | None) -> tuple[float, float]:
    found = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", text or "")
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def boxes(node: ET.Element, x: float = 0.0, y: float = 0.0) -> list[tuple[float, float, float, float]]:
    """(x0, y0, x1, y1) of every text, as a font that is at hand measures it; a turned one stands upright."""
    dx, dy = shifts(node.get("transform"))
    x, y = x + dx, y + dy
    found = []
    for child in node:
        if child.get("transform", "").startswith("rotate"):
            (turned,) = child
            width = _width(turned)
            middle = y + float(turned.get("y", 0)) - 4.5
            found.append(
                (
                    x + float(turned.get("x", 0)) - 10,
                    middle - width / 2,
                    x + float(turned.get("x", 0)) + 4,
                    middle + width / 2,
                )
            )
        elif child.tag == f"{SVG}text":
            left = (
                x
                + float(child.get("x", 0))
                - {"start": 0, "middle": 0.5, "end": 1}[child.get("text-anchor", "start")] * _width(child)
            )
            base, size = y + float(child.get("y", 0)), float(child.get("font-size", 0))
            found.append((left, base - 0.75 * size, left + _width(child), base + 0.2 * size))
        else:
            found += boxes(child, x, y)
    return found


def _width(text: ET.Element) -> float:
    return ImageFont.load_default(float(text.get("font-size", 0))).getlength("".join(text.itertext()))


def rows(*labels: str) -> list[Interval]:
    return [Interval(label, 0.5 + n / 10, 0.4 + n / 10, 0.55 + n / 10, n) for n, label in enumerate(labels)]


@pytest.mark.parametrize("labels", [("a", "b"), (LONG, WIDE, UNBROKEN, "c"), tuple("abcdefghijkl"), (NASTY, "")])
def test_no_text_lies_on_another_or_leaves_the_plot(labels: tuple[str, ...]) -> None:
    curve = [Curve([0, 1], [1, 0], n) for n in range(len(labels))]
    root = parsed(
        [
            interval_panel(labels[0], "mAP with its 95 % interval", rows(*labels)),
            interval_panel("less", "difference", rows(*labels), reference=0.0),
            *curve_panels("recall", "mean precision", [(labels[0], curve), *((f"s{n}", curve) for n in range(4))]),
            legend_panel(labels),
        ],
        title=labels[0],
    )
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    placed = [one for one in boxes(root) if one[2] > one[0]]
    assert len(placed) > 40
    for x0, y0, x1, y1 in placed:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
    for (a0, b0, a1, b1), (c0, d0, c1, d1) in combinations(placed, 2):
        assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0


def test_names_are_text_and_whole() -> None:
    root = parsed([interval_panel("h", "axis", rows(NASTY, LONG)), legend_panel([NASTY, LONG])], title=NASTY)
    assert not list(root.iter(f"{SVG}script"))
    assert "".join(texts(root)).replace(" ", "").count(LONG) == 2
    assert "<script>alert(1)</script>" in "".join(root.find(f"{SVG}title").itertext())  # type: ignore[union-attr]


def test_it_says_what_it_shows() -> None:
    root = parsed([])
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "plot-title plot-desc"
    said = {one.get("id"): one.text for one in root if one.get("id")}
    assert said == {"plot-title": "Title", "plot-desc": "Description"}


def test_dots_and_bars_stand_at_their_values_on_the_axis() -> None:
    root = parsed([interval_panel("h", "mAP", [Interval("a", 0.5, 0.25, 0.8, 0), Interval("b", 0.3, 0.2, 0.4, 1)])])
    at = {
        float("".join(one.itertext())): float(one.get("x", 0))
        for one in root.iter(f"{SVG}text")
        if re.fullmatch(r"[\d.]+", "".join(one.itertext()))
    }
    ticks = sorted(at)
    scale = (at[ticks[-1]] - at[ticks[0]]) / (ticks[-1] - ticks[0])

    def where(value: float) -> float:
        return at[ticks[0]] + (value - ticks[0]) * scale

    dots = [float(one.get("cx", 0)) for one in root.iter(f"{SVG}circle")]
    assert dots == pytest.approx([where(0.5), where(0.3)], abs=0.06)
    bars = [
        re.match(r"M([\d.]+) [\d.]+H([\d.]+)", one.get("d", "")) for one in root.iter() if one.get("class") == "bar"
    ]
    assert [float(end) for bar in bars if bar for end in bar.groups()] == pytest.approx(
        [where(value) for value in (0.25, 0.8, 0.2, 0.4)], abs=0.06
    )
    assert "0.500 [0.250, 0.800]" in texts(root)


def test_what_has_no_value_or_no_interval_is_said() -> None:
    nothing = Interval("a", math.nan, math.nan, math.nan, 0)
    single = Interval("b", 0.5, math.nan, math.nan, 1)
    root = parsed([interval_panel("h", "mAP", [nothing, single])])
    assert "no query has positives" in texts(root)
    assert "0.500 [too few queries]" in texts(root)
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert not [one for one in root.iter() if one.get("class") == "bar"]
    parsed([interval_panel("h", "mAP", [nothing]), interval_panel("h", "mAP", [])])


def test_differences_have_a_sign_and_a_line_at_0() -> None:
    root = parsed([interval_panel("h", "less", [Interval("b", 0.1, 0.05, 0.2, 1)], reference=0.0)])
    assert "+0.100 [+0.050, +0.200]" in texts(root)
    (line,) = [one for one in root.iter() if one.get("class") == "ink-line"]
    (zero,) = [one for one in root.iter(f"{SVG}text") if re.fullmatch(r"0\.0*", "".join(one.itertext()))]
    assert line.get("d", "").startswith(f"M{float(zero.get('x', 0)):.1f} ")


@given(st.lists(st.floats(-5, 5), max_size=6))
def test_ticks_are_few_even_and_around_all_values(values: list[float]) -> None:
    ticks = plots._ticks(values)
    assert 2 <= len(ticks) <= 8
    steps = {round(b - a, 9) for a, b in pairwise(ticks)}
    assert len(steps) == 1
    assert all(ticks[0] - 1e-6 <= value <= ticks[-1] + 1e-6 for value in values)
    shown = plots._numbers(ticks)
    assert len(set(shown)) == len(shown)
    assert [float(number) for number in shown] == pytest.approx(ticks, abs=1e-9)


def test_curves_go_through_their_points_and_leave_out_what_is_not_there() -> None:
    (panel,) = curve_panels("recall", "precision", [("c", [Curve([0, 0.5, 1], [1, 0.5, math.nan], 0)])])
    root = parsed([panel])
    (line,) = root.iter(f"{SVG}polyline")
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in line.get("points", "").split())
    steps = [
        float(one.get("x", 0))
        for one in root.iter(f"{SVG}text")
        if one.text in ("0.0", "1.0") and one.get("text-anchor") == "middle"
    ]
    assert x0 == pytest.approx(min(steps), abs=0.1)
    assert x1 == pytest.approx(sum(steps) / 2, abs=0.1)
    assert y1 - y0 == pytest.approx(x1 - x0, abs=0.2)


def test_every_series_looks_different() -> None:
    root = parsed([legend_panel([str(n) for n in range(24)])])
    looks = [(one.get("stroke"), one.get("stroke-dasharray")) for one in root.iter(f"{SVG}path")]
    assert len(set(looks)) == 24
    assert len({stroke for stroke, _ in looks[:6]}) == 6


def test_a_file_stands_alone_and_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = write_plot(tmp_path / "p.svg", plot(NASTY, "d", [legend_panel([WIDE])]))
    text = target.read_text(encoding="utf-8")
    ET.fromstring(text.encode())
    assert "href" not in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_plot(target, "<svg/>")
    assert target.read_text(encoding="utf-8") == text
