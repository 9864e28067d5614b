"""Why a photo is a hit: what might match before geometry, what geometry leaves of it, and the photos laid together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from resight.arrays import Float32, Float64, Pixels, UInt8
from resight.errors import ImageError
from resight.folders.names import Name
from resight.images import Decoded, decode_bytes
from resight.index import Asked, Collection, Explainer, Hit, Query, can_explain
from resight.index.views import WordView
from resight.rerank.geometry import Correspondences, project_box
from resight.rerank.spatial import matched, tentative
from resight.search.ranking import Verification
from resight.server.faults import Refusal, not_found
from resight.server.large import in_turn
from resight.server.photos import read_photo
from resight.server.searches import KeptSearch, QueryPicture
from resight.show.activations import draw_heat
from resight.words.evidence import ImageWords

FEATURES = 2000
"""Features of each photo that are told, the strongest."""


@dataclass(frozen=True)
class Evidence:
    """Evidence for a hit, in pixels of the upright originals.

    tentative: (n, 4) x, y in the query and in the hit; verified: (m, 4) those that one transform explains.
    query_features, hit_features: (q, 3) x, y, scale.
    """

    tentative: Float32
    verified: Float32
    transform: Float64 | None
    query_features: Float32
    hit_features: Float32


def evidence_of(kept: KeptSearch, name: str) -> dict[str, Any]:
    """Returns the evidence for a hit, for JSON. Raises Refusal."""
    _, hit = kept.ranked(name)
    now = kept.served.now
    hit_size = now.listing.size(name)
    picture, asked = kept.pictures[hit.query], kept.asked[hit.query]
    found = _evidence(now.collection, asked, hit, now.listing.place(name))
    part = asked.box or (0.0, 0.0, float(asked.size[0]), float(asked.size[1]))
    box = hit.box if found.transform is None else project_box(found.transform, part, hit_size)
    return {
        "name": name,
        "by": hit.query,
        "putative": _rows(found.tentative),
        "verified": _rows(found.verified),
        "transform": None if found.transform is None else found.transform.tolist(),
        "box": None if box is None else [round(side, 2) for side in box],
        "query": {"width": picture.size[0], "height": picture.size[1], "box": picture.box and list(picture.box)},
        "hit": {"width": hit_size[0], "height": hit_size[1]},
        "features": {"query": _rows(found.query_features[:FEATURES]), "hit": _rows(found.hit_features[:FEATURES])},
        "heat": can_explain(now.collection),
    }


def registered(kept: KeptSearch, name: str, side: int) -> UInt8:
    """Returns (h, w, 4) RGBA: the query laid onto a hit, transparent where it does not reach.

    It is as large as the hit is when its long side is reduced to `side` pixels where longer. Raises Refusal and
    ImageError.
    """
    _, hit = kept.ranked(name)
    now = kept.served.now
    place = now.listing.place(name)
    transform = _evidence(now.collection, kept.asked[hit.query], hit, place).transform
    if transform is None:
        raise not_found(
            "No transform lays the query onto this hit: geometry has not verified it.",
            "Take a hit that has inliers.",
        )
    width, height = now.listing.size(name)
    factor = min(1.0, side / max(width, height))
    shown = (max(1, round(width * factor)), max(1, round(height * factor)))
    query = read_query(kept, hit.query, side)
    return _warped(query, transform, (width, height), shown)


def heat(kept: KeptSearch, name: str, side: int) -> Pixels:
    """Returns (h, w, 3): a hit in grey, coloured where its feature maps are like those of the query.

    The network runs for both photos. Raises Refusal, UsageError and ImageError.
    """
    _, hit = kept.ranked(name)
    collection = kept.served.now.collection
    if not can_explain(collection):
        raise not_found(
            f"{collection.recipe.name} has no heat map: it does not compare pooled feature maps.",
            "Ask for the evidence instead.",
        )
    picture = kept.pictures[hit.query]
    source = picture.data if picture.name is None else Name(picture.name)
    assert source is not None, "a picture has either"
    maps = Explainer(collection, Query(source, box=picture.box)).heat(Name(name))
    photo = read_photo(kept.served.now, name, side)
    return draw_heat(photo.pixels, maps, factor=max(photo.pixels.shape[:2]) / max(photo.size))


def read_query(kept: KeptSearch, number: int, side: int | None) -> Decoded:
    """Returns a photo that was asked with. Raises Refusal and ImageError."""
    if not 0 <= number < len(kept.pictures):
        raise not_found(f"The search has {len(kept.pictures)} photos, counted from 0.", "Ask for one of them.")
    picture: QueryPicture = kept.pictures[number]
    if picture.data is not None:
        with in_turn([picture.data]):
            return decode_bytes(picture.data, "query", side)
    assert picture.name is not None, "a picture has either"
    return read_photo(kept.served.now, picture.name, side)


def _warped(query: Decoded, transform: Float64, size: tuple[int, int], shown: tuple[int, int]) -> UInt8:
    """Lays the pixels of a query onto a hit of `size`, drawn at the size `shown`, both (width, height)."""
    rows, columns = query.pixels.shape[:2]
    # Indices of pixels count from their centres, coordinates from the corner of the first pixel.
    centre = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    to_query = np.diag([query.size[0] / columns, query.size[1] / rows, 1.0]) @ centre
    to_shown = np.linalg.inv(centre) @ np.diag([shown[0] / size[0], shown[1] / size[1], 1.0])
    whole = to_shown @ transform @ to_query
    if not np.isfinite(whole).all() or abs(np.linalg.det(whole)) < 1e-12:
        raise Refusal(404, "not-found", "The transform folds the query to a line.", "Take another hit.")
    opaque = np.dstack([query.pixels, np.full((rows, columns), 255, np.uint8)])
    return np.asarray(cv2.warpPerspective(opaque, whole, shown, flags=cv2.INTER_LINEAR), np.uint8)


def webp(pixels: UInt8) -> bytes:
    """Encodes (h, w, 4) uint8 RGBA as WebP. Raises ImageError."""
    done, data = cv2.imencode(".webp", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_WEBP_QUALITY, 85])
    if not done:
        raise ImageError("photo", "it cannot be written as WebP")
    return data.tobytes()


def _evidence(collection: Collection, asked: Asked, hit: Hit, place: int) -> Evidence:
    why = hit.verification
    given = _words(collection, asked, place)
    if given is None:
        points = _points(why)
        features = np.zeros((0, 3), np.float32)
        return Evidence(points, points, None if why is None else why.transform, features, features)
    query, image, view = given
    pairs = tentative(query, image, view.spatial)
    rows = np.zeros((0, 4), np.float32) if pairs is None else np.hstack([pairs.query_xy, pairs.image_xy])
    if why is None and pairs is not None:
        why = _verified(pairs, query, image, view)
    transform = None if why is None else why.transform
    return Evidence(rows, _points(why), transform, _features(query), _features(image))


def _words(collection: Collection, asked: Asked, place: int) -> tuple[ImageWords, ImageWords, WordView] | None:
    """Returns the words of query and hit in the first channel that has some."""
    image = int(collection.snapshot.images.ids[place])
    for name, view in collection.views.items():
        query = asked.versions[0][name]
        if isinstance(view, WordView) and isinstance(query, ImageWords):
            return query, view.words(image), view
    return None


def _verified(pairs: Correspondences, query: ImageWords, image: ImageWords, view: WordView) -> Verification | None:
    match = matched(pairs, query, image, view.spatial)
    if match is None:
        return None
    xy = pairs.query_xy[match.inliers], pairs.image_xy[match.inliers]
    return Verification(match.transform, *xy, match.score, len(pairs))


def _points(why: Verification | None) -> Float32:
    return np.zeros((0, 4), np.float32) if why is None else np.hstack([why.query_xy, why.image_xy])


def _features(words: ImageWords) -> Float32:
    return np.column_stack([words.xy, words.scale]).astype(np.float32)


def _rows(points: Float32) -> list[list[float]]:
    return [[round(float(value), 2) for value in row] for row in points.tolist()]
