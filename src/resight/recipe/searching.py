"""The search of an index, as a person asks for it beside a recipe."""

from __future__ import annotations

import json
from typing import NamedTuple

from resight.errors import RecipeError
from resight.learned.kinds import Keeps
from resight.recipe.model import ONLY_CHANNEL, Recipe
from resight.recipe.reading import parse_recipe


class SearchWish(NamedTuple):
    """The search of channels that keep one vector an image.

    kind: of [search] in a recipe, "auto" where empty; or the address of an engine's collection, KIND://REST. memory:
    GiB that its structure may take, where not 0.
    """

    kind: str = ""
    memory: float = 0.0

    def __bool__(self) -> bool:
        """Tells whether anything is asked for."""
        return bool(self.kind or self.memory)


def with_search(text: str, source: str, wish: SearchWish) -> str:
    """Returns the text of a recipe with a table [search] for each channel of one vector an image.

    source: what an error calls the recipe. Raises RecipeError where it has a table, or no such channel.
    """
    if not wish:
        return text
    recipe = parse_recipe(text, source)
    vectors = [name for name, channel in recipe.channel.items() if Keeps.VECTORS in channel.keeps]
    if not vectors:
        raise RecipeError(f"{source}: no channel of {recipe.name} keeps one vector an image: leave --search out")
    for name in vectors:
        if recipe.channel[name].search is not None:
            raise RecipeError(
                f"{source}: the recipe says how it is searched: leave --search and --memory out, or change it"
            )
    alone = [*recipe.channel] == [ONLY_CHANNEL]
    tables = "".join(
        f"\n[{'search' if alone else f'channel.{name}.search'}]\n{_keys(wish, name if len(vectors) > 1 else '')}"
        for name in vectors
    )
    return f"{text.rstrip()}\n{tables}"


def _keys(wish: SearchWish, channel: str) -> str:
    """Returns the keys of a table [search]. channel: to tell the collections of several channels apart."""
    kind, is_address, _ = wish.kind.partition("://")
    keys = {"kind": kind or "auto"}
    if is_address:
        keys["address"] = wish.kind + (f"_{channel.replace('-', '_')}" if channel else "")
    texts = [f"{key} = {json.dumps(value)}\n" for key, value in keys.items()]
    return "".join(texts) + (f"memory = {wish.memory:g}\n" if wish.memory else "")


def without_search(recipe: Recipe) -> Recipe:
    """Returns a recipe that leaves open how channels are searched, which changes nothing of what an index keeps."""
    channels = {name: channel.model_copy(update={"search": None}) for name, channel in recipe.channel.items()}
    return recipe.model_copy(update={"channel": channels})


def check_search_ready(recipe: Recipe) -> None:
    """Raises ResightError where a channel cannot be searched now, such as by an engine that cannot be reached."""
    for channel in recipe.channel.values():
        channel.searched.ready()
