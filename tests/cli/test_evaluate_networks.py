"""Recipes of networks whose weights are not at hand run through the command, with random weights and small images."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.recipe import recipe_text

if TYPE_CHECKING:
    from conftest import Run

SMALLER: dict[str, dict[str, object]] = {
    "neural-codes": {},
    "cnn-astounding": {"levels": 1},
    "razavian-regions": {"levels": 1},
    "neural-codes-tuned": {},
    "ng-vlad": {"max_side": 64, "size": 4},
    "cam-vgg16": {"max_side": 64, "classes": 4},
    "cam-mobilenet": {"max_side": 128, "classes": 4},
    "netvlad-vgg16": {"max_side": 64, "dimensions": 8},
    "netvlad-mobilenet": {"max_side": 128, "size": 4, "dimensions": 8},
    "rmac-layers-mobilenet": {"max_side": 128},
    "rmac-lite0": {"max_side": 128, "enlarge_to": 128},
    "regions-mobilenet": {"max_side": 128},
    "single-pyramid-mobilenet": {"max_side": 128},
    "multiple-rigid-mobilenet": {"max_side": 128, "cells": 2},
    "rmac-cirtorch-vgg16": {"max_side": 64},
    "superglobal-mobilenet": {"max_side": 128},
    "blcf-vgg16-lqe": {"max_side": 64, "size": 16},
    "blcf-mobilenet-saliency": {"max_side": 128, "size": 16},
    "sum-saliency-mobilenet": {"max_side": 128, "dimensions": 8},
}
SECOND_LOOKS = {
    "gem-mobilenet-alpha-qe": "",
    "gem-mobilenet-dba": "",
    "gem-mobilenet": "[[rerank]]\nkind = 'discriminative'\ntop = 2\n[[rerank]]\nkind = 'k-reciprocal'\nk1 = 4\n"
    "[[rerank]]\nkind = 'superglobal'\nneighbours = 3\n",
}


def small(name: str, changes: dict[str, object]) -> str:
    """A recipe that ships with random weights, fitted on the collection, and other numbers."""
    text, count = re.subn(r'source = ".*?"', 'source = "random"', recipe_text(name))
    assert count >= 1
    text = text.replace('fit = "builtin"', 'fit = "collection"')
    network = "[[features.parts]]" if "[[features.parts]]" in text else "[features]"
    text = text.replace(network, f'{network}\nruntime = "torch"')
    for key, value in changes.items():
        if re.search(rf"^{key} = ", text, re.MULTILINE):
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        else:
            text = text.replace(network, f"{network}\n{key} = {value}")
    # Fully whitened by the 20 photos that are searched, all of them are equally far from each other.
    return re.sub(r"power = 1\.0\nshrinkage = 0\.0\n", r"power = 1.0\ncollection_power = 0.35\n", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLER)
def test_a_recipe_runs_end_to_end(name: str, run: Run, world_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(small(name, SMALLER[name]))
    answer = run("evaluate", world_folder, "--recipe", recipe, "--json")
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.stdout)
    assert document["recipe"] == name
    # What MobileNetV2 with random weights makes of small photos is hardly more than chance.
    assert document["metrics"]["mAP"] > (0.05 if "mobilenet" in name or "lite0" in name else 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("name", SECOND_LOOKS)
def test_a_recipe_that_looks_again_runs_end_to_end(name: str, run: Run, world_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    text = re.sub(r"^(learned_on|dimensions|fit) = .*\n", "", small(name, {"max_side": 96}), flags=re.MULTILINE)
    recipe.write_text(re.sub(r"^whitening = .*$", 'whitening = "none"', text, flags=re.MULTILINE) + SECOND_LOOKS[name])
    answer = run("evaluate", world_folder, "--recipe", recipe, "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["metrics"]["mAP"] > 0.1


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("name", ["gem-mobilenet-alpha-qe", "gem-mobilenet-dba"])
def test_a_recipe_that_looks_again_finds_things_with_real_weights(
    name: str, run: Run, world_folder: Path, weights: Path
) -> None:
    answer = run("evaluate", world_folder, "--recipe", name, "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["metrics"]["mAP"] > 0.2


@pytest.mark.slow
def test_pooled_patches_run_end_to_end(
    run: Run, own_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resight.features.codes.PATCH_STRIDE", 128)
    recipe, index = tmp_path / "small.toml", tmp_path / "x.resight"
    recipe.write_text(small("mop", {"layer": '"conv5"', "size": 2, "pca": 8}))
    done = run("index", own_photos, "-o", index, "--recipe", recipe)
    assert done.exit_code == 0, done.output
    answer = run("search", index, own_photos / "facade-00_1.jpg", "--include-self", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["results"][0]["hits"][0]["name"] == "facade-00_1.jpg"
