"""What joined vectors are fitted on: each part on vectors of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resight.descriptors.kinds import Gem, Joined, Mac, Rmac
from resight.descriptors.methods.joined import rows_of_part
from resight.errors import FitError
from resight.features.image_maps import ImageMaps
from resight.features.kinds import JoinedMaps, Maps
from resight.learned.passes import Terms

PARTS = (Rmac(whitening="pca", dimensions=8), Gem(), Mac(whitening="pca", dimensions=5))
METHOD = Joined(parts=PARTS)


def image(channels: int, seed: int) -> ImageMaps:
    generator = torch.Generator().manual_seed(seed)
    return ImageMaps((torch.rand(channels, 6, 8, generator=generator) ** 4,), (None,), (80, 60), ((80, 60),))


PHOTOS = [tuple(image(channels, 100 * channels + seed) for channels in (12, 5, 9)) for seed in range(20)]


def test_rows_of_parts_come_apart_again() -> None:
    rows = METHOD.rows(PHOTOS[0])
    for number, (own, method) in enumerate(zip(PHOTOS[0], PARTS, strict=True)):
        np.testing.assert_array_equal(rows_of_part(rows, number), method.vectors_of(own))
    with pytest.raises(FitError, match="part 4"):
        rows_of_part(rows, 3)


def test_each_part_has_the_whitening_that_it_has_alone() -> None:
    (whitenings,) = METHOD.passes
    fitted = whitenings.fit(np.concatenate([METHOD.rows(photo) for photo in PHOTOS]), Terms(0))
    assert fitted.keys() == METHOD.needs
    for number in (0, 2):
        part = PARTS[number]
        (alone,) = part.passes
        own = alone.fit(np.concatenate([part.vectors_of(photo[number]) for photo in PHOTOS]), Terms(0))
        for name, array in own.items():
            np.testing.assert_array_equal(fitted[f"{number}.{name}"], array)


def test_parts_without_a_whitening_need_nothing() -> None:
    assert list(METHOD.fitted_parts) == ["0.", "2."]
    plain = Joined(parts=(Gem(), Mac()))
    assert (plain.needs, plain.passes) == (set(), ())


def test_what_ships_for_the_parts_serves_the_whole() -> None:
    given = {"network": "resnet18", "checkpoint": {"source": "random"}}
    layers = [Maps.model_validate({**given, "layer": layer}) for layer in ("layer2", "layer3", "layer1")]
    features = JoinedMaps(parts=tuple(layers))
    assert (
        METHOD.shipped_name(features)
        == "random-layer2-scales=1-regions-levels=3-power=1 + random-layer1-scales=1-mac-power=1"
    )
    assert METHOD.fitted_for(features).split(" and ") == [
        "regions-levels=3 of resnet18 layer2 scales=1, power=1",
        "gem-p=3 of resnet18 layer3 scales=1, power=1",
        "mac of resnet18 layer1 scales=1, power=1",
    ]
