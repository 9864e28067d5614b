"""The published protocols of drawings, from folders in their layouts to their measures, by recipes that see edges."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_shapes import ARROW, BOAT, HOUSE, drawing, photo
from resight.datasets.benchmarks.catalogue import find
from resight.evaluation import evaluate
from resight.recipe import recipe_text

SHAPES = {"arrow": ARROW, "boat": BOAT, "house": HOUSE}
RECIPES = ("sketches", "edgemac-mobilenet")


def put(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def recipe_of(name: str, folder: Path) -> str | Path:
    """A recipe that ships, with random weights where its own do not come along."""
    if name == "sketches":
        return name
    text = recipe_text(name).replace('source = "mobilenet_v2-imagenet"', 'source = "random"').replace("192", "96")
    file = folder / f"{name}.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("category", ["shoes", "chairs", "handbags"])
def test_a_sketch_of_each_thing_finds_its_photo(tmp_path: Path, category: str, recipe: str) -> None:
    folder = tmp_path / category
    for name, shape in SHAPES.items():
        put(folder / "test" / "images" / f"{name}.jpg", photo(shape))
        put(folder / "test" / "sketches" / f"{name}.png", drawing(shape))
    pairs = {"images": [f"{name}.jpg" for name in SHAPES], "sketches": [f"{name}.png" for name in SHAPES]}
    (folder / "annotation").mkdir()
    (folder / "annotation" / f"{category}_annotation.json").write_text(json.dumps({"test": pairs}))
    result = evaluate(recipe_of(recipe, tmp_path), find(f"qmul-{category}").read(folder))
    # Of three photos the right one is somewhere; random weights tell little, what comes along knows three shapes apart.
    ranks = [query.ranks for query in result.queries]
    assert len(ranks) == len(SHAPES)
    assert all(len(one) == 1 for one in ranks)
    assert recipe != "sketches" or ranks == [(0,)] * len(SHAPES)
    assert result.mean()["acc@10"] == 1.0


@pytest.mark.parametrize("recipe", RECIPES)
def test_sketches_of_ten_people_find_the_photos_of_their_class(tmp_path: Path, recipe: str) -> None:
    folder = tmp_path / "flickr15k"
    lines = []
    for number, (name, shape) in enumerate(SHAPES.items(), start=1):
        for one in range(2):
            put(folder / "images" / "source" / name / f"{one}.jpg", photo(shape, one))
            lines.append(f"{number} {name}/{one}.jpg")
        for person in range(1, 11):
            put(folder / "330sketches" / str(person) / f"{number}.png", drawing(shape, 1 + person % 4))
    (folder / "groundtruth").write_text("\n".join(lines) + "\n")
    result = evaluate(recipe_of(recipe, tmp_path), find("flickr15k").read(folder))
    assert len(result.queries) == 10 * len(SHAPES)
    assert all(len(query.ranks) == 2 for query in result.queries)
    # Chance finds two of six at 0.5.
    assert result.mean()["AP"] > (0.95 if recipe == "sketches" else 0.4)
