"""Pictures of the words that an index keeps of a photo, and of those that a query shares with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from resight.arguments import path_or_name
from resight.arrays import Pixels
from resight.errors import UsageError
from resight.folders.names import Name, suggestion
from resight.images import displayed, resize
from resight.index.asking import ask
from resight.index.collection import Collection
from resight.index.queries import Query, photo_of
from resight.index.shared_words import bag_channel
from resight.index.views import BagView
from resight.show.words import draw_weights, draw_words, most_shared

SIDE = 480
"""Long side of each picture in pixels."""


def word_pictures(
    collection: Collection, name: str | Path, query: Query | None = None, most: int = 20
) -> dict[str, Pixels]:
    """Returns pictures (h, w, 3) uint8 by caption: all words of an indexed photo, and how much each counts.

    With a query also the words, at most `most`, that both have, on both. Raises UsageError where no channel of the
    index keeps bags of words, there is no such name, or the box of the query is bad; ImageError where a photo cannot be
    read.
    """
    channel = bag_channel(collection)
    if channel is None:
        raise UsageError(f"{collection.recipe.name} keeps no bags of words to draw; the kinds bow and blcf do")
    place = collection.find(path_or_name("name", name))
    images = collection.snapshot.images
    if place is None:
        raise UsageError(f"{displayed(name)}: no photo in the index has this name{suggestion(name, images.names)}")
    view = collection.views[channel]
    assert isinstance(view, BagView)
    photo = resize(photo_of(collection, Query(Name(images.names[place]))).read(SIDE)[0].pixels, SIDE)
    kept = view.words(int(images.ids[place]))
    pictures = {"words": draw_words(photo, kept)}
    if kept.weights is not None:
        pictures["weights"] = draw_weights(photo, kept)
    if query is None:
        return pictures
    asked = ask(collection, query).versions[0][channel]
    shown = photo_of(collection, query).read(None)[0]
    shared = most_shared(asked, kept, most)
    # The words of a part lie in pixels of the whole photo.
    whole = replace(asked, size=shown.size)
    pictures["query"] = draw_words(resize(shown.pixels, SIDE), whole, np.isin(whole.words, shared))
    pictures["shared words"] = draw_words(photo, kept, np.isin(kept.words, shared))
    return pictures
