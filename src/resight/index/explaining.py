"""Why photos were found by pooled feature maps: the maps of the query and of a hit are computed again and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resight.arguments import path_or_name
from resight.descriptors.kinds import OfMaps
from resight.errors import ImageError, UsageError
from resight.folders.names import suggestion
from resight.images import Box, Decoded, decode_bytes, decode_whole, displayed, read_bytes
from resight.images.masks import PhotoMask, decode_masked, masked
from resight.index.collection import Collection
from resight.index.queries import Indexed, Meant, meant_by

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution, Traced
    from resight.features.maps import PreparedImage

COUNT = 5
"""Channels that the explanation of a hit lists."""


def can_explain(collection: Collection) -> bool:
    """Returns whether an index is searched by a pooled feature map, whose parts add up to a similarity."""
    method = collection.recipe.channel[collection.recipe.first_channel].method
    return isinstance(method, OfMaps) and method.is_traceable


class Explainer:
    """Compares one query with hits. An index keeps no maps: the network runs once for the query and once for each hit.

    Raises UsageError where `can_explain` is not so or the box is bad, ImageError where the query cannot be read.
    """

    def __init__(
        self, collection: Collection, query: object, box: Box | None = None, mask: PhotoMask | None = None
    ) -> None:
        """`query`: as `queries.Source` says; `mask`: of the query, where it is not the one that it was indexed with."""
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
        asked = self._decoded(meant_by(collection, query), box, mask)
        self._query = self._traced(self._extractor.prepare_query(asked, box))

    def contributions(self, name: str | Path, count: int = COUNT) -> list[Contribution]:
        """The channels that add most to the similarity of an indexed photo with the query, the largest share first.

        UsageError: no such name. ImageError: its file is gone, has changed, or cannot be read.
        """
        from resight.descriptors.contributions import contributions

        place = self._collection.find(path_or_name("name", name))
        if place is None:
            names = self._collection.snapshot.images.names
            raise UsageError(f"{displayed(name)}: no photo in the index has this name{suggestion(name, names)}")
        return contributions(
            self._query, self._traced(self._extractor.prepare(self._decoded(Indexed(place), None, None))), count
        )

    def _traced(self, prepared: PreparedImage) -> Traced:
        from resight.descriptors.contributions import traced
        from resight.features.sight import sights

        (maps,) = self._extractor.extract([prepared])
        network = self._extractor.loaded().network
        places = sights(maps, network, self._extractor.params.layer)
        return traced(maps, places, self._encoder.method, self._encoder.whitening, self._encoder.fitted)

    def _decoded(self, source: Meant, box: Box | None, mask: PhotoMask | None) -> Decoded:
        """As a search decodes it: a part is taken from the whole photo, and what a mask leaves out does not count."""
        if isinstance(source, np.ndarray):
            photo = Decoded(source, (source.shape[1], source.shape[0]))
            return photo if mask is None else masked(photo, mask)
        if isinstance(source, Indexed):
            images, mask = self._collection.snapshot.images, mask or self._collection.mask_of(source.place)
            path = self._collection.file_of(source.place)
            if path is None or (mask is None and images.masks[source.place]):
                which = "file" if path is None else "mask"
                raise ImageError(images.names[source.place], f"its {which} is gone or has changed since it was indexed")
            source = path
        data, title = (source, "bytes") if isinstance(source, bytes) else (read_bytes(source), displayed(source))
        if mask is not None:
            return decode_masked(data, title, mask, self._extractor.max_side if box is None else None)
        if box is not None:
            return decode_whole(data, title)
        return decode_bytes(data, title, self._extractor.max_side)
