"""Codebooks: k-means that finds the clusters there are, and the same nearest words as a naive search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import resight.learned.codebook as module
from resight.errors import FitError
from resight.learned.codebook import EXACT_LIMIT, Assigner, affordable_size, fit_codebook


def clusters(centres: int, each: int, d: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    means = rng.standard_normal((centres, d)) * 10
    x = np.repeat(means, each, axis=0) + 0.1 * rng.standard_normal((centres * each, d))
    return means.astype(np.float32), x.astype(np.float32)[rng.permutation(centres * each)]


def naive(x: np.ndarray, centroids: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    squares = ((x[:, None].astype(np.float64) - centroids[None].astype(np.float64)) ** 2).sum(axis=-1)
    squares = squares.astype(np.float32)
    words = np.lexsort((np.broadcast_to(np.arange(len(centroids)), squares.shape), squares))[:, :k]
    return words, np.take_along_axis(squares, words, axis=1)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 60), size=st.integers(1, 40), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_exact_assignment_is_the_naive_one(n: int, size: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = min(k, size)
    centroids = rng.random((size, 8), np.float32)
    x = rng.random((n, 8), np.float32)
    words, distances = Assigner(centroids).assign(x, k)
    expected_words, expected_distances = naive(x, centroids, k)
    assert words.dtype == np.int32
    assert distances.dtype == np.float32
    assert words.shape == distances.shape == (n, k)
    np.testing.assert_array_equal(words, expected_words)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-6)


def test_equally_near_words_come_in_the_order_of_their_numbers() -> None:
    centroids = np.array([[5, 0], [0, 1], [1, 0], [0, -1]], np.float32)
    words, distances = Assigner(centroids).assign(np.zeros((3, 2), np.float32), 3)
    assert words.tolist() == [[1, 2, 3]] * 3
    assert distances.tolist() == [[1, 1, 1]] * 3


def test_words_whose_distances_rounding_confuses() -> None:
    """Far from the origin a product of matrices, which some builds of faiss use, cannot tell such distances apart."""
    rng = np.random.default_rng(0)
    centroids = (1000 + 0.01 * rng.standard_normal((3, 32))).astype(np.float32)
    x = (1000 + 0.01 * rng.standard_normal((200, 32))).astype(np.float32)
    np.testing.assert_array_equal(Assigner(centroids).assign(x)[0], naive(x, centroids, 1)[0])


def test_several_threads_build_the_same_graph() -> None:
    centroids = np.random.default_rng(0).random((5000, 16), np.float32)
    before = module.faiss.omp_get_max_threads()
    try:
        graphs = []
        for threads in (1, 4, 4):
            module.faiss.omp_set_num_threads(threads)
            graphs.append(Assigner(centroids, exact_limit=0).graph())
    finally:
        module.faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(graphs[0], graphs[1])
    np.testing.assert_array_equal(graphs[0], graphs[2])


@pytest.mark.parametrize("exact_limit", [0, EXACT_LIMIT])
def test_assignment_does_not_depend_on_batch_or_threads(exact_limit: int) -> None:
    rng = np.random.default_rng(0)
    centroids, x = rng.random((3000, 32), np.float32), rng.random((700, 32), np.float32)
    assigner = Assigner(centroids, exact_limit=exact_limit)
    whole = assigner.assign(x, 5)
    for batch in (1, 7, 33, 300):
        parts = [assigner.assign(x[start : start + batch], 5) for start in range(0, len(x), batch)]
        np.testing.assert_array_equal(np.concatenate([words for words, _ in parts]), whole[0])
        np.testing.assert_array_equal(np.concatenate([distances for _, distances in parts]), whole[1])
    before = module.faiss.omp_get_max_threads()
    module.faiss.omp_set_num_threads(3)
    try:
        again = Assigner(centroids, exact_limit=exact_limit).assign(x, 5)
        assert module.faiss.omp_get_max_threads() == 3
    finally:
        module.faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(again[0], whole[0])
    np.testing.assert_array_equal(again[1], whole[1])


def test_the_graph_finds_nearly_the_same_words() -> None:
    _, x = clusters(400, 12, d=32)
    exact, graph = Assigner(x), Assigner(x, exact_limit=0)
    queries = x[:500] + 0.05 * np.random.default_rng(1).standard_normal((500, 32)).astype(np.float32)
    assert (exact.assign(queries)[0] == graph.assign(queries)[0]).mean() > 0.99
    five = zip(exact.assign(queries, 5)[0], graph.assign(queries, 5)[0], strict=True)
    assert np.mean([len(np.intersect1d(one, other)) / 5 for one, other in five]) > 0.98


def test_a_saved_graph_gives_the_same_words() -> None:
    rng = np.random.default_rng(0)
    centroids, x = rng.random((2000, 16), np.float32), rng.random((300, 16), np.float32)
    built = Assigner(centroids, exact_limit=0)
    saved = built.graph()
    assert saved.dtype == np.uint8
    np.testing.assert_array_equal(saved, Assigner(centroids, exact_limit=0).graph())
    restored = Assigner(centroids, graph=saved, exact_limit=0)
    for one, other in zip(restored.assign(x, 4), built.assign(x, 4), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(FitError, match="other centroids"):
        Assigner(centroids[::-1], graph=saved, exact_limit=0)
    with pytest.raises(FitError, match="another size"):
        Assigner(centroids[:10], graph=saved, exact_limit=0)
    with pytest.raises(FitError, match="damaged"):
        Assigner(centroids, graph=saved[:1000], exact_limit=0)
    with pytest.raises(FitError, match="no graph"):
        Assigner(centroids).graph()


def test_a_graph_over_equal_centroids_still_answers() -> None:
    centroids = np.repeat(np.random.default_rng(0).random((3, 8), np.float32), 400, axis=0)
    words, distances = Assigner(centroids, exact_limit=0).assign(centroids[::300], 5)
    assert words.min() >= 0
    assert not distances.any()


def test_too_many_nearest_words() -> None:
    with pytest.raises(FitError, match="4 nearest words were asked for in a codebook of 3"):
        Assigner(np.eye(3, dtype=np.float32)).assign(np.eye(3, dtype=np.float32), 4)


def test_exactness_follows_the_size() -> None:
    centroids = np.random.default_rng(0).random((50, 4), np.float32)
    assert Assigner(centroids).exact
    assert Assigner(centroids, exact_limit=50).exact
    assert not Assigner(centroids, exact_limit=49).exact


def test_kmeans_improves_and_its_words_are_means() -> None:
    _, x = clusters(40, 60)
    lines: list[str] = []
    one = fit_codebook(x, 40, 0, iterations=1)
    many = fit_codebook(x, 40, 0, iterations=30, progress=lines.append)
    assert many.shape == (40, 16)
    assert many.dtype == np.float32
    words, distances = Assigner(many).assign(x)
    assert distances.mean() < Assigner(one).assign(x)[1].mean()
    means = np.stack([x[words[:, 0] == word].mean(axis=0) for word in range(40)])
    np.testing.assert_allclose(many, means, atol=1e-4)
    assert lines[0].startswith("k-means, 40 words: iteration 1 of 30, error ")
    assert len(lines) < 30  # ends when no word changes


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
