"""Weights files, good and bad, and what is said of the bad ones."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from resight.errors import ResightError, WeightsError
from resight.features.networks.architectures import blank, randomise
from resight.features.networks.checkpoint import LoadedNetwork, locate, open_network
from resight.features.networks.download import sha256_of
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.published import IMAGENET_DEVIATION, IMAGENET_MEAN, PUBLISHED

pytestmark = pytest.mark.usefixtures("no_weights")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """MobileNetV2 for 4 classes, all values to be told apart; do not change it."""
    network = blank("mobilenet_v2", 4)
    randomise(network, 5)
    return dict(network.state_dict())


def saved(path: Path, state: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path, metadata)
    else:
        torch.save(state, path)
    return path


def opened(path: Path) -> LoadedNetwork:
    return open_network("mobilenet_v2", Checkpoint(source=str(path)))


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_weights_come_back(tmp_path: Path, state: dict[str, Tensor], name: str) -> None:
    path = saved(tmp_path / name, state)
    loaded = opened(path)
    assert loaded.sha256 == sha256_of(path)
    assert (loaded.architecture, loaded.source, loaded.classes, loaded.padding) == (
        "mobilenet_v2",
        str(path),
        4,
        "torch",
    )
    assert (loaded.mean, loaded.deviation) == (IMAGENET_MEAN, IMAGENET_DEVIATION)
    found = loaded.network.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], value) for key, value in state.items())
    assert not loaded.network.training
    with torch.inference_mode():
        assert loaded.network(torch.zeros(1, 3, 64, 64)).shape == (1, 4)


def test_half_precision_becomes_float32(tmp_path: Path, state: dict[str, Tensor]) -> None:
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    found = opened(saved(tmp_path / "net.safetensors", half)).network.state_dict()
    assert {value.dtype for value in found.values()} == {torch.float32, torch.int64}
    assert torch.equal(found["features.0.0.weight"], half["features.0.0.weight"].float())


def test_the_header_of_safetensors_says_what_the_input_is(tmp_path: Path, state: dict[str, Tensor]) -> None:
    header = {
        "network": "mobilenet_v2",
        "padding": "same",
        "mean": json.dumps([0.5, 0.4, 0.3]),
        "deviation": json.dumps([0.1, 0.2, 0.3]),
    }
    path = saved(tmp_path / "net.safetensors", state, header)
    loaded = opened(path)
    assert (loaded.mean, loaded.deviation, loaded.padding) == ((0.5, 0.4, 0.3), (0.1, 0.2, 0.3), "same")
    assert loaded.network.receptive_field("features.0").offset == 0
    recipe = Checkpoint(source=str(path), mean=(0, 0, 0), deviation=(1, 1, 1), padding="torch")
    loaded = open_network("mobilenet_v2", recipe)
    assert (loaded.mean, loaded.deviation, loaded.padding) == ((0, 0, 0), (1, 1, 1), "torch")
    assert loaded.network.receptive_field("features.0").offset == -1


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"network": "vgg16"}, 'weights of vgg16, not of mobilenet_v2: set network = "vgg16"'),
        ({"padding": "valid"}, 'padding "valid"'),
        ({"mean": "[1, 2]"}, "mean is not three numbers"),
        ({"deviation": "nonsense"}, "deviation is not three numbers"),
    ],
)
def test_a_header_that_makes_no_sense(
    tmp_path: Path, state: dict[str, Tensor], header: dict[str, str], said: str
) -> None:
    with pytest.raises(WeightsError, match=said):
        opened(saved(tmp_path / "net.safetensors", state, header))


def test_the_input_is_normalised() -> None:
    loaded = open_network("mobilenet_v2", Checkpoint(source="random", mean=(0.5,) * 3, deviation=(0.5,) * 3))
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    x = loaded.input(image)
    assert x.shape == (2, 3, 4, 5)
    assert x.dtype == torch.float32
    assert np.allclose(x.numpy(), image.transpose(0, 3, 1, 2) / 127.5 - 1, atol=1e-6)


def test_no_classifier_and_no_counters_are_fine(tmp_path: Path, state: dict[str, Tensor]) -> None:
    bare = {
        key: value
        for key, value in state.items()
        if not key.startswith("classifier.") and not key.endswith("num_batches_tracked")
    }
    loaded = opened(saved(tmp_path / "net.pth", bare))
    assert loaded.classes is None
    assert bare.keys() < loaded.network.state_dict().keys()


def test_differing_keys_are_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    changed = dict(state)
    for key in ("features.2.conv.0.0.weight", "features.3.conv.0.0.weight"):
        del changed[key]
    changed["extra.weight"] = torch.zeros(2)
    changed["features.0.0.weight"] = torch.zeros(32, 1, 3, 3)
    with pytest.raises(WeightsError) as raised:
        opened(saved(tmp_path / "net.pth", changed))
    said = str(raised.value)
    assert "net.pth: not the weights of mobilenet_v2" in said
    assert "2 keys are missing (features.2.conv.0.0.weight, features.3.conv.0.0.weight)" in said
    assert "1 keys are unexpected (extra.weight)" in said
    assert "1 are of another shape (features.0.0.weight: (32, 1, 3, 3) here, (32, 3, 3, 3) in mobilenet_v2)" in said


def test_another_architecture_is_recognised(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(tmp_path / "net.pth", {k: v for k, v in state.items() if not k.startswith("classifier.")})
    with pytest.raises(WeightsError, match=r"keys are missing \(conv1\.weight, .*, …\).*those of mobilenet_v2: set"):
        open_network("resnet18", Checkpoint(source=str(path)))


def test_numbers_that_are_not_finite(tmp_path: Path, state: dict[str, Tensor]) -> None:
    broken = dict(state) | {"classifier.1.bias": torch.tensor([0.0, float("nan"), 0.0, 0.0])}
    with pytest.raises(WeightsError, match=r"not all numbers of classifier\.1\.bias are finite"):
        opened(saved(tmp_path / "net.pth", broken))


class Evil:
    """What, unpickled, makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_runs_no_code(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save({"weight": Evil(tmp_path / "made")}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"net\.pth: is refused: loading it would run (posix|nt|os)\.mkdir"):
        opened(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.99])
def test_truncated_files(tmp_path: Path, state: dict[str, Tensor], name: str, part: float) -> None:
    path = saved(tmp_path / name, {"features.0.0.weight": state["features.0.0.weight"]})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(WeightsError, match=r"net\.\w+: is not .*truncated \(.*\); fetch it again"):
        opened(path)


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n", b"\x80"]
)
def test_files_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is not weights that can be read"):
        opened(path)


@pytest.mark.parametrize("thing", [[1, 2], {}, {"state": {"a": 1}}, {"a": "text"}, torch.zeros(3)])
def test_a_pickle_of_something_else(tmp_path: Path, thing: object) -> None:
    torch.save(thing, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="not a state dict"):
        opened(tmp_path / "net.pth")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be read|a folder"):
        opened(tmp_path)


def test_the_hash_of_a_recipe_is_held_against_the_file(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(tmp_path / "net.pth", state)
    sha256 = sha256_of(path)
    for known in (sha256, sha256[:9]):
        assert open_network("mobilenet_v2", Checkpoint(source=str(path), sha256=known)).sha256 == sha256
    with pytest.raises(WeightsError, match=f"SHA-256 is {sha256}, but 0123456… is expected"):
        open_network("mobilenet_v2", Checkpoint(source=str(path), sha256="0123456"))


def test_random_weights_follow_the_seed_and_are_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    def weight(seed: int) -> Tensor:
        torch.manual_seed(len(caplog.records))
        loaded = open_network("mobilenet_v2", Checkpoint(source="random", seed=seed))
        assert (loaded.sha256, loaded.classes) == ("", 1000)
        return loaded.network.state_dict()["features.5.conv.0.0.weight"]

    with caplog.at_level(logging.WARNING):
        first = weight(3)
        assert "mobilenet_v2 has RANDOM weights (seed 3)" in caplog.text
        assert torch.equal(first, weight(3))
        assert not torch.equal(first, weight(4))


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "alexnet"])
def test_maps_of_random_weights_tell_images_apart(name: str) -> None:
    network = blank(name, None)
    randomise(network, 0)
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        last = network.layers[-1].name
        first, second = torch.nn.functional.normalize(network.maps(images, [last])[last].mean((2, 3)))
    assert torch.isfinite(first).all()
    assert 0.0 < float(first @ second) < 0.9999


def test_files_are_found_by_name_in_the_folder_of_weights(
    tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, no_weights: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        WeightsError, match=r"net\.pth: no such weights, nor .* RESIGHT_WEIGHTS \(not set\) or .*cache/weights;"
    ):
        opened(Path("net.pth"))
    named = tmp_path / "named"
    for folder in (no_weights / "weights", named, tmp_path / "recipes", tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        path = saved(folder / "net.pth", {"a": torch.zeros(1)})
        if folder == named:
            monkeypatch.setenv("RESIGHT_WEIGHTS", str(folder))
        found = locate(Checkpoint(source="net.pth"), tmp_path / "recipes" if folder.name == "recipes" else Path())
        assert found.resolve() == path.resolve()


def test_published_weights_are_found_by_their_file_and_verified(no_weights: Path) -> None:
    (no_weights / "weights").mkdir(parents=True)
    (no_weights / "weights" / "resnet18-f37072fd.pth").write_bytes(b"not it")
    with pytest.raises(
        WeightsError, match=r"resnet18-f37072fd\.pth: its SHA-256 is .*, but f37072fd47e8\w+ is expected: "
    ):
        open_network("resnet18", Checkpoint(source="resnet18-imagenet"))
    with pytest.raises(WeightsError, match=r'weights of resnet18, not of resnet50: set network = "resnet18"'):
        open_network("resnet50", Checkpoint(source="resnet18-imagenet"))


def test_an_address_is_verified_by_the_hash_in_its_name(no_weights: Path) -> None:
    (no_weights / "weights").mkdir(parents=True)
    (no_weights / "weights" / "net-0123456.pth").write_bytes(b"not it")
    with pytest.raises(WeightsError, match="but 0123456… is expected"):
        open_network("resnet18", Checkpoint(source="http://127.0.0.1:1/net-0123456.pth"))


def test_without_a_network_it_is_said_what_to_fetch(no_weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"http://127\.0\.0\.1:1/net\.pth: cannot be reached") as raised:
        open_network("resnet18", Checkpoint(source="http://127.0.0.1:1/net.pth"))
    assert str(no_weights / "weights" / "net.pth") in str(raised.value)
    with pytest.raises(WeightsError, match=r"no public address: put it into one of them"):
        open_network("mobilenet_v2", Checkpoint(source="mobilenet_v2-imagenet"))


def test_published_checkpoints_are_consistent() -> None:
    for published in PUBLISHED.values():
        assert published.url in ("", published.url.rsplit("/", 1)[0] + "/" + published.file)
        digits = published.file.rsplit("-", 1)[1].partition(".")[0]
        if published.url:
            assert published.sha256.startswith(digits)
            Checkpoint(source="x", sha256=published.sha256)


@pytest.mark.parametrize(
    "wrong",
    [{"source": ""}, {"deviation": (1, 0, 1)}, {"sha256": "xyz"}, {"padding": "valid"}, {"seed": -1}, {"standard": 1}],
)
def test_parameters_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Checkpoint.model_validate({"source": "random"} | wrong)


def test_dinov2_has_no_random_weights() -> None:
    with pytest.raises(ResightError, match="dinov2 has no random weights"):
        open_network("dinov2", Checkpoint(source="random"))
