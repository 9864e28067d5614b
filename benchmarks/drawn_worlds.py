"""Judges recipes of edges on rendered things and drawings of them by a simulated hand, and learns whitenings on others.

    python benchmarks/drawn_worlds.py [--recipes sketches] [--members 100] [--learn FOLDER]

No photo and no drawing by hand is read, so that what is chosen here is chosen without them. Each family has things of
one kind; acc@k is the share of the drawings whose photo is among the first k of its family, for a careful hand (1) and
a hasty one (1.7). --learn first learns a whitening of each channel of the first recipe on a hundred families of other
seeds, and writes FOLDER/recipe.toml, which an index can be made with.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from resight.arrays import Float32, Pixels
from resight.descriptors.kinds import Pyramid
from resight.features.opening import open_extractor
from resight.images import Decoded
from resight.index.index import Index
from resight.learned.artefact import save
from resight.learned.whitening import fit_learned_whitening, to_arrays
from resight.recipe import load_recipe, recipe_text
from resight.recipe.reading import parse_recipe
from resight.training.toml import to_toml
from resight.worlds.drawable import SIDE, drawn_by_hand, family, member, photo_of, sheet_of

JUDGED, SPREADS, HANDS = 7, (0.08, 0.12, 0.12, 0.16), (1.0, 1.7)
LEARNED, FAMILIES, MEMBERS = 1, 100, 6
"""Seeds, and what is rendered from them."""
WHITENINGS = {
    "shapes": ({"whitened": "cells", "dimensions": 64}, 1 / 11),
    "lines": ({"dimensions": 128}, 1 / 2),
}
"""Keys and shrinkage of each channel: the best of a few on the families that are judged."""


def main() -> None:
    """Learns, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["sketches"])
    parser.add_argument("--members", type=int, default=100, help="things of each family that is judged")
    parser.add_argument("--learn", type=Path, help="folder of the recipe with what was learned")
    given = parser.parse_args()
    recipes = list(given.recipes)
    if given.learn is not None:
        recipes.append(str(learn(recipes[0], given.learn, FAMILIES)))
    for recipe in recipes:
        for hand in HANDS:
            print(json.dumps({"recipe": recipe, "hand": hand, **judged(recipe, hand, given.members)}), flush=True)


def pairs(seed: tuple[int, int], spread: float | None, members: int, hand: float) -> Iterator[tuple[Pixels, Pixels]]:
    """Yields a photo and a drawing of each member of a family."""
    rng = np.random.default_rng(seed)
    kind = family(rng, float(rng.uniform(0.05, 0.2)) if spread is None else spread)
    for _ in range(members):
        thing = member(kind, rng)
        photo = photo_of(thing, rng)
        yield photo, sheet_of(drawn_by_hand(thing, rng, hand))


def judged(recipe: str, hand: float, members: int) -> dict[str, float]:
    """Returns acc@1 and acc@10 in percent, the mean of all families."""
    ranks = []
    for number, spread in enumerate(SPREADS):
        with tempfile.TemporaryDirectory() as place:
            folder, drawings = Path(place) / "photos", []
            folder.mkdir()
            for one, (photo, drawing) in enumerate(pairs((JUDGED, number), spread, members, hand)):
                Image.fromarray(photo).save(folder / f"{one}.png")
                drawings.append(drawing)
            index = Index.create(Path(place) / "x.resight", recipe)
            index.add(folder)
            for one, drawing in enumerate(drawings):
                names = [str(hit.name) for hit in index.search(drawing, k=members, sketch=True)]
                ranks.append(names.index(f"{one}.png"))
    return {f"acc@{k}": round(100 * float((np.array(ranks) < k).mean()), 1) for k in (1, 10)}


def learn(recipe: str, folder: Path, families: int) -> Path:
    """Writes a recipe whose channels are whitened by what is learned on pairs. Returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = tomllib.loads(recipe_text(recipe))
    for name, (keys, _) in WHITENINGS.items():
        tables["channel"][name]["descriptor"] |= {**keys, "whitening": "pairs", "fit": f"{name}.npz"}
    tables |= {"name": f"{tables['name']}-whitened", "checked_by": "rendered drawings"}
    every = [pair for number in range(families) for pair in pairs((LEARNED, number), None, MEMBERS, 1.0)]
    for name, channel in parse_recipe(to_toml(tables), recipe).channel.items():
        method, extractor = channel.method, open_extractor(channel.features, Path())
        assert isinstance(method, Pyramid)
        sides: list[list[Float32]] = [[], []]
        for pair in every:
            for own, pixels, drawing in zip(sides, pair, (False, True), strict=True):
                prepared = extractor.prepare_query(Decoded(pixels, (SIDE, SIDE), drawing=drawing), None)
                own.append(method.vectors_of(extractor.extract([prepared])[0]))
        photos, drawings = (np.concatenate(one) for one in sides)
        rows, numbers = np.concatenate([drawings, photos]), np.arange(len(drawings))
        shrinkage = WHITENINGS[name][1]
        whitening = fit_learned_whitening(
            rows, numbers, numbers + len(drawings), method.dimensions, shrinkage=shrinkage
        )
        provenance = {"fitted_for": method.fitted_for(channel.features), "pairs": len(every), "shrinkage": shrinkage}
        save(folder / f"{name}.npz", to_arrays(whitening), provenance)
    file = folder / "recipe.toml"
    file.write_text(to_toml(tables) + "\n")
    load_recipe(file)
    return file


if __name__ == "__main__":
    main()
