"""Random walks, modes, and hard sets, on graphs small enough to see."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.manifold.diffusion import ClosedForm
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised
from resight.training.mining.manifold import climbed, hard_negatives, hard_positives, modes, stationary


def graph_of(n: int, *edges: tuple[int, int, float]) -> csr_array:
    dense = np.zeros((n, n), np.float32)
    for a, b, affinity in edges:
        dense[a, b] = dense[b, a] = affinity
    return csr_array(dense)


def test_the_walk_ends_in_the_stationary_distribution() -> None:
    rng = np.random.default_rng(0)
    dense = rng.random((12, 12)) * (rng.random((12, 12)) < 0.5)
    dense = np.triu(dense, 1) + np.triu(dense, 1).T
    found = stationary(csr_array(dense.astype(np.float32)))
    step = dense / dense.sum(axis=1, keepdims=True)
    walked = np.full(12, 1 / 12)
    for _ in range(500):
        walked = walked @ step
    np.testing.assert_allclose(found, walked, rtol=1e-5)


def test_nodes_climb_to_the_modes_of_their_hills() -> None:
    # Two stars, of which 1 and 5 are the middles, joined by a thin edge, and a node without neighbours.
    graph = graph_of(8, (0, 1, 1), (1, 2, 1), (1, 3, 1), (3, 4, 0.1), (4, 5, 1), (5, 6, 1))
    visits = stationary(graph)
    assert climbed(graph, visits).tolist() == [1, 1, 1, 1, 5, 5, 5, 7]
    assert modes(graph, visits, largest=False).tolist() == [1, 5]


def test_equal_nodes_have_one_mode() -> None:
    graph = graph_of(4, (0, 1, 1), (1, 2, 1), (2, 3, 1), (3, 0, 1))
    assert modes(graph, stationary(graph), largest=False).tolist() == [0]
    assert climbed(graph, stationary(graph)).tolist() == [0, 0, 0, 0]


def test_only_the_largest_part_counts_where_that_is_asked() -> None:
    graph = graph_of(5, (0, 1, 9), (2, 3, 1), (3, 4, 1))
    assert modes(graph, stationary(graph), largest=False).tolist() == [0, 3]
    assert modes(graph, stationary(graph), largest=True).tolist() == [3]


def test_a_bend_gives_hard_positives_and_its_other_end_hard_negatives() -> None:
    """Two arcs of a circle that end close to each other: near along the arc is positive, across the gap negative."""
    angles = np.concatenate([np.linspace(0.0, 2.6, 27), np.linspace(2.9, 5.5, 27)])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    neighbours = nearest_neighbours(x, 2)
    affinity = mutual_affinity(neighbours, 2)
    f = ClosedForm(normalised(affinity), 0.99)(np.eye(54)[:, 26])
    near = np.argsort(-(x @ x[26]), kind="stable")
    near = near[near != 26]
    k = 12
    positives, negatives = hard_positives(f, near, 26, k), hard_negatives(f, near, 26, k)
    assert len(positives)
    assert len(negatives)
    assert (positives < 27).all()
    assert (negatives >= 27).all()
    expected = [node for node in np.argsort(-f, kind="stable") if f[node] > 0 and node != 26][:k]
    assert positives.tolist() == [node for node in expected if node not in near[:k]]
    assert negatives.tolist() == [node for node in near[:k] if node not in expected]


def test_what_diffusion_does_not_reach_is_no_positive() -> None:
    f = np.array([0.5, 0.3, 0.0, 0.2, -1e-9])
    assert hard_positives(f, np.array([4]), 0, 100).tolist() == [1, 3]
    assert hard_negatives(f, np.array([2, 4, 1, 3]), 0, 100).tolist() == [2, 4]
    assert hard_negatives(f, np.array([2, 4, 1, 3]), 0, 1).tolist() == [2]
