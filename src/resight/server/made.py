"""Products of a whole generation, made once: positions in the plane, and groups of copies and of one thing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Literal

import numpy as np

from resight.errors import UsageError
from resight.index.duplicates import find_duplicates
from resight.manifold.embedding import embed
from resight.progress import Progress
from resight.server.faults import Refusal, busy
from resight.server.jobs import Job, Jobs
from resight.server.shelf import Generation, ServedIndex
from resight.show.embedding import descriptors_of

MOST_PLACED = 2000
"""Photos of an index that are placed in the plane, drawn by seed of more: distances of all pairs are held in memory."""
GroupKind = Literal["exact", "near", "same"]
_KINDS: dict[GroupKind, Literal["copies", "near", "same"]] = {"exact": "copies", "near": "near", "same": "same"}


class Made:
    """Values by key that jobs make; of each key one job at a time."""

    def __init__(self, jobs: Jobs, most: int = 32) -> None:
        self._jobs, self._most = jobs, most
        self._made: dict[Hashable, Any] = {}
        self._under_way: dict[Hashable, Job] = {}
        self._lock = threading.Lock()

    def get(self, what: str, key: Hashable, work: Callable[[Progress], Any]) -> tuple[Any, Job | None]:
        """Returns the value and None, or None and the job that makes it. Raises Refusal where it failed."""
        with self._lock:
            if key in self._made:
                return self._made[key], None
            job = self._under_way.get(key)
            if job is not None and job.state == "failed":
                # Told once; whoever asks again starts it anew.
                del self._under_way[key]
                raise _failure(job)
            if job is None:
                job = self._under_way[key] = self._jobs.start(what, lambda progress: self._keep(key, work(progress)))
            return None, job

    def _keep(self, key: Hashable, value: Any) -> None:
        with self._lock:
            self._made[key] = value
            self._under_way.pop(key, None)
            while len(self._made) > self._most:
                self._made.pop(next(iter(self._made)))


def _failure(job: Job) -> Refusal:
    if job.error is None:
        return busy(job.message)
    fault = job.error["error"]
    return Refusal(422, fault["kind"], fault["message"], fault["hint"])


def plane(generation: Generation, progress: Progress) -> dict[str, Any]:
    """Places photos in the unit square by their vectors, y down; see `resight show embedding`. Raises UsageError."""
    names, vectors = descriptors_of(generation.collection)
    rows = np.arange(len(names))
    if len(names) > MOST_PLACED:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_PLACED, replace=False))
    progress(0, 1)
    xy = embed(vectors[rows], "isomap", 0).astype(np.float64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = float((high - low).max()) or 1.0
    xy = 0.5 + (xy - (low + high) / 2) * (1.0, -1.0) / span
    points = [
        {"name": names[row], "x": round(x, 5), "y": round(y, 5)}
        for row, (x, y) in zip(rows.tolist(), xy.tolist(), strict=True)
    ]
    progress(1, 1)
    return {"points": points, "drawn": len(points), "total": len(names)}


def groups(generation: Generation, kind: GroupKind, progress: Progress) -> dict[str, Any]:
    """Returns groups of copies, near-copies, or photos of one thing, for JSON. Raises UsageError."""
    found = find_duplicates(generation.collection, _KINDS[kind], (), progress)
    names = {"copies": "exact", "near": "near", "same": "same"}
    return {
        "kind": kind,
        "photos": found.photos,
        "groups": [
            {
                "kind": names[group.kind],
                "images": [photo.name for photo in group.photos],
                "kept": next(photo.name for photo in group.photos if photo.keep),
                "pictures": group.pictures,
                "sure": group.sure,
                "inliers": {name: link.inliers for name, link in group.reasons().items()},
            }
            for group in found.groups
        ],
    }


def group_rows(document: dict[str, Any]) -> list[list[str]]:
    """Returns a heading and a row for each photo of each group, for CSV."""
    rows = [["group", "kind", "name", "keep", "inliers"]]
    for number, group in enumerate(document["groups"], start=1):
        for name in group["images"]:
            keep = "yes" if name == group["kept"] else ""
            rows.append([str(number), group["kind"], name, keep, str(group["inliers"].get(name, ""))])
    return rows


def check_places(served: ServedIndex) -> None:
    """Raises UsageError where photos cannot be placed in the plane."""
    if not served.has_vectors:
        raise UsageError(
            f'{served.index.recipe.name} keeps no single vector of a photo, by which photos are placed; "fast" and the '
            "default recipe do"
        )
