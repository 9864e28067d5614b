"""Tuples as numbers, and the clusters that validation keeps for itself."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.training.material import held_out, material_of
from resight.training.tuples import Anchor, Photo, Positive, Tuples


def tuples(clusters: dict[str, int], anchors: list[Anchor]) -> Tuples:
    return Tuples("verified", "inliers", {n: Photo(n, "", c) for n, c in clusters.items()}, anchors, sorted(clusters))


def pairs(count: int) -> Tuples:
    clusters = {f"{number}{side}": number for number in range(count) for side in "ab"}
    anchors = [Anchor(f"{number}a", (Positive(f"{number}b", 9.0),)) for number in range(count)]
    return tuples(clusters, anchors)


def test_what_is_left_out_is_nowhere() -> None:
    read = tuples(
        {"a": 0, "b": 0, "c": 1, "d": 2},
        [Anchor("a", (Positive("b", 1.0), Positive("c", 1.0)), ("d",)), Anchor("d", (), ("b",))],
    )
    found = material_of(read, ["a", "c", "d"])
    assert [(one.photo, one.positives, one.negatives) for one in found.anchors] == [(0, (1,), (2,)), (2, (), ())]
    assert found.pool.tolist() == [0, 1, 2]
    assert found.clusters.tolist() == [0, 1, 2]
    assert found.related[0] == {0, 1}
    with pytest.raises(UsageError, match="no anchor whose photo is there"):
        material_of(read, ["b", "c"])


def test_whole_clusters_are_held_out_and_not_too_many() -> None:
    names = sorted(pairs(20).photos)
    material = material_of(pairs(20), names)
    held = held_out(material, 0.2, 3)
    clusters = set(material.clusters[held].tolist())
    assert len(clusters) == 4
    assert held.tolist() == [int(cluster) in clusters for cluster in material.clusters]
    rest = material.without(held)
    assert not any(held[row] for one in rest.anchors for row in (one.photo, *one.positives))
    assert not held[rest.pool].any()
    assert held_out(material, 0.2, 3).tolist() == held.tolist() != held_out(material, 0.2, 4).tolist()


def test_a_cluster_of_nearly_all_is_never_held_out() -> None:
    clusters = {f"{number:02}": 0 for number in range(10)} | {"x": 1, "y": 1}
    anchors = [Anchor(f"{number:02}", (Positive(f"{(number + 1) % 10:02}", 9.0),)) for number in range(10)]
    material = material_of(tuples(clusters, [*anchors, Anchor("x", (Positive("y", 9.0),))]), sorted(clusters))
    held = held_out(material, 0.2, 0)
    assert np.flatnonzero(held).tolist() == [10, 11]


def test_single_photos_are_held_out_where_there_are_no_pairs() -> None:
    alone = tuples({f"{number}": number for number in range(10)}, [Anchor(f"{number}") for number in range(10)])
    assert held_out(material_of(alone, sorted(alone.photos)), 0.3, 0).sum() == 3
