"""The training recipes that ship can be read, name index recipes that can be trained, and refuse what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.errors import RecipeError
from resight.recipe.reading import LARGEST_FILE
from resight.training.model import parts_of
from resight.training.product import channel_of
from resight.training.recipe import load_training_recipe, names, parse_training_recipe, starting_weights

PLAIN = 'name = "some"\ndescriptor = "rmac-lite0"\n'


@pytest.mark.parametrize("name", names())
def test_every_recipe_trains_a_descriptor_that_ships(name: str) -> None:
    recipe = load_training_recipe(name)
    assert recipe.name == name
    assert recipe.summary
    assert recipe.paper
    _, channel = channel_of(recipe.descriptor, recipe.channel)
    assert parts_of(channel, name)


def test_the_constants_are_those_of_the_papers() -> None:
    known = {name: load_training_recipe(name) for name in names()}
    assert set(known) == {
        "dir-triplet",
        "edgemac",
        "edgemac-mobilenet",
        "gem-sfm",
        "general",
        "mom",
        "netvlad",
        "neural-codes-tuned",
        "ranks-a",
        "ranks-b",
        "siamac",
        "sketches",
        "small",
        "whitening",
    }
    siamac = known["siamac"]
    assert (siamac.optimiser.rate, siamac.optimiser.decay, siamac.schedule.factor) == (1e-3, 5e-4, 0.2)
    assert (siamac.drawing.anchors, siamac.drawing.negatives, siamac.photos.side) == (5, 5, 362)
    gem = known["gem-sfm"]
    assert (gem.optimiser.rate, gem.schedule.rate, gem.lasting.anchors, gem.drawing.pool) == (5e-7, 0.01, 2000, 22_000)
    netvlad = known["netvlad"]
    assert (netvlad.optimiser.decay, netvlad.drawing.mine_every, netvlad.drawing.one_a_cluster) == (1e-3, 1000, False)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("lenght = 3", 'unknown key "lenght"'),
        ("[loss]\nkind = 'contrastiv'", 'there is no kind "contrastiv"; the nearest is "contrastive"'),
        ("[loss]\nkind = 'triplet'", "needs negatives: set drawing.negatives"),
        ("[drawing]\nnegatives = 2", "leave drawing.negatives out"),
        ("[optimiser]\nkind = 'adamw'\nrate = 0", "optimiser.rate: must be above 0, not 0"),
        ("whitening = 'random'", "projected is for"),
        ("whitening = 'learned'", "trained"),
        (
            "second_order = 1.0\n[drawing]\nnegatives = 2\n[loss]\nkind = 'weak-triplet'\npositives = 2",
            "set loss.positives = 1",
        ),
        ("second_order = 1.0\n[loss]\nkind = 'classification'", "second_order and frozen.distil are of descriptors"),
        ("[frozen]\ndistil = 1.0\n[loss]\nkind = 'classification'", "second_order and frozen.distil are of descr"),
        ("a = ", "not TOML"),
    ],
)
def test_what_does_not_fit_is_an_error(more: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        parse_training_recipe(PLAIN + more, "my.toml")
    assert str(caught.value).startswith("my.toml: ")


def test_an_unknown_name_is_met_by_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match='the nearest is "siamac"'):
        load_training_recipe("siamak")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_training_recipe(tmp_path / "none.toml")


def test_the_file_of_a_recipe_is_read_as_that_of_an_index(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(PLAIN, encoding="utf-8-sig")
    assert load_training_recipe(tmp_path / "mine.toml").descriptor == "rmac-lite0"
    (tmp_path / "large.toml").write_text("#" * LARGEST_FILE + "\n" + PLAIN)
    with pytest.raises(RecipeError, match="over 1 MiB"):
        load_training_recipe(tmp_path / "large.toml")
    with pytest.raises(RecipeError, match="this is no file"):
        load_training_recipe(tmp_path)


def test_keys_are_changed_by_name() -> None:
    changes = {"lasting.epochs": "3", "loss.temperature": "0.1", "frozen.until": "", "descriptor": "gem-mobilenet"}
    recipe = load_training_recipe("small", changes)
    assert (recipe.lasting.epochs, recipe.loss.kind, recipe.frozen.until) == (3, "info-nce", "")
    assert recipe.descriptor == "gem-mobilenet"
    with pytest.raises(RecipeError, match=r'unknown key "lasting\.epoch"'):
        load_training_recipe("small", {"lasting.epoch": "3"})
    with pytest.raises(RecipeError, match='"seed" is a value, and no table'):
        load_training_recipe("small", {"seed": "1", "seed.more": "2"})


def test_what_training_starts_from_is_a_name_a_file_or_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESIGHT_WEIGHTS", raising=False)
    for name in ("", "random", "efficientnet_lite0-resight", "https://example.org/x.safetensors"):
        assert starting_weights(name, tmp_path) == name
    (tmp_path / "former").mkdir()
    with pytest.raises(RecipeError, match=r"former is a folder without network\.safetensors: name one that"):
        starting_weights("former", tmp_path)
    file = tmp_path / "former" / "network.safetensors"
    file.touch()
    assert starting_weights("former", tmp_path) == starting_weights(str(file), Path()) == str(file)
    with pytest.raises(RecipeError, match=r'no .*/efficientnet_lite0-resigth: .*nearest .* is "efficientnet_lite0-res'):
        starting_weights("efficientnet_lite0-resigth", tmp_path)
