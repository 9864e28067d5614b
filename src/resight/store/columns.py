"""The rows of one segment as columns, and as the bytes that are kept of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from resight.arrays import Array, Int32, Int64, Mask, UInt8, UInt64
from resight.errors import UsageError
from resight.store.arrays import Buffer, parse_array
from resight.store.keys import KeyOrder, keys_of
from resight.store.rows import STATES, Image
from resight.store.texts import Texts, texts_fault

NUMBERS = {
    "ids": np.int64,
    "added": np.int64,
    "sizes": np.int64,
    "mtimes": np.int64,
    "name_keys": np.uint64,
    "hash_keys": np.uint64,
    "name_rows": np.int32,
    "hash_rows": np.int32,
    "roots": np.int32,
    "widths": np.int32,
    "heights": np.int32,
    "states": np.uint8,
}
"""The columns of numbers, each with an entry a row."""
TEXTS = ("names", "hashes", "reasons", "tried_by", "masks")
"""The columns of texts, each of which is bytes and offsets."""

# Larger numbers come first, so that each array begins at a multiple of their size without gaps between the arrays.
_ORDER: Sequence[tuple[str, type[Any]]] = sorted(
    [*NUMBERS.items(), *((f"{name}_offsets", np.uint32) for name in TEXTS), *((name, np.uint8) for name in TEXTS)],
    key=lambda column: -np.dtype(column[1]).itemsize,
)


@dataclass(frozen=True)
class Rows:
    """The n rows of one segment, in its order.

    ids: (n,) int64. added: (n,) int64 generation that added each. sizes, mtimes: (n,) int64 bytes and nanoseconds.
    roots, widths, heights: (n,) int32. states: (n,) uint8 places in `STATES`. names, hashes, reasons, tried_by, masks:
    n texts. name_order, hash_order: by which names and hashes are found.
    """

    ids: Int64
    added: Int64
    sizes: Int64
    mtimes: Int64
    roots: Int32
    widths: Int32
    heights: Int32
    states: UInt8
    names: Texts
    hashes: Texts
    reasons: Texts
    tried_by: Texts
    masks: Texts
    name_order: KeyOrder
    hash_order: KeyOrder

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, ids: Sequence[int], added: Sequence[int], images: Sequence[Image]) -> Rows:
        """Returns rows of images. Raises UsageError where a number is too large to be kept."""
        fields: Sequence[Sequence[Any]] = [*zip(*images, strict=True)] if images else [()] * len(Image._fields)
        named = dict(zip(Image._fields, fields, strict=True))

        def numbers(values: Sequence[int], kind: type[Any]) -> Array:
            try:
                return np.array(values, kind)
            except OverflowError:
                raise UsageError(f"{max(values, key=abs)} is too large a number to be kept of an image") from None

        names, hashes = Texts.of(named["name"]), Texts.of(named["hash"])
        return cls(
            ids=numbers(ids, np.int64),
            added=numbers(added, np.int64),
            sizes=numbers(named["size"], np.int64),
            mtimes=numbers(named["mtime_ns"], np.int64),
            roots=numbers(named["root"], np.int32),
            widths=numbers(named["width"], np.int32),
            heights=numbers(named["height"], np.int32),
            states=np.array([STATES.index(state) for state in named["state"]], np.uint8),
            names=names,
            hashes=hashes,
            reasons=Texts.of(named["reason"]),
            tried_by=Texts.of(named["tried_by"]),
            masks=Texts.of(named["mask"]),
            name_order=KeyOrder.of(_keys(names)),
            hash_order=KeyOrder.of(_keys(hashes)),
        )

    @classmethod
    def chosen(cls, parts: Sequence[Rows], ids: Int64) -> Rows:
        """Returns the rows of some images, in the order of their ids, from several segments."""
        every = np.concatenate([np.empty(0, np.int64), *(part.ids for part in parts)])
        order = np.argsort(every, kind="stable")
        take = order[np.searchsorted(every[order], ids)]

        def numbers(name: str) -> Array:
            columns = [getattr(part, name) for part in parts]
            return np.concatenate([np.empty(0, NUMBERS[name]), *columns])[take].astype(NUMBERS[name])

        def texts(name: str) -> Texts:
            return Texts.joined([getattr(part, name) for part in parts]).take(take)

        def keys(name: str) -> KeyOrder:
            columns = [getattr(part, name).by_row() for part in parts]
            return KeyOrder.of(np.concatenate([np.empty(0, np.uint64), *columns])[take])

        return _rows(numbers, texts, keys("name_order"), keys("hash_order"))

    def live(self, removed: Collection[int]) -> Mask:
        """Returns (n,) which of the images have not been removed."""
        gone = np.fromiter(removed, np.int64, len(removed))
        return np.isin(self.ids, gone, invert=True)

    def image(self, row: int) -> Image:
        """Returns the image in a row."""
        return Image(
            root=int(self.roots[row]),
            name=self.names[row],
            size=int(self.sizes[row]),
            mtime_ns=int(self.mtimes[row]),
            hash=self.hashes[row],
            width=int(self.widths[row]),
            height=int(self.heights[row]),
            state=STATES[self.states[row]],
            reason=self.reasons[row],
            tried_by=self.tried_by[row],
            mask=self.masks[row],
        )

    @cached_property
    def content(self) -> bytes:
        """Returns the bytes that are kept of the rows: arrays in numpy's format, one after the other.

        Raises UsageError where there are too many of them for one segment.
        """
        arrays: dict[str, Array] = {
            **{name: getattr(self, name) for name in NUMBERS if not name.endswith(("_keys", "_rows"))},
            "name_keys": self.name_order.keys,
            "name_rows": self.name_order.rows,
            "hash_keys": self.hash_order.keys,
            "hash_rows": self.hash_order.rows,
        }
        for name in TEXTS:
            try:
                arrays[name], arrays[f"{name}_offsets"] = getattr(self, name).packed()
            except ValueError as error:
                raise UsageError(f"the {name} of {len(self)} images are too long for one segment: {error}") from None
        out = io.BytesIO()
        for name, _ in _ORDER:
            np.lib.format.write_array(out, arrays[name], (1, 0), allow_pickle=False)
        return out.getvalue()


def parse_rows(data: Buffer) -> Rows:
    """Returns the rows whose bytes these are, sharing them. Raises ValueError where they are none.

    Notes: that there is something else than what was written shows in the sum of the bytes; see also `rows_fault`.
    """
    arrays: dict[str, Array] = {}
    at = 0
    for name, kind in _ORDER:
        array, at = parse_array(data, at)
        if array.dtype != kind or array.ndim != 1:
            raise ValueError(f"{name} is an array of {array.dtype}")
        arrays[name] = array
    count = len(arrays["ids"])
    if at != len(data) or any(len(arrays[name]) != count for name in NUMBERS):
        raise ValueError("columns of different lengths")
    texts = {}
    for name in TEXTS:
        offsets = arrays[f"{name}_offsets"]
        if len(offsets) != count + 1:
            raise ValueError("columns of different lengths")
        texts[name] = Texts.from_offsets(arrays[name], offsets)
    name_order, hash_order = (KeyOrder(arrays[f"{one}_keys"], arrays[f"{one}_rows"]) for one in ("name", "hash"))
    return _rows(arrays.__getitem__, texts.__getitem__, name_order, hash_order)


def rows_fault(rows: Rows, roots: Collection[int], next_image: int) -> str:
    """Returns what is wrong with rows that were read; empty where they can be used.

    roots, next_image: numbers that they may refer to, and above all of their ids.
    """
    for name in TEXTS:
        if what := texts_fault(getattr(rows, name)):
            return f"{name}: {what}"
    ids = np.sort(rows.ids)
    if len(ids) and (ids[0] < 1 or ids[-1] >= next_image or (ids[1:] == ids[:-1]).any()):
        return "has ids that were never given"
    if not {*rows.roots.tolist()} <= {*roots}:
        return "has photos of a folder that it does not have"
    if (rows.states >= len(STATES)).any():
        return f"the state of an image is none of {', '.join(STATES)}"
    for order in (rows.name_order, rows.hash_order):
        if len(rows) and (order.rows.min() < 0 or order.rows.max() >= len(rows)):
            return "has names or hashes of rows that are not there"
    return ""


def _rows(
    numbers: Callable[[str], Array], texts: Callable[[str], Texts], name_order: KeyOrder, hash_order: KeyOrder
) -> Rows:
    """Rows of columns that are given by name."""
    return Rows(
        ids=numbers("ids"),
        added=numbers("added"),
        sizes=numbers("sizes"),
        mtimes=numbers("mtimes"),
        roots=numbers("roots"),
        widths=numbers("widths"),
        heights=numbers("heights"),
        states=numbers("states"),
        names=texts("names"),
        hashes=texts("hashes"),
        reasons=texts("reasons"),
        tried_by=texts("tried_by"),
        masks=texts("masks"),
        name_order=name_order,
        hash_order=hash_order,
    )


def _keys(texts: Texts) -> UInt64:
    return keys_of(texts.bytes_at(place) for place in range(len(texts)))
