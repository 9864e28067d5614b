"""Why photos were found by pooled feature maps: the maps of the query and of a hit are computed again and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from resight.arguments import path_or_name
from resight.descriptors.methods.traceable import Traceable
from resight.errors import UsageError
from resight.features.kinds import Maps
from resight.folders.names import Name, suggestion
from resight.images import displayed
from resight.index.collection import Collection
from resight.index.queries import Query, photo_of

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution, Traced
    from resight.features.image_maps import PreparedImage
    from resight.features.sight import HeatMap

COUNT = 5
"""Channels that the explanation of a hit lists."""


def can_explain(collection: Collection) -> bool:
    """Returns whether an index is searched by a pooled feature map, whose parts add up to a similarity."""
    method = collection.recipe.channel[collection.recipe.first_channel].method
    features = collection.recipe.channel[collection.recipe.first_channel].features
    return isinstance(method, Traceable) and isinstance(features, Maps)


class Explainer:
    """Compares one query with hits. An index keeps no maps: the network runs once for the query and once for each hit.

    Raises UsageError where `can_explain` is not so or the box is bad, ImageError where the query cannot be read.
    """

    def __init__(self, collection: Collection, query: Query) -> None:
        if not can_explain(collection):
            raise UsageError(
                f"{collection.recipe.name} does not search by a pooled feature map, of which it could be told which "
                "channels make a hit; mac, spoc, gem, crow and rmac do"
            )
        from resight.descriptors.pooled import MapEncoder
        from resight.features.maps import MapExtractor

        channel = collection.channels[collection.recipe.first_channel]
        assert isinstance(channel.encoder, MapEncoder)
        assert isinstance(channel.extractor, MapExtractor)
        self._collection, self._encoder, self._extractor = collection, channel.encoder, channel.extractor
        # As a search decodes it: a part is taken of the whole photo.
        side = self._extractor.max_side if query.box is None else None
        asked, _ = photo_of(collection, query).read(side)
        self._query = self._traced(self._extractor.prepare_query(asked, query.box))

    def contributions(self, name: str | Path, count: int = COUNT) -> list[Contribution]:
        """Returns the channels that add most to the similarity of an indexed photo, largest share first.

        UsageError: no such name. ImageError: its file is gone, has changed, or cannot be read.
        """
        from resight.descriptors.contributions import contributions

        return contributions(self._query, self._indexed(name), count)

    def heat(self, name: str | Path) -> tuple[HeatMap, ...]:
        """Returns where an indexed photo matches the query: the share of each position in their similarity, by scale.

        UsageError and ImageError as for `contributions`.
        """
        from resight.descriptors.contributions import similarity_heat

        return similarity_heat(self._indexed(name), self._query)

    def _indexed(self, name: str | Path) -> Traced:
        place = self._collection.find(path_or_name("name", name))
        if place is None:
            names = self._collection.snapshot.images.names
            raise UsageError(f"{displayed(name)}: no photo in the index has this name{suggestion(name, names)}")
        known = Query(Name(self._collection.snapshot.images.names[place]))
        image, _ = photo_of(self._collection, known).read(self._extractor.max_side)
        return self._traced(self._extractor.prepare(image))

    def _traced(self, prepared: PreparedImage) -> Traced:
        from resight.descriptors.contributions import traced
        from resight.features.sight import sights

        (maps,) = self._extractor.extract([prepared])
        places = sights(maps, self._extractor.network(), self._extractor.params.layer)
        return traced(maps, places, self._encoder.method, self._encoder.whitening, self._encoder.fitted)
