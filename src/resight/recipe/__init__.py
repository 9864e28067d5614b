"""The whole method as data: model, checks, messages. Importing it imports no implementation."""

from resight.learned.registered import register
from resight.recipe.model import ONLY_CHANNEL, ChannelRecipe, Recipe
from resight.recipe.reading import (
    ALIASES,
    DEFAULT,
    RecipeInfo,
    load_recipe,
    parse_recipe,
    recipe_folder,
    recipe_text,
    recipes,
)
from resight.recipe.searching import SearchWish, check_search_ready, with_search, without_search

__all__ = [
    "ALIASES",
    "DEFAULT",
    "ONLY_CHANNEL",
    "ChannelRecipe",
    "Recipe",
    "RecipeInfo",
    "SearchWish",
    "check_search_ready",
    "load_recipe",
    "parse_recipe",
    "recipe_folder",
    "recipe_text",
    "recipes",
    "register",
    "with_search",
    "without_search",
]
