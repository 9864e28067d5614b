"""The search of an index, as a person asks for it beside a recipe."""

from __future__ import annotations

from typing import NamedTuple

from resight.errors import RecipeError
from resight.learned.kinds import Keeps
from resight.recipe.model import ONLY_CHANNEL, Recipe
from resight.recipe.reading import parse_recipe


class SearchWish(NamedTuple):
    """The search of channels that keep one vector an image.

    kind: of [search] in a recipe, "auto" where empty. memory: GiB that its structure may take, where not 0.
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
    keys = f'kind = "{wish.kind or "auto"}"\n' + (f"memory = {wish.memory:g}\n" if wish.memory else "")
    tables = "".join(f"\n[{'search' if alone else f'channel.{name}.search'}]\n{keys}" for name in vectors)
    return f"{text.rstrip()}\n{tables}"


def without_search(recipe: Recipe) -> Recipe:
    """Returns a recipe that leaves open how channels are searched, which changes nothing of what an index keeps."""
    channels = {name: channel.model_copy(update={"search": None}) for name, channel in recipe.channel.items()}
    return recipe.model_copy(update={"channel": channels})
