"""What safetensors of ours carry for retrieval comes back, and serves as what cirtorch's files carry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from resight.descriptors.carried import carried_arrays
from resight.descriptors.kinds import Gem, Mac, NetVlad
from resight.errors import FitError, WeightsError
from resight.features.image_maps import ImageMaps
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks.architectures import blank, randomise
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.retrieval import (
    LearnedWhitening,
    Projection,
    RetrievalHead,
    SoftAssignment,
    tensors_of,
)

CHANNELS = 256
RNG = np.random.default_rng(5)


def drawn(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


LEARNED = {"a.set": {"ss": LearnedWhitening(drawn(CHANNELS), drawn(8, CHANNELS))}}
HEAD = RetrievalHead(
    "gem",
    "conv5",
    np.array([2.5], np.float32),
    Projection(drawn(8, CHANNELS), drawn(8)),
    LEARNED,
    SoftAssignment(drawn(3, CHANNELS), drawn(3), drawn(3, CHANNELS)),
)


def saved(path: Path, head: RetrievalHead, changes: dict[str, Any] | None = None, **header: str) -> MapExtractor:
    network = blank("alexnet", None)
    randomise(network, 3)
    tensors, said = tensors_of(head)
    state = {key: value.numpy() for key, value in network.state_dict().items()} | tensors | (changes or {})
    kept = {key: value for key, value in state.items() if value is not None}
    save_file(kept, path, {key: value for key, value in (said | header).items() if value})
    checkpoint = Checkpoint(source=str(path))
    return MapExtractor(Maps(network="alexnet", layer="conv5", checkpoint=checkpoint, runtime="torch"))


def test_every_part_comes_back(tmp_path: Path) -> None:
    found = saved(tmp_path / "net.safetensors", HEAD, mean=json.dumps([0.1, 0.2, 0.3])).loaded()
    assert found.mean == (0.1, 0.2, 0.3)
    assert found.head is not None
    assert (found.head.pooling, found.head.layer) == ("gem", "conv5")
    again, header = tensors_of(found.head)
    tensors, said = tensors_of(HEAD)
    assert header == said
    assert again.keys() == tensors.keys()
    assert len(tensors) == 8
    for name, array in tensors.items():
        np.testing.assert_array_equal(again[name], array)


def test_weights_alone_carry_nothing(tmp_path: Path) -> None:
    extractor = saved(tmp_path / "net.safetensors", RetrievalHead(""))
    assert extractor.loaded().head is None
    with pytest.raises(FitError, match="it holds the weights of a network alone"):
        carried_arrays(extractor, Gem(whitening="checkpoint"))


def test_the_whitening_and_the_exponent_are_carried(tmp_path: Path) -> None:
    extractor = saved(tmp_path / "net.safetensors", replace(HEAD, whitening=None))
    found = carried_arrays(extractor, Gem(whitening="checkpoint", learned_on="a.set"))
    assert found.keys() == {"exponent", "mean", "projection", "scale"}
    np.testing.assert_array_equal(found["projection"], LEARNED["a.set"]["ss"].projection)
    assert found["exponent"].tolist() == [2.5]
    with pytest.raises(FitError, match='for pooling by gem, not by "mac"'):
        carried_arrays(extractor, Mac(whitening="checkpoint", learned_on="a.set"))


def test_a_netvlad_layer_is_that_of_the_file(tmp_path: Path) -> None:
    extractor = saved(tmp_path / "net.safetensors", replace(HEAD, pooling="netvlad"))
    encoder = NetVlad(whitening="none").opened(extractor, {})
    maps = torch.rand(CHANNELS, 4, 3)
    x = maps.flatten(1).T.double().numpy()
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    layer = HEAD.assignment
    assert layer is not None
    logits = x @ layer.weight.T + layer.bias
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sums = np.stack([(weights[:, k, None] * (x - layer.centroids[k])).sum(axis=0) for k in range(3)])
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    found: Any = encoder.query(ImageMaps((maps,), (None,), (9, 9), ((9, 9),)), (9, 9))
    np.testing.assert_allclose(found, sums.ravel() / np.sqrt(3), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "header", "said"),
    [
        ({}, {"pooling": ""}, "its header does not say which pooling"),
        ({"retrieval.exponent": np.array([-1.0], np.float32)}, {}, "retrieval.exponent is not greater than 0"),
        ({"retrieval.whitening.bias": None}, {}, "it lacks retrieval.whitening.bias"),
        ({"retrieval.whitening.bias": drawn(7)}, {}, r"retrieval.whitening.bias has shape \(7,\), not \(8,\)"),
        ({"retrieval.learned.a.set.ss.projection": None}, {}, "it lacks retrieval.learned.a.set.ss.projection"),
        ({"retrieval.assignment.weight": drawn(2, 2)}, {}, "retrieval.assignment.weight has shape"),
        ({"retrieval.more": drawn(2)}, {}, "nothing is known of retrieval.more"),
    ],
)
def test_parts_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], header: dict[str, str], said: str) -> None:
    with pytest.raises(WeightsError, match=rf"net\.safetensors: .*{said}"):
        saved(tmp_path / "net.safetensors", HEAD, changes, **header).loaded()
