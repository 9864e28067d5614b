"""Augmented images, beside the segments: blocks of images, searched in the place of what the segments have of them.

A block is a folder `augmented-NUMBER` of arrays, written at once and never changed. Where an image is in several, the
newest counts; an image in none is searched as its segment has it. All blocks may be deleted: the next add makes them
anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from resight.arrays import Arrays, Int64
from resight.channels.channel import Channel, SegmentRows
from resight.kernels.soundness import misshapen
from resight.progress import Progress, Say
from resight.recipe import Recipe
from resight.recipe.model import AUGMENTED
from resight.rerank.kinds import AugmentationKind
from resight.search.derived import stamp
from resight.store import Snapshot
from resight.store.structures import (
    clear_abandoned,
    delete_damaged,
    delete_structures,
    read_structures,
    structure_numbers,
    write_structure,
)

PREFIX = f"{AUGMENTED}-"
BLOCK_IMAGES = 1024
"""Images of a block, which is what a crash can lose."""
MANY = 8
"""More blocks than these are merged into one."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Block:
    """Augmented images. rows: their arrays and ids, all alive; seen: (n, 2) int64, see `stamp`."""

    number: int
    rows: SegmentRows
    seen: Int64


def read_blocks(folder: Path, channel: Channel) -> list[Block]:
    """All blocks of a channel that are whole, the newest first. Raises StorageError."""
    blocks = []
    for structure in read_structures(folder, PREFIX, partial(_fault, channel)):
        arrays = dict(structure.arrays)
        ids, seen = np.array(arrays.pop("ids")), np.array(arrays.pop("seen"))
        blocks.append(Block(structure.number, SegmentRows(arrays, ids, np.ones(len(ids), np.bool_)), seen))
    return blocks


def _fault(channel: Channel, arrays: Arrays) -> tuple[str, str] | None:
    """The first array that is not as `Augmenter` writes it, with what is wrong with it."""
    if found := misshapen(arrays, {"ids": (np.int64, (None,))}):
        return found
    images = len(arrays["ids"])
    return misshapen(arrays, {"seen": (np.int64, (images, 2))}) or channel.fault(arrays, images)


def overlay(plain: Sequence[SegmentRows], blocks: Sequence[Block]) -> list[SegmentRows]:
    """Rows that show every live image once: in its newest block, or as it is in its segment."""
    live = _live(plain)
    covered = np.empty(0, np.int64)
    shown = []
    for block in blocks:
        ids = block.rows.ids
        shown.append(replace(block.rows, alive=np.isin(ids, live) & ~np.isin(ids, covered)))
        covered = np.concatenate([covered, ids])
    return [*(replace(rows, alive=rows.alive & ~np.isin(rows.ids, covered)) for rows in plain), *shown]


@dataclass(frozen=True)
class Augmenter:
    """Makes the blocks of one channel. Use with the index's lock held.

    folder: of the channel's search structures; plain: the segments' rows; augment: what the channel is to keep of an
    image, by id, in the place of what it has.
    """

    folder: Path
    plain: Sequence[SegmentRows]
    channel: Channel
    augment: Callable[[int], object]

    def augment_new(self, progress: Progress | None = None) -> None:
        """Augments the live images that are in no block.

        Images augmented before keep what they have, also of images that have gone since: `augment_stale` mends that.
        Raises IndexCorruptError and StorageError; finished blocks stay.
        """
        clear_abandoned(self.folder)
        delete_damaged(self.folder, PREFIX, partial(_fault, self.channel))
        known = [block.rows.ids for block in read_blocks(self.folder, self.channel)]
        self._augment(np.setdiff1d(_live(self.plain), _joined(known)), progress)

    def augment_stale(self, progress: Progress | None = None) -> None:
        """`augment_new`, also for images that were augmented from another collection; leaves one block at most."""
        clear_abandoned(self.folder)
        delete_damaged(self.folder, PREFIX, partial(_fault, self.channel))
        live = _live(self.plain)
        current = [b.rows.ids[(b.seen == stamp(live)).all(axis=1)] for b in read_blocks(self.folder, self.channel)]
        self._augment(np.setdiff1d(live, _joined(current)), progress)
        blocks = read_blocks(self.folder, self.channel)
        if len(blocks) > 1 or any(not np.isin(block.rows.ids, live).all() for block in blocks):
            self._merge()

    def _augment(self, images: Int64, progress: Progress | None) -> None:
        mark = stamp(_live(self.plain))
        for start in range(0, len(images), BLOCK_IMAGES):
            ids = images[start : start + BLOCK_IMAGES]
            kept = []
            for at, image in enumerate(ids.tolist()):
                kept.append(self.augment(image))
                if progress is not None:
                    progress(start + at + 1, len(images))
            _write(self.folder, self.channel.pack(kept), ids, np.tile(mark, (len(ids), 1)))
            if len(read_blocks(self.folder, self.channel)) > MANY:
                self._merge()

    def _merge(self) -> None:
        """Puts one block with the live images in the place of all."""
        blocks = read_blocks(self.folder, self.channel)
        shown = overlay(self.plain, blocks)[len(self.plain) :]
        seen = [block.seen[rows.alive] for block, rows in zip(blocks, shown, strict=True)]
        ids = _joined([rows.ids[rows.alive] for rows in shown])
        if len(ids):
            _write(self.folder, self.channel.merge(shown), ids, np.concatenate(seen))
        delete_structures(self.folder, PREFIX, [block.number for block in blocks])


def _write(folder: Path, arrays: Arrays, ids: Int64, seen: Int64) -> None:
    write_structure(folder, PREFIX, {**arrays, "ids": ids, "seen": seen})


def _live(plain: Sequence[SegmentRows]) -> Int64:
    return _joined([rows.ids[rows.alive] for rows in plain])


def _joined(parts: Sequence[Int64]) -> Int64:
    return np.concatenate([np.empty(0, np.int64), *parts])


@dataclass(frozen=True)
class AugmentedRows:
    """The augmented images of an index, as a derived structure of its first channel."""

    folder: Path
    recipe: Recipe
    params: AugmentationKind
    snapshot: Callable[[], Snapshot]
    channels: Callable[[], Mapping[str, Channel]]
    name: str = "augmented photos"

    def stale(self, live: Int64) -> int:
        """Images that are not augmented, or were from other images than there are now."""
        current = [block.rows.ids[(block.seen == stamp(live)).all(axis=1)] for block in self._blocks(live)]
        return len(np.setdiff1d(live, _joined(current)))

    def read(self, live: Int64) -> Sequence[Block]:
        """Blocks that are searched in the place of the channel's segments; says in the log what they lack."""
        blocks = self._blocks(live)
        missing = np.setdiff1d(live, _joined([block.rows.ids for block in blocks]))
        if len(missing):
            _log.warning("%d photos are not augmented, and rank as they are: run `resight update`", len(missing))
        return blocks

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Gives images that have come the evidence of their neighbours too."""
        if augmenter := self._augmenter(say):
            augmenter.augment_new(progress)

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Augments anew the images whose neighbours may have changed."""
        if augmenter := self._augmenter(say):
            augmenter.augment_stale(progress)

    def forget(self) -> None:
        """Deletes all blocks."""
        delete_structures(self.folder, PREFIX, structure_numbers(self.folder, PREFIX))

    def _blocks(self, live: Int64) -> list[Block]:
        # Without images, channels need not have been fitted yet.
        return read_blocks(self.folder, self.channels()[self.recipe.first_channel]) if len(live) else []

    def _augmenter(self, say: Say | None) -> Augmenter | None:
        """Returns the function that augments an image; None where there are no images."""
        from resight.index.collection import Collection

        snapshot, name = self.snapshot(), self.recipe.first_channel
        if not snapshot.segments:
            return None
        if say is not None:
            say("augmenting photos with what other photos of the same thing show")
        plain = Collection(snapshot, self.recipe, self.channels())
        view: Any = plain.views[name]
        return Augmenter(self.folder, plain.rows(name), plain.channels[name], self.params.open(view))
