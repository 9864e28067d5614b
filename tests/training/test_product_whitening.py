"""The product's whitening: what is judged in training is what an index makes, and pairs are brought together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from resight.channels.opening import open_channel
from resight.descriptors.joining import JoinedEncoder
from resight.errors import StorageError
from resight.features.opening import open_extractor
from resight.images import decode
from resight.learned.artefact import load
from resight.learned.whitening import Whitening, to_arrays
from resight.recipe import load_recipe
from resight.training import product
from resight.training.indexed import from_file, from_pixels, vectors_of
from resight.training.model import Part, parts_of
from resight.training.product import write_recipe, write_whitening
from resight.training.whitening import PhotoVectors, described, fit_by_components, fit_on_pairs


def test_what_is_judged_is_what_an_index_makes(recipe_folder: Path, world_folder: Path, tmp_path: Path) -> None:
    channel = load_recipe(recipe_folder / "tiny.toml").channel["main"]
    parts = parts_of(channel, "tiny")
    files = sorted((world_folder / "images").glob("*.jpg"))
    rows = vectors_of(channel, parts, recipe_folder, [from_file(file, 96) for file in files])
    whitenings = [fit_by_components(own, part) for own, part in zip(rows, parts, strict=True)]
    write_whitening(tmp_path, channel, whitenings, {"kind": "pca"})
    artefact = load(tmp_path / "whitening.npz")
    assert artefact.provenance["fitted_for"] == channel.method.fitted_for(channel.features)
    extractor = open_extractor(channel.features, recipe_folder)
    encoder = open_channel(channel.method, extractor, artefact.arrays).encoder
    assert isinstance(encoder, JoinedEncoder)
    features = extractor.extract([extractor.prepare(decode(file, 96)) for file in files[:4]])
    wanted = np.stack([encoder.encode(one, (0, 0))[0] for one in features])
    found = described(parts, "concatenate", [own.some(range(4)) for own in rows], whitenings)
    # A file keeps a byte a number.
    assert np.allclose(found @ found.T, wanted @ wanted.T, atol=0.02)
    shapes = {key: array.shape for key, array in artefact.arrays.items()}
    assert shapes == {
        f"{number}.{key}": array.shape for number, one in enumerate(whitenings) for key, array in to_arrays(one).items()
    }


def test_pixels_are_a_source_like_a_file(recipe_folder: Path, world_folder: Path) -> None:
    channel = load_recipe(recipe_folder / "tiny.toml").channel["main"]
    file = sorted((world_folder / "images").glob("*.jpg"))[0]
    sources = [from_file(file, 96), from_pixels(lambda: decode(file, 96).pixels)]
    for rows in vectors_of(channel, parts_of(channel, "tiny"), recipe_folder, sources):
        assert np.array_equal(*rows.of)


def test_a_full_disk_says_what_to_do(recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(product, "write_whole", full)
    channel = load_recipe(recipe_folder / "words.toml").channel["main"]
    whitening = Whitening(np.zeros(3, np.float32), np.eye(3, dtype=np.float32))
    with pytest.raises(StorageError, match=r"whitening\.npz: .*: make room, and run the same command again"):
        write_whitening(tmp_path, channel, [whitening], {"kind": "pca"})
    with pytest.raises(StorageError, match=r"recipe\.toml: .*: make room, and run the same command again"):
        write_recipe(tmp_path / "recipe.toml", {"name": "some"}, "")


@pytest.fixture
def part(recipe_folder: Path) -> Part:
    return parts_of(load_recipe(recipe_folder / "tiny.toml").channel["main"], "tiny")[0]


def test_pairs_whiten_the_mean_vectors_shrunk_by_how_few_they_are(part: Part) -> None:
    rng = np.random.default_rng(0)
    rows = PhotoVectors([rng.standard_normal((int(count), 12)).astype(np.float32) for count in rng.integers(1, 6, 50)])
    pairs = np.arange(40).reshape(-1, 2)
    whitening = fit_on_pairs(rows, pairs, part)
    means = np.stack([own.mean(axis=0) for own in rows.of])
    difference = (means[pairs[:, 0]] - means[pairs[:, 1]]).astype(np.float64)
    inner = difference.T @ difference / 20
    share = 12 / (12 + 20)
    shrunk = (1 - share) * inner + share * np.trace(inner) / 12 * np.eye(12)
    projection = whitening.projection.astype(np.float64)
    np.testing.assert_allclose(projection @ shrunk @ projection.T, np.eye(12), atol=1e-3)
    np.testing.assert_allclose(whitening.mean, means[:40].mean(axis=0), atol=1e-6)
