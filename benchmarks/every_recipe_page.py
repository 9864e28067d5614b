"""Writes the kept figures of `every_recipe.py` into the results page, between two comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import resight

START, END = "<!-- written by benchmarks/every_recipe.py -->", "<!-- end of benchmarks/every_recipe.py -->"


def write_section(page: Path, kept: Mapping[str, Any]) -> None:
    """Replaces what is between the comments. Raises ValueError where the page lacks them."""
    before, start, rest = page.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{page}: there is no {START} with {END} after it")
    page.write_text(before + "\n".join([START, "", *lines(kept), "", END]) + after, encoding="utf-8")


def lines(kept: Mapping[str, Any]) -> Iterator[str]:
    """The terms, the table, and what was not run."""
    terms, rows = kept["terms"], kept["recipes"]
    yield (
        f"{terms['searched']} photos in one index, {terms['photos']} at most of each set and {terms['distractors']} "
        f"distractors, drawn evenly; {terms['queries']} queries of each set. mAP by the trapezoid AP, in brackets the "
        "95 % interval over queries, which is wide: only large differences mean something. What a recipe fits is "
        f"fitted on {terms['fitted on']} photos of other things, which are not searched; all words of SIFT are the "
        '16,384 that ship. "Made" is the size of what was fitted or is built in.'
    )
    yield ""
    yield "    python benchmarks/every_recipe.py PHOTOS"
    yield "    python benchmarks/every_recipe.py PHOTOS --page docs/results.md"
    yield ""
    yield f"| recipe | {' | '.join(terms['sets'])} | made | fit | bytes an image |"
    yield "|---" * (len(terms["sets"]) + 4) + "|"
    done = {name: one for name, one in rows.items() if "error" not in one}
    for name in sorted(done, key=lambda one: -mean(done[one])):
        one = done[name]
        cells = [figure(one["sets"][group]) for group in terms["sets"]]
        made = " + ".join(f"{part['size']:,} {part['what']}" for part in one["made"].values() if part["size"])
        size = one["bytes an image"]
        cells += [made, ", ".join(one["fits"]), "" if size is None else f"{size:,.0f}"]
        yield f"| `{name}` | {' | '.join(cells)} |"
    yield ""
    waiting = [one.name for one in resight.recipes() if one.name not in rows and one.name not in kept["lacking"]]
    if waiting:
        yield f"Not judged yet, which the command goes on with: {', '.join(f'`{name}`' for name in waiting)}."
        yield ""
    missing = ", ".join(f"`{name}` ({source})" for name, source in sorted(kept["lacking"].items()))
    yield f"Not run, because the weights were not at hand: {missing}."
    if failed := {name: one["error"] for name, one in rows.items() if "error" in one}:
        yield ""
        yield "Failed: " + "; ".join(f"`{name}`: {error}" for name, error in sorted(failed.items())) + "."


def mean(one: Mapping[str, Any]) -> float:
    figures = [group["mAP"] for group in one["sets"].values()]
    return sum(figures) / len(figures)


def figure(group: Mapping[str, Any]) -> str:
    low, high = group["interval"]
    return f"{group['mAP']:.3f} [{low:.3f}, {high:.3f}]"
