"""Soft assignment of queries and of indexed photos, against the definition in dense vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from index_samples import collection, texture, write
from resight.features.local import LocalFeatures
from resight.images import Decoded
from resight.index.index import Index
from resight.words.kinds import Bow
from resight.words.vocabulary import Vocabulary

SIGMA = 0.2
RECIPE = """
name = "soft"
[features]
kind = "sift"
max_features = 60
[words]
kind = "bow"
size = 12
fit = "collection"
query_assignment = 3
image_assignment = IMAGE
soft_sigma = 0.2
"""


def vocabulary(k: int, words: int = 9) -> Vocabulary:
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(words, 16)).astype(np.float32)
    method = Bow(size=words, query_assignment=k, image_assignment=k, soft_sigma=SIGMA if k > 1 else 0.0)
    return Vocabulary({"centroids": centroids / np.linalg.norm(centroids, axis=1, keepdims=True)}, method)


def features(seed: int, count: int = 20) -> LocalFeatures:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 16)).astype(np.float32)
    line = rng.random(count, np.float32)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return LocalFeatures(rng.random((count, 2), np.float32), line, line, unit)


def softly(descriptors: np.ndarray, centroids: np.ndarray, k: int) -> np.ndarray:
    """Summed weights of each word: the definition."""
    total = np.zeros(len(centroids))
    for x in descriptors:
        distances = ((centroids - x) ** 2).sum(axis=1)
        near = np.argsort(distances, kind="stable")[:k]
        weights = np.exp(-distances[near] / (2 * SIGMA**2))
        total[near] += weights / weights.sum()
    return total


def test_a_feature_of_an_indexed_photo_has_its_words_by_their_distance() -> None:
    words, given = vocabulary(3), features(1)
    found = words.encode(given, (100, 80))
    assert len(found) == len(found.xy) == 3 * len(given)
    assert (np.diff(found.words) >= 0).all()
    assert found.features.tolist() == list(range(len(found)))
    assert found.weights is not None
    total = np.bincount(found.words, found.weights, minlength=words.size)
    np.testing.assert_allclose(total, softly(given.descriptors, words.centroids, 3), atol=1e-5)
    # Each word is where its feature is.
    for xy in found.xy:
        assert (given.xy == xy).all(axis=1).any()


def test_with_one_word_nothing_changes() -> None:
    words, given = vocabulary(1), features(1)
    found, asked = words.encode(given, (100, 80)), words.query(given, (100, 80))
    assert found.weights is None
    np.testing.assert_array_equal(found.words, asked.words)


def test_several_words_of_indexed_features_need_a_sigma() -> None:
    with pytest.raises(ValidationError, match="set soft_sigma"):
        Bow(image_assignment=3)


@pytest.mark.parametrize("k", [1, 3])
def test_scores_are_the_cosine_of_soft_vectors(k: int, tmp_path: Path) -> None:
    recipe = tmp_path / "soft.toml"
    recipe.write_text(RECIPE.replace("IMAGE", str(k)))
    photos = collection(4)
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(write(tmp_path / "photos", photos))
    (channel,) = index.collection.channels.values()
    encoder = channel.encoder
    centroids = encoder.centroids
    extractor = channel.extractor

    def vector(pixels: np.ndarray, nearest: int) -> np.ndarray:
        size = (pixels.shape[1], pixels.shape[0])
        (local,) = extractor.extract([extractor.prepare(Decoded(pixels, size))])
        return softly(local.descriptors, centroids, nearest)

    database = {name: vector(pixels, k) for name, pixels in photos.items()}
    rows = np.stack(list(database.values()))
    idf = np.log(len(rows) / np.maximum((rows > 0).sum(axis=0), 1)) * ((rows > 0).sum(axis=0) > 0)
    query = texture(77, 160, 120)
    asked = vector(query, 3) * idf
    expected = {
        name: float(own * idf @ asked / max(np.linalg.norm(own * idf) * np.linalg.norm(asked), 1e-12))
        for name, own in database.items()
    }
    for hit in index.search(query, k=len(photos)).hits:
        assert hit.score == pytest.approx(expected[hit.name], abs=0.03)
