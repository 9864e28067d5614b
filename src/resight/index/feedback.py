"""Asking again with photos that a person has marked as right and wrong.

What is marked right is asked with too: the scores of all are averaged, geometry verifies hits with each of them, and
the largest of the probabilities counts (`answering`): expansion by images that are known to be of the thing, after Chum
et al., ICCV 2007, where a person verifies in the place of geometry. What that makes at least possible stays first. The
rest is ranked by a classifier of the marks where an image has a vector (Arandjelovic & Zisserman, CVPR 2012,
section 3), with the images that are farthest from the query as further negatives. What a wrong photo verifies better
than all that is right goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Int64, Vectors
from resight.errors import UsageError
from resight.folders.names import Name
from resight.index.answering import Wanted, allowed_images, answer_asked
from resight.index.asking import Asked, all_asked
from resight.index.collection import Collection
from resight.index.files import indexed_file
from resight.index.queries import Query
from resight.index.results import Hit, Result
from resight.index.views import VectorView, WordView
from resight.rerank.discriminative import separating_descriptor
from resight.search.selection import best, is_allowed

FAR = 200
"""Images farthest from the query that are negatives besides those that are marked."""
REGULARISATION = 1.0
"""C of the linear SVM, that of the recipes' stage "discriminative"."""
PAIRS = 4096
"""Pairs of a hit and a wrong photo that are verified at most, best hits first: some seconds of work."""


@dataclass(frozen=True)
class Marked:
    """The answer after marks. queries: those of before, and the right photos behind them; notes: what was done."""

    result: Result
    queries: Sequence[Asked]
    notes: Sequence[str]


def answer_marked(
    collection: Collection, asked: Sequence[Asked], right: Sequence[str], wrong: Sequence[str], wanted: Wanted
) -> Marked:
    """Returns the best images for queries and marked photos, given by their names in the index.

    Marked photos are not hits themselves: right ones are known, wrong ones are out. Raises UsageError for a name that
    is not in the index, and ImageError.
    """
    by_name = collection.snapshot.images.by_name
    if missing := next((name for name in wrong if by_name.get(name) is None), None):
        raise UsageError(f"{missing}: is not in the index, so that it cannot be wrong")
    examples = all_asked(collection, iter([Query(Name(name)) for name in right]), False)
    queries = [*asked, *examples]
    # Marked photos take places of the ranking, and go out of it.
    depth = wanted.k + len(right) + len(wrong)
    found = answer_asked(collection, queries, replace(wanted, k=depth))
    out = {*map(str, right), *map(str, wrong)}
    hits = [hit for hit in found.hits if hit.name not in out]
    notes = [f"{len(right)} right and {len(wrong)} wrong photos were asked with."]
    refuted = _refuted(collection, hits, wrong)
    if refuted:
        hits = [hit for hit in hits if hit.name not in refuted]
        notes.append(f"{len(refuted)} photos went out, which a wrong photo matches better.")
    believed = [hit for hit in hits if hit.verdict != "filler"]
    vectors = next(((name, one) for name, one in collection.views.items() if isinstance(one, VectorView)), None)
    if vectors is None:
        notes.append("The recipe keeps no vectors, so that no classifier could be trained: scores are averaged.")
    elif not wanted.min_probability:
        gone = out | refuted | {str(hit.name) for hit in believed}
        hits = believed + _classified(collection, *vectors, queries, (right, wrong), wanted, gone)
        notes.append("What is not at least possible is ranked by a classifier of your marks.")
    return Marked(replace(found, hits=hits[: wanted.k]), queries, notes)


def _classified(
    collection: Collection,
    channel: str,
    view: VectorView,
    queries: Sequence[Asked],
    marks: tuple[Sequence[str], Sequence[str]],
    wanted: Wanted,
    gone: set[str],
) -> list[Hit]:
    """Ranks images by a linear classifier: right photos and queries against wrong photos and the farthest images."""
    ids, vectors = view.vectors()
    if not len(ids):
        return []
    positives = np.concatenate([np.reshape(np.asarray(one.versions[0][channel]), (1, -1)) for one in queries])
    negatives = np.concatenate([_vectors_of(collection, marks[1], ids, vectors), _farthest(positives, vectors)])
    margins = vectors @ separating_descriptor(positives, negatives, REGULARISATION)
    allowed = allowed_images(collection, wanted)
    if allowed is not None:
        inside = is_allowed(ids, allowed)
        ids, margins = ids[inside], margins[inside]
    images = collection.snapshot.images
    own = frozenset().union(*(one.own for one in queries))
    ranked = best(ids, margins, wanted.k + len(gone) + len(own), collection.name_order)
    hits = [
        Hit(Name(images.names[place]), margin, file=indexed_file(collection.snapshot, place))
        for image, place, margin in zip(
            ranked.ids.tolist(), images.positions(ranked.ids).tolist(), ranked.scores.tolist(), strict=True
        )
        if images.names[place] not in gone and image not in own
    ]
    return hits[: wanted.k]


def _farthest(positives: Vectors, vectors: Vectors) -> Vectors:
    """Returns the vectors that are least like all of the positives, from the later half alone, as the paper's stage."""
    likeness = (vectors @ positives.T).max(axis=1)
    order = np.argsort(likeness, kind="stable")
    return vectors[order[: min(FAR, len(order) // 2)]]


def _vectors_of(collection: Collection, names: Sequence[str], ids: Int64, vectors: Vectors) -> Vectors:
    images = collection.snapshot.images
    places = [images.by_name[name] for name in names]
    return vectors[np.isin(ids, images.ids[places])]


def _refuted(collection: Collection, hits: Sequence[Hit], wrong: Sequence[str]) -> set[str]:
    """Returns the names of hits that a wrong photo verifies with more inliers than what they were found by.

    The best hits are looked at, as many as `PAIRS` pairs allow.
    """
    view = next((one for one in collection.views.values() if isinstance(one, WordView)), None)
    if view is None or not wrong:
        return set()
    images = collection.snapshot.images
    checked = [hit for hit in hits if hit.verification is not None and not hit.copy][: max(1, PAIRS // len(wrong))]
    ids = images.ids[[images.by_name[hit.name] for hit in checked]].tolist() if checked else []
    found: set[str] = set()
    for name in wrong:
        query = view.kept_query(int(images.ids[images.by_name[name]]))
        verified = view.verify(query, ids)
        found |= {
            str(hit.name)
            for hit, image in zip(checked, ids, strict=True)
            if image in verified and verified[image].inliers > (hit.inliers or 0)
        }
    return found
