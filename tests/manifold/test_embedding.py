"""Descriptors in the plane: what each method keeps, and that nothing breaks it."""

from __future__ import annotations

import builtins
import logging
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from resight.errors import UsageError
from resight.manifold.embedding import METHODS, Method, embed, neighbour_graph

Array = NDArray[np.float32]


def clusters(sizes: tuple[int, ...], seed: int = 0, spread: float = 0.05, d: int = 16) -> tuple[Array, Array]:
    """L2-normalised descriptors in clusters that are far apart, and which each is of."""
    rng = np.random.default_rng(seed)
    rows = [np.eye(d)[place] + rng.normal(0, spread, (size, d)) for place, size in enumerate(sizes)]
    x = np.concatenate(rows)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels.astype(np.float32)


def curve(n: int = 60, turn: float = 1.5 * np.pi) -> Array:
    """Points along an arc of a circle, in order."""
    angles = np.linspace(0, turn, n)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 40])
def test_any_number_of_photos_has_finite_positions_that_the_seed_repeats(method: Method, n: int) -> None:
    x, _ = clusters((n,))
    found = embed(x, method, 3)
    assert found.shape == (n, 2)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found.mean(axis=0) == pytest.approx([0, 0], abs=1e-5 * (1 + float(np.abs(found).max())))
    assert np.array_equal(found, embed(x, method, 3))
    assert n == 1 or len(np.unique(found, axis=0)) == n


@pytest.mark.parametrize("method", METHODS)
def test_clusters_stay_apart(method: Method, caplog: pytest.LogCaptureFixture) -> None:
    x, labels = clusters((25, 25, 25))
    distances = cdist(found := embed(x, method, 0), found)
    np.fill_diagonal(distances, np.inf)
    assert np.array_equal(labels[distances.argmin(axis=1)], labels)
    centres = np.stack([found[labels == label].mean(axis=0) for label in range(3)])
    assert np.array_equal(cdist(found, centres).argmin(axis=1), labels)


@pytest.mark.parametrize("method", METHODS)
def test_up_to_three_photos_have_their_own_distances(method: Method) -> None:
    x, _ = clusters((1, 1, 1))
    assert cdist(found := embed(x, method, 0), found) == pytest.approx(cdist(x, x), abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_equal_descriptors_share_a_position(method: Method) -> None:
    x, _ = clusters((6, 6))
    several = np.concatenate([np.zeros((3, 16), np.float32), x, x[::-1], x])
    found = embed(several, method, 0)
    assert np.isfinite(found).all()
    for copies in (found[:3], found[[3, 26, 27]], found[[14, 15, 38]]):
        assert np.array_equal(copies, np.repeat(copies[:1], 3, axis=0))
    assert np.array_equal(embed(np.repeat(x[:1], 20, axis=0), method, 0), np.zeros((20, 2)))


def test_isomap_unrolls_a_curve_and_scaling_does_not() -> None:
    x = curve()
    along = np.linspace(0, 1.5 * np.pi, len(x))
    unrolled = embed(x, "isomap", 0)
    assert abs(np.corrcoef(unrolled[:, 0], along)[0, 1]) > 0.999
    # The graph takes chords over up to ten steps: a little less than the arc.
    assert np.ptp(unrolled[:, 0]) == pytest.approx(1.5 * np.pi, rel=0.03)
    assert cdist(kept := embed(x, "mds", 0), kept) == pytest.approx(cdist(x, x), abs=0.01)


def test_many_photos_are_scaled_as_few_are() -> None:
    # Points of a plane in twelve dimensions: scaling gives the plane back, however it is computed.
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0][:2]
    for n in (99, 101, 400):
        x = (rng.normal(size=(n, 2)) * (3, 1)) @ turn
        found = embed(x, "mds", 0)
        assert cdist(found, found) == pytest.approx(cdist(x, x), abs=1e-4)
        assert np.ptp(found[:, 0]) > np.ptp(found[:, 1])


def test_spectral_positions_are_eigenvectors_of_the_normalised_laplacian() -> None:
    x, _ = clusters((30,), spread=0.3)
    graph, _ = neighbour_graph(cdist(x, x), 10)
    joined = (graph.toarray() > 0).astype(float)
    degrees = joined.sum(axis=1)
    _, vectors = np.linalg.eigh(np.eye(30) - joined / np.sqrt(degrees[:, None] * degrees))
    expected = vectors[:, 1:3] / np.sqrt(degrees)[:, None]
    found = embed(x, "spectral", 0)
    for axis in range(2):
        wanted = expected[:, axis] - expected[:, axis].mean()
        assert abs(np.corrcoef(found[:, axis], wanted)[0, 1]) == pytest.approx(1, abs=1e-4)


def test_the_graph_joins_the_nearest_and_then_its_parts_where_they_are_nearest() -> None:
    places = np.array([0.0, 1.0, 2.1, 10.0, 11.0, 12.1, 30.0, 31.0, 32.0])[:, None]
    distances = cdist(places, places)
    graph, parts = neighbour_graph(distances, 1)
    assert parts == 3
    assert connected_components(graph, directed=False)[0] == 1
    edges = {(int(i), int(j)) for i, j in zip(*graph.nonzero(), strict=True) if i < j}
    assert edges == {(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (2, 3), (5, 6)}
    assert np.array_equal(graph.toarray(), graph.toarray().T)
    assert all(graph[i, j] == distances[i, j] for i, j in edges)


def test_more_neighbours_than_there_are_is_a_graph_of_all() -> None:
    distances = cdist(curve(4), curve(4))
    graph, parts = neighbour_graph(distances, 10)
    assert parts == 1
    assert graph.toarray() == pytest.approx(distances)


@pytest.mark.parametrize("method", ["isomap", "spectral"])
def test_parts_are_told(method: Method, caplog: pytest.LogCaptureFixture) -> None:
    x, _ = clusters((15, 15))
    with caplog.at_level(logging.WARNING):
        found = embed(x, method, 0)
    assert "falls into 2 parts" in caplog.text
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.empty((0, 4), np.float32),
        np.zeros(4, np.float32),
        np.array([[1, np.nan]], np.float32),
        np.array([[1, np.inf]], np.float32),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(wrong: Array) -> None:
    with pytest.raises(UsageError, match="cannot be embedded"):
        embed(wrong, "isomap", 0)


def test_another_method_or_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="one of isomap, mds, spectral, tsne"):
        embed(curve(5), "umap", 0)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="seed -1"):
        embed(curve(5), "tsne", -1)
    with pytest.raises(UsageError, match="seed"):
        embed(curve(5), "tsne", 2**32)


def test_a_missing_library_is_answered_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "sklearn":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'resight\[plots\]'"):
        embed(curve(10), "tsne", 0)
    assert embed(curve(10), "isomap", 0).shape == (10, 2)
