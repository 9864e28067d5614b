"""Mining by classes: a folder for each thing, cleaned by geometry where its photos were collected carelessly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Mask
from resight.errors import UsageError
from resight.index.collection import Collection
from resight.progress import NamedProgress
from resight.training.mining.cleaning import cleaned, in_class_pairs
from resight.training.mining.indexed import Photos, provenance, readable_photos, word_channel
from resight.training.mining.kinds import Classes
from resight.training.mining.mined import LeftOut, Mined
from resight.training.mining.reconstruction import PairMatches
from resight.training.mining.structure import verified_graph
from resight.training.tuples import Anchor, Positive, Tuples

IN_CLASS, VERIFIED = "of one class: 1", "matched points of one epipolar geometry"


def mine_classes(params: Classes, collection: Collection, progress: NamedProgress | None = None) -> Mined:
    """Mines folders as classes.

    Raises UsageError where all photos are of one class or every class has one photo, and where classes are to be
    cleaned and the index has no words, or nothing is left.
    """
    photos = readable_photos(collection)
    folders = [folder_of(name, params.depth) for name in photos.names]
    kinds = sorted(set(folders))
    if len(kinds) < 2:
        raise UsageError(
            f"all {len(photos.names)} photos are in one folder, {kinds[0] or 'the root'!r}: classes are folders, and "
            "negatives come from others; index their common folder, or raise depth"
        )
    numbers = {folder: number for number, folder in enumerate(kinds)}
    classes = [numbers[folder] for folder in folders]
    graph = _verified(params, collection, photos, classes, progress) if params.clean else []
    stays = cleaned(classes, graph, params.min_inliers) if params.clean else np.ones(len(classes), np.bool_)
    anchors = class_anchors(photos.names, classes, stays, graph, params)
    if not anchors:
        told = "no two photos of a class match" if params.clean else "every folder has one photo"
        raise UsageError(f"{told} ({len(photos.names)} photos, {len(kinds)} folders): nothing can be a positive")
    left = np.bincount(np.array(classes)[stays], minlength=len(kinds))
    kept = [name for name, stay in zip(photos.names, stays.tolist(), strict=True) if stay]
    table = photos.table(classes)
    tuples = Tuples(
        kind="classes",
        evidence=VERIFIED if params.clean else IN_CLASS,
        photos={name: table[name] for name in kept},
        anchors=anchors,
        pool=kept,
        hops=0,
        provenance=provenance(collection, params)
        | {"classes": kinds, "left_out": [photos.names[row] for row in np.flatnonzero(~stays).tolist()]},
    )
    out = [LeftOut(photos.names[row], f"class {folders[row]}") for row in np.flatnonzero(~stays).tolist()]
    figures = {
        "classes": len(kinds),
        "classes left": int((left > 0).sum()),
        "photos thrown out": len(out),
    }
    return Mined(tuples, [*photos.notes, *_notes(kinds, left, out)], figures, out)


def folder_of(name: str, depth: int) -> str:
    """Returns the class of a photo by its name: its first `depth` folders, all where 0."""
    parts = name.split("/")[:-1]
    return "/".join(parts[:depth] if depth else parts)


def class_anchors(
    names: Sequence[str], classes: Sequence[int], stays: Mask, graph: Sequence[PairMatches], params: Classes
) -> list[Anchor]:
    """Returns the photos that stay as anchors, with `most` of their class as positives.

    They are drawn by seed. In cleaned classes those that an anchor matches alone are its positives, the most matched
    points first. The weight is 1 / photos of the class, so that a class is drawn as often as another where an epoch has
    fewer draws than anchors.
    """
    rng = np.random.default_rng(params.seed)
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(stays).tolist():
        members.setdefault(classes[row], []).append(row)
    matched: dict[int, list[tuple[int, int]]] = {}
    for pair in graph:
        matched.setdefault(pair.one, []).append((-len(pair), pair.other))
        matched.setdefault(pair.other, []).append((-len(pair), pair.one))
    anchors = []
    place = {row: place for own in members.values() for place, row in enumerate(own)}
    for row in np.flatnonzero(stays).tolist():
        own = members[classes[row]]
        if params.clean:
            others = [(other, float(-n)) for n, other in sorted(matched.get(row, ())) if stays[other]][: params.most]
        else:
            drawn = np.sort(rng.choice(len(own) - 1, min(params.most, len(own) - 1), replace=False))
            # Places among the others of the class: from the anchor's own on they are one further.
            others = [(own[other + (other >= place[row])], 1.0) for other in drawn.tolist()]
        if others:
            positives = tuple(Positive(names[other], evidence) for other, evidence in others)
            anchors.append(Anchor(names[row], positives, weight=1.0 / len(own)))
    return anchors


def _verified(
    params: Classes,
    collection: Collection,
    photos: Photos,
    classes: Sequence[int],
    progress: NamedProgress | None,
) -> list[PairMatches]:
    channel = word_channel(collection, params.channel)
    if channel is None:
        raise UsageError(
            f'an index by "{collection.recipe.name}" has no words with positions, by which classes are cleaned: index '
            'the photos by "sift-asmk-links", or leave clean out'
        )
    view = collection.word_view(channel)
    words = [view.words(photo) for photo in photos.ids.tolist()]
    return verified_graph(words, in_class_pairs(classes), params.threshold, params.min_inliers, progress)


def _notes(kinds: Sequence[str], left: np.ndarray, out: Sequence[LeftOut]) -> list[str]:
    notes = []
    if out:
        notes.append(f"{len(out)} photos match nothing of the largest part of their class and were thrown out")
    gone = [kind for kind, count in zip(kinds, left.tolist(), strict=True) if not count]
    if gone:
        notes.append(f"{len(gone)} classes have no two photos that match, and are gone, such as {gone[0]}")
    return notes
