"""The page of the lectures is up to date, and every recipe, key, command and function in it exists."""

from __future__ import annotations

import importlib
import itertools
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from resight.cli.main import app
from resight.datasets.benchmarks.catalogue import find
from resight.recipe import parse_recipe, recipes
from resight.training.recipe import load_training_recipe

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import lectures_page  # noqa: E402

ROWS = list(lectures_page.rows(lectures_page.read()))
KEYS = {"what", "figures", "recipe", "keys", "table", "stages", "command", "library", "here", "lacking", "differs"}
COMMANDS = sorted(
    {row["command"] for row in ROWS if "command" in row}
    | set(
        re.findall(
            r"`((?:resight|python) [^`]+)`", lectures_page.__doc__ + (ROOT / "tools" / "lectures.toml").read_text()
        )
    )
)


def test_the_page_is_made_by_the_tool() -> None:
    made = "\n".join(lectures_page.page()).rstrip() + "\n"
    kept = (ROOT / "docs" / "lectures.md").read_text(encoding="utf-8")
    assert kept == made, "run: python tools/lectures_page.py > docs/lectures.md"


def test_every_cell_has_a_recipe_a_command_or_a_function_or_says_what_is_lacking() -> None:
    for row in ROWS:
        assert {"recipe", "command", "library", "lacking"} & set(row), row["what"]
        assert set(row) <= KEYS, row["what"]


@pytest.mark.parametrize("row", [row for row in ROWS if "recipe" in row], ids=lambda row: row["what"])
def test_recipes_are_there_and_read_with_the_keys_of_their_cells(row: dict[str, str]) -> None:
    assert row["recipe"] in {one.name for one in recipes()}
    assert row.get("here", row["recipe"]) in {one.name for one in recipes()}
    changed = parse_recipe(lectures_page.copy_of(row), row["what"])
    assert changed.name == row["recipe"]
    if "keys" in row or "stages" in row:
        assert changed != parse_recipe(lectures_page.copy_of({"recipe": row["recipe"]}), row["what"])


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_there_with_their_options(command: str) -> None:
    program, *words = shlex.split(command)
    if program == "python":
        text = (ROOT / words[0]).read_text(encoding="utf-8")
        assert all(f'"{word}"' in text for word in words if word.startswith("--")), command
        return
    found: Any = typer.main.get_command(app)
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    options = {name for param in found.params for name in (*param.opts, *param.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= options, command
    for option, value in itertools.pairwise(words):
        if option == "--recipe" and value.islower() and "/" not in value:
            if found.name == "train":
                load_training_recipe(value)
            else:
                assert value in {one.name for one in recipes()}, command
        if option == "--dataset" and value.islower():
            find(value)
    if found.name == "datasets":
        find(words[0])


@pytest.mark.parametrize("name", sorted({row["library"] for row in ROWS if "library" in row}))
def test_functions_are_there(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, function = name.rpartition(".")
        assert hasattr(importlib.import_module(module), function)
