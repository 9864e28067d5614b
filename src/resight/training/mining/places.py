"""Mining by places: what was taken near an anchor may show the same, and what was taken far from it does not.

Arandjelović, Gronat, Torii, Pajdla & Sivic: NetVLAD, CVPR 2016, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from resight.arrays import Float64, Int64, Mask
from resight.errors import UsageError
from resight.folders.walking import unescape_name
from resight.index.collection import Collection
from resight.progress import NamedProgress
from resight.training.mining.indexed import provenance, readable_photos
from resight.training.mining.kinds import Places
from resight.training.mining.mined import LeftOut, Mined
from resight.training.mining.positions import read_positions
from resight.training.tuples import Anchor, Photo, Positive, Tuples

EVIDENCE = "distance in metres, negated: a potential positive, of which training takes the best"

_QUERIES, _DATABASE = frozenset({"query", "queries"}), "database"


def mine_places(params: Places, collection: Collection, progress: NamedProgress | None = None) -> Mined:
    """Mines photos by their positions; no channel of the index is asked.

    Raises UsageError where positions are missing or bad, and where no two photos are near each other.
    """
    photos = readable_photos(collection)
    files = [Path(unescape_name(entry.file)) for entry in photos.entries]
    given = Path(params.positions) if params.positions else None
    if progress is not None:
        progress("reading positions", 0, 1)
    positions = read_positions(photos.names, files, given)
    known = np.isfinite(positions.xyz).all(axis=1)
    a, b, apart = near_pairs(positions.xyz, params.far)
    asks, answers = roles(photos.names)
    anchors = place_anchors(photos.names, (a, b, apart), params, asks & known, answers & known)
    if not anchors:
        raise UsageError(
            f"no photo was taken {params.least:g} to {params.near:g} m from another, by {positions.source}: check the "
            "positions, or raise near"
        )
    table = photos.table(same_place(positions.xyz))
    tuples = Tuples(
        kind="places",
        evidence=EVIDENCE,
        photos=_kept(table, [photos.names[row] for row in np.flatnonzero(known).tolist()]),
        anchors=anchors,
        pool=[photos.names[row] for row in np.flatnonzero(known & answers).tolist()],
        links=[(photos.names[one], photos.names[other]) for one, other in zip(a.tolist(), b.tolist(), strict=True)],
        hops=1,
        provenance=provenance(collection, params) | {"positions": positions.source},
    )
    left_out = [LeftOut(photos.names[row], "no position") for row in np.flatnonzero(~known).tolist()]
    figures = {"photos with a position": int(known.sum())}
    return Mined(tuples, [*photos.notes, *positions.notes], figures, left_out)


def near_pairs(xyz: Float64, far: float) -> tuple[Int64, Int64, Float64]:
    """Returns the pairs of (n, 3) positions that are at most `far` apart: rows a < b in order, and their distance."""
    rows = np.flatnonzero(np.isfinite(xyz).all(axis=1))
    pairs = cKDTree(xyz[rows]).query_pairs(far, output_type="ndarray")
    a, b = rows[pairs].reshape(-1, 2).T
    order = np.lexsort((b, a))
    a, b = a[order].astype(np.int64), b[order].astype(np.int64)
    return a, b, np.linalg.norm(xyz[a] - xyz[b], axis=1)


def same_place(xyz: Float64) -> Int64:
    """Returns (n,) clusters: photos of exactly one position, such as cutouts of a panorama; unknown ones are alone."""
    numbers: dict[object, int] = {}
    keys = [tuple(one) if np.isfinite(one).all() else row for row, one in enumerate(xyz.tolist())]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def roles(names: Sequence[str]) -> tuple[Mask, Mask]:
    """Returns which photos (n) ask and which answer.

    Published sets have them in folders `queries` (or `query`) and `database`; where not both are there, all do both.
    """
    folders = [frozenset(name.split("/")[:-1]) for name in names]
    asks = np.array([bool(own & _QUERIES) for own in folders], np.bool_)
    answers = np.array([_DATABASE in own for own in folders], np.bool_)
    if asks.any() and answers.any():
        return asks, answers
    every = np.ones(len(names), np.bool_)
    return every, every


def place_anchors(
    names: Sequence[str], pairs: tuple[Int64, Int64, Float64], params: Places, asks: Mask, answers: Mask
) -> list[Anchor]:
    """Returns the anchors with potential positives, the nearest first.

    Potential positives are `least` to `near` metres away, the `most` nearest of them. The weight of an anchor is
    1 / (1 + potential positives): where an epoch has fewer draws than anchors, a square with a thousand photos is not
    drawn a million times.

    Notes: `least` is of the authors' code, not of the paper: photos of one spot are cutouts of one panorama, or have a
    position that nobody measured.
    """
    a, b, apart = pairs
    good = (apart >= params.least) & (apart <= params.near)
    near: dict[int, list[tuple[float, int]]] = {}
    for one, other, metres in zip(a[good].tolist(), b[good].tolist(), apart[good].tolist(), strict=True):
        near.setdefault(one, []).append((metres, other))
        near.setdefault(other, []).append((metres, one))
    anchors = []
    for row in sorted(near):
        others = sorted(one for one in near[row] if answers[one[1]])
        if asks[row] and others:
            chosen = tuple(Positive(names[other], -round(metres, 3)) for metres, other in others[: params.most])
            anchors.append(Anchor(names[row], chosen, weight=1.0 / (1.0 + len(others))))
    return anchors


def _kept(table: dict[str, Photo], names: Sequence[str]) -> dict[str, Photo]:
    return {name: table[name] for name in names}
