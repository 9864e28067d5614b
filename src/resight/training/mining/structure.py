"""Mining by structure from motion: positives see the same points of a model, negatives are of other models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from resight.arrays import Int64
from resight.cores import cores
from resight.duplicates.grouping import Bond, Forest
from resight.errors import UsageError
from resight.index.collection import Collection
from resight.index.views import VectorView, WordView
from resight.progress import NamedProgress
from resight.training.mining.epipolar import match_photos
from resight.training.mining.indexed import Photos, provenance, readable_photos, word_channel
from resight.training.mining.kinds import StructureFromMotion
from resight.training.mining.min_hash import grown_pairs, seed_pairs
from resight.training.mining.mined import Mined
from resight.training.mining.pairs import Links, clusters_of
from resight.training.mining.reconstruction import (
    Model,
    PairMatches,
    components,
    reconstruct,
    require_pycolmap,
)
from resight.training.mining.sharing import (
    Shared,
    Sharing,
    at_random,
    matched_points,
    most_points,
    nearest,
    shared_points,
    together,
)
from resight.training.mining.verified import SURE
from resight.training.tuples import Anchor, Positive, Tuples
from resight.words.evidence import ImageWords

Pair = tuple[int, int]

EVIDENCE = {
    "random": "points that both photos see",
    "inliers": "points that both photos see",
    "nearest": "similarity of descriptors",
}


@dataclass(frozen=True)
class Mapped:
    """Photos of an index, mapped. graph: their verified pairs. asked: photos that searched, and pairs verified."""

    words: Sequence[ImageWords]
    graph: Sequence[PairMatches]
    models: Sequence[Model]
    asked: tuple[int, int]

    @property
    def placed(self) -> frozenset[int]:
        """The photos that a model has."""
        return frozenset(photo for model in self.models for photo in model.images.tolist())

    @property
    def sharing(self) -> Sharing:
        """Returns the sharing of photos: points of models, and matches where a photo is in none."""
        sizes = [one.size for one in self.words]
        scales = [one.scale for one in self.words]
        return together(shared_points(self.models), matched_points(scales, self.graph, sizes), self.placed)


def mine_structure(params: StructureFromMotion, collection: Collection, progress: NamedProgress | None = None) -> Mined:
    """Maps the photos of an index of words, and mines those that share points.

    Raises UsageError where the index has no words, pycolmap is missing, or no two photos share enough points.
    """
    photos = readable_photos(collection)
    channel = word_channel(collection, params.channel)
    if channel is None:
        raise UsageError(
            f'an index by "{collection.recipe.name}" has no words with positions, by which photos are matched: '
            'index them by "sift-asmk-links", or mine by manifold'
        )
    require_pycolmap()
    return mined_structure(
        params, collection, channel, photos, map_photos(params, collection.word_view(channel), photos, progress)
    )


def mined_structure(
    params: StructureFromMotion, collection: Collection, channel: str, photos: Photos, mapped: Mapped
) -> Mined:
    """Returns what mining finds in photos that have been mapped. Raises UsageError where no two share enough points."""
    anchors = _anchors(params, photos, mapped.sharing, mapped.graph, _similarity(params, collection, channel, photos))
    if not anchors:
        raise UsageError(
            f"no two of {len(photos.names)} photos share enough points ({len(mapped.graph)} pairs are verified, "
            f"{len(mapped.models)} models were made): lower share or min_inliers, or mine by views"
        )
    tuples = Tuples(
        kind="sfm",
        evidence=EVIDENCE[params.positives],
        photos=photos.table(clusters_of_models(len(photos.names), mapped.models, mapped.graph)),
        anchors=anchors,
        pool=list(photos.names),
        links=[(photos.names[pair.one], photos.names[pair.other]) for pair in mapped.graph],
        hops=params.hops,
        provenance=provenance(collection, params),
    )
    return Mined(tuples, [*photos.notes, *_notes(mapped)], _figures(mapped))


def map_photos(
    params: StructureFromMotion, view: WordView, photos: Photos, progress: NamedProgress | None = None
) -> Mapped:
    """Verifies pairs of photos by what the index keeps of them, and maps what they join."""
    words = [view.words(photo) for photo in photos.ids.tolist()]

    def candidates(row: int) -> list[int]:
        found = photos.rows(view.search(words[row], params.candidates + 1).ids).tolist()
        return sorted({other for other in found if other not in (row, -1)})

    def verify(pairs: Sequence[Pair]) -> list[PairMatches]:
        return verified_graph(words, pairs, params.threshold, params.min_inliers, progress)

    if params.seeds == "min-hash":
        graph, asked = grown_pairs(seed_pairs([one.words for one in words]), candidates, verify)
    else:
        pairs = sorted({_pair(row, other) for row in range(len(words)) for other in candidates(row)})
        graph, asked = verify(pairs), (len(words), len(pairs))
    models = reconstruct(
        [one.xy for one in words],
        graph,
        [one.size for one in words],
        largest=params.largest,
        progress=None if progress is None else partial(progress, "mapping"),
    )
    return Mapped(words, graph, models, asked)


def verified_graph(
    words: Sequence[ImageWords],
    pairs: Sequence[Pair],
    threshold: int,
    least: int,
    progress: NamedProgress | None = None,
) -> list[PairMatches]:
    """Returns those of some pairs of photos that geometry accepts, with what they match, in the order of the pairs.

    words: of all photos. threshold: see `match_photos`. least: matched points of a pair that counts.
    """

    def match(pair: Pair) -> PairMatches:
        return PairMatches(*pair, match_photos(words[pair[0]], words[pair[1]], threshold))

    found = []
    with ThreadPoolExecutor(cores()) as pool:
        for done, one in enumerate(pool.map(match, pairs), start=1):
            if len(one) >= least:
                found.append(one)
            if progress is not None:
                progress("verifying pairs", done, len(pairs))
    return found


def clusters_of_models(count: int, models: Sequence[Model], graph: Sequence[PairMatches]) -> Int64:
    """Returns (n,) the cluster of each photo, numbered in the order of their first photos.

    Models are clusters, those that have a photo in common one. What no model has forms clusters by its verified pairs,
    as in mining by `verified`; a photo that is alone joins the model that it matches best.
    """
    forest = Forest(count)
    placed = frozenset(photo for model in models for photo in model.images.tolist())
    for model in models:
        _join(forest, model.images.tolist())
    rest = [pair for pair in graph if pair.one not in placed and pair.other not in placed]
    a, b, n = (
        np.array([getter(pair) for pair in rest], np.int64)
        for getter in (lambda pair: pair.one, lambda pair: pair.other, len)
    )
    clusters = clusters_of(Links(count, a, b, n), np.ones(len(rest), np.bool_), SURE)
    for cluster in np.unique(clusters).tolist():
        _join(forest, np.flatnonzero(clusters == cluster).tolist())
    for pair in sorted(graph, key=lambda one: (-len(one), one.one, one.other)):
        if (pair.one in placed) == (pair.other in placed):
            continue
        alone = pair.other if pair.one in placed else pair.one
        if len(forest.members[forest.root(alone)]) == 1:
            _join(forest, [pair.one, pair.other])
    numbered = np.empty(count, np.int64)
    for number, members in enumerate(forest.sets()):
        numbered[members] = number
    return numbered


def _join(forest: Forest, members: Sequence[int]) -> None:
    for one, other in pairwise(members):
        if forest.root(one) != forest.root(other):
            forest.join(Bond(one, other, 1.0))


def _anchors(
    params: StructureFromMotion,
    photos: Photos,
    sharing: Sharing,
    graph: Sequence[PairMatches],
    similarity: Callable[[int, int], float],
) -> list[Anchor]:
    degrees = np.zeros(len(photos.names), np.int64)
    for pair in graph:
        degrees[[pair.one, pair.other]] += 1
    anchors = []
    for row, others in sorted(sharing.items()):
        chosen = _chosen(params, photos.names[row], others, partial(similarity, row))
        if chosen:
            positives = tuple(Positive(photos.names[other], evidence) for other, evidence in chosen)
            anchors.append(Anchor(photos.names[row], positives, weight=1.0 / (1.0 + float(degrees[row]))))
    return anchors


def _chosen(
    params: StructureFromMotion, name: str, others: Iterable[Shared], similarity: Callable[[int], float]
) -> list[tuple[int, float]]:
    """Returns the positives of a photo with their evidence, by the strategy that is asked for."""
    if params.positives == "nearest":
        return [(one.other, similarity(one.other)) for one in nearest(others, similarity, params.most or 1)]
    if params.positives == "inliers":
        chosen = most_points(others, params.most or 1)
    else:
        # Each anchor has a stream of its own: other photos change nothing of what it draws.
        rng = np.random.default_rng([params.seed, *name.encode()])
        chosen = at_random(others, rng, share=params.share, zoom=params.zoom, count=params.most)
    return [(one.other, float(one.points)) for one in chosen]


def _similarity(
    params: StructureFromMotion, collection: Collection, channel: str, photos: Photos
) -> Callable[[int, int], float]:
    """Returns the similarity of two photos by the first channel of vectors, else by words."""
    if params.positives != "nearest":
        return lambda one, other: 0.0
    vectors = next((view for view in collection.views.values() if isinstance(view, VectorView)), None)
    if vectors is not None:
        compared = vectors.descriptors(photos.ids)
        return lambda one, other: float(compared[one] @ compared[other])
    view, known = collection.word_view(channel), dict[int, dict[int, float]]()

    def by_words(one: int, other: int) -> float:
        if one not in known:
            found = view.search(view.words(int(photos.ids[one])), len(photos.ids) + 1)
            known[one] = dict(zip(photos.rows(found.ids).tolist(), found.scores.tolist(), strict=True))
        return known[one].get(other, 0.0)

    return by_words


def _notes(mapped: Mapped) -> list[str]:
    joined = [part for part in components(len(mapped.words), mapped.graph) if len(part) > 1]
    lost = sum(len(part - mapped.placed) for part in joined)
    if not lost:
        return []
    return [
        f"{lost} of {sum(map(len, joined))} photos that match others are in no model, since what they show is planar "
        "or they share too little: their verified matches take the place of shared points"
    ]


def _figures(mapped: Mapped) -> dict[str, int | float | str]:
    points = [len(np.unique(np.concatenate(model.points))) for model in mapped.models]
    joined = [part for part in components(len(mapped.words), mapped.graph) if len(part) > 1]
    return {
        "photos that searched": mapped.asked[0],
        "pairs looked at": mapped.asked[1],
        "pairs verified": len(mapped.graph),
        "components": len(joined),
        "models": len(mapped.models),
        "photos in models": len(mapped.placed),
        "points in models": sum(points),
    }


def _pair(a: int, b: int) -> Pair:
    return min(a, b), max(a, b)
