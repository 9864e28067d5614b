"""Query photos to what channels compare them by, those of several queries at once. There is no index in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resight.channels.channel import Channel
from resight.channels.extraction import extractors_of
from resight.cores import single_threaded_products
from resight.features.extractor import Extractor
from resight.images import Box, Decoded, is_blank, part_of


@dataclass(frozen=True)
class PreparedQuery:
    """A query photo, or a part of it, of `size` (width, height), with all that needs no other done.

    compared: what channels compare it by, by channel; waiting: by extractor, what is left to be extracted.
    """

    size: tuple[int, int]
    compared: Mapping[str, object]
    waiting: Mapping[Extractor[Any, Any], object]


def prepare_query(
    decoded: Decoded, box: Box | None, size: tuple[int, int], channels: Mapping[str, Channel]
) -> PreparedQuery:
    """Prepares a query photo, or the part of it in `box`, of `size` (width, height), in any thread.

    A picture of one colour has no evidence, as when it is indexed. UsageError where the box has no area in the photo.
    """
    if is_blank(decoded.pixels if box is None else part_of(decoded, box).pixels):
        return PreparedQuery(size, {name: one.as_query(one.nothing()) for name, one in channels.items()}, {})
    prepared = {extractor: extractor.prepare_query(decoded, box) for extractor in extractors_of(channels)}
    alone = {one: one.extract([prepared[one]])[0] for one in prepared if one.together == 1}
    compared = {
        name: channel.query(alone[channel.extractor], size)
        for name, channel in channels.items()
        if channel.extractor in alone
    }
    return PreparedQuery(size, compared, {one: own for one, own in prepared.items() if one not in alone})


def compare_by(prepared: Sequence[PreparedQuery], channels: Mapping[str, Channel]) -> list[dict[str, object]]:
    """Returns what each channel compares each query by; what is quicker for several is extracted of several at once.

    Notes: a network rounds by the shape of what it is given at once, so that a vector may differ in its last bits from
    that of the same photo alone.
    """
    with single_threaded_products():
        return _compared(prepared, channels)


def _compared(prepared: Sequence[PreparedQuery], channels: Mapping[str, Channel]) -> list[dict[str, object]]:
    compared = [dict(one.compared) for one in prepared]
    for extractor in extractors_of(channels):
        places = [place for place, one in enumerate(prepared) if extractor in one.waiting]
        for start in range(0, len(places), extractor.together):
            some = places[start : start + extractor.together]
            features = extractor.extract([prepared[place].waiting[extractor] for place in some])
            for place, own in zip(some, features, strict=True):
                for name, channel in channels.items():
                    if channel.extractor is extractor:
                        compared[place][name] = channel.query(own, prepared[place].size)
    return compared
