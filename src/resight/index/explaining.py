"""Why photos were found by pooled feature maps: the maps of the query and of a hit are computed again and compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from resight.arguments import path_or_name
from resight.descriptors.methods.joined import Joined
from resight.descriptors.methods.traceable import Traceable
from resight.errors import UsageError
from resight.features.kinds import Maps
from resight.folders.names import Name, suggestion
from resight.images import displayed
from resight.index.collection import Collection
from resight.index.queries import Query, photo_of
from resight.recipe.model import ChannelRecipe, Recipe

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution, Traced
    from resight.features.sight import HeatMap

COUNT = 5
"""Channels that the explanation of a hit lists."""


def explained_channel(recipe: Recipe) -> str | None:
    """Returns the first channel of one or more pooled feature maps, whose parts add up to a similarity."""
    return next((name for name, channel in recipe.channel.items() if _adds_up(channel)), None)


def can_explain(collection: Collection) -> bool:
    """Returns whether an index has a channel of which it can be told what makes two photos similar."""
    return explained_channel(collection.recipe) is not None


def _adds_up(channel: ChannelRecipe) -> bool:
    method, features = channel.method, channel.features
    if isinstance(method, Joined):
        # Of a sum, each part is compared with all the others.
        return method.how == "concatenate" and all(isinstance(part, Traceable) for part in method.parts)
    return isinstance(method, Traceable) and isinstance(features, Maps)


class Explainer:
    """Compares one query with hits. An index keeps no maps: the network runs once for the query and once for each hit.

    Of an index of several channels, it is by the one that `explained_channel` names. Raises UsageError where
    `can_explain` is not so or the box is bad, ImageError where the query cannot be read.
    """

    def __init__(self, collection: Collection, query: Query) -> None:
        name = explained_channel(collection.recipe)
        if name is None:
            raise UsageError(
                f"{collection.recipe.name} does not search by a pooled feature map, of which it could be told which "
                "channels make a hit; mac, spoc, gem, crow and rmac do"
            )
        channel = collection.channels[name]
        self._collection, self._encoder, self._extractor = collection, channel.encoder, channel.extractor
        # As a search decodes it: a part is taken of the whole photo.
        side = self._extractor.max_side if query.box is None else None
        asked, _ = photo_of(collection, query).read(side)
        self._query = self._traced(self._extractor.prepare_query(asked, query.box))

    def contributions(self, name: str | Path, count: int = COUNT) -> list[Contribution]:
        """Returns the channels that add most to the similarity of an indexed photo, largest share first.

        Channels of several layers are numbered on from one to the next.
        UsageError: no such name. ImageError: its file is gone, has changed, or cannot be read.
        """
        from resight.descriptors.contributions import contributions

        found: list[Contribution] = []
        before = 0
        for query, image in zip(self._query, self._indexed(name), strict=True):
            own = contributions(query, image, count)
            found += [replace(one, channel=one.channel + before) for one in own]
            before += len(query.centred)
        return sorted(found, key=lambda one: -one.share)[:count]

    def heat(self, name: str | Path) -> tuple[HeatMap, ...]:
        """Returns where an indexed photo matches the query: the share of each position in their similarity.

        There is a map for each scale of each layer.
        UsageError and ImageError as for `contributions`.
        """
        from resight.descriptors.contributions import similarity_heat

        pairs = zip(self._indexed(name), self._query, strict=True)
        return tuple(heat for image, query in pairs for heat in similarity_heat(image, query))

    def _indexed(self, name: str | Path) -> tuple[Traced, ...]:
        place = self._collection.find(path_or_name("name", name))
        if place is None:
            names = self._collection.snapshot.images.names
            raise UsageError(f"{displayed(name)}: no photo in the index has this name{suggestion(name, names)}")
        known = Query(Name(self._collection.snapshot.images.names[place]))
        image, _ = photo_of(self._collection, known).read(self._extractor.max_side)
        return self._traced(self._extractor.prepare(image))

    def _traced(self, prepared: object) -> tuple[Traced, ...]:
        from resight.descriptors.contributions import traced, traced_parts
        from resight.descriptors.joining import JoinedEncoder
        from resight.descriptors.pooled import MapEncoder
        from resight.features.joined import JoinedExtractor
        from resight.features.maps import MapExtractor
        from resight.features.sight import sights

        (maps,) = self._extractor.extract([prepared])
        if isinstance(self._encoder, JoinedEncoder):
            assert isinstance(self._extractor, JoinedExtractor), "no other gives maps to be joined"
            layers = [part.layer for part in self._extractor.params.parts]
            places = [
                sights(image, self._extractor.network(number), layer)
                for number, (image, layer) in enumerate(zip(maps, layers, strict=True))
            ]
            return traced_parts(maps, places, self._encoder)
        assert isinstance(self._encoder, MapEncoder)
        assert isinstance(self._extractor, MapExtractor)
        own = sights(maps, self._extractor.network(), self._extractor.params.layer)
        return (traced(maps, own, self._encoder.method, self._encoder.whitening, self._encoder.fitted),)
