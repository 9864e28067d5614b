"""Searches and photos as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resight.index import Hit, can_explain
from resight.server.jobs import Job
from resight.server.photos import Region
from resight.server.requests import MOST_HITS
from resight.server.searches import KeptSearch
from resight.server.searching import can_sketch
from resight.server.shelf import Generation, PlannedIndex, ServedIndex


@dataclass(frozen=True)
class Access:
    """What a client may do. writable: change indexes; unlockable: with the token; indexes_folders: take in folders."""

    writable: bool
    unlockable: bool
    indexes_folders: bool

    def to_dict(self, under_way: Job | None) -> dict[str, Any]:
        """Returns it for JSON. under_way: a change of the index, which who may change it may look at."""
        return {
            "writable": self.writable,
            "unlockable": self.unlockable and not self.writable,
            "indexes_folders": self.indexes_folders,
            "change": under_way.id if under_way is not None and self.writable else None,
        }


def planned_json(planned: PlannedIndex, access: Access, under_way: Job | None) -> dict[str, Any]:
    """Returns what clients are told of an index that is not there yet."""
    return {"id": planned.id, "title": planned.title, "images": 0, **access.to_dict(under_way)}


def index_json(served: ServedIndex, access: Access, under_way: Job | None) -> dict[str, Any]:
    """Returns what clients are told of an index at first."""
    now = served.now
    recipe = served.index.recipe
    return {
        "id": served.id,
        "title": served.title,
        "images": len(now.listing),
        "generation": now.number,
        "recipe": recipe.name,
        "description": recipe.summary,
        "score": recipe.score_meaning,
        "verifies": served.verifies,
        "sketch": can_sketch(served),
        "probability": True,
        "embedding": served.has_vectors,
        "heat": can_explain(now.collection),
        "groups": ["exact", *(["near", "same"] if served.has_words else [])],
        **access.to_dict(under_way),
        "roots": sorted({root.prefix.rstrip("/") for root in now.collection.snapshot.roots.values()}),
    }


def search_json(kept: KeptSearch, offset: int, k: int) -> dict[str, Any]:
    """Returns the hits of a search from `offset` on, k of them."""
    hits = kept.hits[offset : offset + k]
    return {
        "search": kept.id,
        "index": kept.served.id,
        "query": [
            {
                "width": picture.size[0],
                "height": picture.size[1],
                "box": None if picture.box is None else list(picture.box),
                "name": picture.name,
                "example": picture.example,
            }
            for picture in kept.pictures
        ],
        "offset": offset,
        "total": len(kept.hits),
        "more": kept.more and len(kept.hits) < MOST_HITS,
        "hits": hits_json(kept.served, hits, offset),
        "notes": list(kept.notes),
        "seconds": {"first": round(kept.first, 4), "all": round(kept.all, 4)},
    }


def hits_json(served: ServedIndex, hits: Sequence[Hit], offset: int) -> list[dict[str, Any]]:
    """Returns hits, of which the first has the rank `offset` + 1."""
    return [_hit_json(served, hit, rank) for rank, hit in enumerate(hits, start=offset + 1)]


def photo_json(served: ServedIndex, now: Generation, name: str) -> dict[str, Any]:
    """Returns what clients are told of a photo in a list of one generation. Raises Refusal."""
    width, height = now.listing.size(name)
    return {"name": name, "width": width, "height": height, "metadata": served.metadata.of(name)}


def _hit_json(served: ServedIndex, hit: Hit, rank: int) -> dict[str, Any]:
    now = served.now
    images = now.collection.snapshot.images
    place = images.by_name.get(hit.name)
    size = (0, 0) if place is None else (int(images.widths[place]), int(images.heights[place]))
    return {
        "name": str(hit.name),
        "video": hit.video,
        "time": hit.time,
        "others": [*hit.others],
        "rank": rank,
        "score": float(hit.score),
        "probability": round(hit.probability, 4),
        "verdict": hit.verdict,
        "inliers": hit.inliers,
        "copy": hit.copy,
        "by": hit.query,
        "width": size[0],
        "height": size[1],
        "box": None if hit.box is None else [round(side, 2) for side in hit.box],
        "region": None if hit.box is None or not all(size) else str(Region.around(hit.box, size)),
        "transform": hit.transform,
        "metadata": served.metadata.of(hit.name),
    }
