"""The reasons of a similarity: what each channel adds to the inner product of two descriptors, and where it looks.

A descriptor is u = P z with P the projection of the whitening (without one, the identity) and z (C,) the sum of pooled
vectors less the mean, each weighted by the norms that it is divided by: one of them, or for R-MAC one a region. So the
similarity of two images is z_q' P' P z_i, bilinear in what was pooled, and channel c adds the mean of its two sides,
(z_q,c (P'P z_i)_c + z_i,c (P'P z_q)_c) / 2: activation times gradient, seen from either image. Whatever the whitening
mixes, these sum to the similarity.

Positions come in because every pooling is a sum over them: a channel's maximum is its first largest position, and a
generalised mean m is the sum of m x^p / sum(x^p), which is activation times gradient again. CroW's weights are taken as
they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from resight.arrays import Arrays, Float32, Float64, Floating
from resight.descriptors.methods.pooling import BY_SCALE, EXPONENT, OfMaps, SummedPooling
from resight.descriptors.methods.rmac import Rmac
from resight.descriptors.pooling import GEM_FLOOR, gem
from resight.descriptors.regional import region_boxes
from resight.errors import UsageError
from resight.features.image_maps import ImageMaps
from resight.features.sight import HeatMap, Sight
from resight.images import Box
from resight.learned.whitening import Whitening
from resight.libraries import to_numpy

if TYPE_CHECKING:
    from resight.descriptors.joining import JoinedEncoder
    from resight.features.joined import JoinedImage

COUNT = 5
"""The number of channels that are told, as in the pictures of Radenovic, Tolias & Chum, ECCV 2016."""


@dataclass(frozen=True)
class Contribution:
    """The share of one channel in a similarity, and where it looks in both photos, in pixels of the originals.

    Boxes (x0, y0, x1, y1) are of the position that gives the channel most: what lies nearer to it than to others, and
    all that it depends on, its receptive field.
    """

    channel: int
    share: float
    query_box: Box
    image_box: Box
    query_field: Box
    image_field: Box


@dataclass(frozen=True)
class Traced:
    """The descriptor of an image as sums over positions.

    parts: (C, h, w) for each scale, what a position adds to a channel; places: where it is on the photo. centred: (C,)
    the parts' sum less the part of the mean. gradient: (C,) what a unit of each channel of another image, centred,
    would add to the similarity with this one.
    """

    parts: tuple[Float32, ...]
    places: tuple[Sight, ...]
    centred: Float64
    gradient: Float64


def contributions(query: Traced, image: Traced, count: int = COUNT) -> list[Contribution]:
    """Returns the at most `count` channels that add most to the similarity of two images, the largest share first.

    A channel is told where both images have more of it than the mean does: what both lack may add to their similarity
    too, but is nowhere to be seen.

    Source: Radenovic, Tolias & Chum, "CNN image retrieval learns from BoW", ECCV 2016, section 5, which shows the
    receptive fields of the components of MAC that add most.
    """
    each = shares(query, image)
    seen = (query.centred > 0) & (image.centred > 0) & (each > 0)
    order = np.argsort(-each, kind="stable")
    found = []
    for channel in order[seen[order]][:count].tolist():
        query_box, query_field = _look(query, channel)
        image_box, image_field = _look(image, channel)
        found.append(Contribution(channel, float(each[channel]), query_box, image_box, query_field, image_field))
    return found


def shares(query: Traced, image: Traced) -> Float64:
    """Returns the share of each channel in the similarity of two descriptors, (C,); they sum to it."""
    return 0.5 * (query.centred * image.gradient + image.centred * query.gradient)


def similarity_heat(image: Traced, other: Traced) -> tuple[HeatMap, ...]:
    """Returns the share of each position of an image in its similarity with another: a map a scale.

    What is below 0 speaks against it.

    Notes: together they sum to the similarity and the part of the mean, which is nowhere.
    """
    gradient = other.gradient.astype(np.float32)
    return tuple(
        place.heat(np.tensordot(gradient, part, axes=1).astype(np.float32, copy=False))
        for place, part in zip(image.places, image.parts, strict=True)
    )


def traced(
    image: ImageMaps, places: tuple[Sight, ...], method: OfMaps, whitening: Whitening | None, fitted: Arrays
) -> Traced:
    """Returns the vector that `method.describe` gives; places: of the maps, as `sights` gives them.

    fitted: as of `describe`. UsageError: the method is no sum over positions.
    """
    image = _in_numpy(image)
    if isinstance(method, Rmac):
        rows = _regions(image, method)
    elif not isinstance(method, SummedPooling):
        raise UsageError(f'"{method.kind}" is no sum over positions, of which it could be told what they add')
    elif whitening is not None and BY_SCALE in fitted:
        rows = [[((scale, 0, 0), part)] for scale, part in enumerate(_scales(image, method, fitted))]
    else:
        rows = [list(_joined(_scales(image, method, fitted), fitted.get(EXPONENT)))]
    return _traced(image, places, rows, whitening)


def scaled(image: Traced, factor: float) -> Traced:
    """Returns what was traced, times a factor: that of a vector which is a part of another."""
    parts = tuple(np.float32(factor) * part for part in image.parts)
    return replace(image, parts=parts, centred=factor * image.centred, gradient=factor * image.gradient)


def traced_parts(
    images: JoinedImage, places: Sequence[tuple[Sight, ...]], encoder: JoinedEncoder
) -> tuple[Traced, ...]:
    """Returns the parts of a concatenation, whose similarities with those of another image sum to that of both.

    places: of the maps of each part, as of `traced`. UsageError as of `traced`.
    """
    norm = float(np.linalg.norm([*_weighted_norms(images, encoder)]))
    return tuple(
        scaled(traced(image, own, part.method, part.whitening, part.fitted), weight * float(_inverse(np.float64(norm))))
        for image, own, part, weight in zip(images, places, encoder.parts, encoder.weights, strict=True)
    )


def _weighted_norms(images: JoinedImage, encoder: JoinedEncoder) -> Iterator[float]:
    for vector, weight in zip(encoder.vectors(images), encoder.weights, strict=True):
        yield weight * float(np.linalg.norm(vector))


def _in_numpy(image: ImageMaps) -> ImageMaps:
    """Returns the maps in numpy, whatever ran the network: an explanation is of few photos, and needs no torch."""
    masks = tuple(None if mask is None else to_numpy(mask) for mask in image.masks)
    return replace(image, maps=tuple(map(to_numpy, image.maps)), masks=masks)


Corner = tuple[int, int, int]
"""Scale, row and column at which a part of a map begins."""
Row = list[tuple[Corner, Float32]]
"""A vector before whitening as parts (C, h, w) that sum to it over positions."""


def _traced(image: ImageMaps, places: tuple[Sight, ...], rows: list[Row], whitening: Whitening | None) -> Traced:
    """Of the L2-normalised sum of vectors, each whitened and L2-normalised."""
    centred = np.zeros((len(rows), len(image.maps[0])))
    for into, row in zip(centred, rows, strict=True):
        into += np.sum([_sum(part) for _, part in row], axis=0)
    projection = None
    if whitening is not None:
        centred -= whitening.mean
        projection = whitening.projection.astype(np.float64)
    vectors = centred if projection is None else centred @ projection.T
    weights = _inverse(np.linalg.norm(vectors, axis=1))
    weights *= _inverse(np.linalg.norm(weights @ vectors))
    parts = tuple(np.zeros_like(maps) for maps in image.maps)
    for weight, row in zip(weights.tolist(), rows, strict=True):
        for (scale, upper, left), part in row:
            height, width = part.shape[1:]
            parts[scale][:, upper : upper + height, left : left + width] += np.float32(weight) * part
    descriptor = weights @ vectors
    return Traced(parts, places, weights @ centred, descriptor if projection is None else descriptor @ projection)


def _scales(image: ImageMaps, method: SummedPooling, fitted: Arrays) -> list[Float32]:
    """Returns (C, h, w) of each scale, whose sums are L2-normalised."""
    parts = [method.positions(maps, mask, fitted) for maps, mask in zip(image.maps, image.masks, strict=True)]
    return [part * np.float32(_inverse(np.linalg.norm(_sum(part)))) for part in parts]


def _joined(scales: list[Float32], exponent: Float32 | None) -> Row:
    """Returns the mean over scales, or the generalised mean where a single p was learned; L2-normalised."""
    sums = np.stack([_sum(part) for part in scales])
    weights = np.full_like(sums, 1.0 / len(sums))
    if exponent is not None and len(exponent) == 1:
        p = float(exponent[0])
        raised = np.maximum(sums, np.finfo(np.float64).tiny) ** p
        weights = raised.mean(axis=0) ** (1.0 / p) * raised / raised.sum(axis=0) * _inverse(sums)
    weights *= _inverse(np.linalg.norm((weights * sums).sum(axis=0)))
    return [
        ((scale, 0, 0), part * weight.astype(np.float32)[:, None, None])
        for scale, (part, weight) in enumerate(zip(scales, weights, strict=True))
    ]


def gem_positions(maps: Float32, mask: Float32 | None, p: float | Float32) -> Float32:
    """Returns (C, h, w) that sum over positions to `gem` of a map (C, h, w).

    There may be one p, or one for each channel.
    """
    exponent = np.atleast_1d(np.asarray(p, maps.dtype))
    raised = np.maximum(maps, np.float32(GEM_FLOOR))
    raised = (raised / raised.max(axis=(1, 2), keepdims=True)) ** exponent[:, None, None]
    raised *= 1.0 if mask is None else mask
    mean = gem(maps[None], exponent, mask)[0][:, None, None]
    total = np.maximum(raised.sum(axis=(1, 2), keepdims=True), np.finfo(maps.dtype).tiny)
    return np.asarray(mean * raised / total, maps.dtype)


def _regions(image: ImageMaps, method: Rmac) -> list[Row]:
    """Of each region of each scale that has a position that counts: its normalised maxima."""
    rows: list[Row] = []
    for scale, (maps, mask) in enumerate(zip(image.maps, image.masks, strict=True)):
        kept = maps if mask is None else maps * mask
        for x0, y0, x1, y1 in region_boxes(maps, mask, method.levels, whole=method.whole).tolist():
            part = maxima(kept[:, y0:y1, x0:x1])
            rows.append([((scale, y0, x0), part * np.float32(_inverse(np.linalg.norm(_sum(part)))))])
    return rows


def maxima(maps: Float32) -> Float32:
    """Returns a map (C, h, w) of which each channel keeps its first largest position; the others are 0."""
    flat = maps.reshape(len(maps), -1)
    kept = np.zeros_like(flat)
    rows, places = np.arange(len(flat)), flat.argmax(axis=1)
    kept[rows, places] = flat[rows, places]
    return kept.reshape(maps.shape)


def _look(image: Traced, channel: int) -> tuple[Box, Box]:
    """Cell and receptive field of the position that gives a channel most."""
    scale = int(np.argmax([part[channel].max() for part in image.parts]))
    row, column = divmod(int(image.parts[scale][channel].argmax()), image.parts[scale].shape[2])
    return image.places[scale].cell(row, column), image.places[scale].field(row, column)


def _sum(part: Float32) -> Float64:
    """Returns (C,) sums over positions."""
    return np.asarray(part.sum(axis=(1, 2), dtype=np.float64), np.float64)


def _inverse(norms: Floating | np.floating) -> Float64:
    """1 / norms, and 0 for 0: what has no direction adds nothing."""
    values = np.asarray(norms, np.float64)
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
