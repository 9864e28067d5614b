"""Why photos were found by pooled feature maps: the maps of the query and of a hit are computed again and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from resight.answering import decode_whole
from resight.descriptors.kinds import Crow, Gem, Mac, Rmac, Spoc
from resight.errors import ImageError, UsageError
from resight.images import Box, Decoded, decode, displayed, read_bytes
from resight.reader import Reader

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution, Traced
    from resight.features.maps import PreparedImage

Source = str | Path | NDArray[np.uint8]

COUNT = 5
"""Channels that are told of a hit."""


def can_explain(reader: Reader) -> bool:
    """Whether an index is searched by a pooled feature map, whose parts add up to a similarity."""
    return isinstance(reader.recipe.channel[reader.recipe.first_channel].method, Mac | Spoc | Gem | Crow | Rmac)


class Explainer:
    """Compares one query with hits. An index keeps no maps: the network runs once for the query and once for each hit.

    Raises UsageError where `can_explain` is not so or the box is bad, ImageError where the query cannot be read.
    """

    def __init__(self, reader: Reader, query: Source, box: Box | None = None) -> None:
        if not can_explain(reader):
            raise UsageError(
                f"{reader.recipe.name} does not search by a pooled feature map, of which it could be told which "
                "channels make a hit; mac, spoc, gem, crow and rmac do"
            )
        from resight.channels.pooled import PooledChannel
        from resight.features.maps import MapExtractor

        channel = reader.channels[reader.recipe.first_channel]
        assert isinstance(channel, PooledChannel)
        assert isinstance(channel.extractor, MapExtractor)
        self._reader, self._channel, self._extractor = reader, channel, channel.extractor
        self._query = self._traced(self._extractor.prepare_query(self._decoded(query, box), box))

    def contributions(self, name: str, count: int = COUNT) -> list[Contribution]:
        """The channels that add most to the similarity of an indexed photo with the query, the largest share first.

        UsageError: no such name. ImageError: its file is gone, has changed, or cannot be read.
        """
        from resight.descriptors.contributions import contributions

        if name not in self._reader.snapshot.images.by_name:
            raise UsageError(f"{name}: no photo in the index has this name")
        return contributions(self._query, self._traced(self._extractor.prepare(self._decoded(name, None))), count)

    def _traced(self, prepared: PreparedImage) -> Traced:
        from resight.features.sight import sights

        (maps,) = self._extractor.extract([prepared])
        network = self._extractor.loaded().network
        return self._channel.traced(maps, sights(maps, network, self._extractor.params.layer))

    def _decoded(self, source: Source, box: Box | None) -> Decoded:
        """As a search decodes it: a part is taken from the whole photo."""
        if isinstance(source, np.ndarray):
            return Decoded(source, (source.shape[1], source.shape[0]))
        path: Path | None = Path(source)
        images = self._reader.snapshot.images
        if isinstance(source, str) and source in images.by_name:
            path = self._reader.file_of(images.by_name[source])
        if path is None:
            raise ImageError(str(source), "its file is gone or has changed since it was indexed")
        if box is not None:
            return decode_whole(read_bytes(path), displayed(path))
        return decode(path, self._extractor.max_side)
