"""What every method tells of itself, whatever its family."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest

from resight.descriptors.kinds import (
    Cam,
    Crow,
    Fisher,
    Gem,
    Joined,
    Mac,
    Mop,
    NetVlad,
    NeuralCodes,
    OfMaps,
    RegionCodes,
    Regions,
    Rmac,
    Spoc,
    Vlad,
    Whitened,
)
from resight.errors import FitError
from resight.features.kinds import ClassMaps, Codes, Convolutional, FeaturesKind, JoinedMaps, Maps, Sift
from resight.learned.kinds import FitSource
from resight.learned.method import Method
from resight.learned.registered import SECTIONS, kinds, model_of
from resight.recipe import ChannelRecipe
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming

WHITENED: dict[str, Any] = {"whitening": "pca", "dimensions": 8}
NETWORK: dict[str, Any] = {"network": "resnet18", "layer": "layer3", "checkpoint": {"source": "random"}}
SIFT = Sift()
MAPS = Maps.model_validate({**NETWORK, "scales": (1.0, 0.5)})
CLASS_MAPS = ClassMaps.model_validate(NETWORK)
CODES = Codes.model_validate({**NETWORK, "regions": "patches"})

CODES_OF = "codes of resnet18 layer3 regions=patches levels=3"
NAMES: list[tuple[FeaturesKind, Method, str, str]] = [
    (SIFT, Bow(size=16), "sift-codebook-16", "RootSIFT"),
    (Sift(root=False), Hamming(size=16), "sift-without-root-codebook-16", "SIFT"),
    (
        Convolutional.model_validate(NETWORK),
        Asmk(size=16),
        "random-layer3-scales=1-upsampling=1-codebook-16",
        "convolutional of resnet18 layer3 scales=1 upsampling=1",
    ),
    (SIFT, Vlad(), "sift-codebook-64", "RootSIFT"),
    (
        SIFT,
        Vlad(whitening="pca"),
        "sift-codebook-64",
        "RootSIFT, vlad-size=64-normalisation=intra-power=0.5, power=1",
    ),
    (SIFT, Fisher(pca=32), "sift-fisher-64x32", "RootSIFT"),
    (
        MAPS,
        Gem(p=2.5, power=0.5),
        "random-layer3-scales=1+0.5-gem-p=2.5-power=0.5",
        "gem-p=2.5 of resnet18 layer3 scales=1+0.5, power=0.5",
    ),
    (
        MAPS,
        Crow(a=1),
        "random-layer3-scales=1+0.5-crow-a=1-b=2-power=1",
        "crow-a=1-b=2 of resnet18 layer3 scales=1+0.5, power=1",
    ),
    (
        MAPS,
        Spoc(centre_prior=True),
        "random-layer3-scales=1+0.5-spoc-centre_prior=True-power=1",
        "spoc-centre_prior=True of resnet18 layer3 scales=1+0.5, power=1",
    ),
    (
        MAPS,
        Rmac(levels=2),
        "random-layer3-scales=1+0.5-regions-levels=2-power=1",
        "regions-levels=2 of resnet18 layer3 scales=1+0.5, power=1",
    ),
    (
        MAPS,
        Regions(levels=2),
        "random-layer3-scales=1+0.5-regions-levels=2-power=1",
        "regions-levels=2 of resnet18 layer3 scales=1+0.5, power=1",
    ),
    (
        MAPS,
        NetVlad(whitening="none"),
        "random-layer3-scales=1+0.5-netvlad-64",
        "netvlad of resnet18 layer3 scales=1+0.5",
    ),
    (
        MAPS,
        NetVlad(),
        "random-layer3-scales=1+0.5-netvlad-64",
        "netvlad-words=checkpoint-size=64 of resnet18 layer3 scales=1+0.5, power=1",
    ),
    (CLASS_MAPS, Cam(), "random-layer3-scales=1-cam-power=1", "cam of resnet18 layer3 scales=1, power=1"),
    (
        CODES,
        NeuralCodes(power=0.0),
        "random-layer3-regions=patches-levels=3-codes-power=0",
        f"{CODES_OF}, power=0",
    ),
    (CODES, RegionCodes(), "random-layer3-regions=patches-levels=3-region-codes-power=1", f"{CODES_OF}, power=1"),
    (CODES, Mop(), "random-layer3-regions=patches-levels=3-mop-100x500", f"{CODES_OF}, power=1"),
    (CODES, Mop(whitening="none"), "random-layer3-regions=patches-levels=3-mop-100x500", CODES_OF),
]

OTHER_VECTORS: list[tuple[FeaturesKind, Method, FeaturesKind, Method]] = [
    (MAPS, Gem(), Maps.model_validate({**NETWORK, "scales": (2.0, 0.5)}), Gem()),
    (MAPS, Gem(), Maps.model_validate({**NETWORK, "scales": (1.0,)}), Gem()),
    (MAPS, Gem(), Maps.model_validate({**MAPS.model_dump(), "layer": "layer4"}), Gem()),
    (
        MAPS,
        Gem(),
        MAPS.model_copy(update={"checkpoint": MAPS.checkpoint.model_copy(update={"mean": (0.4, 0.4, 0.4)})}),
        Gem(),
    ),
    (
        MAPS,
        Gem(),
        MAPS.model_copy(update={"checkpoint": MAPS.checkpoint.model_copy(update={"padding": "same"})}),
        Gem(),
    ),
    (CODES, NeuralCodes(), CODES.model_copy(update={"regions": "grid"}), NeuralCodes()),
    (CODES, NeuralCodes(), CODES.model_copy(update={"levels": 2}), NeuralCodes()),
    (
        Convolutional.model_validate(NETWORK),
        Asmk(),
        Convolutional.model_validate({**NETWORK, "upsampling": 2}),
        Asmk(),
    ),
    (SIFT, Asmk(), Sift(root=False), Asmk()),
    (MAPS, Gem(power=1.0), MAPS, Gem(power=0.5)),
]
"""Pairs whose vectors, or what whitens them, differ in one field."""

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
    assert (method.shipped_name(features), method.fitted_for(features)) == (shipped, fitted_for)


@pytest.mark.parametrize(("features", "method", "other_features", "other"), OTHER_VECTORS)
def test_fits_of_other_vectors_are_told_apart(
    features: FeaturesKind, method: Method, other_features: FeaturesKind, other: Method
) -> None:
    assert method.fitted_for(features) != other.fitted_for(other_features)
    assert method.shipped_name(features) != other.shipped_name(other_features)


def changed(value: Any, annotation: Any) -> Any:
    """Returns another value that a parameter may have."""
    match value:
        case bool():
            return not value
        case str():
            return next(one for one in get_args(annotation) if one != value)
        case tuple():
            return (*value, 1)
    return value + 1


@pytest.mark.parametrize("name", [*kinds("descriptor", OfMaps), "regions"])
def test_every_parameter_of_a_pooling_tells_its_fits_apart(name: str) -> None:
    kind: Any = model_of("descriptor", name)
    method = kind()
    # One more region is one more vector of the same meaning.
    for key in kind.model_fields.keys() - Whitened.model_fields.keys() - {"kind", "matching", "whole"}:
        other = kind(**{key: changed(getattr(method, key), kind.model_fields[key].annotation)})
        assert other.fitted_for(MAPS) != method.fitted_for(MAPS), key
        assert other.shipped_name(MAPS) != method.shipped_name(MAPS), key


def test_the_power_of_a_fit_tells_it_apart() -> None:
    ours: dict[str, Any] = {"collection_power": 0.35}
    joined = Joined(parts=(Rmac(**ours), Gem(**ours)))
    for method in (Gem(**ours), Vlad(whitening="pca", **ours), NetVlad(**ours), Mop(**ours), joined):
        features: FeaturesKind = {"vlad": SIFT, "mop": CODES, "joined": JoinedMaps(parts=(MAPS, MAPS))}.get(
            method.kind, MAPS
        )
        assert method.fitted_for(features, searched=True) != method.fitted_for(features)
    assert Gem(power=0.5).fitted_for(MAPS, searched=True) == Gem(power=0.5).fitted_for(MAPS)


def test_the_shrinkage_of_a_fit_tells_it_apart_and_how_it_is_kept_does_not() -> None:
    for one, plain, other in (
        (Gem(shrinkage=0.0), Gem(), Gem(stored="float32")),
        (NetVlad(shrinkage=0.0), NetVlad(), NetVlad(stored="float32")),
    ):
        assert one.fitted_for(MAPS) == f"{plain.fitted_for(MAPS)}, shrinkage=0"
        assert plain.fitted_for(MAPS) == other.fitted_for(MAPS)


def test_every_kind_has_its_section_and_layout() -> None:
    found = [(section, kind) for section in SECTIONS for kind in kinds(section, Method)]
    assert len(found) >= 18
    for section, kind in found:
        model: Any = model_of(section, kind)
        assert model.section == section
        assert model.layout in ("vector", "regions", "words", "descriptors")
        assert model.made_of
        assert model.score_meaning


@pytest.mark.parametrize("method", [*FITTED, *UNFITTED], ids=described)
def test_a_fit_is_made_where_a_recipe_says_so(method: Method) -> None:
    section = "words" if isinstance(method, Bow | Hamming | Asmk) else "descriptor"
    channel = ChannelRecipe.model_construct(
        features=SIFT, **{"words": None, "descriptor": None, "match": None, section: method}
    )
    assert bool(method.passes) == bool(method.needs) == bool(channel.source) == (method in FITTED)


def test_what_comes_with_a_checkpoint_is_needed_and_not_fitted() -> None:
    method = Gem(whitening="checkpoint")
    assert method.needs == {"mean", "projection", "scale"}
    assert method.passes == ()
    assert method.source == FitSource("checkpoint")


@pytest.mark.parametrize("method", FITTED, ids=described)
def test_arrays_that_are_missing_are_named(method: Method) -> None:
    extractor: Any = SimpleNamespace(dimensions=4)
    arrays = {name: np.ones((2, 4), np.float32) for name in method.needs}
    for name in method.needs:
        with pytest.raises(FitError, match=rf'"{method.kind}" needs {name}, which were not fitted'):
            method.opened(extractor, {key: array for key, array in arrays.items() if key != name})
    with pytest.raises(FitError, match=", ".join(sorted(method.needs))):
        method.opened(extractor, {})


@pytest.mark.parametrize("method", [method for method in FITTED if method.meets_features], ids=described)
def test_arrays_of_other_features_are_refused(method: Method) -> None:
    assert method.meets_features in method.needs
    extractor: Any = SimpleNamespace(dimensions=5)
    for shape in ((2, 4), (0, 5)):
        with pytest.raises(FitError, match=r"were fitted on other features, not on 5 dimensions"):
            method.opened(extractor, {name: np.ones(shape, np.float32) for name in method.needs})
