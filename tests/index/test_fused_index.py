"""An index of several channels: their rankings become one, and stages work on what stands before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import SPATIAL, collection, index_by, names, told, write
from resight.cli.info import fitted_text
from resight.errors import RecipeError
from resight.index.contents import fitted_size
from resight.index.index import Index
from resight.recipe import parse_recipe

CHANNELS = """
name = "fused"
[channel.words.words]
kind = "asmk"
size = 64
fit = "codebook.npz"
[channel.vectors.descriptor]
kind = "vlad"
size = 64
fit = "codebook.npz"
"""
ON_WORDS = SPATIAL.replace('kind = "spatial"', 'kind = "spatial"\nchannel = "words"')
FUSION = '[[rerank]]\nkind = "fusion"\n'
PARTS = """
channels.words = { scores = "confidence", half = 30.0 }
channels.vectors = { scores = "power", power = 3.0, weight = 0.3 }
"""
DIFFUSION = '[[rerank]]\nkind = "diffusion"\nchannel = "words"\nk = 4\ngamma = 1.0\nself_affinity = 1.0\nalpha = 0.9\n'
PHOTOS = collection(6, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("photos"), PHOTOS)


def made(recipes: Path, text: str, path: Path, folder: Path) -> Index:
    index = index_by(recipes, text, path)
    index.add(folder)
    return index


@pytest.mark.parametrize("method", ["sum", "product", "reciprocal-rank"])
def test_rankings_are_fused(method: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None) -> None:
    index = made(recipes, f'{CHANNELS}{FUSION}method = "{method}"\n', tmp_path / f"fused-{method}.resight", folder)
    right = 0
    for thing in range(6):
        result = index.search(PHOTOS[f"{thing:02d}-0.png"], k=18)
        scores = [hit.score for hit in result.hits]
        assert scores == sorted(scores, reverse=True)
        assert len(set(names(result))) == len(result.hits) == 18
        right += sum(name.startswith(f"{thing:02d}-") for name in names(result)[:3])
    assert right >= 16


def test_a_sum_is_that_of_what_the_channels_found(folder: Path, recipes: Path, tmp_path: Path, unsynced: None) -> None:
    index = made(recipes, CHANNELS + ON_WORDS + FUSION + PARTS, tmp_path / "fused-parts.resight", folder)
    parts = {}
    for name, rest in (("words", ON_WORDS), ("vectors", "")):
        start = CHANNELS.index(f"[channel.{name}")
        lines = CHANNELS[start:].replace(f"[channel.{name}.", "[", 1).split("[channel.")[0]
        text = f'name = "part"\n{lines}{rest}'.replace('channel = "words"\n', "")
        found = made(recipes, text, tmp_path / f"part-{name}.resight", folder).search(PHOTOS["02-1.png"], k=18)
        parts[name] = {hit.name: hit.score for hit in found.hits}
    found = index.search(PHOTOS["02-1.png"], k=18)
    for hit in found.hits:
        evidence = parts["words"].get(hit.name, 0.0)
        expected = evidence / (evidence + 30.0) + 0.3 * max(parts["vectors"].get(hit.name, 0.0), 0.0) ** 3
        assert hit.score == pytest.approx(expected, abs=1e-5)
    # What verified a hit is still told.
    assert found.hits[0].inliers is not None
    assert found.hits[0].inliers >= 4


def test_diffusion_goes_on_from_the_fused_ranking(folder: Path, recipes: Path, tmp_path: Path, unsynced: None) -> None:
    plain = made(recipes, CHANNELS + ON_WORDS + FUSION + PARTS, tmp_path / "plain-fused.resight", folder)
    index = made(recipes, CHANNELS + ON_WORDS + FUSION + PARTS + DIFFUSION, tmp_path / "diffused.resight", folder)
    right = 0
    for thing in range(6):
        found = index.search(PHOTOS[f"{thing:02d}-2.png"], k=18)
        assert told(found) != told(plain.search(PHOTOS[f"{thing:02d}-2.png"], k=18))
        right += sum(name.startswith(f"{thing:02d}-") for name in names(found)[:3])
    assert right >= 16
    # Diffusion starts from an array's double in the index as from all others, but not from a query's own photo.
    by_name = {hit.name: hit.score for hit in index.search("02-1.png", k=18).hits}
    by_pixels = {hit.name: hit.score for hit in index.search(PHOTOS["02-1.png"], k=18).hits}
    assert by_name["02-0.png"] < by_pixels["02-0.png"]
    gone = ["02-0.png"]
    index.remove(gone)
    assert gone[0] not in names(index.search(PHOTOS["02-1.png"], k=18))
    assert np.isfinite([hit.score for hit in index.search("02-1.png", k=18).hits]).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CHANNELS, "need one stage that joins their rankings"),
        (CHANNELS + FUSION + FUSION, "there are 2"),
        (
            CHANNELS + FUSION + "channels.sift = { weight = 2.0 }\n",
            'names channel "sift"; the recipe has words, vectors',
        ),
        (CHANNELS + FUSION + 'channels.words = { scores = "sigmoid" }\n', "scores"),
        (CHANNELS + SPATIAL + FUSION, 'names channel ""; the recipe has words, vectors'),
        (CHANNELS + FUSION + DIFFUSION + DIFFUSION.replace("k = 4", "k = 5"), "made differently: keep one of them"),
        ('name = "x"\n[words]\nkind = "bow"\n' + FUSION, "there is only main"),
        (CHANNELS.replace("channel.vectors.", 'channel."two words".'), "name it with letters"),
        (
            'name = "x"\n[match]\nkind = "exhaustive"\n' + DIFFUSION.replace("words", "main"),
            "needs one vector an image",
        ),
        (CHANNELS + FUSION + DIFFUSION.replace("0.9", "1.0"), "alpha"),
    ],
)
def test_a_recipe_of_several_channels_that_makes_no_sense(text: str, said: str) -> None:
    with pytest.raises(RecipeError, match=r"^some") as refused:
        parse_recipe(text, "some.toml")
    assert said in str(refused.value)


def test_info_counts_every_channel(folder: Path, recipes: Path, tmp_path: Path, unsynced: None) -> None:
    info = made(recipes, CHANNELS + FUSION, tmp_path / "counted.resight", folder).info()
    words, vectors = info.channels["words"], info.channels["vectors"]
    assert words.features > words.words > 0
    assert vectors == (words.features, 0)  # a VLAD is made of the same features
    assert (info.features, info.words) == (words.features + vectors.features, words.words)
    assert info.to_dict()["channels"]["vectors"] == vectors._asdict()


def test_info_tells_what_every_channel_was_made_with(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = made(recipes, CHANNELS + FUSION, tmp_path / "made.resight", folder)
    words, vectors = index.info().fitted["words"], index.info().fitted["vectors"]
    asked: Any = index.recipe.channel["words"].method
    assert words == ("words", index.collection.channels["words"].size, asked.size)
    assert vectors == ("dimensions", index.collection.channels["vectors"].size, None)
    assert fitted_size(asked, 3) == ("words", 3, asked.size)
    assert index.info().to_dict()["fitted"]["words"] == words._asdict()
    assert fitted_text("words", 3, 4096) == "3 words, not the 4,096 of its recipe: too few photos to fit on"
    assert fitted_text("words", 4096, 4096) == "4,096 words"
