"""Prints docs/lectures.md: what the lectures show, and the recipe or command that runs each of it.

python tools/lectures_page.py > docs/lectures.md

What there is to show stands in lectures.toml beside this file. What recipes say of themselves comes from their headers,
figures on real photos from benchmarks/results/every-recipe.json, where a recipe has been judged.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resight.datasets.benchmarks.catalogue import benchmarks
from resight.recipe import load_recipe, recipe_text

HERE = Path(__file__).resolve().parent
JUDGED = HERE.parent / "benchmarks" / "results" / "every-recipe.json"
STAGES = {
    "gqe": '[[rerank]]\nkind = "alpha-expansion"\ntop = 10\nalpha = 0.0\n',
    "gqe of 5": '[[rerank]]\nkind = "alpha-expansion"\ntop = 5\nalpha = 0.0\n',
    "diffusion": '[[rerank]]\nkind = "diffusion"\n',
}
HEAD = """# Lectures

Everything that the five lectures show, of which resight was made: decks 000 (retrieval), 001 (deep image retrieval),
002 (image retrieval, a practical session), 003 (training without annotation) and 004 (deep representations for instance
search). This page is made by `tools/lectures_page.py`; a test holds every recipe, key and command in it to what there
is.

A figure is as printed. Where the head of a column is the name of a [data set](evaluation.md), this is the command of
the cell, with the photos of another city in the place of OTHER where a recipe is fitted on photos:

    resight evaluate DATASET/ --dataset DATASET --recipe RECIPE [--fit OTHER/]

"Keys" are to be changed in a copy of the recipe, `--recipe COPY.toml`. "Here" is our mAP on covers / scenes / products
by `benchmarks/every_recipe.py` ([results](results.md) have the terms); in brackets that of the recipe of a smaller
network. What differs from the paper, each recipe says itself: [below](#what-recipes-say-of-themselves).
"""


def read() -> dict[str, Any]:
    """What there is to show."""
    return tomllib.loads((HERE / "lectures.toml").read_text(encoding="utf-8"))


def rows(lectures: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All rows, of tables and of lists."""
    for part in (*lectures["table"], *lectures["list"]):
        yield from part["rows"]


def copy_of(row: Mapping[str, Any]) -> str:
    """The text of the recipe of a row, with its keys changed and its stages added."""
    text = recipe_text(row["recipe"])
    for key, value in row.get("keys", {}).items():
        line = f"{key} = {json.dumps(value)}"
        if re.search(rf"^{key} = ", text, re.MULTILINE):
            text = re.sub(rf"^{key} = .*$", line, text, count=1, flags=re.MULTILINE)
        else:
            head = f"[{row.get('table', 'features')}]\n"
            text = text.replace(head, f"{head}{line}\n", 1)
    return text + "\n" + STAGES[row["stages"]] if "stages" in row else text


def header(name: str) -> str:
    """What a recipe says of itself, in one line."""
    lines = [line[1:].strip() for line in recipe_text(name).split("\nname = ")[0].splitlines()]
    return " ".join(lines)


def how(row: Mapping[str, Any]) -> str:
    """The recipe, command or function of a row, with what is to be changed."""
    found = []
    if "recipe" in row:
        found.append(f"[`{row['recipe']}`](#{row['recipe']})")
    if "command" in row:
        found.append(f"`{row['command']}`")
    if "library" in row:
        found.append(f"`{row['library']}`, of the library")
    if "keys" in row:
        place = f" of [{row['table']}]" if "table" in row else ""
        found.append(
            f"keys{place} " + ", ".join(f"`{key} = {json.dumps(value)}`" for key, value in row["keys"].items())
        )
    if "stages" in row:
        found.append("and at its end `" + STAGES[row["stages"]].strip().replace("\n", " ").replace("|", "\\|") + "`")
    if "differs" in row:
        found.append(row["differs"])
    if "lacking" in row:
        found.append(f"**lacking**: {row['lacking']}")
    return "; ".join(found)


def here(row: Mapping[str, Any], judged: Mapping[str, Any]) -> str:
    """Our figure on real photos, of the recipe of a row or of the one that stands for it."""
    own = None if "keys" in row or "stages" in row else judged.get(row.get("recipe"))
    if own is not None and "sets" in own:
        return figure(own)
    other = judged.get(row.get("here"))
    return f"({figure(other)}, `{row['here']}`)" if other is not None and "sets" in other else ""


def figure(found: Mapping[str, Any]) -> str:
    """The figures of all sets."""
    return " / ".join(f"{one['mAP']:.3f}" for one in found["sets"].values())


def checked(row: Mapping[str, Any]) -> str:
    """What checks the recipe of a row."""
    return load_recipe(row["recipe"]).checked_by if "recipe" in row else ""


def page() -> Iterator[str]:
    """The lines of the page."""
    lectures = read()
    judged = json.loads(JUDGED.read_text(encoding="utf-8"))["recipes"] if JUDGED.exists() else {}
    known = {one.name for one in benchmarks()}
    yield HEAD
    for table in lectures["table"]:
        yield from (f"## {table['title']}", "")
        if "note" in table:
            yield from (table["note"], "")
        named = [f"`{one}`" if one in known else one for one in table["columns"]]
        yield f"| | {' | '.join(named)} | recipe or command | checked by | here |"
        yield "|---" * (len(named) + 4) + "|"
        for row in table["rows"]:
            assert len(row["figures"]) == len(table["columns"]), row
            cells = [row["what"], *row["figures"], how(row), checked(row), here(row, judged)]
            yield f"| {' | '.join(cells)} |"
        yield ""
    for one in lectures["list"]:
        yield from (f"## {one['title']}", "", *((one["note"], "") if "note" in one else ()))
        yield from (
            "| what | recipe, command or function | checked by | here |",
            "|---|---|---|---|",
        )
        yield from (f"| {row['what']} | {how(row)} | {checked(row)} | {here(row, judged)} |" for row in one["rows"])
        yield ""
    yield from ("## What is lacking", "")
    yield from (f"- {row['what']}: {row['lacking']}" for row in rows(lectures) if "lacking" in row)
    yield from ("", "## What recipes say of themselves", "")
    for name in sorted({row["recipe"] for row in rows(lectures) if "recipe" in row}):
        yield from (f"### {name}", "", header(name), "")


if __name__ == "__main__":
    print("\n".join(page()).rstrip())
