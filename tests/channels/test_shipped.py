"""What ships with resight, and what refers to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resight.channels.shipped import BUILTIN, builtin_reference, read_fitted
from resight.descriptors.kinds import Gem, Joined, Mac
from resight.errors import FitError
from resight.features.kinds import JoinedMaps, Maps, Sift
from resight.learned.artefact import hash_arrays, load, save
from resight.recipe import load_recipe, recipes
from resight.words.kinds import Bow, Hamming

WHITENED: dict[str, Any] = {"whitening": "pca", "dimensions": 2}
FEATURES = JoinedMaps(
    parts=tuple(
        Maps.model_validate({"network": "resnet18", "layer": layer, "checkpoint": {"source": "random"}})
        for layer in ("layer1", "layer2", "layer3")
    )
)
METHOD = Joined(parts=(Gem(**WHITENED), Gem(), Mac(**WHITENED)))


def whitening(dimensions: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(dimensions)
    return {name: rng.random((2, dimensions)).astype(np.float32) for name in ("mean", "projection", "scale")}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr("resight.channels.shipped.BUILTIN", folder)
    save(folder / "random-layer1-scales=1-gem-p=3-power=1.npz", whitening(3), {"photos": 7})
    save(folder / "random-layer3-scales=1-mac-power=1.npz", whitening(4), {})
    return folder


def test_recipes_refer_to_nothing_that_does_not_ship_and_all_that_ships_is_referred_to() -> None:
    referred: set[str] = set()
    for info in recipes():
        for channel in load_recipe(info.name).channel.values():
            if channel.fit == "builtin":
                referred |= set(builtin_reference(channel.features, channel.method)["builtin"].split(" + "))
    assert referred == {entry.name.removesuffix(".npz") for entry in BUILTIN.iterdir() if entry.name.endswith(".npz")}


def test_what_ships_for_the_parts_is_read_as_one_fit(shipped: Path, tmp_path: Path) -> None:
    reference = builtin_reference(FEATURES, METHOD)
    assert reference["builtin"] == "random-layer1-scales=1-gem-p=3-power=1 + random-layer3-scales=1-mac-power=1"
    save(tmp_path / "fitted.npz", {}, reference)
    found = read_fitted(tmp_path / "fitted.npz", METHOD)
    expected = {f"0.{name}": array for name, array in whitening(3).items()}
    expected |= {f"2.{name}": array for name, array in whitening(4).items()}
    assert found.arrays.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found.arrays[name], array)
    assert found.sha256 == reference["sha256"] == hash_arrays(expected)


def test_a_reference_of_another_number_of_parts_is_refused(shipped: Path, tmp_path: Path) -> None:
    save(tmp_path / "joined.npz", {}, builtin_reference(FEATURES, METHOD))
    with pytest.raises(FitError, match='which is not for "gem"'):
        read_fitted(tmp_path / "joined.npz", METHOD.parts[0])
    save(tmp_path / "gem.npz", {}, builtin_reference(FEATURES.parts[0], METHOD.parts[0]))
    with pytest.raises(FitError, match='which is not for "joined"'):
        read_fitted(tmp_path / "gem.npz", METHOD)


def test_what_ships_for_one_method_is_read_as_it_is(shipped: Path, tmp_path: Path) -> None:
    method = Gem(**WHITENED)
    save(tmp_path / "fitted.npz", {}, builtin_reference(FEATURES.parts[0], method))
    found, kept = (
        read_fitted(tmp_path / "fitted.npz", method),
        load(shipped / "random-layer1-scales=1-gem-p=3-power=1.npz"),
    )
    assert (found.provenance, found.sha256) == (kept.provenance, kept.sha256) == ({"photos": 7}, kept.sha256)
    assert found.arrays.keys() == kept.arrays.keys()


def test_a_part_that_does_not_ship_is_named(shipped: Path) -> None:
    (shipped / "random-layer3-scales=1-mac-power=1.npz").unlink()
    with pytest.raises(
        FitError,
        match=r'called "random-layer3-scales=1-mac-power=1" \(there is random-layer1-scales=1-gem-p=3-power=1\)',
    ):
        builtin_reference(FEATURES, METHOD)


def test_a_fit_of_another_kind_is_refused(shipped: Path, tmp_path: Path) -> None:
    save(tmp_path / "words.npz", {"centroids": np.ones((2, 128), np.float32)}, {})
    assert read_fitted(tmp_path / "words.npz", Bow(size=2)).arrays.keys() == {"centroids"}
    with pytest.raises(FitError, match='"hamming" needs medians, projection, and this fit holds centroids'):
        read_fitted(tmp_path / "words.npz", Hamming(size=2))
    save(shipped / "sift-codebook-2.npz", {"centroids": np.ones((2, 128), np.float32)}, {})
    with pytest.raises(FitError, match="a fit of another kind: it lacks medians, projection"):
        builtin_reference(Sift(), Hamming(size=2))
