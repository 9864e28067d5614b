"""Channels of NetVLAD, with the layer of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from resight.channels.opening import open_channel
from resight.descriptors.kinds import NetVlad
from resight.descriptors.netvlad import NetVLAD
from resight.errors import FitError, WeightsError
from resight.features.image_maps import ImageMaps
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks.architectures import blank, randomise
from resight.learned.whitening import VECTORS, fit_pca_whitening, to_arrays

PLAIN = NetVlad(whitening="none")


def netvlad_file(path: Path, clusters: int = 3, channels: int = 512, module: str = "") -> dict[str, torch.Tensor]:
    network = blank("vgg16", None)
    randomise(network, 0)
    generator = torch.Generator().manual_seed(1)
    state = {f"encoder.{module}{key.removeprefix('features.')}": v for key, v in network.state_dict().items()}
    state[f"pool.{module}conv.weight"] = torch.randn(clusters, channels, 1, 1, generator=generator)
    state[f"pool.{module}centroids"] = torch.randn(clusters, channels, generator=generator)
    torch.save({"epoch": 1, "state_dict": state, "recalls": {1: 0.5}}, path)
    return state


def vgg(path: Path) -> MapExtractor:
    given = {"network": "vgg16", "layer": "conv5_3.linear", "checkpoint": {"source": str(path)}, "runtime": "torch"}
    return MapExtractor(Maps.model_validate({**given, "max_side": 64, "scales": (1.0, 0.5)}))


@pytest.mark.parametrize("module", ["", "module."])
def test_the_layer_of_a_netvlad_checkpoint_is_read(tmp_path: Path, module: str) -> None:
    path = tmp_path / "netvlad.pth.tar"
    state = netvlad_file(path, module=module)
    channel: Any = open_channel(PLAIN, vgg(path), {})
    assert channel.size == 3 * 512
    maps = ImageMaps(tuple(torch.randn(512, *size) for size in ((4, 3), (2, 2))), (None, None), (9, 9), ((9, 9),) * 2)
    layer = NetVLAD(3, 512, bias=False)
    layer.load_state_dict(
        {"conv.weight": state[f"pool.{module}conv.weight"], "centroids": state[f"pool.{module}centroids"]}
    )
    with torch.inference_mode():
        expected = sum(layer(each[None])[0] for each in maps.maps)
    np.testing.assert_allclose(channel.query(maps, (9, 9)), torch.nn.functional.normalize(expected, dim=0), atol=1e-5)


def test_a_masked_map_is_its_positions_that_count(tmp_path: Path) -> None:
    netvlad_file(tmp_path / "n.pth.tar")
    channel: Any = open_channel(PLAIN, vgg(tmp_path / "n.pth.tar"), {})
    x = torch.randn(512, 4, 6)
    mask = torch.zeros(4, 6)
    mask[1:3, 2:5] = 1.0
    masked, cropped = (ImageMaps((m,), (k,), (9, 9), ((9, 9),)) for m, k in ((x, mask), (x[:, 1:3, 2:5], None)))
    np.testing.assert_allclose(channel.query(masked, (9, 9)), channel.query(cropped, (9, 9)), atol=1e-6)


@pytest.mark.parametrize("whitening", ["none", "pca"])
def test_a_photo_without_activations_has_no_netvlad(tmp_path: Path, whitening: Any) -> None:
    netvlad_file(tmp_path / "n.pth.tar")
    extractor = vgg(tmp_path / "n.pth.tar")
    plain: Any = open_channel(PLAIN, extractor, {})
    drawn = np.random.default_rng(0).normal(size=(9, plain.size)).astype(np.float32)
    fitted = to_arrays(fit_pca_whitening(drawn, 4), VECTORS) if whitening == "pca" else {}
    channel: Any = open_channel(NetVlad(whitening=whitening, dimensions=4), extractor, fitted)
    x = torch.randn(512, 4, 6)
    for maps, mask in ((x, torch.zeros(4, 6)), (torch.zeros_like(x), None), (torch.zeros_like(x), torch.ones(4, 6))):
        vector = channel.query(ImageMaps((maps,), (mask,), (9, 9), ((9, 9),)), (9, 9))
        assert vector.shape == (channel.size,)
        assert not vector.any()
    seen, half = (ImageMaps(m, (None,) * len(m), (9, 9), ((9, 9),) * len(m)) for m in ((x,), (x, torch.zeros_like(x))))
    np.testing.assert_allclose(channel.query(half, (9, 9)), channel.query(seen, (9, 9)), atol=1e-6)


def test_files_without_a_layer_that_suits_say_so(tmp_path: Path) -> None:
    netvlad_file(tmp_path / "narrow.pth.tar", channels=256)
    with pytest.raises(FitError, match=r"for 256 channels, and maps of conv5_3\.linear have 512"):
        open_channel(PLAIN, vgg(tmp_path / "narrow.pth.tar"), {})
    state = netvlad_file(tmp_path / "broken.pth.tar")
    state["pool.conv.weight"] = state["pool.conv.weight"][:2]
    torch.save({"state_dict": state}, tmp_path / "broken.pth.tar")
    with pytest.raises(WeightsError, match="do not suit each other"):
        vgg(tmp_path / "broken.pth.tar").loaded()
    network = blank("vgg16", None)
    randomise(network, 0)
    save_file(network.state_dict(), tmp_path / "plain.safetensors")
    with pytest.raises(FitError, match="no NetVLAD layer is in it"):
        open_channel(PLAIN, vgg(tmp_path / "plain.safetensors"), {})
