"""Patch tokens as maps: with a model that stands in for the library's, and with the library where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from resight.errors import UsageError, WeightsError
from resight.features.networks.checkpoint import open_network
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.vision_transformer import VisionTransformer, open_dinov2

PATCH = 4


class Patches(nn.Module):
    """Its tokens are the means of the patches, plus the number of the block; prefix tokens are minus one."""

    def __init__(self, registers: int = 0) -> None:
        super().__init__()
        self.config = SimpleNamespace(
            patch_size=PATCH, hidden_size=3, num_hidden_layers=2, num_register_tokens=registers
        )
        self.prefix = 1 + registers

    def forward(self, pixel_values: Tensor, output_hidden_states: bool) -> SimpleNamespace:
        assert output_hidden_states
        tokens = nn.functional.avg_pool2d(pixel_values, PATCH).flatten(2).transpose(1, 2)
        tokens = torch.cat([-torch.ones(len(tokens), self.prefix, 3), tokens], 1)
        return SimpleNamespace(hidden_states=(tokens, tokens + 1, tokens + 2), last_hidden_state=tokens * 10)


@pytest.mark.parametrize("registers", [0, 4])
def test_tokens_are_laid_out_as_the_patches_lie(registers: int) -> None:
    network = VisionTransformer(Patches(registers))
    x = torch.rand(2, 3, 13, 22, generator=torch.Generator().manual_seed(0))
    means = nn.functional.avg_pool2d(x, PATCH)
    maps = network.maps(x, ["patch_tokens", "blocks.0", "blocks.1"])
    assert torch.allclose(maps["patch_tokens"], means * 10)
    assert torch.allclose(maps["blocks.0"], means + 1)
    assert torch.allclose(maps["blocks.1"], means + 2)
    assert maps["blocks.1"].shape == (2, 3, 3, 5)
    assert (network.map_side("blocks.1", 13), network.map_side("blocks.1", 22)) == (3, 5)
    assert (network.channels("patch_tokens"), network.stride("patch_tokens")) == (3, PATCH)
    assert network.receptive_field("patch_tokens").interval(2) == (8, 12)


def test_an_image_smaller_than_a_patch() -> None:
    with pytest.raises(UsageError, match=r"3 pixels .* at least 4"):
        VisionTransformer(Patches()).maps(torch.zeros(1, 3, 3, 9), ["patch_tokens"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    return tmp_path


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Puts something in place of the library, whose models a function loads."""

    def replace(load: Callable[..., Any]) -> None:
        module = ModuleType("transformers")
        module.AutoModel = SimpleNamespace(from_pretrained=load)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "transformers", module)

    return replace


def test_a_folder_is_opened_without_code_and_without_a_network(
    folder: Path, library: Callable[[Callable[..., Any]], None]
) -> None:
    asked = {}

    def load(path: Path, **options: object) -> Patches:
        asked.update(options, path=path)
        return Patches()

    library(load)
    loaded = open_network("dinov2", Checkpoint(source=str(folder)))
    assert asked == {
        "path": folder,
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
    }
    assert not loaded.network.training
    assert len(loaded.sha256) == 64
    with pytest.raises(WeightsError, match="is expected"):
        open_network("dinov2", Checkpoint(source=str(folder), sha256="0123456"))


def test_what_the_library_cannot_load(folder: Path, library: Callable[[Callable[..., Any]], None]) -> None:
    def fail(path: Path, **_: object) -> None:
        raise KeyError("model_type")

    library(fail)
    with pytest.raises(WeightsError, match=r"transformers cannot load it .*model_type"):
        open_dinov2(folder)
    library(lambda *_, **__: SimpleNamespace(config=SimpleNamespace()))
    with pytest.raises(WeightsError, match="no vision transformer"):
        open_dinov2(folder)


def test_an_incomplete_folder(tmp_path: Path, library: Callable[[Callable[..., Any]], None]) -> None:
    library(lambda *_, **__: Patches())
    with pytest.raises(WeightsError, match=r"config\.json and model\.safetensors"):
        open_dinov2(tmp_path)


def test_without_the_library_it_is_said_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WeightsError, match="pip install transformers"):
        open_dinov2(folder)


def test_a_real_model_of_random_weights(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="in no extra; elsewhere a stub stands for it")
    config = transformers.Dinov2Config(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=2, patch_size=14, image_size=70
    )
    model = transformers.Dinov2Model(config).eval()
    model.save_pretrained(tmp_path)
    network = open_network("dinov2", Checkpoint(source=str(tmp_path))).network
    x = torch.rand(2, 3, 75, 100, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps = network.maps(x, ["blocks.0", "blocks.2", "patch_tokens"])
        expected = model(pixel_values=x).last_hidden_state
        normalised = model.layernorm(maps["blocks.2"][0, :, 0, 0])
    assert maps["patch_tokens"].shape == maps["blocks.0"].shape == (2, 32, 5, 7)
    assert torch.allclose(maps["patch_tokens"][1, :, 2, 3], expected[1, 1 + 2 * 7 + 3], atol=1e-5)
    assert torch.allclose(normalised, maps["patch_tokens"][0, :, 0, 0], atol=1e-5)
