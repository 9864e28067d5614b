"""A whole training of a few layers with random weights: what it writes, and that it goes on to the same weights."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from resight.errors import ResightError, StorageError, UsageError
from resight.index.index import Index
from resight.learned.artefact import load
from resight.learned.whitening import fit_pca_whitening, from_arrays
from resight.recipe import load_recipe
from resight.training import events, gradients, loop, run
from resight.training.checkpoints import load_checkpoint
from resight.training.choosing import Choice
from resight.training.course import StepReport
from resight.training.product import write_whitening
from resight.training.training import TrainReport, train

PROGRAM = """
import os, signal, sys
from pathlib import Path
from resight.training import loop
from resight.training.training import train

tuples, whole, killed, recipe = sys.argv[1:]
replace = os.replace

def killed_at(name):
    # With everything written but the file's new name.
    def dying(source, target):
        if Path(target).name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
    return dying

def killed_after(done):
    return lambda report: report.done == done and os.kill(os.getpid(), signal.SIGKILL)

loop.PAUSE = 0.0
# Never; in the middle of an epoch; in the next one; while a checkpoint is written; with half of the product there.
deaths = [(whole, 0, ""), (killed, 2, ""), (killed, 4, ""), (killed, 0, "last.pt"), (killed, 0, "whitening.npz")]
for folder, done, file in [*deaths, (killed, 0, "")]:
    child = os.fork()
    if child == 0:
        os.replace = killed_at(file)
        train(tuples, folder, recipe=recipe, on_step=killed_after(done))
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == (-signal.SIGKILL if done or file else 0), (done, file, ended)
"""
"""Trains, and trains again with four deaths, each in a copy of the process, which spares loading everything anew."""


@pytest.fixture(scope="module")
def product(tuples_folder: Path, recipe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    return train(tuples_folder, tmp_path_factory.mktemp("product"), recipe=recipe_folder / "little.toml")


def test_the_product_is_ready_for_an_index(product: TrainReport, world_folder: Path, tmp_path: Path) -> None:
    names = {"network.safetensors", "whitening.npz", "recipe.toml", "training.json", "report.html"}
    assert names <= {path.name for path in product.folder.iterdir()}
    index = Index.create(tmp_path / "x.resight", recipe=product.recipe)
    assert index.add(world_folder / "images").added == 20
    name = sorted(path.name for path in (world_folder / "images").iterdir())[0]
    assert index.search(world_folder / "images" / name, k=1, include_self=True).hits[0].name == name


def test_training_starts_from_a_former_one(
    product: TrainReport, tuples_folder: Path, recipe_folder: Path, tmp_path: Path
) -> None:
    former = tmp_path / "former"
    shutil.copytree(product.folder, former)
    # The best that training kept may be its start.
    weights, recipe = former / "network.safetensors", former / "recipe.toml"
    kept = load_file(weights).items()
    moved = {key: value if "_bn" in key else np.asarray(value * 1.01, value.dtype) for key, value in kept}
    before = hashlib.sha256(weights.read_bytes()).hexdigest()
    save_file(moved, weights)
    recipe.write_text(recipe.read_text().replace(before, hashlib.sha256(weights.read_bytes()).hexdigest()))
    (tmp_path / "mine.toml").write_text(
        (recipe_folder / "little.toml").read_text().replace('"tiny.toml"', '"former/recipe.toml"', 1)
    )
    shutil.copy(recipe_folder / "tiny.toml", tmp_path)
    (tmp_path / "from.toml").write_text('weights = "former"\n' + (recipe_folder / "little.toml").read_text())
    no_steps = {"lasting.epochs": "0", "product.whitening": "pca"}
    starts = {}
    for how, recipe, changes in [
        ("untrained", recipe_folder / "little.toml", {}),
        ("folder", recipe_folder / "little.toml", {"weights": str(former)}),
        ("file", recipe_folder / "little.toml", {"weights": str(former / "network.safetensors")}),
        ("beside the recipe", tmp_path / "from.toml", {}),
        ("its descriptor", tmp_path / "mine.toml", {}),
    ]:
        report = train(tuples_folder, tmp_path / "new" / how, recipe=recipe, changes={**no_steps, **changes})
        starts[how] = report.document["provenance"]["start"]
        found = load_file(report.folder / "network.safetensors")
    assert [key for key, value in moved.items() if not np.allclose(found[key], value, atol=1e-6)] == []
    untrained = starts.pop("untrained")
    assert len(set(starts.values())) == 1
    assert untrained not in starts.values()


def test_the_report_says_what_was_done(product: TrainReport) -> None:
    document = json.loads((product.folder / "training.json").read_text())
    assert [entry["epoch"] for entry in document["curve"]] == [0, 1, 2]
    assert document["provenance"]["recipe"] == "little"
    assert len(document["provenance"]["tuples"]) == 64
    assert product.whitening in ("pca", "learned")
    assert 0 <= product.before.value <= 1
    lines = [json.loads(line) for line in (product.folder / "training.jsonl").read_text().splitlines()]
    assert sum(line["what"] == "step" for line in lines) == 6
    assert "# recipe: little" in product.recipe.read_text()


def test_running_it_again_changes_nothing(product: TrainReport, tuples_folder: Path, recipe_folder: Path) -> None:
    files = ("network.safetensors", "whitening.npz", "recipe.toml")
    before = {name: (product.folder / name).read_bytes() for name in files}
    said: list[str] = []
    train(tuples_folder, product.folder, recipe=recipe_folder / "little.toml", say=said.append)
    assert any(line.startswith("going on after 6 of 6 steps") for line in said)
    assert {name: (product.folder / name).read_bytes() for name in files} == before


@pytest.mark.slow
def test_a_killed_training_ends_in_the_same_weights(tuples_folder: Path, recipe_folder: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-c", PROGRAM, *map(str, (tuples_folder, whole, killed, recipe_folder / "little.toml"))]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    for name in ("network.safetensors", "whitening.npz"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    # The product is of the best epoch, which may be the start.
    ended, other = (load_checkpoint(folder / "checkpoints" / "last.pt") for folder in (killed, whole))
    for name, one in ended["learned"].items():
        assert torch.equal(one, other["learned"][name]), name
    assert ended["state"] == other["state"]
    # Steps that were lost were made again.
    assert logged(whole, "step") == 6
    assert logged(killed, "step") > 6


def test_another_recipe_does_not_go_on(product: TrainReport, tuples_folder: Path, recipe_folder: Path) -> None:
    other = recipe_folder / "other.toml"
    other.write_text((recipe_folder / "little.toml").read_text().replace("anchors = 4", "anchors = 3"))
    with pytest.raises(UsageError, match="this is of another training: the training recipe"):
        train(tuples_folder, product.folder, recipe=other)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_weights(
    tuples_folder: Path, recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss_of = gradients.loss_of
    steps = iter(range(100))

    def broken(*arguments: object) -> torch.Tensor:
        # Two parts, each with a loss of its own.
        return loss_of(*arguments) * (float("nan") if next(steps) >= 8 else 1.0)  # type: ignore[arg-type]

    monkeypatch.setattr(gradients, "loss_of", broken)
    with pytest.raises(
        ResightError, match=r"not a number at step 2 of epoch 2: training stops; .*last good.*in another folder"
    ):
        train(tuples_folder, tmp_path, recipe=recipe_folder / "little.toml")
    kept = load_checkpoint(tmp_path / "checkpoints" / "last.pt")
    assert kept["state"]["epoch"] == 1
    assert all(torch.isfinite(one).all() for one in kept["learned"].values())


VARIANTS = {
    "contrastive": 'drawing.negatives=2 loss.kind="contrastive"',
    "triplet": 'drawing.negatives=2 drawing.positive="nearest" loss.kind="triplet"',
    "weak-triplet": 'drawing.negatives=1 drawing.one_a_cluster=false loss.kind="weak-triplet" loss.positives=2',
    "multi-similarity": 'loss.kind="multi-similarity" parts="joined"',
    "smooth-ap": 'loss.kind="smooth-ap" optimiser.kind="sgd" schedule.kind="steps"',
    "classification": 'loss.kind="classification" optimiser.kind="adam" schedule.kind="exponential"',
    "held near its start": "frozen.distil=1.0 frozen.average=0.5 frozen.start=0.5 second_order=1.0",
    "a whitening that learns": 'whitening="learned" product.whitening="trained"',
    "a projection": 'whitening="random" projected=20 product.whitening="trained"',
    "netvlad": 'descriptor="words.toml" whitening="none"',
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_way_of_training_gives_a_product(
    variant: str, tuples_folder: Path, recipe_folder: Path, tmp_path: Path, world_folder: Path
) -> None:
    changes = {"lasting.epochs": "1", "lasting.steps": "2", "product.whitening": '"pca"'}
    changes |= dict(one.split("=", 1) for one in VARIANTS[variant].split(" "))
    report = train(tuples_folder, tmp_path / "network", recipe=recipe_folder / "little.toml", changes=changes)
    assert np.isfinite(report.document["curve"][1]["loss"])
    index = Index.create(tmp_path / "x.resight", recipe=report.recipe)
    few = tmp_path / "few"
    few.mkdir()
    for file in sorted((world_folder / "images").glob("*.jpg"))[:2]:
        shutil.copy(file, few)
    assert index.add(few).added == 2


def test_a_training_that_no_longer_gains_ends(tuples_folder: Path, recipe_folder: Path, tmp_path: Path) -> None:
    changes = {
        "optimiser.kind": "adamw",
        "optimiser.rate": "1e-12",
        "lasting.epochs": "5",
        "lasting.steps": "1",
        "lasting.patience": "1",
    }
    changes["product.whitening"] = '"pca"'
    report = train(tuples_folder, tmp_path, recipe=recipe_folder / "little.toml", changes=changes)
    assert [entry["epoch"] for entry in report.document["curve"]] == [0, 1]
    assert report.document["best_epoch"] == 0


def test_a_whitening_of_other_photos_stays_in_the_product(
    tuples_folder: Path, recipe_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        UsageError, match=r'it comes with no whitening of other photos .*: set product.whitening = "best"'
    ):
        train(
            tuples_folder,
            tmp_path / "none",
            recipe=recipe_folder / "little.toml",
            changes={"product.whitening": "start"},
        )
    (tmp_path / "tiny.toml").write_text(
        (recipe_folder / "tiny.toml").read_text().replace('fit = "collection"', 'fit = "others.npz"')
    )
    shutil.copy(recipe_folder / "little.toml", tmp_path)
    channel = load_recipe(tmp_path / "tiny.toml").channel["main"]
    rng = np.random.default_rng(0)
    others = [fit_pca_whitening(rng.random((300, 144)), wanted) for wanted in (12, 10)]
    write_whitening(tmp_path, channel, others, {"fitted_on": "others"})
    (tmp_path / "whitening.npz").rename(tmp_path / "others.npz")
    steps = {"lasting.epochs": "1", "lasting.steps": "2"}
    report = train(tuples_folder, tmp_path / "product", recipe=tmp_path / "little.toml", changes=steps)
    assert report.document["validation"]["by_whitening"].keys() == {"start", "learned"}
    assert report.document["why_this_whitening"]
    asked = {**steps, "product.whitening": "start"}
    report = train(tuples_folder, tmp_path / "asked", recipe=tmp_path / "little.toml", changes=asked)
    assert report.whitening == "start"
    kept = load(tmp_path / "asked" / "whitening.npz").arrays
    for number, whitening in enumerate(others):
        # A file keeps a byte a number.
        step = float(np.abs(whitening.projection).max()) / 127
        found = from_arrays(kept, f"{number}.").projection
        np.testing.assert_allclose(found, whitening.projection, rtol=0, atol=0.51 * step)


def test_no_steps_leave_the_network_as_it_was(tuples_folder: Path, recipe_folder: Path, tmp_path: Path) -> None:
    text = (recipe_folder / "little.toml").read_text().replace("epochs = 2", "epochs = 0")
    file = recipe_folder / "none.toml"
    file.write_text(text)
    report = train(tuples_folder, tmp_path, recipe=file)
    assert report.document["validation"]["by_whitening"]["pca"] == report.document["validation"]["before"]
    # Nor does one of another recipe take its place.
    with pytest.raises(UsageError, match="this is of another training: the training recipe"):
        train(tuples_folder, tmp_path, recipe=file, changes={"seed": "1"})


SHORT = {"lasting.epochs": "1", "product.whitening": '"pca"'}
MINED = {"drawing.negatives": "2", "drawing.pool": "6", "loss.kind": "triplet", "optimiser.kind": "adam"}


def logged(folder: Path, what: str) -> int:
    return sum(json.loads(line)["what"] == what for line in (folder / "training.jsonl").read_text().splitlines())


def test_mining_is_taken_up_where_it_was(
    tuples_folder: Path, recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PAUSE", 0.0)
    # After every step, of four anchors each.
    given = SHORT | MINED | {"drawing.mine_every": "4"}
    recipe = recipe_folder / "little.toml"

    def interrupted(report: StepReport) -> None:
        if report.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tuples_folder, tmp_path / "a", recipe=recipe, changes=given, on_step=interrupted)
    assert not (tmp_path / "a" / "recipe.toml").exists()
    train(tuples_folder, tmp_path / "a", recipe=recipe, changes=given)
    train(tuples_folder, tmp_path / "b", recipe=recipe, changes=given)
    assert logged(tmp_path / "b", "mined") == 3
    ended = [load_checkpoint(tmp_path / name / "checkpoints" / "last.pt") for name in "ab"]
    assert ended[0]["state"]["negatives"] == ended[1]["state"]["negatives"]
    assert all(torch.equal(one, ended[1]["learned"][name]) for name, one in ended[0]["learned"].items())


def test_fewer_anchors_than_a_step_are_mined_for_each_step(
    tuples_folder: Path, recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = loop.draw_step

    def slow(*arguments: object) -> object:
        time.sleep(0.3)
        return drawn(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "draw_step", slow)
    monkeypatch.setattr(loop.Loop, "_step", lambda self, step, images: 1.0)
    reports: list[StepReport] = []
    given = SHORT | MINED | {"drawing.mine_every": "2"}
    train(tuples_folder, tmp_path, recipe=recipe_folder / "little.toml", changes=given, on_step=reports.append)
    assert logged(tmp_path, "mined") == 3
    # What is left counts what the network waits for, too.
    assert reports[0].left > 0.3 * 2


def test_what_another_training_left_is_not_taken_up(
    tuples_folder: Path, recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise StorageError("no room")

    given = SHORT | {"lasting.epochs": "0"}
    with monkeypatch.context() as patched:
        patched.setattr(run, "write_report", full)
        with pytest.raises(StorageError):
            train(tuples_folder, tmp_path, recipe=recipe_folder / "little.toml", changes=given)
    assert not (tmp_path / "recipe.toml").exists()
    (tmp_path / "checkpoints" / "best.pt").write_bytes(b"of another training")
    (tmp_path / "training.jsonl").write_text("{}\n")
    report = train(tuples_folder, tmp_path, recipe=recipe_folder / "little.toml", changes=given)
    assert report.recipe.exists()
    assert not (tmp_path / "training.jsonl").exists()


def test_a_folder_of_something_else_stays_as_it_is(tuples_folder: Path, recipe_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    own = tmp_path / "mine" / "recipe.toml"
    own.write_text("mine")
    for folder in (tmp_path / "mine", tuples_folder):
        with pytest.raises(UsageError, match="the folder has other things in it, such as"):
            train(tuples_folder, folder, recipe=recipe_folder / "little.toml", photos=tmp_path)
    with pytest.raises(UsageError, match="this is a file"):
        train(tuples_folder, own, recipe=recipe_folder / "little.toml", photos=tmp_path)
    assert own.read_text() == "mine"


def test_what_cannot_work_is_said_before_photos_are_decoded(
    tuples_folder: Path, recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, folder = recipe_folder / "little.toml", tmp_path / "new"
    monkeypatch.setattr(events, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install tensorboard"):
        train(tuples_folder, folder, recipe=recipe, photos=tmp_path, tensorboard=True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="WORLD_SIZE is 2, and RANK is '': start several processes by torchrun"):
        train(tuples_folder, folder, recipe=recipe, photos=tmp_path)
    assert not folder.exists()


def test_the_untrained_network_is_told_by_its_best_whitening(
    tuples_folder: Path, recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"lasting.epochs": "0"}
    for best in ("pca", "learned"):
        monkeypatch.setattr(run, "choose", lambda scores, real, best=best: Choice(best, ""))
        report = train(tuples_folder, tmp_path, recipe=recipe_folder / "little.toml", changes=changes)
        by_whitening = report.document["validation"]["untrained_by_whitening"]
        assert by_whitening["learned"] != by_whitening["pca"]
        assert report.untrained.rendered == by_whitening[best]["rendered"]
    assert report.gained is False  # no steps, no gain
    assert "were chosen on these held-out photos" in (tmp_path / "report.html").read_text()
