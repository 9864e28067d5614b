"""Bags of local convolutional features on what the networks have: saliency without torch, VGG-16 from a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import conv2d, max_pool2d, relu

from resight.features.convolutional import ConvolutionalExtractor
from resight.features.kinds import Convolutional
from resight.features.networks.architectures import blank, randomise
from resight.images import Decoded
from resight.recipe.reading import parse_recipe, recipe_text

PROGRAM = """
import sys
sys.modules["torch"] = None
from typing import get_args
import numpy as np
from resight.descriptors.kinds import Spoc
from resight.features.kinds import Convolutional, Maps
from resight.features.opening import open_extractor
from resight.features.saliency.kinds import SaliencyName
from resight.images import Decoded

pixels = np.random.default_rng(0).integers(0, 256, (90, 128, 3), np.uint8)
photo = Decoded(pixels, (128, 90), "a.jpg")
for kind in (Convolutional, Maps):
    for saliency in get_args(SaliencyName):
        if saliency in ("files", "onnx"):  # They have files of their own.
            continue
        params = kind.model_validate({
            "network": "efficientnet_lite0",
            "layer": "blocks.5.expand",
            "checkpoint": {"source": "efficientnet_lite0-resight"},
            "max_side": 128,
            "saliency": saliency,
        })
        extractor = open_extractor(params, None)
        (found,) = extractor.extract([extractor.prepare(photo)])
        if kind is Convolutional:
            assert found.weights.max() == 1 and found.weights.std() > 0, saliency
        else:
            encoder = Spoc(whitening="none").encoder(extractor, {})
            weighed = encoder.query(found, found.size)
            (query,) = extractor.extract([extractor.prepare_query(photo, None)])
            assert np.abs(weighed - encoder.query(query, query.size)).max() > 1e-4, saliency
print("all of them")
"""


def test_saliency_needs_no_torch_where_the_network_does_not() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert run.stdout.split("\n")[0] == "all of them", run.stderr


def test_words_of_vgg16_are_positions_of_conv5_1_of_a_local_file(tmp_path: Path) -> None:
    network = blank("vgg16", None)
    randomise(network, 0)
    state = network.state_dict()
    torch.save(state, tmp_path / "vgg16.pth")
    text = recipe_text("blcf-vgg16").replace('"vgg16-imagenet"', '"vgg16.pth"')
    params = parse_recipe(text, "blcf-vgg16").channel["main"].features
    assert isinstance(params, Convolutional)
    params = params.model_copy(update={"max_side": 64, "upsampling": 1, "runtime": "torch"})
    extractor = ConvolutionalExtractor(params, tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    (found,) = extractor.extract([extractor.prepare(Decoded(pixels, (64, 48)))])

    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255.0
    x = (x - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    numbers = sorted({int(key.split(".")[1]) for key in state})
    # After the second, fourth, seventh and tenth convolution the map is halved; conv5_1 is the eleventh.
    for place, number in enumerate(numbers[:11], start=1):
        x = relu(conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1))
        if place in (2, 4, 7, 10):
            x = max_pool2d(x, 2)
    rows = x[0].flatten(1).T.numpy()
    norms = np.linalg.norm(rows, axis=1)
    order = np.argsort(-norms, kind="stable")
    assert found.descriptors.shape == (3 * 4, 512)
    cosines = (found.descriptors * (rows / norms[:, None])[order]).sum(axis=1)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-4)
