"""A query seen in a mirror: its pixels, and the verification of its hits in pixels of the query as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from resight.images import Box, Decoded
from resight.search.ranking import Ranking, Verification


def mirrored(decoded: Decoded) -> Decoded:
    """Returns the photo with left and right exchanged."""
    counts = None if decoded.counts is None else np.ascontiguousarray(decoded.counts[:, ::-1])
    return replace(decoded, pixels=np.ascontiguousarray(decoded.pixels[:, ::-1]), counts=counts)


def mirrored_box(box: Box | None, width: int) -> Box | None:
    """Returns where a part of a photo `width` pixels wide is when it is mirrored; None stays None."""
    return None if box is None else (width - box[2], box[1], width - box[0], box[3])


def unmirrored(ranking: Ranking, width: int) -> Ranking:
    """Returns the ranking for a mirrored query with verifications of the query as it is, `width` pixels wide."""
    flip = np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    verified = {image: _unmirrored(why, flip) for image, why in ranking.verified.items()}
    return replace(ranking, verified=verified)


def seen_mirrored(plain: Ranking, mirrored: Ranking, verified: Mapping[int, Verification]) -> frozenset[int]:
    """Returns the images that are found because the query was mirrored.

    Their verification is that of the mirrored query; without any, their score is.
    """
    scores = dict(zip(plain.ids.tolist(), plain.scores.tolist(), strict=True))
    found = set()
    for image, score in zip(mirrored.ids.tolist(), mirrored.scores.tolist(), strict=True):
        why = verified.get(image)
        by_score = image not in scores or score > scores[image]
        if why is mirrored.verified.get(image) if why is not None else by_score:
            found.add(image)
    return frozenset(found)


def _unmirrored(why: Verification, flip: NDArray[np.float64]) -> Verification:
    xy = why.query_xy.copy()
    xy[:, 0] = np.float32(flip[0, 2]) - xy[:, 0]
    return replace(why, transform=np.asarray(why.transform @ flip, np.float64), query_xy=xy)
