"""The neighbours of a query by distance, and along the manifold."""

from __future__ import annotations

import numpy as np

from resight.manifold.bananas import banana_manifolds, lifted
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised
from resight.show.neighbours import by_distance, by_manifold

POINTS, LABELS = banana_manifolds(np.random.default_rng(2), background=0)
VECTORS = lifted(POINTS)


def test_neighbours_by_distance_are_the_nearest_without_the_query_itself() -> None:
    for row in (0, 120, 250):
        order = np.argsort(np.linalg.norm(POINTS - POINTS[row], axis=1))
        assert by_distance(VECTORS, VECTORS[row], row, 20) == order[1:21].tolist()
        assert by_distance(VECTORS, VECTORS[row], None, 20) == order[:20].tolist()
    assert len(by_distance(VECTORS[:5], VECTORS[0], 0, 20)) == 4


def test_neighbours_by_manifold_are_those_of_the_closed_form() -> None:
    k = 49  # 50 with the image itself
    s = normalised(mutual_affinity(nearest_neighbours(VECTORS, k), k, 3.0)).toarray().astype(float)
    for row in (0, 120, 250):
        similarities = (VECTORS @ VECTORS[row]).astype(float)
        y = np.where(similarities >= np.sort(similarities)[-10], similarities**3, 0)
        f = np.linalg.solve(np.eye(len(s)) - 0.99 * s, y)
        f[row] = -1
        found = by_manifold(VECTORS, VECTORS[row], row, 60)
        assert len(set(found) & set(np.argsort(-f)[:60].tolist())) >= 58
        assert row not in found


def test_the_manifold_leads_along_the_curve() -> None:
    right = {"distance": 0.0, "manifold": 0.0}
    for row in range(0, 300, 20):
        right["distance"] += float((LABELS[by_distance(VECTORS, VECTORS[row], row, 80)] == LABELS[row]).mean()) / 15
        right["manifold"] += float((LABELS[by_manifold(VECTORS, VECTORS[row], row, 80)] == LABELS[row]).mean()) / 15
    assert right["manifold"] > right["distance"] + 0.05


def test_what_the_graph_does_not_join_and_what_has_no_features_is_no_neighbour() -> None:
    one, other = np.zeros((2, 16), np.float32)
    one[0] = other[1] = 1
    near = np.random.default_rng(0).normal(0, 0.05, (8, 16)).astype(np.float32)
    vectors = np.concatenate([one + near[:4], other + near[4:], np.zeros((2, 16), np.float32)])
    vectors[:8] /= np.linalg.norm(vectors[:8], axis=1, keepdims=True)
    vectors[:8][np.abs(vectors[:8]) < 0.5] = 0
    assert set(by_manifold(vectors, vectors[0], 0, 9)) == {1, 2, 3}
    assert set(by_distance(vectors, vectors[0], 0, 9)) == set(range(1, 8))
    assert by_manifold(vectors, vectors[9], 9, 9) == []
    assert by_manifold(vectors[:1], vectors[0], 0, 9) == []
