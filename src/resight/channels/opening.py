"""From the parameters of a method and its fitted arrays to a channel: the one place that knows the four layouts."""

from __future__ import annotations

from typing import Any

from resight.arrays import Arrays
from resight.channels.channel import Channel, ChannelLayout
from resight.features.extractor import Extractor
from resight.learned.method import Encoder, Method


def open_channel(method: Method, extractor: Extractor[Any, Any], fitted: Arrays) -> Channel:
    """Returns the channel of a method with its fitted arrays, as passes or files give them.

    Raises FitError where they do not suit it.
    """
    encoder = method.opened(extractor, fitted)
    return Channel(extractor, encoder, layout_of(method, encoder))


def layout_of(method: Method, encoder: Encoder) -> ChannelLayout:
    """Returns the layout of a method's evidence; each layout is imported when it is asked for."""
    match method.layout:
        case "vector":
            from resight.channels.vectors import VectorLayout

            return VectorLayout(encoder.size)
        case "regions":
            from resight.channels.regions import RegionLayout
            from resight.descriptors.methods.regions import Regional

            assert isinstance(method, Regional), f"{method.kind}: what is kept by regions says how they are matched"
            return RegionLayout(encoder.size, method.matching)
        case "words":
            from resight.channels.words import WordLayout
            from resight.words.vocabulary import Vocabulary

            assert isinstance(encoder, Vocabulary), f"{method.kind}: what is kept as words is made by a vocabulary"
            return WordLayout(encoder)
        case "descriptors":
            from resight.channels.descriptors import DescriptorLayout
            from resight.search.described import DescribedEncoder
            from resight.search.kinds import Exhaustive

            assert isinstance(method, Exhaustive), f"{method.kind}: what is kept as descriptors is matched by them"
            assert isinstance(encoder, DescribedEncoder), f"{method.kind}: what is kept as descriptors is kept as it is"
            return DescriptorLayout(method, encoder.dimensions)
