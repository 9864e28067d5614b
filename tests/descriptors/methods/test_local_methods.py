"""What VLAD and Fisher vectors of local features are fitted on."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from resight.descriptors.kinds import Fisher, Vlad
from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift_extractor import SiftExtractor
from resight.learned.mixture import fit_mixture, fit_pca
from resight.learned.passes import Terms
from resight.learned.whitening import VECTORS, fit_pca_whitening, to_arrays
from resight.recipe import load_recipe
from resight.words.kinds import Bow

EXTRACTOR = SiftExtractor(Sift())
SIZE = (1, 1)


def photo(seed: int, count: int = 40) -> LocalFeatures:
    rng = np.random.default_rng(seed)
    line = np.ones(count, np.float32)
    return LocalFeatures(rng.random((count, 2), np.float32), line, line, rng.random((count, 128), np.float32))


PHOTOS = [photo(seed) for seed in range(12)]
SAMPLE = np.concatenate([one.descriptors for one in PHOTOS])


def test_a_whitening_is_fitted_on_the_whole_vectors_that_the_codebook_gives() -> None:
    method = Vlad(size=4, whitening="pca", dimensions=5, collection_power=0.5)
    words, whitening = method.passes
    assert (words.one_each, whitening.one_each) == (False, True)
    arrays = words.fit(SAMPLE, Terms(0))
    (bow,) = Bow(size=4).passes
    np.testing.assert_array_equal(arrays["centroids"], bow.fit(SAMPLE, Terms(0))["centroids"])
    rows_of = whitening.rows_of(EXTRACTOR, arrays)
    plain: Any = Vlad(size=4).opened(EXTRACTOR, arrays)
    vectors = np.concatenate([rows_of(one) for one in PHOTOS])
    np.testing.assert_array_equal(vectors, [plain.query(one, SIZE) for one in PHOTOS])
    assert rows_of(LocalFeatures.none()).shape == (0, vectors.shape[1])
    fitted = whitening.fit(vectors, Terms(0, searched=True))
    expected = to_arrays(fit_pca_whitening(vectors, 5, power=0.5), VECTORS)
    assert fitted.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(fitted[name], array)
    assert method.opened(EXTRACTOR, arrays | fitted).size == 5


@pytest.mark.parametrize("name", ["mop", "netvlad-vgg16", "ng-vlad"])
def test_recipes_take_more_whole_vectors_than_dimensions(name: str) -> None:
    method: Any = load_recipe(name).channel["main"].method
    assert method.passes[-1].one_each
    assert method.passes[-1].limit > method.dimensions


def test_a_full_whitening_by_the_photos_that_are_searched_says_so(caplog: pytest.LogCaptureFixture) -> None:
    vectors = np.random.default_rng(0).random((40, 8), np.float32)
    with caplog.at_level(logging.WARNING, "resight"):
        for method in (Vlad(whitening="pca", dimensions=4), Vlad(whitening="pca", dimensions=4, collection_power=0.35)):
            for searched in (False, True):
                method.passes[-1].fit(vectors, Terms(0, searched))
    assert len(caplog.messages) == 1
    assert "whitened fully by the photos that are searched" in caplog.messages[0]


def test_few_photos_are_whitened_to_fewer_dimensions(caplog: pytest.LogCaptureFixture) -> None:
    whitening = Vlad(whitening="pca").passes[1]
    vectors = np.random.default_rng(0).random((7, 30), np.float32)
    with caplog.at_level(logging.WARNING, "resight"):
        assert len(whitening.fit(vectors, Terms(0))[f"{VECTORS}projection"]) == 6
    assert caplog.messages == ["7 descriptors are enough for 6 dimensions, not for 128: fitting 6"]


def test_a_mixture_is_fitted_on_principal_components() -> None:
    method = Fisher(components=3, pca=6)
    (mixture,) = method.passes
    arrays = mixture.fit(SAMPLE, Terms(seed=2))
    assert arrays.keys() == method.needs
    pca = fit_pca(SAMPLE, 6)
    np.testing.assert_array_equal(arrays["components"], pca.components)
    np.testing.assert_array_equal(arrays["means"], fit_mixture(pca.apply(SAMPLE), 3, 2).means)
