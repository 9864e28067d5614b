"""What an index keeps that is made of the evidence of several images: augmented rows, and neighbours of images.

Both can be made anew from the segments, and both follow changes: what has come is added, what has gone is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from resight.channels.channel import Channel
from resight.recipe import Recipe
from resight.search.looks import Neighbourhoods
from resight.store import Snapshot, Store

if TYPE_CHECKING:
    from resight.index.augmented import Augmenter, Block
    from resight.index.collection import Collection

Progress = Callable[[int, int], None]
Say = Callable[[str], None]

_log = logging.getLogger(__name__)


class Derived:
    """The augmented rows and neighbour lists of one index, as far as its recipe asks for them."""

    def __init__(self, store: Store, recipe: Recipe, channels: Callable[[], Mapping[str, Channel]]) -> None:
        """channels: opens the channels of the index, which may not be fitted yet and are asked for only when needed."""
        self._store = store
        self._recipe = recipe
        self._channels = channels

    def augmented_blocks(self, snapshot: Snapshot) -> Sequence[Block]:
        """Blocks that are searched in the place of the first channel's segments; says in the log what they lack."""
        if self._recipe.augmentation is None:
            return []
        from resight.index.augmented import read_blocks

        name = self._recipe.first_channel
        blocks = read_blocks(self._store.search_folder(name), self._channels()[name]) if snapshot.segments else []
        covered = np.concatenate([np.empty(0, np.int64), *(block.rows.ids for block in blocks)])
        missing = np.setdiff1d(snapshot.images.ids[snapshot.images.indexed], covered)
        if len(missing):
            _log.warning("%d photos are not augmented, and rank as they are: run `resight update`", len(missing))
        return blocks

    def augment_new(self, progress: Progress | None, say: Say | None) -> None:
        """Gives images that have come the evidence of their neighbours too. Call with the lock held."""
        if augmenter := self._augmenter(say):
            augmenter.augment_new(progress)

    def augment_stale(self) -> None:
        """Augments anew the images whose neighbours have changed. Call with the lock held."""
        if augmenter := self._augmenter(None):
            augmenter.augment_stale()

    def neighbourhoods(self) -> Neighbourhoods | None:
        """The neighbours of images that are kept, where the recipe asks for them."""
        if self._recipe.diffusion is None:
            return None
        from resight.index.linked import read_neighbourhoods

        return read_neighbourhoods(self._store.search_folder(self._recipe.channel_of(self._recipe.diffusion)))

    def forget_neighbourhoods(self) -> None:
        """Deletes the kept neighbours of images before their vectors change, so that none outlives them."""
        if self._recipe.diffusion is not None:
            from resight.index.linked import forget_neighbourhoods

            forget_neighbourhoods(self._store.search_folder(self._recipe.channel_of(self._recipe.diffusion)))

    def link(self, collection: Collection, progress: Progress | None, say: Say | None) -> None:
        """Brings the kept neighbours up to date with the images of a fresh collection. Call with the lock held."""
        params = self._recipe.diffusion
        if params is None or not collection.snapshot.images.indexed.any():
            return
        from resight.index.linked import brought_up_to_date, keep_neighbourhoods
        from resight.manifold.solving import prepare

        name = self._recipe.channel_of(params)
        kept, nodes = self.neighbourhoods(), collection.views[name].nodes()
        if kept is not None and np.array_equal(kept.images, nodes.images):
            return
        if say is not None:
            say("comparing photos with each other")
        found = brought_up_to_date(kept, nodes, params.k - 1, progress)
        found = replace(found, prepared=prepare(found, params))
        keep_neighbourhoods(self._store.search_folder(name), found)

    def _augmenter(self, say: Say | None) -> Augmenter | None:
        params, name = self._recipe.augmentation, self._recipe.first_channel
        if params is None:
            return None
        channels = self._channels
        snapshot = self._store.snapshot(lambda: {name: channel.fault for name, channel in channels().items()})
        if not snapshot.segments:
            return None
        from resight.index.augmented import Augmenter
        from resight.index.collection import Collection

        if say is not None:
            say("augmenting photos with what other photos of the same thing show")
        plain = Collection(snapshot, self._recipe, channels())
        view: Any = plain.views[name]
        augment = params.open(view)
        return Augmenter(self._store.search_folder(name), plain.rows(name), channels()[name], augment)
