"""What every method tells of itself, whatever its family."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest

from resight.channels.fitting.contract import Method
from resight.channels.fitting.methods import fitting_of
from resight.descriptors.kinds import (
    Cam,
    DescriptorKind,
    Fisher,
    Gem,
    Joined,
    Mac,
    Mop,
    NetVlad,
    NeuralCodes,
    RegionCodes,
    Regions,
    Rmac,
    Spoc,
    Vlad,
)
from resight.errors import FitError
from resight.features.kinds import ClassMaps, Codes, Convolutional, FeaturesKind, Maps, Sift
from resight.recipe import Channel
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming, WordsKind

WHITENED: dict[str, Any] = {"whitening": "pca", "dimensions": 8}
NETWORK: dict[str, Any] = {"network": "resnet18", "layer": "layer3", "checkpoint": {"source": "random"}}
SIFT = Sift()
MAPS = Maps.model_validate({**NETWORK, "scales": (1.0, 0.5)})
CLASS_MAPS = ClassMaps.model_validate(NETWORK)
CODES = Codes.model_validate({**NETWORK, "regions": "patches"})

NAMES: list[tuple[FeaturesKind, Method, str, str]] = [
    (SIFT, Bow(size=16), "sift-codebook-16", "RootSIFT"),
    (Sift(root=False), Hamming(size=16), "sift-codebook-16", "SIFT"),
    (
        Convolutional.model_validate(NETWORK),
        Asmk(size=16),
        "random-layer3-codebook-16",
        "convolutional of resnet18 layer3",
    ),
    (SIFT, Vlad(), "sift-codebook-64", "RootSIFT"),
    (SIFT, Fisher(pca=32), "sift-fisher-64x32", "RootSIFT"),
    (MAPS, Gem(p=2.5, power=0.5), "random-layer3-2-gem2.5-0.5", "gem2.5 of resnet18 layer3"),
    (MAPS, Spoc(), "random-layer3-2-spoc-1", "spoc of resnet18 layer3"),
    (MAPS, Spoc(centre_prior=True), "random-layer3-2-spoc-centred-1", "spoc-centred of resnet18 layer3"),
    (MAPS, Rmac(levels=2), "random-layer3-2-regions2-1", "regions2 of resnet18 layer3"),
    (MAPS, Regions(levels=2), "random-layer3-2-regions2-1", "regions2 of resnet18 layer3"),
    (MAPS, NetVlad(), "random-layer3-netvlad-64", "netvlad of resnet18 layer3"),
    (CLASS_MAPS, Cam(), "random-layer3-1-cam-1", "class-maps of resnet18 layer3"),
    (CODES, NeuralCodes(power=0.0), "random-layer3-codes-0", "codes of resnet18 layer3"),
    (CODES, RegionCodes(), "random-layer3-region-codes-1", "codes of resnet18 layer3"),
    (CODES, Mop(), "random-layer3-mop-100x500", "codes of resnet18 layer3"),
]

FITTED: list[Method] = [
    Bow(),
    Hamming(),
    Asmk(),
    Vlad(),
    Vlad(**WHITENED),
    Fisher(),
    Mac(**WHITENED),
    Cam(**WHITENED),
    NetVlad(),
    NetVlad(words="fitted"),
    NetVlad(words="fitted", whitening="none"),
    NeuralCodes(**WHITENED),
    RegionCodes(**WHITENED),
    Mop(),
    Mop(whitening="none"),
    Joined(parts=(Rmac(**WHITENED), Gem())),
]
UNFITTED: list[Method] = [
    Exhaustive(),
    Gem(),
    Regions(),
    Cam(),
    NeuralCodes(),
    NetVlad(whitening="none"),
    Joined(parts=(Gem(), Mac())),
]


def described(method: Any) -> str:
    return f"{method.kind}-{getattr(method, 'whitening', '')}"


@pytest.mark.parametrize(("features", "method", "shipped", "fitted_for"), NAMES)
def test_what_a_fit_is_called(features: FeaturesKind, method: Method, shipped: str, fitted_for: str) -> None:
    fitting = fitting_of(method)
    assert (fitting.shipped_name(features), fitting.fitted_for(features)) == (shipped, fitted_for)


def test_every_kind_has_a_family() -> None:
    kinds = [*get_args(get_args(WordsKind)[0]), *get_args(get_args(DescriptorKind)[0]), Exhaustive]
    assert len(kinds) >= 18
    for kind in kinds:
        method = Joined(parts=(Gem(), Mac())) if kind is Joined else kind()
        assert fitting_of(method).method is method


@pytest.mark.parametrize("method", [*FITTED, *UNFITTED], ids=described)
def test_a_fit_is_made_where_a_recipe_says_so(method: Method) -> None:
    fitting = fitting_of(method)
    section = "words" if isinstance(method, Bow | Hamming | Asmk) else "descriptor"
    channel = Channel.model_construct(
        features=SIFT, **{"words": None, "descriptor": None, "match": None, section: method}
    )
    assert bool(fitting.passes) == bool(fitting.needs) == bool(channel.fit) == (method in FITTED)


def test_what_comes_with_a_checkpoint_is_needed_and_not_fitted() -> None:
    fitting = fitting_of(Gem(whitening="checkpoint"))
    assert fitting.needs == {"mean", "projection", "scale"}
    assert fitting.passes == ()


@pytest.mark.parametrize("method", FITTED, ids=described)
def test_arrays_that_are_missing_are_named(method: Method) -> None:
    fitting = fitting_of(method)
    extractor: Any = SimpleNamespace(dimensions=4)
    arrays = {name: np.ones((2, 4), np.float32) for name in fitting.needs}
    for name in fitting.needs:
        with pytest.raises(FitError, match=rf'"{method.kind}" needs {name}, which were not fitted'):
            fitting.channel(extractor, {key: array for key, array in arrays.items() if key != name})
    with pytest.raises(FitError, match=", ".join(sorted(fitting.needs))):
        fitting.channel(extractor, {})


@pytest.mark.parametrize("method", [method for method in FITTED if fitting_of(method).meets_features], ids=described)
def test_arrays_of_other_features_are_refused(method: Method) -> None:
    fitting = fitting_of(method)
    assert fitting.meets_features in fitting.needs
    extractor: Any = SimpleNamespace(dimensions=5)
    for shape in ((2, 4), (0, 5)):
        with pytest.raises(FitError, match=r"were fitted on other features, not on 5 dimensions"):
            fitting.channel(extractor, {name: np.ones(shape, np.float32) for name in fitting.needs})
