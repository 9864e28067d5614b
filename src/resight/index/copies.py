"""What of an index ships with resight too: its recipe, and what says which arrays and weights it uses."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from resight.channels.fits import builtin_arrays, weights
from resight.errors import ResightError
from resight.features.kinds import networks_of, saliency_model_of
from resight.recipe import Recipe, parse_recipe, recipe_text, recipes
from resight.store import RECIPE, Files
from resight.store.disk import FileSum, read_regular, sum_bytes


def shipped_copies(path: Path, files: Files) -> dict[str, bytes]:
    """Contents of the recipe and fitted files of the index at `path`, by path below it, as this version writes them.

    files: what they must be. Empty where the recipe is neither what it must be nor one that ships. Nothing is fetched.
    """
    text = _recipe(path, files[RECIPE])
    if text is None:
        return {}
    found = {RECIPE: text}
    with contextlib.suppress(ResightError):
        recipe = parse_recipe(text.decode(), RECIPE)
        for fitted in (builtin_arrays, _weights_at_hand):
            # What is not built in any more, or has other weights now, has no copy here.
            with contextlib.suppress(ResightError):
                found |= {f"fitted/{name}": data for name, data in fitted(recipe).items()}
    return found


def _recipe(path: Path, expected: FileSum) -> bytes | None:
    with contextlib.suppress(ResightError, OSError):
        text = read_regular(path / RECIPE)
        if sum_bytes(text) == expected:
            return text
    shipped = (recipe_text(one.name).encode() for one in recipes())
    return next((text for text in shipped if sum_bytes(text) == expected), None)


def _weights_at_hand(recipe: Recipe) -> Mapping[str, bytes]:
    networks = [network for channel in recipe.channel.values() for network in networks_of(channel.features)]
    if not networks:
        return {}
    from resight.features.networks.locating import is_at_hand

    models = [model for network in networks if (model := saliency_model_of(network)) is not None]
    if not all(is_at_hand(one, Path()) for one in (*(network.checkpoint for network in networks), *models)):
        return {}
    return weights(recipe, Path())
