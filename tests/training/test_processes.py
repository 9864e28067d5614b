"""Several processes train as one does with all images; a card of its own for each."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from resight.errors import UsageError
from resight.training.launched import Launched, device_of, launched
from resight.training.training import train

FORKED = """
import os, signal, sys
from pathlib import Path

def forked(work, rank):
    child = os.fork()
    if child == 0:
        # Whatever becomes of the test, nothing of it stays.
        signal.alarm(1500)
        if rank is not None:
            os.environ.update(WORLD_SIZE="2", RANK=str(rank), LOCAL_RANK=str(rank))
        work("alone" if rank is None else f"of two, {rank}")
        os._exit(0)
    return child

def in_one_and_in_two(work, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    children = [forked(work, rank) for rank in (None, 0, 1)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
"""
"""Does something in one process and in two, copies of one that has loaded everything."""

GRADIENTS = """
import torch
from resight.training.drawing import draw_step
from resight.training.gradients import Gradients
from resight.training.photos import open_photos
from resight.training.processes import joined_processes
from resight.training.product import channel_of
from resight.training.recipe import load_training_recipe
from resight.training.run import Training
from resight.training.tuples import read_tuples

tuples, recipe, folder, port = sys.argv[1:]
CONTRASTIVE = {"loss.kind": "contrastive", "drawing.negatives": "2", "drawing.anchors": "3"}
LOSSES = {
    "info-nce": {"frozen.distil": "1.0", "second_order": "1.0", "drawing.anchors": "3"},
    "contrastive and distilled": CONTRASTIVE | {"frozen.distil": "1.0", "drawing.anchors": "2"},
    "classification": {"loss.kind": "classification"},
}

def work(name):
    found = {}
    with joined_processes() as processes:
        read = read_tuples(Path(tuples))
        photos = open_photos(read, Path(tuples), 96, 1 << 30)
        for loss, changes in LOSSES.items():
            given = load_training_recipe(recipe, changes)
            base = Path(recipe).parent / given.descriptor
            channel = channel_of(base, "")[1]
            one = Training(given, channel, "", base, read, photos, Path(folder), print, None, processes, "")
            hard = {row: one.material.pool[:2] for row in range(len(photos))}
            step = draw_step(one.material, given, 0, 0, hard)
            gradients = Gradients(one.model, given, one.material, one.views, one.how, processes)
            images = step.images
            # Away from the start, where what is distilled has no gradient.
            with torch.no_grad():
                for weight in one.model.learned().values():
                    weight.mul_(1.01)
            needed = gradients.needed(step)
            assert len(needed) < len(images) or name == "alone"
            value = gradients(step, {number: one.views.image(images[number]) for number in needed})
            found[loss] = value, {key: weight.grad for key, weight in one.model.learned().items()}
    torch.save(found, Path(folder) / f"{name}.pt")

in_one_and_in_two(work, port)
"""

EXCHANGE = """
import torch
from torch import nn
from resight.training.processes import joined_processes

port = sys.argv[4]

def work(name):
    with joined_processes() as processes:
        rank, count = processes.own.rank, processes.own.count
        both, second, none = (nn.Parameter(torch.ones(2, 3)) for _ in range(3))
        both.grad = torch.full((2, 3), 1.0 + rank)
        second.grad = torch.full((2, 3), 5.0) if rank == count - 1 else None
        assert processes.add_gradients([both, second, none], 0.5 + rank) == (0.5 if count == 1 else 2.0)
        assert both.grad.eq(1 if count == 1 else 3).all() and second.grad.eq(5).all() and none.grad is None
        own = (torch.arange(6.0).reshape(3, 2)[list(processes.own.share(3))]).requires_grad_()
        rows = processes.gathered(own, 3)
        assert rows.tolist() == [[0, 1], [2, 3], [4, 5]]
        rows.sum().backward()
        assert own.grad.eq(1).all()
        assert processes.from_first(lambda: rank) == 0
        try:
            processes.from_first(lambda: 1 / 0)
        except ZeroDivisionError:
            return
        raise AssertionError("an error of the first is one of all")

in_one_and_in_two(work, port)
"""

TRAINING = """
from resight.training.training import train

tuples, recipe, folder, port, *changes = sys.argv[1:]

def work(name):
    told = []
    place = Path(folder) / ("alone" if name == "alone" else "together")
    given = dict(one.split("=", 1) for one in changes)
    report = train(tuples, place, recipe=recipe, changes=given, say=told.append, on_step=told.append)
    # Every process gets the report, and the first alone says anything.
    assert report.document["curve"], report
    assert bool(told) == (name != "of two, 1")

in_one_and_in_two(work, port)
"""
SLOW = {"optimiser.kind": "sgd", "optimiser.rate": "0.01", "lasting.epochs": "1", "lasting.steps": "2"}
"""Plain steps, because those of Adam have the same size where a gradient is nearly nothing."""


def ran(program: str, *arguments: object) -> None:
    """Runs a program with a free port as its fourth argument."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told = [str(one) for one in arguments]
    command = [sys.executable, "-c", FORKED + program, *told[:3], port, *told[3:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr


def test_processes_exchange_rows_gradients_and_errors() -> None:
    ran(EXCHANGE, "", "", "")


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(tuples_folder: Path, recipe_folder: Path, tmp_path: Path) -> None:
    ran(GRADIENTS, tuples_folder, recipe_folder / "little.toml", tmp_path)
    alone, *both = (
        torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("alone", "of two, 0", "of two, 1")
    )
    assert len(alone) == 3
    for loss, (value, gradients) in alone.items():
        there = {key: one for key, one in gradients.items() if one is not None}
        size = max(float(one.norm()) for one in there.values())
        assert size > 0
        for own_value, own in (one[loss] for one in both):
            assert own_value == pytest.approx(value, rel=1e-5)
            assert {key for key, one in own.items() if one is not None} == there.keys()
            worst = max(float((own[key] - one).norm()) for key, one in there.items())
            assert worst <= 1e-4 * size, (loss, worst, size)


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tuples_folder: Path, recipe_folder: Path, tmp_path: Path) -> None:
    ran(
        TRAINING,
        tuples_folder,
        recipe_folder / "little.toml",
        tmp_path,
        *(f"{key}={value}" for key, value in SLOW.items()),
    )
    folders = tmp_path / "alone", tmp_path / "together"
    one, two = (torch.load(folder / "checkpoints" / "last.pt", weights_only=True) for folder in folders)
    assert one["state"]["epoch"] == two["state"]["epoch"] == 1
    losses = [[entry["loss"] for entry in each["state"]["curve"] if "loss" in entry] for each in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, value in one["learned"].items():
        torch.testing.assert_close(two["learned"][name], value, rtol=1e-4, atol=1e-6)
    networks = [load_file(folder / "network.safetensors") for folder in folders]
    assert all(np.allclose(networks[1][key], value, atol=1e-5) for key, value in networks[0].items())


def test_images_are_shared_out_without_gaps() -> None:
    for number in (0, 1, 7, 24):
        shares = [Launched(rank, 5).share(number) for rank in range(5)]
        assert [image for share in shares for image in share] == list(range(number))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert list(Launched().share(3)) == [0, 1, 2]


def test_the_environment_says_which_process_this_is() -> None:
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1234"}
    assert launched({}) == launched({"WORLD_SIZE": "1", "RANK": "0"}) == Launched()
    assert launched({**where, "WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}) == Launched(3, 4, 1)
    for wrong, told in [
        ({"RANK": "3"}, "LOCAL_RANK is ''"),
        ({"RANK": "x", "LOCAL_RANK": "0"}, "RANK is 'x'"),
        ({"RANK": "4", "LOCAL_RANK": "0"}, "RANK is 4"),
    ]:
        with pytest.raises(UsageError, match=f"{told}: start several processes by torchrun"):
            launched({**where, "WORLD_SIZE": "4", **wrong})
    with pytest.raises(UsageError, match="MASTER_ADDR and MASTER_PORT not set"):
        launched({"WORLD_SIZE": "4", "RANK": "0", "LOCAL_RANK": "0"})


def test_each_process_has_a_card_of_its_own() -> None:
    assert device_of(0, 5) == "cpu"
    assert [device_of(2, local) for local in range(2)] == ["cuda:0", "cuda:1"]
    with pytest.raises(UsageError, match=r"there are 2; start 2 a machine, by torchrun --nproc-per-node 2"):
        device_of(2, 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_a_card_trains_in_bfloat16(tuples_folder: Path, recipe_folder: Path, tmp_path: Path) -> None:
    changes = {"lasting.epochs": "1", "lasting.steps": "2", "precision": "bfloat16"}
    report = train(tuples_folder, tmp_path / "card", recipe=recipe_folder / "little.toml", changes=changes)
    assert np.isfinite(report.document["curve"][-1]["loss"])
    kept = torch.load(tmp_path / "card" / "checkpoints" / "last.pt", weights_only=True)
    assert all(one.dtype == torch.float32 and bool(one.isfinite().all()) for one in kept["learned"].values())
