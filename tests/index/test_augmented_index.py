"""An index whose recipe augments: made at the end of an add, used by the search, mended by compaction."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from resight.errors import RecipeError
from resight.index.augmented import read_blocks
from resight.index.index import Index
from resight.recipe import load_recipe, parse_recipe

RECIPE = """
name = "augmenting"
[words]
kind = "bow"
size = 200
fit = "collection"
[augmentation]
kind = "verified"
min_inliers = 8
[[rerank]]
kind = "spatial"
[[rerank]]
kind = "discriminative"
"""


def texture(rng):
    """Blobs of many sizes, full of features."""
    noise = sum(np.kron(rng.random((240 // s, 320 // s)), np.ones((s, s))) for s in (4, 8, 16))
    return (noise / 3 * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """a0, a1 and a2 show one thing, cut differently; b0 another."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("photos")
    whole, other = texture(rng), texture(rng)
    for name, pixels in {"a0": whole[:, :240], "a1": whole[:, 80:], "a2": whole[20:220, 40:280], "b0": other}.items():
        Image.fromarray(pixels).save(path / f"{name}.png")
    return path


def blocks_of(index):
    return read_blocks(index.path / "search" / "main", index.collection.channels["main"])


def test_augmentation_follows_the_index(folder, tmp_path):
    recipe = tmp_path / "augmenting.toml"
    recipe.write_text(RECIPE)
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(folder, only={"a0.png", "a1.png", "b0.png"})
    (block,) = blocks_of(index)
    view = index.collection.views["main"]
    own = {image: len(view.evidence(image)) for image in block.rows.ids.tolist()}
    grown = dict(zip(block.rows.ids.tolist(), np.diff(block.rows.arrays["offsets"]).tolist(), strict=True))
    names = {index.collection.name_of(image): image for image in own}
    assert grown[names["a0.png"]] > own[names["a0.png"]]
    assert grown[names["b0.png"]] == own[names["b0.png"]]

    index.add(folder)
    assert sorted(len(block.rows.ids) for block in blocks_of(index)) == [1, 3]
    assert {hit.name for hit in index.search("a2.png", k=2).hits} == {"a0.png", "a1.png"}
    index.remove(["a1.png"])
    assert "a1.png" not in [hit.name for hit in index.search("a2.png").hits]
    index.compact()
    (block,) = blocks_of(index)
    assert len(block.rows.ids) == 3
    assert {hit.name for hit in index.search("a2.png", k=1).hits} == {"a0.png"}


def test_the_published_recipe_augments_and_expands():
    recipe = load_recipe("sift-arandjelovic")
    assert recipe.augmentation is not None
    assert [stage.kind for stage in recipe.rerank] == ["spatial", "discriminative", "spatial"]


def test_only_bags_of_words_are_augmented():
    with pytest.raises(RecipeError, match='augmentation "verified" needs bags of words'):
        parse_recipe(RECIPE.replace('"bow"', '"asmk"'), "x.toml")
