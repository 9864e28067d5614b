"""ONNX models of networks give the maps of the networks in torch, for images of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from resight.errors import RecipeError
from resight.features.graphs.inverted_residuals import inverted_residuals_model
from resight.features.networks.architectures import blank, randomise
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS, Padding
from resight.features.networks.network import Network
from resight.features.runtimes.onnx_runtime import OnnxRuntime

LAYERS = {
    "mobilenet_v2": ["features.3", "features.1", "features.5.expand"],
    "efficientnet_lite0": ["blocks.2", "blocks.6", "blocks.6.expand", "stem"],
}


def random_network(name: str, padding: Padding) -> Network:
    """Random weights, with normalisations that do something."""
    network = blank(name, None, padding)
    randomise(network, 0)
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low in ((module.weight, 0.5), (module.running_var, 0.5), (module.bias, -0.2)):
                assert values is not None
                values.data.uniform_(low, low + 0.5, generator=generator)
            assert module.running_mean is not None
            module.running_mean.normal_(0.0, 0.1, generator=generator)
    return network


def model_of(network: Network, padding: Padding, layers: list[str]) -> OnnxRuntime:
    state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    plan = INVERTED_RESIDUALS[network.name].padded(padding)
    return OnnxRuntime(inverted_residuals_model(plan, state, layers), "it", layers)


@pytest.mark.parametrize("padding", ["torch", "same"])
@pytest.mark.parametrize("name", LAYERS)
def test_maps_are_those_of_torch_at_any_size(name: str, padding: Padding) -> None:
    network, layers = random_network(name, padding), LAYERS[name]
    runtime = model_of(network, padding, layers)
    for size in ((1, 1), (2, 3), (33, 64), (64, 33), (47, 50), (51, 49)):
        x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))
        with torch.inference_mode():
            expected = network.maps(x, layers)
        for layer, found in zip(layers, runtime.run(x.numpy()), strict=True):
            wanted = expected[layer].numpy()
            assert found.shape == wanted.shape
            assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_maps_of_an_image_are_the_same_in_every_batch() -> None:
    runtime = model_of(random_network("efficientnet_lite0", "same"), "same", ["blocks.3"])
    x = np.random.default_rng(0).standard_normal((3, 3, 40, 52)).astype(np.float32)
    (together,) = runtime.run(x)
    for row in range(3):
        np.testing.assert_array_equal(runtime.run(x[row : row + 1])[0][0], together[row])


@pytest.mark.parametrize(("layer", "most"), [("features.2.expand", 20_000), ("features.2", 33_000)])
def test_nothing_after_the_last_layer_is_in_the_model(layer: str, most: int) -> None:
    network = random_network("mobilenet_v2", "torch")
    state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    model = inverted_residuals_model(INVERTED_RESIDUALS["mobilenet_v2"], state, [layer])
    assert len(model) < most


def test_a_layer_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean"):
        inverted_residuals_model(INVERTED_RESIDUALS["mobilenet_v2"], {}, ["features.99"])


def test_openvino_gives_the_same() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'resight[fast]'")
    from resight.features.runtimes.openvino_model import OpenvinoModelRuntime

    layers: list[Any] = ["blocks.2", "stem"]
    network = random_network("efficientnet_lite0", "same")
    state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    model = inverted_residuals_model(INVERTED_RESIDUALS["efficientnet_lite0"], state, layers)
    ours, theirs = OnnxRuntime(model, "it", layers), OpenvinoModelRuntime(model, "it", layers)
    for size in ((33, 64), (50, 47)):
        x = np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32)
        first = theirs.run(x)
        kept = [each.copy() for each in first]
        for found, expected in zip(first, ours.run(x), strict=True):
            assert found.shape == expected.shape
            assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
        theirs.run(x + 1)
        # A later run does not write over what an earlier one gave.
        for found, expected in zip(first, kept, strict=True):
            np.testing.assert_array_equal(found, expected)
