"""Recipes by name or from files, and the list of those that ship."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resight.errors import RecipeError
from resight.recipe.messages import LONGEST, explain, one_line
from resight.recipe.model import ONLY_CHANNEL, SECTIONS, Recipe

DEFAULT = "sift-lite0-links"
ALIASES: Mapping[str, str] = {"fast": "rmac-lite0", "default": DEFAULT}
"""Recipes by what a person wants, each a name that stands for one that ships."""
LARGEST_FILE = 1 << 20
"""Bytes of the file of a recipe at most."""


@dataclass(frozen=True)
class RecipeInfo:
    """One line of the list of recipes.

    needs: what it fits or loads; checked_by: what its figures rest on; alias: the one of `ALIASES` that stands for
    it, empty for most.
    """

    name: str
    summary: str
    paper: str
    needs: str
    checked_by: str
    alias: str

    def to_dict(self) -> dict[str, str]:
        """Returns the fields, for JSON."""
        return dict(self.__dict__)


def parse_recipe(text: str, source: str) -> Recipe:
    """Returns the recipe that a TOML text describes; `source` is what an error calls it. Raises RecipeError."""
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise RecipeError(f"{source}: not a recipe: its tables or lists are nested thousands deep") from None
    except ValueError as error:  # not TOML, or a number of thousands of digits
        raise RecipeError(f"{source}: not TOML: {one_line(str(error))}") from None
    try:
        return Recipe.model_validate(_with_named_channel(table))
    except ValidationError as error:
        raise RecipeError(f"{source}: {explain(error)}") from None
    except RecipeError as error:  # of a package that offers a method
        raise RecipeError(f"{source}: {one_line(str(error), 4 * LONGEST)}") from error


def load_recipe(name: str | Path) -> Recipe:
    """Returns a recipe that ships with resight, by its name or alias, or one in a file. Raises RecipeError."""
    return parse_recipe(recipe_text(name), str(name))


def recipe_text(name: str | Path) -> str:
    """Returns the text of a recipe, as it is kept in an index. Raises RecipeError."""
    if is_file(name):
        return file_text(Path(name))
    name = ALIASES.get(str(name), name)
    if name not in _names():
        near = difflib.get_close_matches(str(name)[:100], _names(), n=1, cutoff=0.0)
        raise RecipeError(
            f'there is no recipe "{one_line(str(name))}"; the nearest is "{near[0]}", and `resight recipes` lists all'
        )
    shipped = _folder() / f"{name}.toml"
    return str(shipped.read_text(encoding="utf-8"))


def file_text(path: Path) -> str:
    """Returns the text of the file of a recipe, of an index or of training. Raises RecipeError."""
    shown = one_line(str(path))
    try:
        if path.exists() and not path.is_file():
            raise RecipeError(f"{shown}: this is no file; name the file of a recipe")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise RecipeError(f"{shown}: over {LARGEST_FILE >> 20} MiB, so this is no recipe; name the file of one")
        # Editors of Windows put a byte order mark before it.
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise RecipeError(f"{shown}: this recipe cannot be read: {one_line(str(error))}") from None


def recipe_folder(name: str | Path) -> Path:
    """Returns the folder that paths in a recipe are relative to: that of its file."""
    return Path(name).parent if is_file(name) else Path()


def recipes() -> list[RecipeInfo]:
    """Returns the recipes that ship with resight, by name."""
    return [_info(load_recipe(name)) for name in _names()]


def _info(recipe: Recipe) -> RecipeInfo:
    fits = dict.fromkeys(f"{channel.method.kind} {channel.fit}" for channel in recipe.channel.values() if channel.fit)
    needs = ", ".join(fits) or "nothing"
    aliases = {name: alias for alias, name in ALIASES.items()}
    return RecipeInfo(recipe.name, recipe.summary, recipe.paper, needs, recipe.checked_by, aliases.get(recipe.name, ""))


def is_file(name: str | Path) -> bool:
    """Returns whether a recipe is named by its file."""
    return isinstance(name, Path) or name.endswith(".toml") or len(Path(name).parts) > 1


def _folder() -> Any:
    return resources.files("resight.recipe") / "shipped"


def _names() -> list[str]:
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def _with_named_channel(table: dict[str, Any]) -> dict[str, Any]:
    """Returns the table with the sections of an only channel under its name."""
    unnamed = {key: table[key] for key in SECTIONS if key in table}
    if not unnamed or "channel" in table:
        return table
    rest = {key: value for key, value in table.items() if key not in unnamed}
    return {**rest, "channel": {ONLY_CHANNEL: unnamed}}
