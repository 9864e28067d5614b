"""Maps of a network that sees edges alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from drawn_shapes import BOAT, HOUSE, drawing, photo
from resight.features.edges.extractor import EdgeExtractor, as_pixels
from resight.features.kinds import EdgeMaps
from resight.images import Decoded

GIVEN = {
    "network": "mobilenet_v2",
    "layer": "features.4.expand",
    "side": 64,
    "pad": 4,
    "checkpoint": {"source": "random", "mean": (0, 0, 0), "deviation": (1, 1, 1)},
    "runtime": "torch",
}


def decoded(pixels: np.ndarray) -> Decoded:
    return Decoded(pixels, (pixels.shape[1], pixels.shape[0]))


def test_three_equal_channels_are_one_channel_of_a_first_layer_that_is_summed() -> None:
    weight = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    edges = np.random.default_rng(0).random((20, 24), np.float32)
    three = torch.from_numpy(as_pixels(edges) / np.float32(255)).permute(2, 0, 1)[None]
    one = torch.nn.functional.conv2d(three[:, :1], weight.sum(dim=1, keepdim=True))
    torch.testing.assert_close(torch.nn.functional.conv2d(three, weight), one, rtol=1e-4, atol=1e-5)


def test_every_scale_has_maps_and_so_has_the_mirror_image() -> None:
    extractor = EdgeExtractor(EdgeMaps.model_validate(GIVEN | {"scales": (1.0, 0.5), "mirror": True}))
    (found,) = extractor.extract([extractor.prepare(decoded(photo(HOUSE)))])
    assert [maps.shape[2] for maps in found.maps] == [16, 8, 16, 8]
    assert found.inputs == ((64, 64), (32, 32), (64, 64), (32, 32))


def test_a_drawing_is_seen_as_what_it_is_said_to_be_or_looks_like() -> None:
    extractor = EdgeExtractor(EdgeMaps.model_validate(GIVEN))
    asked = decoded(drawing(BOAT, 5))
    seen = {said: extractor.prepare_query(replace(asked, drawing=said), None)[0].pixels for said in (None, True, False)}
    np.testing.assert_array_equal(seen[None], seen[True])
    # Each line of a photo has an edge on both sides.
    assert seen[False].sum() > 1.3 * seen[True].sum()
