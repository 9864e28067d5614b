"""Bags of local convolutional features: their fit, their words, and their cosine with weights."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from index_samples import collection, write
from resight.features.kinds import Convolutional
from resight.features.local import LocalFeatures
from resight.images import Decoded
from resight.index.index import Index
from resight.learned.artefact import dequantise
from resight.learned.passes import Terms
from resight.words.kinds import Blcf
from resight.words.whitened_vocabulary import WhitenedVocabulary

SAMPLE = np.random.default_rng(0).normal(size=(600, 12)).astype(np.float32) * np.linspace(1, 4, 12, dtype=np.float32)


def fitted(**others: Any) -> tuple[Blcf, dict[str, Any]]:
    method = Blcf(size=10, dimensions=8, **others)
    (one,) = method.passes
    return method, dequantise(one.fit(SAMPLE, Terms(0)))


def local(rows: np.ndarray, weights: np.ndarray | None = None) -> LocalFeatures:
    m = len(rows)
    xy = np.arange(2 * m, dtype=np.float32).reshape(m, 2)
    return LocalFeatures(xy, np.ones(m, np.float32), np.zeros(m, np.float32), rows, weights)


def test_a_position_is_the_nearest_word_after_whitening_and_normalisation() -> None:
    method, arrays = fitted()
    assert arrays["projection"].shape == (8, 12)
    assert arrays["centroids"].shape == (10, 8)
    words = WhitenedVocabulary(arrays, method, False).encode(local(SAMPLE[:40]), (100, 100))
    cov = np.cov(SAMPLE.T, bias=True)
    values, axes = np.linalg.eigh(cov.astype(np.float64))
    values, axes = values[::-1][:8], axes[:, ::-1][:, :8]
    whitened = (SAMPLE[:40] - SAMPLE.mean(axis=0)) @ axes / np.sqrt(values)
    whitened *= np.sign((axes * arrays["projection"].T).sum(axis=0))
    whitened /= np.linalg.norm(whitened, axis=1, keepdims=True)
    distances = ((whitened[:, None] - arrays["centroids"][None]) ** 2).sum(axis=2)
    nearest = np.empty(40, np.int64)
    nearest[words.features] = words.words
    gaps = np.sort(distances, axis=1)
    clear = gaps[:, 1] - gaps[:, 0] > 1e-4
    assert clear.sum() > 30
    np.testing.assert_array_equal(nearest[clear], distances.argmin(axis=1)[clear])


def test_few_positions_are_enough_for_fewer_words(caplog: pytest.LogCaptureFixture) -> None:
    (one,) = Blcf().passes
    assert one.limit == 100 * 25_000
    (most,) = Blcf(size=1_000_000).passes
    assert most.limit == 3_000_000
    with caplog.at_level(logging.WARNING, "resight"):
        arrays = one.fit(SAMPLE, Terms(0))
    size = len(arrays["centroids"])
    assert caplog.messages == [f"600 descriptors are enough for {size} words, not for 25000: fitting {size}"]


def test_weights_of_positions_are_those_of_their_words() -> None:
    method, arrays = fitted()
    weights = np.linspace(0, 1, 20, dtype=np.float32)
    vocabulary = WhitenedVocabulary(arrays, method, True)
    words = vocabulary.encode(local(SAMPLE[:20], weights), (100, 100))
    np.testing.assert_allclose(words.weights, weights[words.features])
    query = vocabulary.query(local(SAMPLE[:20]), (100, 100))
    assert query.weights is None
    # All of a posting list have weights, or none.
    assert vocabulary.nothing().weights is not None
    unweighed = vocabulary.encode(local(SAMPLE[:20]), (100, 100)).weights
    np.testing.assert_array_equal(unweighed, 1.0)
    assert WhitenedVocabulary(arrays, method, False).nothing().weights is None


def test_soft_assignment_shares_the_weight_of_a_position() -> None:
    method, arrays = fitted(query_assignment=3, soft_sigma=0.5)
    weights = np.linspace(0.1, 1, 20, dtype=np.float32)
    words = WhitenedVocabulary(arrays, method, False).query(local(SAMPLE[:20], weights), (100, 100))
    assert len(words) == 60
    assert words.weights is not None
    np.testing.assert_allclose(np.bincount(words.features, words.weights), weights, rtol=1e-5)


def test_a_fit_serves_all_weightings() -> None:
    given = {"network": "resnet18", "layer": "layer2", "checkpoint": {"source": "random"}}
    plain = Convolutional.model_validate(given)
    salient = Convolutional.model_validate({**given, "saliency": "itti-koch"})
    assert Blcf().fitted_for(plain) == Blcf().fitted_for(salient)
    other = Convolutional.model_validate({**given, "layer": "layer3"})
    assert Blcf().fitted_for(plain) != Blcf().fitted_for(other)


RECIPE = """
name = "small"
[features]
kind = "convolutional"
network = "resnet18"
layer = "layer2"
max_side = 96
runtime = "torch"
upsampling = 2
box = "mask"
{features}
[features.checkpoint]
source = "random"
[words]
kind = "blcf"
size = 32
dimensions = 16
fit = "collection"
{words}
"""


@pytest.mark.parametrize(("features", "words"), [("", ""), ('saliency = "gaussian"', "idf = true")])
def test_an_index_scores_the_cosine_of_weighted_counts(features: str, words: str, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE.format(features=features, words=words))
    photos = collection(6)
    index = Index.create(tmp_path / "x.resight", recipe)
    folder = write(tmp_path / "photos", photos)
    (folder / "broken.png").write_bytes(b"x")
    index.add(folder)
    opened = index.collection
    view = opened.views["main"]
    catalogue = opened.snapshot.images
    ids = catalogue.ids[catalogue.indexed].tolist()
    kept = [view.evidence(image) for image in ids]
    counts = np.array([np.bincount(one.words, one.weights, minlength=32) for one in kept])
    idf = np.ones(32)
    if words:
        present = np.array([np.bincount(one.words, minlength=32) > 0 for one in kept]).sum(axis=0)
        idf = np.where(present > 0, np.log(len(ids) / np.maximum(present, 1)), 0.0)
    vectors = counts * idf
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    name = next(iter(photos))
    query = opened.channels["main"].extractor.prepare_query
    pixels = photos[name]
    decoded = Decoded(pixels, (pixels.shape[1], pixels.shape[0]))
    channel = opened.channels["main"]
    asked = channel.query(channel.extractor.extract([query(decoded, None)])[0], decoded.size)
    vector = np.bincount(asked.words, asked.weights, minlength=32) * idf
    vector /= np.linalg.norm(vector)
    ranking = view.search(asked, len(ids))
    expected = dict(zip(ids, (vectors @ vector).tolist(), strict=True))
    for image, score in zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True):
        assert score == pytest.approx(expected[image], abs=6e-3 if features else 1e-5)
    hits = index.search(folder / name, k=1, include_self=True).hits
    assert hits[0].name == name


def test_saliency_of_files_is_read_by_the_names_of_indexed_photos(tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE.format(features=f'saliency = "files"\nsaliency_folder = "{tmp_path}/maps"', words=""))
    photos = collection(3)
    folder = write(tmp_path / "photos" / "sub", photos).parent
    (tmp_path / "maps" / "sub").mkdir(parents=True)
    for name in photos:
        values = np.zeros((10, 10), np.uint8)
        values[:, 5:] = 255
        Image.fromarray(values).save(tmp_path / "maps" / "sub" / f"{name}.png")
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(folder)
    catalogue = index.collection.snapshot.images
    for image, width in zip(catalogue.ids.tolist(), catalogue.widths.tolist(), strict=True):
        # Places are kept to half of 1/255 of a side.
        assert index.collection.views["main"].evidence(image).xy[:, 0].min() > width * (0.4 - 1 / 510)
