"""Mining of single photos: each is an anchor, and training renders its positives from it."""

from __future__ import annotations

import numpy as np

from resight.index.collection import Collection
from resight.progress import NamedProgress
from resight.training.mining.indexed import photo_links, provenance, readable_photos, word_channel
from resight.training.mining.kinds import RenderedViews
from resight.training.mining.mined import Mined
from resight.training.mining.pairs import Links
from resight.training.mining.verified import named_links
from resight.training.tuples import Anchor, Tuples


def mine_views(params: RenderedViews, collection: Collection, progress: NamedProgress | None = None) -> Mined:
    """Mines every photo, with the links that words tell of, if the index has words."""
    photos = readable_photos(collection)
    channel = word_channel(collection, params.channel)
    notes = list(photos.notes)
    none = np.empty(0, np.int64)
    if channel is None:
        links = Links(len(photos.names), none, none, none)
        notes.append("the index has no words: any other photo may be a negative, also one of the same thing")
    else:
        links = photo_links(collection, photos, channel, params, progress)
    weights = (1.0 / (1.0 + links.degrees)).tolist()
    tuples = Tuples(
        kind="views",
        evidence="rendered from the photo itself",
        photos=photos.table(range(len(photos.names))),
        anchors=[Anchor(name, weight=weight) for name, weight in zip(photos.names, weights, strict=True)],
        pool=list(photos.names),
        links=named_links(photos.names, links),
        hops=params.hops,
        provenance=provenance(collection, params),
    )
    return Mined(tuples, notes)
