"""Files in cirtorch's layout, written as its training and older versions of numpy and torch write them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from resight.errors import WeightsError
from resight.features.networks.architectures import blank, randomise
from resight.features.networks.checkpoint import open_network
from resight.features.networks.cirtorch import CirtorchCheckpoint, is_cirtorch, read_cirtorch
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.pickled import PickledArray, read_pickled

RNG = np.random.default_rng(0)
MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]


def features(name: str) -> dict[str, Tensor]:
    """A network's convolutions numbered as torch.nn.Sequential(*list(network.children())[:-2]) numbers them."""
    network = blank(name, None)
    randomise(network, 3)
    if name.startswith("resnet"):
        numbers = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
        split = (key.split(".", 1) for key in network.state_dict())
        return {f"features.{numbers[first]}.{rest}": network.state_dict()[f"{first}.{rest}"] for first, rest in split}
    return dict(network.state_dict())


def checkpoint(**changes: Any) -> dict[str, Any]:
    """A small file of the layout, whose convolutions are not those of a whole network."""
    meta = {
        "architecture": "resnet50",
        "local_whitening": False,
        "pooling": "gem",
        "regional": False,
        "whitening": True,
        "outputdim": 4,
        "mean": MEAN,
        "std": STD,
        "Lw": {
            "retrieval-SfM-120k": {
                scales: {"m": RNG.normal(size=(4, 1)), "P": np.asfortranarray(RNG.normal(size=(4, 4)))}
                for scales in ("ss", "ms")
            }
        },
    }
    state = {
        "features.0.weight": torch.ones(2, 3),
        "features.7.2.bn3.bias": torch.ones(2),
        "pool.p": torch.nn.Parameter(torch.tensor([2.9])),
        "whiten.weight": torch.arange(16.0).view(4, 4),
        "whiten.bias": torch.arange(4.0),
    }
    return {"meta": meta | changes.pop("meta", {}), "state_dict": state | changes.pop("state", {}), **changes}


def reread(tmp_path: Path, whole: object, **options: Any) -> CirtorchCheckpoint:
    path = tmp_path / "net.pth"
    torch.save(whole, path, **options)
    found = read_pickled(path)
    assert isinstance(found, dict)
    assert is_cirtorch(found)
    return read_cirtorch(found, path)


@pytest.mark.parametrize("zipped", [True, False])
def test_every_part_comes_back(tmp_path: Path, zipped: bool) -> None:
    whole = checkpoint(epoch=3, min_loss=0.5)
    found = reread(tmp_path, whole, _use_new_zipfile_serialization=zipped)
    head = found.head
    assert (found.architecture, head.pooling, head.layer) == ("resnet50", "gem", "layer4")
    assert found.state.keys() == {"conv1.weight", "layer4.2.bn3.bias"}
    assert head.exponent is not None
    assert head.exponent.tolist() == [np.float32(2.9)]
    assert head.whitening is not None
    assert np.array_equal(head.whitening.weight, np.arange(16.0).reshape(4, 4))
    assert np.array_equal(head.whitening.bias, np.arange(4.0))
    assert not head.whitens_positions
    assert (list(found.mean), list(found.deviation)) == (MEAN, STD)
    for scales, arrays in whole["meta"]["Lw"]["retrieval-SfM-120k"].items():
        learned = head.learned["retrieval-SfM-120k"][scales]
        assert learned.mean.dtype == learned.projection.dtype == np.float32
        assert np.array_equal(learned.mean, arrays["m"][:, 0].astype(np.float32))
        assert np.array_equal(learned.projection, arrays["P"].astype(np.float32))


def test_regional_and_local_whitening_and_an_exponent_for_each_channel(tmp_path: Path) -> None:
    linear = {"weight": torch.eye(4), "bias": torch.zeros(4)}
    state = {f"{name}.{part}": value for name in ("pool.whiten", "lwhiten") for part, value in linear.items()}
    whole = checkpoint(meta={"regional": True}, state={**state, "pool.rpool.p": torch.tensor([1.0, 2.0])})
    del whole["state_dict"]["pool.p"]
    del whole["state_dict"]["whiten.weight"]
    del whole["meta"]["Lw"]
    head = reread(tmp_path, whole).head
    assert head.pooling == "gem of regions"
    assert head.whitening is not None
    assert np.array_equal(head.whitening.weight, np.eye(4))
    assert head.whitens_positions
    assert head.exponent is not None
    assert head.exponent.tolist() == [1.0, 2.0]
    assert head.learned == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"meta": {"mean": [1, 2]}}, "2 values for 3 colours"),
        ({"meta": {"Lw": {"a": {"ss": {"m": np.zeros(3), "P": np.zeros((4, 4))}}}}}, "a learned whitening has"),
        ({"meta": {"Lw": {"a": {"ss": {"m": np.zeros(3)}}}}}, "it lacks 'P'"),
        ({"meta": {"Lw": {"a": {"ss": {"m": "text", "P": "text"}}}}}, "an array is expected, there is str"),
        ({"meta": {"Lw": [1]}}, "no attribute"),
        ({"state": {"pool.p": torch.tensor([-1.0])}}, r"pool\.p is not greater than 0"),
        ({"state": {"whiten.bias": torch.zeros(3)}}, "whiten has weights"),
        ({"state": {"features.9.weight": torch.zeros(3)}}, r"features\.9\.weight has no place in resnet50"),
    ],
)
def test_parts_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=rf"net\.pth: not a checkpoint of cirtorch that can be read: .*{said}"):
        reread(tmp_path, checkpoint(**changes))


def test_a_network_with_its_pooling_is_opened(tmp_path: Path) -> None:
    numbered = {
        key: value.half() if value.is_floating_point() else value for key, value in features("resnet18").items()
    }
    whole = checkpoint(meta={"architecture": "resnet18", "mean": [0.1, 0.2, 0.3]})
    whole["state_dict"] = {"pool.p": torch.tensor([2.5]), **numbered}
    path = tmp_path / "net.pth"
    torch.save(whole, path)
    loaded = open_network("resnet18", Checkpoint(source=str(path)))
    assert loaded.head is not None
    assert loaded.head.exponent is not None
    assert loaded.head.exponent.tolist() == [2.5]
    assert (loaded.mean, loaded.deviation, loaded.classes) == ((0.1, 0.2, 0.3), tuple(STD), None)
    weight = loaded.network.state_dict()["layer3.1.conv2.weight"]
    assert torch.equal(weight, numbered["features.6.1.conv2.weight"].float())
    with pytest.raises(WeightsError, match='weights of resnet18, not of resnet50: set network = "resnet18"'):
        open_network("resnet50", Checkpoint(source=str(path)))


def test_numbered_convolutions_alone_are_opened(tmp_path: Path) -> None:
    """As the files converted from Caffe: no prefix, no counters of batches."""
    numbered = {
        key.removeprefix("features."): value.half()
        for key, value in features("resnet18").items()
        if not key.endswith("num_batches_tracked")
    }
    path = tmp_path / "net.pth"
    torch.save(numbered, path)
    loaded = open_network("resnet18", Checkpoint(source=str(path)))
    assert loaded.classes is None
    assert loaded.head is None
    assert torch.equal(loaded.network.state_dict()["conv1.weight"], numbered["0.weight"].float())
    with pytest.raises(WeightsError, match="not the weights of vgg16"):
        open_network("vgg16", Checkpoint(source=str(path)))


def array_back(tmp_path: Path, value: object, rename: bytes = b"") -> object:
    path = tmp_path / "array.pth"
    torch.save({"value": value}, path, _use_new_zipfile_serialization=False)
    if rename:
        # As numpy before version 2 names its core module; names are stored with their length or ended by a line.
        path.write_bytes(path.read_bytes().replace(b"numpy._core", rename))
    found = read_pickled(path)
    assert isinstance(found, dict)
    return found["value"]


@pytest.mark.parametrize("rename", [b"", b"numpy.core"])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float64).reshape(2, 3),
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.arange(4, dtype=">f4"),
        np.arange(3, dtype=np.int64),
        np.array(3.5),
        np.array([True, False]),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_arrays_come_back(tmp_path: Path, array: np.ndarray[Any, Any], rename: bytes) -> None:
    back = array_back(tmp_path, array, rename)
    assert isinstance(back, PickledArray)
    assert back.array.shape == array.shape
    assert np.array_equal(back.array, array)


def test_numbers_of_numpy_come_back(tmp_path: Path) -> None:
    assert array_back(tmp_path, np.float64(2.25)) == 2.25
    assert array_back(tmp_path, np.float32(2.5), b"numpy.core") == 2.5


@pytest.mark.parametrize(
    "array", [np.array([print, 1], object), np.array(["text"]), np.zeros(2, [("a", "f4")]), np.zeros(2, "M8[s]")]
)
def test_arrays_of_anything_but_numbers_are_refused(tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    with pytest.raises(WeightsError, match=r"array\.pth: is "):
        array_back(tmp_path, array)


class Call:
    """What, unpickled, calls a function."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (np.load, ("x.npy",)),
        (np.fromfile, ("/etc/hostname",)),
        (np.memmap, ("never-made", "u1", "w+", 0, 8)),
        (pickle.loads, (b"cos\nsystem\n(S'true'\ntR.",)),
        (np.frombuffer, (b"x",)),
        (eval, ("1",)),
    ],
)
def test_no_other_function_of_numpy_or_python_is_run(tmp_path: Path, function: Any, arguments: tuple[object]) -> None:
    with pytest.raises(WeightsError, match="is refused: loading it would run"):
        array_back(tmp_path, Call(function, *arguments))
