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

PROGRAM = """
import os, sys
from pathlib import Path
from resight.training.training import train

tuples, recipe, alone, together, port, *changes = sys.argv[1:]
given = dict(one.split("=", 1) for one in changes)

def trained(folder, environment):
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        told = []
        report = train(tuples, folder, recipe=recipe, changes=given, say=told.append, on_step=told.append)
        # Every process gets the report, and the first alone says anything.
        assert report.document["curve"], report
        assert bool(told) == (environment.get("RANK", "0") == "0")
        os._exit(0)
    return child

both = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
children = [trained(alone, {})]
children += [trained(together, both | {"RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(2)]
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
"""
"""Trains in one process and in two, copies of one that has loaded everything."""

COUPLED = {"frozen.distil": "1.0", "frozen.average": "0.5"}
BY_TUPLES = {"loss.kind": "contrastive", "drawing.negatives": "2", "drawing.anchors": "3", "frozen.until": "blocks.2"}
SLOW = {"optimiser.kind": "sgd", "optimiser.rate": "0.01", "lasting.epochs": "1", "lasting.steps": "2"}
"""Plain steps, because those of Adam have the same size where a gradient is nearly nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("changes", [COUPLED, BY_TUPLES], ids=["all images have one loss", "tuples have their own"])
def test_two_processes_learn_what_one_does(
    changes: dict[str, str], tuples_folder: Path, recipe_folder: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone, together = tmp_path / "alone", tmp_path / "together"
    given = [f"{key}={value}" for key, value in {**SLOW, **changes}.items()]
    places = [str(one) for one in (tuples_folder, recipe_folder / "little.toml", alone, together)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *places, str(port), *given], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    one, two = (torch.load(folder / "checkpoints" / "last.pt", weights_only=True) for folder in (alone, together))
    assert one["learned"].keys() == two["learned"].keys()
    assert one["state"]["losses"] == two["state"]["losses"] == []
    np.testing.assert_allclose(
        [entry["loss"] for entry in two["state"]["curve"] if "loss" in entry],
        [entry["loss"] for entry in one["state"]["curve"] if "loss" in entry],
        rtol=1e-5,
    )
    assert any(float(each["momentum_buffer"].norm()) > 0 for each in one["optimiser"]["state"].values())
    for name, value in one["learned"].items():
        torch.testing.assert_close(two["learned"][name], value, rtol=1e-4, atol=1e-6)
    # Momentum is the sum of gradients: it is the same too, relative to its own size.
    for key, first in one["optimiser"]["state"].items():
        own, other = first["momentum_buffer"], two["optimiser"]["state"][key]["momentum_buffer"]
        assert float((own - other).norm()) <= 1e-3 * float(own.norm()) + 1e-9
    networks = [load_file(folder / "network.safetensors") for folder in (alone, together)]
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
