"""`resight fit`, and the recipes of published networks from end to end."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import resight
from resight.learned.artefact import load
from resight.recipe import recipe_text

if TYPE_CHECKING:
    from conftest import Run

VLAD = """
name = "words"
[descriptor]
kind = "vlad"
size = 4
fit = "collection"
"""
MAPS = """
name = "maps"
[features]
kind = "maps"
network = "mobilenet_v2"
layer = "features.4"
max_side = 96
runtime = "torch"
[features.checkpoint]
source = "random"
[descriptor]
kind = "gem"
whitening = "pca"
dimensions = 8
fit = "collection"
"""


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A recipe that fits four words."""
    path = tmp_path / "words.toml"
    path.write_text(VLAD)
    return path


def with_fit(path: Path, text: str, fit: str) -> Path:
    """A copy of a recipe that takes what was fitted from a file beside it."""
    path.write_text(text.replace('"collection"', f'"{fit}"'))
    return path


def test_a_codebook_that_cannot_have_its_size_says_so(
    run: Run, own_photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    large = tmp_path / "large.toml"
    large.write_text(VLAD.replace("size = 4", "size = 60000"))
    answer = run("fit", own_photos, "--recipe", large, "-o", tmp_path / "large.npz", "--json")
    (told,) = json.loads(answer.stdout)["fits"]
    size = told["arrays"]["centroids"][0]
    assert 1 <= size < 60_000
    assert f"words, not for 60000: fitting {size}" in caplog.text


def test_a_recipe_takes_what_was_fitted(run: Run, words: Path, own_photos: Path, tmp_path: Path) -> None:
    (own_photos / "broken.jpg").write_bytes(b"x")
    answer = run("fit", own_photos, "--recipe", words, "-o", tmp_path / "new" / "words.npz", "--json")
    assert answer.exit_code == 0
    document = json.loads(answer.stdout)
    (told,) = document["fits"]
    assert (document["recipe"], told["channel"], told["kind"], told["photos"]) == ("words", "main", "vlad", 4)
    assert told["output"] == str(tmp_path / "new" / "words.npz")
    assert told["arrays"]["centroids"] == [4, 128]
    assert [one["name"] for one in told["unreadable"]] == ["broken.jpg"]
    kept = load(tmp_path / "new" / "words.npz")
    assert kept.sha256 == told["sha256"]
    assert kept.provenance["photos"] == 4
    assert kept.provenance["recipe"] == "words"
    assert kept.provenance["fitted_on"] == str(own_photos)
    assert kept.provenance["fitted_for"] == "RootSIFT"
    assert "numpy-" in str(kept.provenance["versions"])
    recipe = with_fit(tmp_path / "fitted.toml", VLAD, "new/words.npz")
    made = tmp_path / "x.resight"
    assert run("index", own_photos, "--recipe", recipe, "-o", made).exit_code == 0
    (arrays,) = (made / "fitted" / "main").glob("*.npz")
    assert load(arrays).sha256 == told["sha256"]
    found = run("search", made, own_photos / "poster-02_1.jpg", "-k", "1", "--json")
    assert json.loads(found.stdout)["results"][0]["hits"][0]["name"] == "poster-02_2.jpg"


def test_the_same_photos_give_the_same_file(run: Run, words: Path, own_photos: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        answer = run("fit", own_photos, "--recipe", words, "-o", tmp_path / f"{name}.npz")
        assert answer.stdout.startswith(f"{tmp_path / name}.npz: vlad fitted on 4 photos (")
        assert "\n  centroids 4 x 128\n" in answer.stdout
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


TWO = """
name = "two"
[channel.words.descriptor]
kind = "vlad"
size = 4
fit = "collection"
[channel.maps.features]
kind = "maps"
network = "mobilenet_v2"
layer = "features.4"
max_side = 96
runtime = "torch"
[channel.maps.features.checkpoint]
source = "random"
[channel.maps.descriptor]
kind = "gem"
whitening = "pca"
dimensions = 8
fit = "collection"
[[rerank]]
kind = "fusion"
"""


def test_every_channel_is_fitted(run: Run, own_photos: Path, tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    answer = run("fit", own_photos, "--recipe", tmp_path / "two.toml", "-o", tmp_path / "two.npz", "--json")
    assert answer.exit_code == 0, answer.stderr
    fits = json.loads(answer.stdout)["fits"]
    written = {"words": tmp_path / "two-words.npz", "maps": tmp_path / "two-maps.npz"}
    assert {one["channel"]: one["output"] for one in fits} == {name: str(path) for name, path in written.items()}
    assert load(written["words"]).arrays["centroids"].shape == (4, 128)
    assert load(written["maps"]).arrays["projection"].shape[0] == 8
    assert not (tmp_path / "two.npz").exists()
    text = TWO.replace("collection", "two-words.npz", 1).replace("collection", "two-maps.npz", 1)
    (tmp_path / "fitted.toml").write_text(text)
    assert run("index", own_photos, "--recipe", tmp_path / "fitted.toml", "-o", tmp_path / "x.resight").exit_code == 0


def test_an_unreadable_photo_fails_only_when_strict(run: Run, words: Path, own_photos: Path, tmp_path: Path) -> None:
    (own_photos / "broken.jpg").write_bytes(b"x")
    answer = run("fit", own_photos, "--recipe", words, "-o", tmp_path / "x.npz")
    assert answer.exit_code == 0
    assert "unreadable: broken.jpg: " in answer.stderr
    assert run("fit", own_photos, "--recipe", words, "-o", tmp_path / "x.npz", "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("sift-match", 'sift-match fits nothing: "exhaustive" works without'),
        ("gem-vgg16", "gem-vgg16 fits nothing: its whitening comes with its checkpoint"),
        ("no-such-recipe", 'there is no recipe "no-such-recipe"'),
    ],
)
def test_a_recipe_that_fits_nothing_is_refused(
    run: Run, own_photos: Path, tmp_path: Path, recipe: str, said: str
) -> None:
    answer = run("fit", own_photos, "--recipe", recipe, "-o", tmp_path / "x.npz")
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert not (tmp_path / "x.npz").exists()


def test_nothing_is_written_where_there_is_nothing_to_fit_on(run: Run, words: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    answer = run("fit", empty, "--recipe", words, "-o", tmp_path / "x.npz")
    assert answer.exit_code == 1
    assert "no photo here gives a single feature" in answer.stderr
    assert not (tmp_path / "x.npz").exists()
    assert run("fit", tmp_path / "none", "--recipe", words, "-o", tmp_path / "x.npz").exit_code == 2
    assert run("fit", empty, "-o", tmp_path / "x.npz").exit_code == 2


def test_the_recipe_is_not_written_over(run: Run, words: Path, own_photos: Path) -> None:
    answer = run("fit", own_photos, "--recipe", words, "-o", words)
    assert answer.exit_code == 2
    assert words.read_text() == VLAD


def test_an_interrupted_fit_leaves_the_old_file(
    run: Run, words: Path, own_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "x.npz"
    output.write_bytes(b"old")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("resight.learned.codebook.fit_codebook", interrupted)
    assert run("fit", own_photos, "--recipe", words, "-o", output).exit_code == 130
    assert output.read_bytes() == b"old"
    assert not list(tmp_path.glob(".writing*"))


def test_progress_counts_the_photos(words: Path, own_photos: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    resight.fit(words, own_photos, tmp_path / "x.npz", progress=lambda *done: told.append(done))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_whitening_of_few_photos_says_so(own_photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = tmp_path / "maps.toml"
    recipe.write_text(MAPS.replace("dimensions = 8", "dimensions = 512"))
    with caplog.at_level(logging.WARNING, "resight"):
        (report,) = resight.fit(recipe, own_photos, tmp_path / "maps.npz")
    assert report.arrays["projection"] == [32, 32]
    assert "vectors of 32 dimensions are whitened to 32 dimensions, not to 512" in caplog.text
    assert (
        "4 vectors are few for a whitening of 32 dimensions: variances are drawn to their mean by 0.89" in caplog.text
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ('"features.4"', '"features.5"'),
            "it was fitted for gem-p=3 of mobilenet_v2 features.4 scales=1, power=1, and the recipe has gem-p=3 of",
        ),
        (("dimensions = 8", "dimensions = 8\npower = 0.5"), "scales=1, power=0.5"),
        (
            ("max_side = 96", "max_side = 96\nscales = [2.0]"),
            "and the recipe has gem-p=3 of mobilenet_v2 features.4 scales=2",
        ),
        (('"gem"', '"mac"'), "and the recipe has mac of mobilenet_v2 features.4 scales=1, power=1"),
        (
            ('source = "random"', 'source = "random"\nseed = 1'),
            "fitted for weights random 0, and the recipe's are random 1",
        ),
    ],
)
def test_a_fit_for_something_else_is_refused(
    run: Run, own_photos: Path, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    (tmp_path / "maps.toml").write_text(MAPS)
    assert run("fit", own_photos, "--recipe", tmp_path / "maps.toml", "-o", tmp_path / "maps.npz").exit_code == 0
    other = with_fit(tmp_path / "other.toml", MAPS.replace(*change), "maps.npz")
    answer = run("index", own_photos, "--recipe", other, "-o", tmp_path / "x.resight")
    assert answer.exit_code == 1
    assert said in answer.stderr
    assert not (tmp_path / "x.resight").exists()
    same = with_fit(tmp_path / "same.toml", MAPS.replace("dimensions = 8", "dimensions = 6"), "maps.npz")
    assert run("index", own_photos, "--recipe", same, "-o", tmp_path / "x.resight").exit_code == 0


@pytest.mark.parametrize(("key", "share"), [("", 1.0), ("collection_power = 0.35\n", 0.35)])
def test_a_whitening_is_gentler_on_the_photos_that_are_searched_where_its_recipe_says_so(
    key: str, share: float, run: Run, own_photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "maps.toml").write_text(MAPS + key)
    recipe = ("--recipe", tmp_path / "maps.toml")
    assert run("index", own_photos, *recipe, "-o", tmp_path / "own.resight").exit_code == 0
    assert run("index", own_photos, *recipe, "-o", tmp_path / "fit.resight", "--fit", own_photos).exit_code == 0
    spread = []
    for name in ("own", "fit"):
        (path,) = (tmp_path / f"{name}.resight" / "fitted" / "main").glob("*.npz")
        arrays = load(path).arrays
        norms = np.linalg.norm(arrays["projection"] * arrays["scale"][:, None], axis=1)
        spread.append(np.log(norms.max() / norms.min()))
    # Variances to half of the power.
    assert spread[0] == pytest.approx(share * spread[1], rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "mac-vgg16",
        "rmac-vgg16",
        "crow-vgg16",
        "spoc-vgg19",
        "siamac-vgg16",
        "gem-vgg16",
        "gem-resnet101",
        "dir-rmac-resnet101",
    ],
)
def test_a_recipe_of_a_published_network_runs(run: Run, world_folder: Path, tmp_path: Path, name: str) -> None:
    """With random weights, which find what looks alike as a whole."""
    text = re.sub(r"max_side = \d+", 'max_side = 96\nruntime = "torch"', recipe_text(name))
    text = re.sub(r'source = ".*"', 'source = "random"', text)
    # Fully whitened by the 20 photos that are searched, all of them are equally far from each other.
    text = re.sub(r"power = 1\.0\nshrinkage = 0\.0\n", r"power = 1.0\ncollection_power = 0.35\n", text)
    (tmp_path / "copy.toml").write_text(text)
    answer = run("evaluate", world_folder, "--recipe", tmp_path / "copy.toml", "--json")
    assert answer.exit_code == 0, answer.stderr
    document = json.loads(answer.stdout)
    assert document["protocol"]["queries"] == 8
    assert document["metrics"]["mAP"] > 0.2
