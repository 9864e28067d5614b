"""Draws single channels of the feature map of a photo: where they are active, and what is seen there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from resight.arrays import Pixels

if TYPE_CHECKING:
    from resight.descriptors.activity import Activity
    from resight.features.kinds import Maps
    from resight.features.sight import Sight

_ACCENT = (255, 176, 0)
_DIMMED = 0.3


_SIDE = 320
"""Long side in pixels of each picture of a sheet."""


@dataclass(frozen=True)
class ChannelSheet:
    """A sheet (h, w, 3) uint8 RGB of channels: how many are `shown` of all `channels` of the layer."""

    sheet: Pixels
    shown: int
    channels: int


def sparsest_channels(photo: Path, features: Maps, folder: Path, count: int) -> ChannelSheet:
    """Draws the `count` channels of a photo that CroW weighs most, with their weights, at the photo's own scale.

    folder: what paths of weights are relative to. Raises ImageError, and WeightsError without torch or weights.
    """
    from resight.features.networks.requirement import require_torch

    require_torch()
    from resight.descriptors.activity import sparse_channels
    from resight.features.maps import MapExtractor
    from resight.features.sight import sights
    from resight.images import decode, resize
    from resight.show.activations import draw_sheet

    whole = features.model_copy(update={"scales": (1.0,)})
    extractor = MapExtractor(whole, folder)
    decoded = decode(photo)
    (maps,) = extractor.extract([extractor.prepare(decoded)])
    places = sights(maps, extractor.network(), whole.layer)
    active = sparse_channels(maps, places, count)
    small = resize(decoded.pixels, _SIDE)
    drawn = draw_channels(small, active, places[0], factor=small.shape[1] / decoded.size[0])
    captions = [f"channel {one.number}, weight {one.weight:.2f}" for one in active]
    return ChannelSheet(draw_sheet(drawn, captions), len(active), extractor.dimensions)


def draw_channels(photo: Pixels, channels: Sequence[Activity], place: Sight, *, factor: float = 1.0) -> list[Pixels]:
    """Returns a picture (h, w, 3) uint8 RGB of each channel: the photo, dark where the channel is 0.

    photo: (h, w, 3) uint8 RGB, the original times `factor`. Lit is what is nearest to the positions where the channel
    is not 0; outlined is the receptive field of the position where it is largest, as far as it lies in the photo.
    """
    return [_drawn(photo, one, place, factor) for one in channels]


def _drawn(photo: Pixels, channel: Activity, place: Sight, factor: float) -> Pixels:
    values = channel.heat.values
    lit = np.zeros(photo.shape[:2], np.bool_)
    for row, column in np.argwhere(values > 0).tolist():
        x0, y0, x1, y1 = (round(side * factor) for side in place.cell(row, column))
        lit[max(y0, 0) : y1, max(x0, 0) : x1] = True
    drawn: Pixels = np.where(lit[:, :, None], photo, (photo * _DIMMED).astype(np.uint8)).astype(np.uint8)
    row, column = divmod(int(values.argmax()), values.shape[1])
    x0, y0, x1, y1 = (round(side * factor) for side in place.field(row, column))
    corners = (max(x0, 0), max(y0, 0)), (min(x1, photo.shape[1]) - 1, min(y1, photo.shape[0]) - 1)
    drawn = np.ascontiguousarray(drawn)
    cv2.rectangle(drawn, *corners, (0, 0, 0), 4)
    cv2.rectangle(drawn, *corners, _ACCENT, 2)
    return drawn
