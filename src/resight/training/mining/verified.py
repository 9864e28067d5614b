"""Mining by geometry: photos whose features agree with one transform, under rules that keep the pairs pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Float64, Mask
from resight.errors import UsageError
from resight.index.collection import Collection
from resight.progress import NamedProgress
from resight.training.mining.indexed import photo_links, provenance, readable_photos, word_channel
from resight.training.mining.kinds import Verified
from resight.training.mining.mined import Mined
from resight.training.mining.pairs import Links, clusters_of, neighbours_of, pure_pairs
from resight.training.tuples import Anchor, Positive, Tuples

SURE = 60
"""Inliers from which a pair is beyond doubt, as `resight duplicates` has it."""


def mine_verified(params: Verified, collection: Collection, progress: NamedProgress | None = None) -> Mined:
    """Mines the pairs that an index of words has verified, or verifies now.

    Raises UsageError where the index has no words, or no pair is sure enough.
    """
    photos = readable_photos(collection)
    channel = word_channel(collection, params.channel)
    if channel is None:
        raise UsageError(
            f'an index by "{collection.recipe.name}" has no words with positions, by which pairs are verified: '
            'index the photos by "sift-asmk-links", or mine by views or by manifold'
        )
    links = photo_links(collection, photos, channel, params, progress)
    pairs = pure_pairs(links, min_inliers=params.min_inliers, top=params.top, share=params.share)
    if not pairs.any():
        raise UsageError(
            f"no two of {len(photos.names)} photos are surely of the same thing ({len(links)} pairs have "
            f"{params.weak} inliers or more): mine by views, or lower min_inliers from {params.min_inliers}"
        )
    tuples = Tuples(
        kind="verified",
        evidence="inliers of a homography",
        photos=photos.table(clusters_of(links, pairs, SURE)),
        anchors=verified_anchors(photos.names, links, pairs, params.most, params.alone),
        pool=list(photos.names),
        links=named_links(photos.names, links),
        hops=params.hops,
        provenance=provenance(collection, params),
    )
    return Mined(tuples, photos.notes)


def verified_anchors(names: Sequence[str], links: Links, pairs: Mask, most: int, alone: float) -> list[Anchor]:
    """Returns the anchors of photos (n), the `most` best pairs of each as its positives.

    Anchors are drawn with the weight 1 / (1 + links), so that a thing with many photos is not drawn as often as it has
    photos times pairs. Photos without a pair are anchors too, whose weights are lowered so that they are `alone` of all
    draws at most; none where that is 0.
    """
    near = neighbours_of(links, pairs)
    weights = np.asarray(1.0 / (1.0 + links.degrees), np.float64)
    paired = np.diff(near.indptr) > 0
    scale = shared_draws(weights, paired, alone)
    anchors = []
    for row, name in enumerate(names):
        if not paired[row] and alone == 0.0:
            continue
        part = slice(int(near.indptr[row]), int(near.indptr[row + 1]))
        others, inliers = near.indices[part], near.data[part]
        order = np.lexsort((others, -inliers))[:most]
        positives = tuple(
            Positive(names[other], float(evidence))
            for other, evidence in zip(others[order].tolist(), inliers[order].tolist(), strict=True)
        )
        anchors.append(Anchor(name, positives, weight=float(weights[row] * (1.0 if paired[row] else scale))))
    return anchors


def shared_draws(weights: Float64, paired: Mask, alone: float) -> float:
    """Returns the factor, at most 1, by which weights (n,) of those not `paired` are `alone` of the sum of all."""
    others = float(weights[~paired].sum())
    if others == 0.0 or not paired.any():
        return 1.0
    return min(1.0, alone / (1.0 - alone) * float(weights[paired].sum()) / others)


def named_links(names: Sequence[str], links: Links) -> list[tuple[str, str]]:
    """Returns the links as pairs of names."""
    return [(names[a], names[b]) for a, b in zip(links.a.tolist(), links.b.tolist(), strict=True)]
