"""Sets of photos whose queries have boxes, drawn evenly, and how rankings and boxes of them are judged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resight.evaluation.metrics import oxford_ap, positions
from resight.folders.walking import Found
from resight.images import Box
from resight.search.ranking import Ranking


@dataclass(frozen=True)
class Asked:
    """A query photo with its box, and the names of the photos that show the same."""

    image: Path
    box: Box | None
    positives: frozenset[str]
    junk: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Photos:
    """The photos of a collection by name, and what is asked of them."""

    found: list[Found]
    queries: list[Asked]


def evenly(rows: Sequence[Any], count: int) -> list[Any]:
    return [rows[place] for place in np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]


def read_photos(root: Path, name: str, most: int, distractors: int, queries: int) -> Photos:
    """A part of a set whose queries have boxes where it has any, and of the distractors."""
    boxed = root / name / "groundtruth_boxed.json"
    truth = boxed if boxed.exists() else root / name / "groundtruth.json"
    document = json.loads(truth.read_text(encoding="utf-8"))
    folder = root / name / "images"
    searched = evenly(sorted(document["images"]), most)
    paths = [folder / one for one in searched]
    paths += evenly(sorted((root / "distractors" / "images").iterdir()), distractors)
    known = frozenset(searched)
    asked = [
        Asked(
            folder / one["image"],
            tuple(one["box"]) if one.get("box") else None,
            known & frozenset(one["positives"]),
            frozenset(one["junk"]),
        )
        for one in document["queries"]
    ]
    return Photos([found(path) for path in paths], evenly([one for one in asked if one.positives], queries))


def found(path: Path) -> Found:
    return Found(path, path.name, path.stat().st_size, 0)


def precision(photos: Photos, rankings: Iterable[Ranking]) -> float:
    names = [one.name for one in photos.found]
    each = []
    for query, ranking in zip(photos.queries, rankings, strict=True):
        ranks = positions([names[row] for row in ranking.ids.tolist()], query.positives, query.junk)
        each.append(oxford_ap(ranks, len(query.positives)))
    return float(np.mean(each))


def overlap(one: Box, other: Box) -> float:
    """Returns the area of what two boxes share over that of both."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)
