"""Maps of several layers and networks of a photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from resight.features.joined import JoinedExtractor
from resight.features.kinds import JoinedMaps, Maps
from resight.features.maps import MapExtractor
from resight.features.networks import checkpoint
from resight.features.networks.checkpoint import open_network
from resight.images import Decoded

PHOTO = Decoded(np.random.default_rng(0).integers(0, 256, (61, 90, 3), np.uint8), (180, 122))


def part(network: str, layer: str, **others: Any) -> Maps:
    return Maps.model_validate(
        {
            "network": network,
            "layer": layer,
            "checkpoint": {"source": "random"},
            "runtime": "torch",
            "max_side": 64,
            **others,
        }
    )


PARTS = (
    part("resnet18", "layer3"),
    part("mobilenet_v2", "features.4"),
    part("resnet18", "layer1"),
    part("resnet18", "layer3", scales=(1.0, 0.5)),
)


def test_each_part_is_what_it_is_alone_in_as_few_passes_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def opening(*given: Any) -> Any:
        opened.append(given)
        return open_network(*given)

    monkeypatch.setattr(checkpoint, "open_network", opening)
    joined = JoinedExtractor(JoinedMaps(parts=PARTS))
    for box in (None, (20.0, 10.0, 120.0, 100.0)):
        (found,) = joined.extract([joined.prepare_query(PHOTO, box)])
        assert len(opened) == 3
        assert len(found) == len(PARTS)
        for params, maps in zip(PARTS, found, strict=True):
            alone = MapExtractor(params)
            (expected,) = alone.extract([alone.prepare_query(PHOTO, box)])
            assert (maps.size, maps.inputs, maps.origin) == (expected.size, expected.inputs, expected.origin)
            for ours, theirs in zip(maps.maps, expected.maps, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
        del opened[3:]


def test_photos_keep_their_order_and_channels_are_told() -> None:
    joined = JoinedExtractor(JoinedMaps(parts=PARTS))
    assert joined.channels == (256, 32, 64, 256)
    assert joined.max_side == 64
    other = Decoded(np.zeros((40, 40, 3), np.uint8), (40, 40))
    first, second = joined.extract([joined.prepare(PHOTO), joined.prepare(other)])
    assert [maps.size for maps in first] == [(180, 122)] * 4
    assert [maps.size for maps in second] == [(40, 40)] * 4
    assert joined.extract([]) == []
