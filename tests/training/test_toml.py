"""A table that is written as TOML is read as it was."""

from __future__ import annotations

import tomllib

import pytest

from resight.recipe import recipe_text, recipes
from resight.training.toml import to_toml


@pytest.mark.parametrize("name", [recipe.name for recipe in recipes()])
def test_every_recipe_survives(name: str) -> None:
    table = tomllib.loads(recipe_text(name))
    assert tomllib.loads(to_toml(table)) == table


def test_hard_texts_survive() -> None:
    table = {"a.b": 'say "so"\n\t\x7f\\ é', "c": {"d e": [1, 2.5, 1e-9, True], "f": []}, "g": [{"h": {"i": "j"}}]}
    assert tomllib.loads(to_toml(table)) == table
