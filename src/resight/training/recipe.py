"""Training recipes by name or from files, and the list of those that ship."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from resight.errors import RecipeError
from resight.features.networks import download
from resight.features.networks.published import PUBLISHED
from resight.images import displayed
from resight.recipe.messages import explain, one_line
from resight.recipe.reading import file_text, is_file
from resight.training.begun import NETWORK
from resight.training.kinds import TrainingRecipe

_FOLDER = resources.files("resight.training") / "recipes"
_ENDING = ".toml"


def load_training_recipe(name: str | Path, changes: Mapping[str, str] | None = None) -> TrainingRecipe:
    """Returns a training recipe that ships with resight, by its name, or one in a file. Raises RecipeError.

    changes: values of keys, such as {"lasting.epochs": "3"}, instead of those of the recipe.
    """
    return parse_training_recipe(_text(name), str(name), changes)


def parse_training_recipe(text: str, source: str, changes: Mapping[str, str] | None = None) -> TrainingRecipe:
    """Returns the training recipe that a TOML text describes; an error calls it `source`. Raises RecipeError."""
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        raise RecipeError(f"{source}: not TOML: {one_line(str(error))}") from None
    for key, value in (changes or {}).items():
        *path, last = key.split(".")
        place = table
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise RecipeError(f'{source}: "{key}" is no key: "{part}" is a value, and no table')
        place[last] = _value(value)
    try:
        return TrainingRecipe.model_validate(table)
    except ValidationError as error:
        raise RecipeError(f"{source}: {explain(error, TrainingRecipe)}") from None


def _value(text: str) -> object:
    """Returns the value that a text is in TOML, or the text itself."""
    try:
        found: object = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
    return found


def starting_weights(weights: str, beside: Path) -> str:
    """Returns the checkpoint that training starts from: a published name or an address as it is, a path as a whole one.

    weights: what a training recipe names; empty: that of its descriptor. A folder of a former training stands for its
    network; relative paths begin at `beside`. Raises RecipeError where there is no such file; a name alone may lie
    in the folder of RESIGHT_WEIGHTS too.
    """
    if weights in ("", "random", *PUBLISHED) or weights.startswith(("http://", "https://")):
        return weights
    path = (beside / Path(weights).expanduser()).resolve()
    if path.is_dir():
        network = path / NETWORK
        if not network.is_file():
            raise RecipeError(
                f"weights: {displayed(path)} is a folder without {NETWORK}: name one that `resight train` has "
                "finished, or a file of weights"
            )
        return str(network)
    if path.is_file() or download.find(path.name) is not None:
        return str(path)
    near = difflib.get_close_matches(weights, PUBLISHED, n=1, cutoff=0.0)[0]
    raise RecipeError(
        f"weights: there is no {displayed(path)}: name a file, a folder of `resight train`, or a published checkpoint; "
        f'the nearest of these is "{near}"'
    )


def names() -> list[str]:
    """Returns the names of the training recipes that ship."""
    return sorted(each.name.removesuffix(_ENDING) for each in _FOLDER.iterdir() if each.name.endswith(_ENDING))


def _text(name: str | Path) -> str:
    if is_file(name):
        return file_text(Path(name))
    if name not in names():
        near = difflib.get_close_matches(str(name)[:100], names(), n=1, cutoff=0.0)
        raise RecipeError(
            f'there is no training recipe "{one_line(str(name))}"; the nearest is "{near[0]}", and there are '
            f"{', '.join(names())}"
        )
    return (_FOLDER / f"{name}{_ENDING}").read_text(encoding="utf-8")
