"""The material of a training: the tuples as numbers, without what is left out, and the clusters that are held out."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from resight.arrays import Int64, Mask
from resight.errors import UsageError
from resight.training.tuples import Tuples


@dataclass(frozen=True)
class AnchorRow:
    """An anchor by rows of photos; see `tuples.Anchor`."""

    photo: int
    positives: tuple[int, ...]
    negatives: tuple[int, ...]
    weight: float


@dataclass(frozen=True)
class Material:
    """Tuples by rows of the photos, in the order of their names.

    clusters: (n,) of each photo. related: rows that are never negatives of a row, itself among them.
    """

    anchors: Sequence[AnchorRow]
    pool: Int64
    clusters: Int64
    related: Sequence[Set[int]]

    def without(self, rows: Mask) -> Material:
        """Returns the material in which some photos (n,) are no anchors, positives or negatives."""
        anchors = [
            AnchorRow(
                one.photo,
                tuple(row for row in one.positives if not rows[row]),
                tuple(row for row in one.negatives if not rows[row]),
                one.weight,
            )
            for one in self.anchors
            if not rows[one.photo]
        ]
        return Material(anchors, self.pool[~rows[self.pool]], self.clusters, self.related)

    @property
    def with_positives(self) -> list[AnchorRow]:
        """The anchors that have a real positive."""
        return [one for one in self.anchors if one.positives]


def material_of(tuples: Tuples, names: Sequence[str]) -> Material:
    """Returns the material of the photos that are there. Raises UsageError where no anchor is left."""
    row = {name: number for number, name in enumerate(names)}
    anchors = [
        AnchorRow(
            row[one.name],
            tuple(row[each.name] for each in one.positives if each.name in row),
            tuple(row[name] for name in one.negatives if name in row),
            one.weight,
        )
        for one in tuples.anchors
        if one.name in row and one.weight > 0
    ]
    if not anchors:
        raise UsageError("the tuples have no anchor whose photo is there: nothing can be learned from them")
    return Material(
        anchors,
        np.array(sorted({row[name] for name in tuples.pool if name in row}), np.int64),
        np.array([tuples.photos[name].cluster for name in names], np.int64),
        tuples.relations.among(np.searchsorted(sorted(tuples.photos), names).astype(np.int64)),
    )


def held_out(material: Material, share: float, seed: int) -> Mask:
    """Returns (n,) True for the photos of the clusters that validation keeps for itself, drawn by seed.

    Clusters with real positives come first, as long as they have no more than `share` of the anchors in all; where
    there are none, clusters of single anchors do. A cluster that alone has more is never held out. Photos that are
    linked to another cluster's may be in both.
    """
    anchors: dict[int, list[AnchorRow]] = {}
    for one in material.anchors:
        anchors.setdefault(int(material.clusters[one.photo]), []).append(one)
    order = np.random.default_rng([seed, 1]).permutation(sorted(anchors)).tolist()
    room = share * len(material.anchors)
    real = [cluster for cluster in order if any(one.positives for one in anchors[cluster])]
    room_of_real = share * len(material.with_positives)
    kept: set[int] = set()
    for cluster in real:
        count = sum(bool(one.positives) for one in anchors[cluster])
        if count <= room_of_real:
            kept.add(cluster)
            room_of_real -= count
            room -= len(anchors[cluster])
    for cluster in order:
        if cluster not in kept and cluster not in real and len(anchors[cluster]) <= room:
            kept.add(cluster)
            room -= len(anchors[cluster])
    return np.isin(material.clusters, list(kept))
