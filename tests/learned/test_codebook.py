"""Codebooks: k-means that finds the clusters there are, and the same nearest words as a naive search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import resight.learned.codebook as module
from resight.errors import FitError
from resight.learned.assignment import Assigner
from resight.learned.codebook import affordable_size, fit_codebook


def clusters(centres: int, each: int, d: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    means = rng.standard_normal((centres, d)) * 10
    x = np.repeat(means, each, axis=0) + 0.1 * rng.standard_normal((centres * each, d))
    return means.astype(np.float32), x.astype(np.float32)[rng.permutation(centres * each)]


def test_kmeans_improves_and_its_words_are_means(monkeypatch: pytest.MonkeyPatch) -> None:
    _, x = clusters(40, 60)
    lines: list[str] = []
    one = fit_codebook(x, 40, 0, iterations=1)
    monkeypatch.setattr(module, "LONG_ITERATION", len(x) * 40)
    many = fit_codebook(x, 40, 0, iterations=30, progress=lines.append)
    assert many.shape == (40, 16)
    assert many.dtype == np.float32
    words, distances = Assigner(many).assign(x)
    assert distances.mean() < Assigner(one).assign(x)[1].mean()
    means = np.stack([x[words[:, 0] == word].mean(axis=0) for word in range(40)])
    np.testing.assert_allclose(many, means, atol=1e-4)
    assert lines[0].startswith("k-means, 40 words: iteration 1 of 30, error ")
    assert len(lines) < 30  # ends when no word changes


@pytest.mark.parametrize("iterations", [2, 30])
def test_short_iterations_are_told_of_once(iterations: int) -> None:
    _, x = clusters(40, 60)
    lines: list[str] = []
    fit_codebook(x, 40, 0, iterations=iterations, progress=lines.append)
    assert len(lines) == 1
    assert f" of {iterations}, error " in lines[0]


def test_kmeans_from_the_true_means_stays_there() -> None:
    means, x = clusters(8, 200)
    near = [np.abs(fit_codebook(x, 8, seed)[:, None] - means).max(axis=-1).min(axis=1).max() for seed in range(12)]
    assert min(near) < 0.1


def test_the_same_seed_gives_the_same_codebook() -> None:
    _, x = clusters(20, 40)
    np.testing.assert_array_equal(fit_codebook(x, 30, 5), fit_codebook(x, 30, np.random.default_rng(5)))
    assert not np.array_equal(fit_codebook(x, 30, 5, iterations=1), fit_codebook(x, 30, 6, iterations=1))


def test_no_word_is_left_empty() -> None:
    """Nearly all points are the same one, so nearly all words start on it and all but one of them lose everything."""
    x = np.zeros((500, 4), np.float32)
    x[:60] = np.random.default_rng(0).standard_normal((60, 4))
    centroids = fit_codebook(x, 40, 0, iterations=20)
    assert len(np.unique(centroids, axis=0)) == 40
    assert np.isfinite(centroids).all()


def test_only_equal_points() -> None:
    assert np.array_equal(fit_codebook(np.ones((50, 4), np.float32), 5, 0), np.ones((5, 4)))


def test_two_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    _, x = clusters(100, 40)
    flat = fit_codebook(x, 200, 0)
    monkeypatch.setattr(module, "ONE_LEVEL_LIMIT", 199)
    lines: list[str] = []
    codebook = fit_codebook(x, 200, 0, progress=lines.append)
    assert codebook.shape == (200, 16)
    assert lines[-1] == "k-means, 200 words: cell 14 of 14"
    np.testing.assert_array_equal(codebook, fit_codebook(x, 200, 0))
    errors = [Assigner(one).assign(x)[1].mean() for one in (flat, codebook)]
    assert errors[1] < 3 * errors[0]


def test_two_levels_with_as_many_words_as_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ONE_LEVEL_LIMIT", 1)
    x = np.random.default_rng(0).random((50, 3), np.float32)
    codebook = fit_codebook(x, 50, 0)
    np.testing.assert_allclose(codebook[np.lexsort(codebook.T)], x[np.lexsort(x.T)], atol=1e-6)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(any), st.floats(0, 1))
def test_shares(counts: list[int], part: float) -> None:
    total = sum(counts)
    size = max(1, round(part * total))
    shares = module._shares(np.array(counts), size)
    assert shares.sum() == size
    assert (shares <= counts).all()
    assert (np.abs(shares - np.array(counts) * size / total) <= 1).all()


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    assert module._shares(np.array([10, 14, 16]), 4).tolist() == [1, 1, 2]


def test_sizes() -> None:
    assert affordable_size(10**6, 16_384) == 16_384
    assert affordable_size(3000, 16_384) == 100
    assert affordable_size(1, 10) == 1
    with pytest.raises(FitError, match="no descriptors"):
        affordable_size(0, 10)
    with pytest.raises(FitError, match="a codebook of 11 words cannot be fitted to 10 descriptors"):
        fit_codebook(np.zeros((10, 4), np.float32), 11, 0)
