"""`resight train`: the folder, what is printed, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.training.tuples import Photo, Tuples

if TYPE_CHECKING:
    from conftest import Run

INDEX_RECIPE = """
name = "tiny"
[features]
kind = "maps"
network = "efficientnet_lite0"
layer = "blocks.2.expand"
max_side = 96
checkpoint = { source = "random" }
[descriptor]
kind = "mac"
whitening = "pca"
dimensions = 12
fit = "collection"
"""

TRAINING_RECIPE = """
name = "little"
descriptor = "tiny.toml"
[photos]
decoded = 96
side = 64
[drawing]
anchors = 3
views = 1.0
[lasting]
epochs = 1
steps = 2
[validation]
share = 0.2
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(INDEX_RECIPE)
    (tmp_path / "little.toml").write_text(TRAINING_RECIPE)
    return tmp_path / "little.toml"


@pytest.fixture
def tuples(tmp_path: Path, world_folder: Path) -> Path:
    """Photos by themselves, whose positives are rendered."""
    from resight.training.tuples import Anchor

    files = sorted((world_folder / "images").glob("*.jpg"))
    photos = {file.name: Photo(str(file), "", number) for number, file in enumerate(files)}
    Tuples("views", "none", photos, [Anchor(name) for name in photos], sorted(photos)).write(tmp_path / "pairs")
    return tmp_path / "pairs"


def test_it_writes_a_folder_and_says_what_it_gained(run: Run, tuples: Path, recipe: Path, tmp_path: Path) -> None:
    done = run("train", tuples, "--recipe", recipe, "-o", tmp_path / "network", "--set", "seed=3")
    assert done.exit_code == 0, done.output
    before, alone, after, *verdict, ready = done.stdout.splitlines()
    assert before.startswith("before: mAP 0.")
    assert alone.startswith("whitening alone: mAP 0.")
    assert "of rendered views of them" in after
    assert "held-out photos," not in after
    was, untrained, found = (float(line.split("mAP ")[1].split()[0]) for line in (before, alone, after))
    assert [line.split(":")[0] for line in verdict] == ["training gained nothing here"] * (found <= max(was, untrained))
    assert ready.endswith(f"--recipe {tmp_path / 'network' / 'recipe.toml'}`")
    told = json.loads((tmp_path / "network" / "training.json").read_text())
    assert told["recipe"]["seed"] == 3
    again = run("train", tuples, "--recipe", recipe, "-o", tmp_path / "network", "--set", "seed=3", "--json")
    assert json.loads(again.stdout)["provenance"] == told["provenance"]
    assert "going on after 2 of 2 steps" in again.stderr


def test_without_a_learned_whitening_none_is_told(run: Run, tuples: Path, recipe: Path, tmp_path: Path) -> None:
    given = ("--set", "product.whitening=pca", "--set", "lasting.epochs=0")
    done = run("train", tuples, "--recipe", recipe, "-o", tmp_path / "network", *given)
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:2]] == ["before", "after"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--recipe", "smal"], 'there is no training recipe "smal"; the nearest is "small"'),
        (["--set", "lasting.epochs"], "give KEY=VALUE"),
        (["--set", "lasting.epoch=1"], 'unknown key "lasting.epoch"; the nearest valid one is "lasting.epochs"'),
        (["--photos", "nowhere"], "photos of the tuples cannot be used"),
    ],
)
def test_errors_say_what_to_do(
    run: Run, tuples: Path, recipe: Path, tmp_path: Path, given: list[str], told: str
) -> None:
    arguments = given if "--recipe" in given else ["--recipe", str(recipe), *given]
    done = run("train", tuples, "-o", tmp_path / "network", *arguments)
    assert done.exit_code == 2
    assert told in done.output
    assert not (tmp_path / "network").exists()


def test_an_interruption_says_what_is_kept(
    run: Run, tuples: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resight.training import loop, photos

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    command = ("train", tuples, "--recipe", recipe, "-o", tmp_path / "network")
    with monkeypatch.context() as patched:
        patched.setattr(photos, "open_photos", interrupted)
        done = run(*command)
    assert (done.exit_code, done.stderr) == (130, "Interrupted. Training had not begun yet, and nothing is kept.\n")
    assert not (tmp_path / "network").exists()
    monkeypatch.setattr(loop.Loop, "_step", interrupted)
    done = run(*command)
    assert done.stderr.endswith("Interrupted. The last checkpoint is kept; run the same command again to continue.\n")
    assert (tmp_path / "network" / "checkpoints" / "last.pt").exists()
