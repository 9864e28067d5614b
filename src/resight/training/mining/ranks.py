"""Mining of ranked lists: what a recipe verifies is a positive, and what only looks alike a negative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Float64, Int64, Mask
from resight.errors import UsageError
from resight.index.collection import Collection
from resight.index.views import VectorView
from resight.progress import NamedProgress
from resight.training.mining.indexed import Photos, provenance, readable_photos
from resight.training.mining.kinds import Ranks
from resight.training.mining.mined import Mined, without_related
from resight.training.mining.pairs import clusters_of, merged_links
from resight.training.mining.verified import SURE
from resight.training.tuples import Anchor, Positive, Tuples


def merged_scores(inliers: Int64, similarity: Float64) -> Float64:
    """Returns (k,) scores of a list: half the inliers (k,) of a photo where there are any, else its similarity (k,)."""
    return np.where(inliers > 0, inliers / 2.0, similarity)


def sorted_out(scores: Float64, positive: float, low: float, high: float) -> tuple[Mask, Mask]:
    """Returns (k,) which photos of a list are positives, and which may be drawn as negatives, by their scores (k,)."""
    return scores > positive, (scores >= low) & (scores <= high)


@dataclass(frozen=True)
class RankedList:
    """The photos that a photo finds, each content once and without itself: rows, inliers, similarity, (k,) each."""

    rows: Int64
    inliers: Int64
    similarity: Float64


def mine_ranks(params: Ranks, collection: Collection, progress: NamedProgress | None = None) -> Mined:
    """Mines the lists that each photo of an index gives, asked by what the index keeps of it.

    Raises UsageError where the recipe matches no points, and where no photo is a positive.
    """
    if not collection.recipe.counts_inliers:
        raise UsageError(
            f'an index by "{collection.recipe.name}" matches no points, by which positives are told: index the photos '
            'by "sift-lite0-links", or mine by manifold'
        )
    photos = readable_photos(collection)
    rng = np.random.default_rng(params.seed)
    anchors: list[Anchor] = []
    sources, others, inliers = (list[Int64]() for _ in range(3))
    for row in range(len(photos.names)):
        listed = ranked_list(collection, photos, row, params.depth)
        scores = merged_scores(listed.inliers, listed.similarity)
        near, far = sorted_out(scores, params.positive, params.low, params.high)
        if near.any():
            drawn = rng.permutation(np.flatnonzero(far))[: params.most]
            hardest_first = drawn[np.lexsort((drawn, -scores[drawn]))]
            negatives = listed.rows[hardest_first].tolist()
            anchors.append(_anchor(photos, row, listed, near, params.most, negatives))
        sources.append(np.full(int(near.sum()), row, np.int64))
        others.append(listed.rows[near])
        inliers.append(listed.inliers[near])
        if progress is not None:
            progress("ranking", row + 1, len(photos.names))
    if not anchors:
        raise UsageError(
            f"no photo of {len(photos.names)} has a positive: none scores above {params.positive:g}, which are "
            f"{2 * params.positive:g} inliers; lower positive, or mine by views"
        )
    pairs = merged_links(
        len(photos.names), np.concatenate(sources), np.concatenate(others), np.concatenate(inliers), least=1
    )
    tuples = Tuples(
        kind="ranks",
        evidence="inliers",
        photos=photos.table(clusters_of(pairs, np.ones(len(pairs), np.bool_), SURE)),
        anchors=anchors,
        pool=list(photos.names),
        hops=1,
        provenance=provenance(collection, params),
    )
    tuples = without_related(tuples)
    without = sum(not anchor.negatives for anchor in tuples.anchors)
    notes = list(photos.notes)
    if without:
        notes.append(
            f"{without} of {len(anchors)} anchors have no photo that scores {params.low:g} to {params.high:g}: "
            "training mines their negatives"
        )
    return Mined(tuples, notes)


def ranked_list(collection: Collection, photos: Photos, row: int, depth: int) -> RankedList:
    """Returns the list of one photo, of `depth` others at most, in the order of the recipe.

    The similarity is that of the vectors where a channel has some, else that of the first look of the first channel.
    """
    image = int(photos.ids[row])
    queries = {name: view.kept_query(image) for name, view in collection.views.items()}
    ranking = collection.rank(queries, depth + 1, own=frozenset({image}))
    rows = photos.rows(ranking.ids)
    own = (rows >= 0) & (rows != row)
    _, firsts = np.unique(rows, return_index=True)
    first = np.zeros(len(rows), np.bool_)
    first[firsts] = True
    kept = np.flatnonzero(own & first)[:depth]
    ids = ranking.ids[kept]
    verified = ranking.verified
    counts = [verified[other].inliers if other in verified else 0 for other in ids.tolist()]
    return RankedList(rows[kept], np.array(counts, np.int64), _similarity(collection, queries, image, ids))


def _similarity(collection: Collection, queries: dict[str, object], image: int, ids: Int64) -> Float64:
    for view in collection.views.values():
        if isinstance(view, VectorView):
            of_all = np.asarray(view.descriptors(np.concatenate([[image], ids])), np.float64)
            return np.asarray(of_all[1:] @ of_all[0], np.float64)
    name = collection.recipe.first_channel
    look = collection.views[name].search(queries[name], len(collection.snapshot.images))
    found = dict(zip(look.ids.tolist(), look.scores.tolist(), strict=True))
    return np.array([found.get(other, 0.0) for other in ids.tolist()], np.float64)


def _anchor(photos: Photos, row: int, listed: RankedList, near: Mask, most: int, negatives: list[int]) -> Anchor:
    rows, inliers = listed.rows[near], listed.inliers[near]
    best = np.lexsort((rows, -inliers))[:most]
    positives = zip(rows[best].tolist(), inliers[best].tolist(), strict=True)
    return Anchor(
        photos.names[row],
        tuple(Positive(photos.names[other], float(evidence)) for other, evidence in positives),
        tuple(photos.names[other] for other in negatives),
    )
