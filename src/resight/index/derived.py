"""What an index keeps that is made of the evidence of several images, and follows them: one protocol for all of it.

`search.derived` has the protocol, the recipe's models say what they need, and augmented rows come first. Each can be
made anew from the segments. An `add` takes in what has come; what was made of other images than there are now is stale
until the next `update` or `compact`, and told by `info`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from resight.arrays import Int64
from resight.channels.channel import Channel
from resight.progress import Progress, Say
from resight.recipe import Recipe
from resight.recipe.model import AUGMENTED
from resight.search.derived import DerivedStructure, KeptElsewhere, MadeAside, Site
from resight.store import Snapshot, Store
from resight.store.structures import StructureFolder

if TYPE_CHECKING:
    from resight.index.collection import Collection
    from resight.index.views import ChannelView


class Derived:
    """The derived structures of one index, as far as its recipe asks for them."""

    def __init__(self, store: Store, recipe: Recipe, channels: Callable[[], Mapping[str, Channel]]) -> None:
        """channels: opens the channels of the index, which may not be fitted yet and are asked for only when needed."""
        self._store = store
        self._recipe = recipe
        self._channels = channels

    def collection(self) -> Collection:
        """The newest generation, opened with what is derived."""
        from resight.index.collection import Collection

        snapshot = self._snapshot()
        channels = self._channels() if snapshot.segments else {}
        live = _live(snapshot)
        kept = {place: structure.read(live) for place, structure in self._structures.items()}
        return Collection(snapshot, self._recipe, channels, kept)

    def stale(self, snapshot: Snapshot) -> dict[str, int]:
        """By the name of a structure, how many images are stale in it, where any are.

        Where several channels have one of this name, the number of the worst.
        """
        counts: dict[str, int] = {}
        for structure in self._structures.values():
            counts[structure.name] = max(counts.get(structure.name, 0), structure.stale(_live(snapshot)))
        return {name: count for name, count in counts.items() if count}

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Takes in the images that have come. Call with the lock held."""
        for structure in self._structures.values():
            structure.extend(progress, say)

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Makes anew what is stale, but for what is made aside. Call with the lock held."""
        places = list(self._structures)
        for number, place in enumerate(places):
            structure = self._structures[place]
            if not isinstance(structure, MadeAside) and structure.stale(_live(self._snapshot())):
                # What comes later may be made of what comes before.
                for later in places[number + 1 :]:
                    if later[0] == place[0]:
                        self._structures[later].forget()
                structure.build(progress, say)

    def make_aside(
        self, writing: Callable[[], AbstractContextManager[None]], progress: Progress | None, say: Say | None
    ) -> None:
        """Makes what is stale of the structures that nothing waits for; `writing` takes the lock to keep one."""
        for structure in self._structures.values():
            if not isinstance(structure, MadeAside) or not structure.stale(_live(self._snapshot())):
                continue
            arrays = structure.make(progress, say)
            with writing():
                if arrays is None:
                    structure.forget()
                else:
                    structure.keep(arrays)

    def elsewhere(self) -> list[KeptElsewhere]:
        """The structures that are on other machines."""
        return [one for one in self._structures.values() if isinstance(one, KeptElsewhere)]

    @cached_property
    def _structures(self) -> Mapping[tuple[str, str], DerivedStructure]:
        """All of them by channel and key, each after those that it may be made of."""
        found: dict[tuple[str, str], DerivedStructure] = {}
        # Not the structure of a model: it takes the place of what the segments have, which models cannot do.
        if self._recipe.augmentation is not None:
            from resight.index.augmented import AugmentedRows

            name = self._recipe.first_channel
            given = self._recipe, self._recipe.augmentation, self._snapshot, self._channels
            found[name, AUGMENTED] = AugmentedRows(self._store.search_folder(name), *given)
        for name, kind in self._recipe.derived:
            found[name, kind.key] = kind.open(self._site(name, kind.key))
        return found

    def _site(self, name: str, key: str) -> Site:
        def view() -> ChannelView:
            return self.collection().views[name]

        shelf = StructureFolder(self._store.search_folder(name), f"{key}-")
        return Site(shelf, self._recipe.channel[name].keeps, lambda: _live(self._snapshot()), view)

    def _snapshot(self) -> Snapshot:
        return self._store.snapshot(lambda: {name: channel.fault for name, channel in self._channels().items()})


def _live(snapshot: Snapshot) -> Int64:
    """(n,) ids of the images that can be found, ascending."""
    return np.array(snapshot.images.ids[snapshot.images.indexed])
