"""What an index keeps that is made of the evidence of several images, and follows them: one protocol for all of it.

Augmented rows and neighbours of images. Each can be made anew from the segments. An `add` takes in what has come; what
was made of other images than there are now is stale until the next `update` or `compact`, and told by `info`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from resight.channels.channel import Channel
from resight.learned.kinds import Keeps
from resight.progress import Progress, Say
from resight.recipe import Recipe
from resight.store import Snapshot, Store

if TYPE_CHECKING:
    from resight.index.augmented import AugmentedRows
    from resight.index.collection import Collection
    from resight.index.linked import KeptNeighbours


class DerivedStructure(Protocol):
    """A structure that is made of several images. Change it with the index's lock held. All raise StorageError."""

    @property
    def name(self) -> str:
        """Its name, for people."""
        ...

    def stale(self, snapshot: Snapshot) -> int:
        """Returns the number of images whose entry differs from that of a rebuild."""
        ...

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Takes in the images that have come; what it has of others may become stale."""
        ...

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Makes anew what is stale."""
        ...

    def read(self, snapshot: Snapshot) -> Any:
        """Reads the structure for a collection that is opened on a snapshot."""
        ...

    def forget(self) -> None:
        """Deletes it, before it is no longer true."""
        ...


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
        augmented = [] if self._augmented is None else self._augmented.read(snapshot)
        linked = None if self._linked is None else self._linked.read(snapshot)
        return Collection(snapshot, self._recipe, channels, augmented, linked)

    def stale(self, snapshot: Snapshot) -> dict[str, int]:
        """By the name of a structure, how many images are stale in it, where any are."""
        counts = {structure.name: structure.stale(snapshot) for structure in self._structures}
        return {name: count for name, count in counts.items() if count}

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Takes in the images that have come. Call with the lock held."""
        for structure in self._structures:
            structure.extend(progress, say)

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Makes anew what is stale. Call with the lock held."""
        for place, structure in enumerate(self._structures):
            if structure.stale(self._snapshot()):
                # What comes later is made of what comes before.
                for later in self._structures[place + 1 :]:
                    later.forget()
                structure.build(progress, say)

    @cached_property
    def _structures(self) -> Sequence[DerivedStructure]:
        """All of them, each after those that it is made of."""
        found: list[DerivedStructure | None] = [self._augmented, self._linked]
        return [structure for structure in found if structure is not None]

    @cached_property
    def _augmented(self) -> AugmentedRows | None:
        if self._recipe.augmentation is None:
            return None
        from resight.index.augmented import AugmentedRows

        folder = self._store.search_folder(self._recipe.first_channel)
        return AugmentedRows(folder, self._recipe, self._recipe.augmentation, self._snapshot, self._channels)

    @cached_property
    def _linked(self) -> KeptNeighbours | None:
        params = self._recipe.diffusion
        if params is None:
            return None
        from resight.index.linked import KeptNeighbours

        name = self._recipe.channel_of(params)
        exact = Keeps.WORDS not in self._recipe.channel[name].keeps
        return KeptNeighbours(self._store.search_folder(name), name, params, exact, self.collection)

    def _snapshot(self) -> Snapshot:
        return self._store.snapshot(lambda: {name: channel.fault for name, channel in self._channels().items()})
