"""The first look alone: the ranking that is there at once, before second looks verify and order it anew."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from resight.folders.names import Name
from resight.index.answering import Wanted, allowed_images, mean_scores
from resight.index.asking import Asked
from resight.index.collection import Collection
from resight.index.files import indexed_file
from resight.index.results import Hit, Result
from resight.search.selection import best


def first_look(collection: Collection, every: Sequence[Asked], wanted: Wanted) -> Result:
    """Returns the best images by the first channel, for one query or for several by the mean of their scores.

    Hits have neither verification nor probability, which no look but the last can give them: what `wanted` asks of
    those does not count. Raises UsageError.
    """
    allowed, start = allowed_images(collection, wanted), time.perf_counter()
    view = collection.views[collection.recipe.first_channel]
    view = view if allowed is None else view.within(allowed)
    own = frozenset().union(*(asked.own for asked in every))
    depth = min(wanted.k + len(own), len(collection.snapshot.images))
    rankings = [view.search(asked.versions[0][collection.recipe.first_channel], depth) for asked in every]
    ids, scores = mean_scores(rankings)
    found = best(ids, scores, len(ids), collection.name_order)
    images = collection.snapshot.images
    hits = [
        Hit(Name(images.names[place]), score, file=indexed_file(collection.snapshot, place))
        for image, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        if wanted.include_self or image not in own
        for place in images.positions(np.array([image])).tolist()
    ]
    title = " + ".join(asked.title for asked in every)
    return Result(title, every[0].box, hits[: wanted.k], time.perf_counter() - start, every[0].size)
