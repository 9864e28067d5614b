"""Which anchors a page shows, what their hard negatives would be, and what was kept from being one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resight.index.collection import Collection
from resight.index.views import WordView
from resight.search.ranking import Verification
from resight.training.tuples import Anchor, Tuples

RANKED = 200
"""Photos of the index's own ranking among which likely negatives are looked for."""


@dataclass(frozen=True)
class Shown:
    """A photo beside an anchor. why: in a few words, what speaks for it; matched: points that match, if any do."""

    name: str
    why: str
    matched: Verification | None


@dataclass(frozen=True)
class ShownAnchor:
    """An anchor of a page, its positives, hard negatives, and what would have been one but may show the same thing."""

    anchor: Anchor
    positives: Sequence[Shown]
    negatives: Sequence[Shown]
    kept_apart: Sequence[Shown]


def drawn_anchors(tuples: Tuples, weakest: int, at_random: int, seed: int = 0) -> tuple[list[Anchor], list[Anchor]]:
    """Returns the anchors whose best positive has the least evidence, weakest first, and others that are drawn.

    They are drawn as training draws them, by their weights, in the order of their names.
    """
    paired = [anchor for anchor in tuples.anchors if anchor.positives]
    weak = sorted(paired, key=lambda anchor: (anchor.positives[0].evidence, anchor.name))[:weakest]
    taken = {anchor.name for anchor in weak}
    others = [anchor for anchor in tuples.anchors if anchor.name not in taken]
    if not others:
        return weak, []
    weights = np.array([anchor.weight for anchor in others])
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(others), min(at_random, len(others)), replace=False, p=weights / weights.sum())
    return weak, [others[row] for row in sorted(drawn.tolist())]


def shown_anchor(collection: Collection, tuples: Tuples, anchor: Anchor, most: int) -> ShownAnchor:
    """Looks up what a page shows of an anchor: `most` photos of each sort, with the points that match.

    Hard negatives are the anchor's own, else the first of the index's ranking that may be negatives, one of a cluster.
    Those before them in the ranking that may not be are what was kept apart.
    """
    positives = anchor.positives[:most]
    ranked = _ranking(collection, anchor.name)
    negatives, apart = likely_negatives(tuples, anchor, [name for name in ranked if name in tuples.photos], most)
    matched = _matched(collection, anchor.name, [*(one.name for one in positives), *negatives, *apart])

    def why(name: str) -> str:
        points = f"{matched[name].inliers} matched points" if name in matched else "no points match"
        place = f"rank {ranked[name][0]}, score {ranked[name][1]:.3f}" if name in ranked else "not ranked"
        return f"{place} · {points}"

    return ShownAnchor(
        anchor,
        [Shown(one.name, f"{one.evidence:.4g} · {why(one.name)}", matched.get(one.name)) for one in positives],
        [Shown(name, why(name), matched.get(name)) for name in negatives],
        [Shown(name, why(name), matched.get(name)) for name in apart],
    )


def likely_negatives(tuples: Tuples, anchor: Anchor, ranked: Sequence[str], most: int) -> tuple[list[str], list[str]]:
    """Returns the names of `most` hard negatives of an anchor, and of `most` photos that are no negatives of it.

    ranked: other photos, the most similar first; positives are neither.
    """
    related, cluster = tuples.related(anchor.name), tuples.photos[anchor.name].cluster
    known = {one.name for one in anchor.positives}
    apart = [
        name for name in ranked if name not in known and (name in related or tuples.photos[name].cluster == cluster)
    ]
    if anchor.negatives:
        return list(anchor.negatives[:most]), apart[:most]
    pool, clusters, found = frozenset(tuples.pool), {cluster}, list[str]()
    for name in ranked:
        if name in pool and name not in related and tuples.photos[name].cluster not in clusters:
            clusters.add(tuples.photos[name].cluster)
            found.append(name)
        if len(found) == most:
            break
    last = ranked.index(found[-1]) if found else len(ranked)
    return found, [name for name in apart if ranked.index(name) < last][:most]


def _ranking(collection: Collection, name: str) -> Mapping[str, tuple[int, float]]:
    """Returns the rank, from 1, and the score of photos by name that the index finds for one of its own."""
    images = collection.snapshot.images
    image = int(images.ids[images.by_name[name]])
    queries = {channel: view.kept_query(image) for channel, view in collection.views.items()}
    ranking = collection.rank(queries, RANKED + 1, own=frozenset({image}))
    others = [
        (one, score) for one, score in zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True) if one != image
    ]
    return {collection.name_of(one): (rank, score) for rank, (one, score) in enumerate(others, start=1)}


def _matched(collection: Collection, name: str, others: Sequence[str]) -> Mapping[str, Verification]:
    """Returns what geometry says of a photo and others, by name, where the index has words."""
    view = next((view for view in collection.views.values() if isinstance(view, WordView)), None)
    if view is None:
        return {}
    images = collection.snapshot.images
    ids = {other: int(images.ids[images.by_name[other]]) for other in others}
    found = view.verify(view.words(int(images.ids[images.by_name[name]])), sorted(set(ids.values())))
    return {other: found[image] for other, image in ids.items() if image in found}
