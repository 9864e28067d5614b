"""Visual words of a batch of images as flat arrays: by image for geometry, by word (posting lists) for search.

Cost: 8 bytes a feature by image (6 geometry, 2 word), 4 a position of a map (2 geometry, 2 word), and by word 6 bytes
an (image, word) for bags of words, 12 a feature for Hamming embedding, 20 an (image, word) for ASMK with
128-dimensional descriptors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from resight.arrays import Array, Arrays, Float32, Int32, Int64, Intp, Mask, UInt8, UInt16, UInt32, UInt64
from resight.kernels.compiling import kernel
from resight.words.evidence import ImageWords

Kind = Literal["bow", "hamming", "asmk"]
KINDS: Final[tuple[Kind, ...]] = ("bow", "hamming", "asmk")

SCALE_STEPS: Final = 20  # codes an octave: at most 1.8 % off
SCALE_ORIGIN: Final = -2.0  # code 0 is 2^-2 px, code 255 is 2^10.75 = 1722 px; scales beyond saturate
TURN: Final = 2.0 * np.pi
WEIGHT_UNIT: Final = 128  # a weighted term frequency is stored in 1/128; whole ones saturate at 65535, weighted at 512


@dataclass(frozen=True)
class Postings:
    """Visual words of n images with m features and p posting entries; arrays are in memory or memory-mapped.

    offsets: (n + 1,) int64; features of image i are rows offsets[i]:offsets[i + 1], sorted by word.
    words: (m,) uint16, or uint32 where the codebook has more than 65536 words.
    xy: (m, 2) uint16, 65535 is the full side. scale, angle: (m,) uint8, see `encode_scale` and `encode_angle`. Of
        positions of maps xy is uint8, 255 the full side; there is no angle, and scale (n,) is one an image.
    weights: (m,) uint8, 255 is 1, or None when every feature weighs 1.
    sizes: (n, 2) int32 width and height of the upright original.
    list_words: (u,) int32, the words present, ascending. list_offsets: (u + 1,) int64 of their lists.
    list_images: (p,) uint32 row of the image, ascending in a list.
    list_counts: (p,) uint16 term frequency ("bow"), in 1/128 where features have weights.
    list_signatures: (p, w) uint64; "hamming" has an entry a feature, in feature order, "asmk" one an (image, word).
    """

    kind: Kind
    codebook_size: int
    bits: int
    offsets: Int64
    words: UInt16 | UInt32
    xy: UInt8 | UInt16
    scale: UInt8
    sizes: Int32
    list_words: Int32
    list_offsets: Int64
    list_images: UInt32
    list_counts: UInt16 | None = None
    list_signatures: UInt64 | None = None
    weights: UInt8 | None = None
    angle: UInt8 | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def payload(self) -> Array:
        """The payload of each posting entry: (p,) counts, or (p, w) signatures."""
        payload = self.list_counts if self.kind == "bow" else self.list_signatures
        assert payload is not None, "every kind has one of them"
        return payload

    def to_arrays(self) -> dict[str, Array]:
        """Returns named arrays that hold everything, for a file each; absent ones are left out."""
        arrays: dict[str, Array] = {
            "layout": np.array([KINDS.index(self.kind), self.codebook_size, self.bits], np.int64)
        }
        arrays.update({name: getattr(self, name) for name in _ARRAYS if getattr(self, name) is not None})
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Postings:
        """Opens the arrays of `to_arrays`, memory-mapped or not; nothing is copied. KeyError: an array is missing."""
        kind, codebook_size, bits = (int(value) for value in arrays["layout"])
        needed = set(_ARRAYS) - {"weights", "angle", "list_signatures" if KINDS[kind] == "bow" else "list_counts"}
        present = {name: _frozen(arrays[name]) for name in _ARRAYS if name in needed or name in arrays}
        return cls(kind=KINDS[kind], codebook_size=codebook_size, bits=bits, **present)

    def image_words(self, row: int) -> ImageWords:
        """Returns the words of one image as they were stored.

        Features are in the order of their words; geometry is quantised.
        """
        start, stop = int(self.offsets[row]), int(self.offsets[row + 1])
        width, height = (int(side) for side in self.sizes[row])
        words = self.words[start:stop].astype(np.int32)
        signatures = aggregated = None
        if self.list_signatures is not None:
            each = self.kind == "hamming"
            entries = find_entries(self.list_words, self.list_offsets, self.list_images, words, row, each)
            signatures = self.list_signatures[entries]
            if self.kind == "asmk":
                aggregated = signatures[run_starts(words)]
        return ImageWords(
            words=words,
            features=np.arange(stop - start, dtype=np.int32),
            xy=decode_xy(self.xy[start:stop], (width, height)),
            scale=self._scale(row, start, stop),
            angle=np.zeros(stop - start, np.float32) if self.angle is None else decode_angle(self.angle[start:stop]),
            size=(width, height),
            weights=None if self.weights is None else (self.weights[start:stop] / 255).astype(np.float32),
            signatures=signatures,
            aggregated=aggregated,
        )

    def _scale(self, row: int, start: int, stop: int) -> Float32:
        if self.angle is None:
            return np.full(stop - start, decode_scale(self.scale[row]), np.float32)
        return decode_scale(self.scale[start:stop])


_ARRAYS: Final = tuple(Postings.__dataclass_fields__)[3:]


def _frozen(array: Array) -> Array:
    """Returns the array read-only, without numpy.memmap's type: so that kernels are compiled once for every source."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def encode_xy(xy: Float32, size: tuple[int, int], kind: type[np.uint8 | np.uint16] = np.uint16) -> Array:
    """Returns (m, 2) pixels to 1/65535 of the sides, or to 1/255 in uint8, clamped to the image."""
    parts = np.clip(xy / np.maximum(np.asarray(size, np.float32), 1), 0, 1)
    return np.asarray(np.rint(parts * np.float32(np.iinfo(kind).max)), kind)


def decode_xy(code: UInt8 | UInt16, size: tuple[int, int]) -> Float32:
    """Returns (m, 2) float32 pixels; at most 1/131070 of a side off, 1/510 from uint8."""
    return np.asarray(code * (np.asarray(size, np.float64) / np.iinfo(code.dtype).max), np.float32)


def encode_scale(scale: Float32) -> UInt8:
    """Returns (m,) sigma in pixels to 1/20 octave above 0.25 px, saturating at 0.25 and 1722 px."""
    octaves = np.log2(np.maximum(scale, np.float32(2.0**SCALE_ORIGIN))) - SCALE_ORIGIN
    return np.rint(np.clip(octaves * SCALE_STEPS, 0, 255)).astype(np.uint8)


def decode_scale(code: UInt8) -> Float32:
    """Returns (m,) float32 sigma in pixels, at most 1.8 % off."""
    return np.exp2(code / np.float32(SCALE_STEPS) + np.float32(SCALE_ORIGIN)).astype(np.float32)


def encode_angle(angle: Float32) -> UInt8:
    """Returns (m,) radians to 256 steps of a turn."""
    return np.asarray(np.mod(np.rint(angle * (256 / TURN)), 256), np.uint8)


def decode_angle(code: UInt8) -> Float32:
    """Returns (m,) float32 radians in [0, 2 pi), at most pi / 256 off."""
    return (code * (TURN / 256)).astype(np.float32)


def run_starts(words: Array) -> Intp:
    """Returns the first position of every run of equal words, (u,)."""
    return np.flatnonzero(np.r_[True, words[1:] != words[:-1]]) if len(words) else np.empty(0, np.intp)


def build_postings(
    images: Sequence[ImageWords], codebook_size: int, kind: Kind, bits: int = 0, *, of_maps: bool = False
) -> Postings:
    """Postings of database images, each feature with one word; `bits` is the length of a signature.

    of_maps: features are positions of maps: in places that are far apart, of one scale an image, and never turned.

    ValueError: a feature with several words, a word outside the codebook, or signatures that do not suit the kind.
    """
    counts = np.array([len(image) for image in images], np.int64)
    if any(len(image.xy) != len(image) for image in images):
        raise ValueError("a database image has exactly one word for each feature")
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    words = _joined([image.words for image in images], (0,), np.int32)
    if len(words) and (words.min() < 0 or words.max() >= codebook_size):
        raise ValueError(f"words are outside the codebook of {codebook_size}")
    signatures = _signatures_of(images, kind, bits)
    weights = _weights_of(images, kind)
    first = np.zeros(len(words), np.bool_)
    first[offsets[:-1][counts > 0]] = True
    first[1:] |= words[1:] != words[:-1]
    starts = np.flatnonzero(np.ones(len(words), np.bool_) if kind == "hamming" else first)
    owners = np.repeat(np.arange(len(images), dtype=np.uint32), counts)
    payload = _term_frequencies(starts, len(words), weights) if kind == "bow" else signatures
    assert payload is not None
    if len(payload) != len(starts):
        raise ValueError(f'"{kind}" needs {len(starts)} signatures, there are {len(payload)}')
    sides = np.array([image.size for image in images], np.int32).reshape(-1, 2)
    # An image without features has any scale.
    scales = [i.scale[i.features[:1]] if len(i) else np.ones(1) for i in images] if of_maps else _each(images, "scale")
    code = np.uint8 if of_maps else np.uint16
    lists = _lists(codebook_size, [(words[starts], owners[starts], payload)])
    return Postings(
        kind=kind,
        codebook_size=codebook_size,
        bits=bits,
        offsets=_frozen(offsets),
        words=_frozen(words.astype(np.uint16 if codebook_size <= 65536 else np.uint32)),
        xy=_frozen(_joined([encode_xy(i.xy[i.features], i.size, code) for i in images], (0, 2), code)),
        scale=_frozen(encode_scale(_joined(scales, (0,), np.float32))),
        angle=None if of_maps else _frozen(encode_angle(_joined(_each(images, "angle"), (0,), np.float32))),
        sizes=_frozen(sides),
        weights=weights,
        **_named(lists, kind),
    )


def merge_postings(blocks: Sequence[Postings], keep: Sequence[Mask]) -> Postings:
    """Returns the kept images of several postings, in order: what `build_postings` of those images gives.

    keep: a (n,) mask for each block. ValueError: blocks of different kinds, codebooks or signatures.
    """
    if len({(b.kind, b.codebook_size, b.bits, b.weights is None, b.angle is None) for b in blocks}) != 1:
        raise ValueError(
            "postings can be merged only with others of their kind, codebook size, bits, weights and angles"
        )
    kind, of_maps = blocks[0].kind, blocks[0].angle is None
    features = [np.repeat(mask, np.diff(block.offsets)) for block, mask in zip(blocks, keep, strict=True)]
    counts = np.concatenate([np.diff(block.offsets)[mask] for block, mask in zip(blocks, keep, strict=True)])

    def kept(name: str, masks: Sequence[Mask]) -> Array:
        return _frozen(np.concatenate([getattr(b, name)[mask] for b, mask in zip(blocks, masks, strict=True)]))

    return Postings(
        kind=kind,
        codebook_size=blocks[0].codebook_size,
        bits=blocks[0].bits,
        offsets=_frozen(np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])),
        words=kept("words", features),
        xy=kept("xy", features),
        scale=kept("scale", keep if of_maps else features),
        angle=None if of_maps else kept("angle", features),
        sizes=kept("sizes", keep),
        weights=None if blocks[0].weights is None else kept("weights", features),
        **_named(_lists(blocks[0].codebook_size, _kept_entries(blocks, keep)), kind),
    )


Entries = tuple[Int32, UInt32, Array]


def _kept_entries(blocks: Sequence[Postings], keep: Sequence[Mask]) -> list[Entries]:
    """Returns posting entries of the kept images of each block.

    They are words, rows after the merge, and counts or signatures.
    """
    entries: list[Entries] = []
    rows = 0
    for block, mask in zip(blocks, keep, strict=True):
        renumbered = (np.cumsum(mask) - 1 + rows).astype(np.uint32)
        chosen = mask[block.list_images]
        words = np.repeat(block.list_words, np.diff(block.list_offsets))[chosen]
        entries.append((words, renumbered[block.list_images[chosen]], block.payload[chosen]))
        rows += int(mask.sum())
    return entries


def _lists(codebook_size: int, parts: Sequence[Entries]) -> tuple[Array, ...]:
    """Entries that come image by image, sorted by word with a counting sort, which keeps the order of images."""
    sizes = np.zeros(codebook_size, np.int64)
    for words, _, _ in parts:
        sizes += np.bincount(words, minlength=codebook_size)
    list_words = np.flatnonzero(sizes).astype(np.int32)
    list_offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[list_words])])
    cursor = np.cumsum(sizes) - sizes
    total = int(list_offsets[-1])
    list_images = np.empty(total, np.uint32)
    list_payload = np.empty((total, *parts[0][2].shape[1:]), parts[0][2].dtype)
    for words, images, payload in parts:
        places = take_places(words, cursor)
        list_images[places] = images
        list_payload[places] = payload
    return list_words, list_offsets, list_images, list_payload


def _named(lists: tuple[Array, ...], kind: Kind) -> dict[str, Any]:
    payload = "list_counts" if kind == "bow" else "list_signatures"
    names = ("list_words", "list_offsets", "list_images", payload)
    return {name: _frozen(array) for name, array in zip(names, lists, strict=True)}


def _each(images: Sequence[ImageWords], name: Literal["scale", "angle"]) -> list[Array]:
    """Returns a property of the features of each image, in the order of their words."""
    return [getattr(image, name)[image.features] for image in images]


def _joined(parts: Sequence[Array], empty: tuple[int, ...], dtype: type) -> Array:
    return np.concatenate([np.empty(empty, dtype), *parts]).astype(dtype, copy=False)


def _signatures_of(images: Sequence[ImageWords], kind: Kind, bits: int) -> UInt64 | None:
    if kind == "bow":
        return None
    found = [image.signatures if kind == "hamming" else image.aggregated for image in images]
    width = (bits + 63) // 64
    if width == 0 or any(part is None or part.shape[1] != width for part in found):
        raise ValueError(f'"{kind}" needs signatures of {bits} bits for every image')
    return _joined([part for part in found if part is not None], (0, width), np.uint64)


def _weights_of(images: Sequence[ImageWords], kind: Kind) -> UInt8 | None:
    parts = [image.weights for image in images if image.weights is not None]
    if not parts:
        return None
    if kind != "bow" or len(parts) != len(images):
        raise ValueError("weights are for bags of words, and for all images of a batch or none")
    weights: UInt8 = np.rint(np.clip(_joined(parts, (0,), np.float32), 0, 1) * 255).astype(np.uint8)
    return _frozen(weights)


def _term_frequencies(starts: Intp, total: int, weights: UInt8 | None) -> UInt16:
    if weights is None:
        counts = np.diff(starts, append=total)
    else:
        sums = np.add.reduceat(weights.astype(np.int64), starts) if len(starts) else np.empty(0, np.int64)
        counts = (sums * WEIGHT_UNIT + 127) // 255
    return np.minimum(counts, 65535).astype(np.uint16)


@kernel()
def take_places(words: Array, cursor: Array) -> Array:
    """Returns where each entry goes, (p,) int64; `cursor` (codebook_size,) is moved past it."""
    places = np.empty(len(words), np.int64)
    for i in range(len(words)):
        places[i] = cursor[words[i]]
        cursor[words[i]] += 1
    return places


@kernel()
def seek(values: Array, wanted: int, start: int) -> int:
    """Returns the first position from `start` whose value is at least `wanted`, or the length; `values` ascend.

    Doubling steps: words come in ascending order, so that the next list is near the last one.
    """
    low, high, step = start, start, 1
    while high < len(values) and values[high] < wanted:
        low = high + 1
        high += step
        step *= 2
    high = min(high, len(values))
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel()
def find_lists(list_words: Array, list_offsets: Array, words: Array) -> tuple[Array, Array]:
    """Returns the first entry and end of the list of each word, (q,) int64 each; `words` ascend.

    An absent word has no entries.
    """
    starts, stops = np.zeros(len(words), np.int64), np.zeros(len(words), np.int64)
    at = 0
    for q in range(len(words)):
        at = seek(list_words, words[q], at)
        if at < len(list_words) and list_words[at] == words[q]:
            starts[q], stops[q] = list_offsets[at], list_offsets[at + 1]
    return starts, stops


@kernel()
def find_entries(
    list_words: Array, list_offsets: Array, list_images: Array, words: Array, row: int, each: bool
) -> Array:
    """Returns posting entry of each feature of an image, (m,) int64; `words` are the image's, ascending.

    each: whether a list has one entry for each feature ("hamming") or one for all of them ("asmk").
    """
    entries = np.empty(len(words), np.int64)
    at = 0
    for i in range(len(words)):
        if i > 0 and words[i] == words[i - 1]:
            entries[i] = entries[i - 1] + (1 if each else 0)
            continue
        at = seek(list_words, words[i], at)
        start, stop = list_offsets[at], list_offsets[at + 1]
        entries[i] = start + seek(list_images[start:stop], row, 0)
    return entries
