"""Nearest words: the same as a naive search finds, in any batch, on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import resight.learned.assignment as module
from resight.errors import FitError
from resight.learned.assignment import Assigner

# What makes an assigner compare all words, filter by short codes, or walk a graph, however small its codebook.
WAYS = {"flat": {}, "codes": {"flat_limit": 0}, "graph": {"flat_limit": 0, "filter_limit": 0}}


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
            graphs.append(Assigner(centroids, **WAYS["graph"]).graph())
    finally:
        module.faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(graphs[0], graphs[1])
    np.testing.assert_array_equal(graphs[0], graphs[2])


@pytest.mark.parametrize("way", WAYS)
def test_assignment_does_not_depend_on_batch_or_threads(way: str) -> None:
    rng = np.random.default_rng(0)
    centroids, x = rng.random((3000, 32), np.float32), rng.random((700, 32), np.float32)
    assigner = Assigner(centroids, **WAYS[way])
    whole = assigner.assign(x, 5)
    for batch in (1, 7, 33, 300):
        parts = [assigner.assign(x[start : start + batch], 5) for start in range(0, len(x), batch)]
        np.testing.assert_array_equal(np.concatenate([words for words, _ in parts]), whole[0])
        np.testing.assert_array_equal(np.concatenate([distances for _, distances in parts]), whole[1])
    before = module.faiss.omp_get_max_threads()
    module.faiss.omp_set_num_threads(3)
    try:
        again = Assigner(centroids, **WAYS[way]).assign(x, 5)
        assert module.faiss.omp_get_max_threads() == 3
    finally:
        module.faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(again[0], whole[0])
    np.testing.assert_array_equal(again[1], whole[1])


@pytest.mark.parametrize("way", ["codes", "graph"])
def test_what_is_not_exact_finds_nearly_the_same_words(way: str) -> None:
    _, x = clusters(400, 12, d=32)
    exact, near = Assigner(x, flat_limit=len(x)), Assigner(x, **WAYS[way])
    queries = x[:500] + 0.05 * np.random.default_rng(1).standard_normal((500, 32)).astype(np.float32)
    assert (exact.assign(queries)[0] == near.assign(queries)[0]).mean() > 0.99
    five = zip(exact.assign(queries, 5)[0], near.assign(queries, 5)[0], strict=True)
    assert np.mean([len(np.intersect1d(one, other)) / 5 for one, other in five]) > 0.98


@pytest.mark.parametrize(("way", "builder"), [("codes", "_short_codes"), ("graph", "_built_graph")])
def test_nothing_is_built_before_words_are_asked_for(monkeypatch: pytest.MonkeyPatch, way: str, builder: str) -> None:
    plain = getattr(module, builder)
    built: list[int] = []

    def building(centroids: np.ndarray) -> object:
        built.append(len(centroids))
        return plain(centroids)

    monkeypatch.setattr(module, builder, building)
    centroids, x = clusters(100, 2, d=32)
    assigner = Assigner(centroids, **WAYS[way])
    assert built == []
    assigner.assign(x)
    assigner.assign(x)
    assert built == [100]


def test_a_saved_graph_gives_the_same_words() -> None:
    rng = np.random.default_rng(0)
    centroids, x = rng.random((2000, 16), np.float32), rng.random((300, 16), np.float32)
    built = Assigner(centroids, **WAYS["graph"])
    saved = built.graph()
    assert saved.dtype == np.uint8
    np.testing.assert_array_equal(saved, Assigner(centroids, **WAYS["graph"]).graph())
    restored = Assigner(centroids, graph=saved, **WAYS["graph"])
    for one, other in zip(restored.assign(x, 4), built.assign(x, 4), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(FitError, match="other centroids"):
        Assigner(centroids[::-1], graph=saved, **WAYS["graph"])
    with pytest.raises(FitError, match="another size"):
        Assigner(centroids[:10], graph=saved, **WAYS["graph"])
    with pytest.raises(FitError, match="damaged"):
        Assigner(centroids, graph=saved[:1000], **WAYS["graph"])
    with pytest.raises(FitError, match="without a graph"):
        Assigner(centroids).graph()


def test_a_graph_over_equal_centroids_still_answers() -> None:
    centroids = np.repeat(np.random.default_rng(0).random((3, 8), np.float32), 400, axis=0)
    words, distances = Assigner(centroids, **WAYS["graph"]).assign(centroids[::300], 5)
    assert words.min() >= 0
    assert not distances.any()


def test_too_many_nearest_words() -> None:
    with pytest.raises(FitError, match="4 nearest words were asked for in a codebook of 3"):
        Assigner(np.eye(3, dtype=np.float32)).assign(np.eye(3, dtype=np.float32), 4)


def test_the_way_follows_the_size() -> None:
    centroids = np.random.default_rng(0).random((64, 32), np.float32)
    kinds = [
        type(Assigner(centroids, flat_limit=flat, filter_limit=codes)._index).__name__
        for flat, codes in ((64, 64), (63, 64), (0, 63))
    ]
    assert kinds == ["IndexFlatL2", "IndexPQFastScan", "IndexHNSWFlat"]
