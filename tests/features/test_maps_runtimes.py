"""What runs a network: torch and OpenVINO agree, and the faster one is found and remembered."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from resight.errors import RecipeError, WeightsError
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks.architectures import blank, randomise
from resight.features.networks.network import Network
from resight.features.runtimes import choice
from resight.features.runtimes import openers as module
from resight.features.runtimes.layer import LayerMaps, fold_batch_norm
from resight.features.runtimes.torch_inputs import TorchInputs
from resight.features.runtimes.torch_runtime import TorchRuntime

CPU = torch.device("cpu")


def network(name: str = "resnet18", padding: Any = "torch", classes: int | None = None) -> Network:
    """Random, with batch normalisations that do something."""
    made = blank(name, classes, padding)
    randomise(made, 0)
    generator = torch.Generator().manual_seed(1)
    for each in made.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            for values in (each.weight, each.running_var):
                assert values is not None
                values.data.uniform_(0.5, 1.5, generator=generator)
            for values in (each.bias, each.running_mean):
                assert values is not None
                values.data.normal_(0.0, 0.1, generator=generator)
    return made


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


def agrees(found: Tensor, expected: Tensor, tolerance: float = 1e-3) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())
    assert torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.9999


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("resnet18", "layer2"),
        ("resnet50", "layer1"),
        ("mobilenet_v2", "features.4.expand"),
        ("mobilenet_v2", "features.4"),
    ],
)
def test_folding_leaves_the_maps(name: str, layer: str) -> None:
    made = network(name)
    x = images(2, 3, 45, 64)
    with torch.no_grad():
        expected = made.maps(x, [layer])[layer]
        folded = LayerMaps(made, [layer])
        norms = sum(isinstance(each, torch.nn.BatchNorm2d) for each in made.modules())
        fold_batch_norm(folded, made.least_side(layer))
        assert sum(isinstance(each, torch.nn.BatchNorm2d) for each in made.modules()) < norms
        agrees(folded(x)[0], expected, 1e-5)


def test_every_norm_before_the_layer_is_folded() -> None:
    made = network("resnet18")
    fold_batch_norm(LayerMaps(made, ["layer4"]), 1)
    assert not [each for each in made.modules() if isinstance(each, torch.nn.BatchNorm2d)]


def test_torch_in_bfloat16_leaves_the_network_as_it_is() -> None:
    layer = LayerMaps(network(), ["layer1"])
    TorchRuntime(layer, "bfloat16", CPU)
    assert {each.dtype for each in layer.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("name", "layer", "padding"),
    [
        ("resnet18", "layer3", "torch"),
        ("mobilenet_v2", "features.7.expand", "torch"),
        ("mobilenet_v2", "features.7", "same"),
        ("alexnet", "pool5", "torch"),
    ],
)
def test_openvino_agrees_with_torch_at_any_size_and_batch(name: str, layer: str, padding: str) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'resight[fast]'")
    from resight.features.runtimes.openvino_runtime import OpenvinoRuntime

    made = network(name, padding)
    folded = LayerMaps(made, [layer])
    least = made.least_side(layer)
    fold_batch_norm(folded, least)
    with torch.no_grad():
        openvino = OpenvinoRuntime(folded, "float32", least)
        eager = TorchRuntime(folded, "float32", CPU)
        for shape in ((1, 3, 96, 96), (3, 3, 70, 101), (1, 3, least, 97), (2, 3, 96, 95), (1, 3, 96, 96)):
            x = images(*shape)
            (found,) = openvino.run(x)
            agrees(found, eager.run(x)[0])
            assert found.dtype == torch.float32
            assert found.is_contiguous()
        (first,) = openvino.run(x)
        kept = first.clone()
        openvino.run(x + 1)
        # A later run does not write over what an earlier one gave.
        assert torch.equal(first, kept)


def test_both_give_several_layers_in_the_order_asked_for() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'resight[fast]'")
    from resight.features.runtimes.openvino_runtime import OpenvinoRuntime

    layers = LayerMaps(network(), ["layer3", "conv1", "layer2"])
    x = images(2, 3, 64, 96)
    found, expected = OpenvinoRuntime(layers, "float32", 1).run(x), TorchRuntime(layers, "float32", CPU).run(x)
    assert [each.shape[1] for each in expected] == [256, 64, 128]
    for ours, theirs in zip(found, expected, strict=True):
        agrees(ours, theirs)


def test_openvino_in_bfloat16_is_near() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'resight[fast]'")
    from resight.features.runtimes.openvino_runtime import OpenvinoRuntime

    layer = LayerMaps(network(), ["layer2"])
    x = images(1, 3, 64, 64)
    (found,) = OpenvinoRuntime(layer, "bfloat16", 1).run(x)
    (expected,) = TorchRuntime(layer, "float32", CPU).run(x)
    assert torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.999


def test_converting_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'resight[fast]'")
    from resight.features.runtimes.openvino_runtime import OpenvinoRuntime

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing here may talk to the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    openvino_telemetry = pytest.importorskip(
        "openvino_telemetry", reason="OpenVINO is not installed: pip install 'resight[fast]'"
    )
    monkeypatch.setattr(openvino_telemetry.Telemetry, "__init__", refuse)
    OpenvinoRuntime(LayerMaps(network(), ["conv1"]), "float32", 1)


def test_a_network_that_openvino_cannot_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'resight[fast]'")
    from resight.features.runtimes.openvino_runtime import ConversionError, OpenvinoRuntime

    made = network()

    def hostile(_: Tensor) -> Any:
        raise RuntimeError("no such operation")
        yield

    monkeypatch.setattr(made, "walk", hostile)
    with pytest.raises(ConversionError, match=r'layer1 of resnet18 \(no such operation\): set runtime = "torch"'):
        OpenvinoRuntime(LayerMaps(made, ["layer1"]), "float32", 1)


def parameters(runtime: str) -> Maps:
    return Maps.model_validate(
        {"network": "resnet18", "layer": "layer1", "checkpoint": {"source": "random"}, "runtime": runtime}
    )


def test_openvino_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, no_weights: Path) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"pip install 'resight\[fast\]'"):
        MapExtractor(parameters("openvino"))
    found = MapExtractor(parameters("auto"))
    found.extract([found.prepare(decoded())])
    assert found.runtime_name == "torch"


def decoded() -> Any:
    from resight.images import Decoded

    return Decoded(np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8), (48, 40))


@pytest.mark.parametrize("runtime", ["auto", "openvino"])
def test_an_extractor_runs_on_openvino(runtime: str, no_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'resight[fast]'")
    monkeypatch.setattr(choice, "_chosen", {})
    found, eager = MapExtractor(parameters(runtime)), MapExtractor(parameters("torch"))
    for image in ([decoded()], [decoded(), decoded()]):
        got = found.extract([found.prepare(each) for each in image])
        for each in got:
            agrees(each.maps[0], eager.extract([eager.prepare(image[0])])[0].maps[0])
    written = list((no_weights / "runtimes").glob("*.json"))
    assert len(written) == (runtime == "auto")


class Paced(TorchInputs):
    """A runtime that is known by the seconds that a fake clock goes on while it runs."""

    device = CPU
    most_pixels = 1

    def __init__(self, name: str, clock: list[float], seconds: float) -> None:
        self.name, self.clock, self.seconds = name, clock, seconds
        self.runs = 0

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        self.runs += 1
        self.clock[0] += self.seconds
        return (x,)


@pytest.fixture
def race(monkeypatch: pytest.MonkeyPatch, no_weights: Path) -> dict[str, Paced]:
    """Two runtimes, the second of them faster, and nothing remembered."""
    clock = [0.0]
    monkeypatch.setattr(choice, "_chosen", {})
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    return {"torch": Paced("torch", clock, 0.2), "openvino": Paced("openvino", clock, 0.1)}


def choose(race: dict[str, Paced]) -> tuple[str, list[str]]:
    """What is chosen, and what was opened for it."""
    opened: list[str] = []

    def opening(name: str) -> Any:
        def open_it() -> Paced:
            opened.append(name)
            return race[name]

        return open_it

    openers = {name: opening(name) for name in race}
    return choice.fastest(openers, lambda _: torch.zeros(1, 3, 2, 2), "a network").name, opened


def test_the_faster_one_is_chosen_and_said(
    race: dict[str, Paced], no_weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, choice.__name__):
        assert choose(race)[0] == "openvino"
    assert "runtime openvino is the faster one here (torch 200 ms, openvino 100 ms)" in caplog.text
    race["torch"].seconds = 0.01
    choice._chosen.clear()
    for file in (no_weights / "runtimes").glob("*.json"):
        file.unlink()
    assert choose(race)[0] == "torch"


def test_what_was_chosen_is_remembered(race: dict[str, Paced], no_weights: Path) -> None:
    assert choose(race) == ("openvino", ["torch", "openvino"])
    runs = race["torch"].runs
    assert choose(race) == ("openvino", ["openvino"])
    choice._chosen.clear()
    assert choose(race) == ("openvino", ["openvino"])
    assert race["torch"].runs == runs
    (file,) = (no_weights / "runtimes").glob("*.json")
    assert json.loads(file.read_text())["runtime"] == "openvino"


def test_what_was_chosen_is_chosen_anew_where_it_cannot_be_opened(race: dict[str, Paced]) -> None:
    assert choose(race)[0] == "openvino"
    others = {"torch": race["torch"], "onnxruntime": race["torch"]}
    assert choose(others)[1] == ["torch", "onnxruntime"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"for": "other", "runtime": "torch"}', '{"runtime": 1}', "\xff"])
def test_a_damaged_memory_is_made_anew(race: dict[str, Paced], no_weights: Path, content: str) -> None:
    choose(race)
    (file,) = (no_weights / "runtimes").glob("*.json")
    file.write_bytes(content.encode("latin-1"))
    choice._chosen.clear()
    assert choose(race) == ("openvino", ["torch", "openvino"])
    assert json.loads(file.read_text())["runtime"] == "openvino"


def test_one_that_cannot_be_opened_is_left_out(race: dict[str, Paced], caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Any:
        raise WeightsError("cannot be read")

    openers = {"torch": lambda: race["torch"], "openvino": broken}
    assert choice.fastest(openers, lambda _: torch.zeros(1, 3, 2, 2), "a network").name == "torch"
    assert "cannot be read" in caplog.text
    assert race["torch"].runs == 0
    with pytest.raises(WeightsError):
        choice.fastest({"openvino": broken}, lambda _: torch.zeros(1, 3, 2, 2), "another")


def test_trying_ends_in_time(race: dict[str, Paced]) -> None:
    for each in race.values():
        each.seconds = 100.0
    choose(race)
    assert {each.runs for each in race.values()} == {2}
