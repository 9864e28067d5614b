"""What manifold and distance disagree about, in the plane: hard positives and hard negatives of a query."""

from __future__ import annotations

from dataclasses import replace

from resight.arrays import UInt8
from resight.show.embedding import Plane
from resight.show.embedding_picture import draw_embedding

MARKS = ("hard negatives, E \\ M", "hard positives, M \\ E")
"""Legend of the two marks, squares and discs."""


def hard_examples(plane: Plane) -> Plane:
    r"""Returns a plane on which only those neighbours of the query are marked that are of one kind alone.

    Near by distance and not along the manifold: hard negatives, E \\ M. The other way round: hard positives, M \\ E.

    Source: Iscen, Tolias, Avrithis & Chum, "Mining on manifolds", CVPR 2018, section 4.
    """
    photos = [
        replace(photo, euclidean=0, manifold=0) if photo.euclidean and photo.manifold else photo
        for photo in plane.photos
    ]
    return replace(plane, photos=photos)


def draw_hard_examples(plane: Plane) -> UInt8:
    """Draws `hard_examples` as `draw_embedding` draws all neighbours: (h, w, 3) uint8 RGB."""
    return draw_embedding(hard_examples(plane), MARKS)
