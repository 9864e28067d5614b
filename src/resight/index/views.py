"""One channel of a collection, opened: what searches and second looks are given, by what the channel keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import numpy as np

from resight.arrays import Int64, Mask, Vector, Vectors
from resight.channels.channel import Channel
from resight.cores import cores
from resight.forks import WorkerPool
from resight.manifold.kinds import NEIGHBOURS
from resight.rerank.kinds import Spatial
from resight.search.live import LiveRows
from resight.search.looks import Neighbourhoods
from resight.search.ranking import MatrixSearcher, Ranking, Searcher, Verification
from resight.search.selection import is_allowed
from resight.words.evidence import ImageWords, WordVector

if TYPE_CHECKING:
    from resight.manifold.linked import Nodes
    from resight.search.inverted import PostingRows
    from resight.search.regional import RegionRows
    from resight.search.vectors import VectorRows

T = TypeVar("T")


class Once:
    """Values that are made once for a collection, by key. Safe to share between threads."""

    def __init__(self) -> None:
        # What is made may ask for something else that is made once.
        self._lock = threading.RLock()
        self._made: dict[Hashable, object] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns the value under a key, which `make` makes the first time."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return cast(T, self._made[key])


@dataclass(frozen=True)
class ChannelView:
    """One channel of one generation, or a part of its images.

    read: gives what the index keeps of one image, by id. allowed: by catalogue id, which images a search may find; all
    where None.
    """

    channel: Channel
    live: LiveRows
    searcher: Searcher[Any]
    read: Callable[[int], object]
    images: Int64
    """(n,) ids of all images, ascending."""
    derived: Mapping[str, Any] = field(default_factory=dict)
    """What has been read of each structure that the recipe's models ask for, by key; None where nothing is kept."""
    allowed: Mask | None = None
    once: Once = field(default_factory=Once)

    def within(self, allowed: Mask) -> Self:
        """A part of the images, which shares what is made once."""
        return replace(self, allowed=allowed)

    @property
    def count(self) -> int:
        """The number of images that may be found."""
        return len(self.images) if self.allowed is None else int(is_allowed(self.images, self.allowed).sum())

    def evidence(self, image: int) -> Any:
        """Returns the evidence of one image. Raises UsageError where it is not in the index."""
        return self.read(image)

    def kept_query(self, image: int) -> Any:
        """An indexed image as a query, made of what the index keeps of it."""
        return self.channel.as_query(self.evidence(image))

    def search(self, query: Any, k: int) -> Ranking:
        """The k best of the allowed images at first look."""
        return self.searcher.search(query, k, self.allowed)

    def search_many(self, queries: Sequence[Any], ks: Sequence[int]) -> Iterable[Ranking]:
        """Searches for each of several queries, with its k, in their order, when its turn comes."""
        return map(self.search, queries, ks)

    def kept(self, key: str) -> Any:
        """Returns what is kept of a derived structure, by its key. Raises KeyError where no model asks for it."""
        return self.derived[key]

    def nodes(self) -> Nodes:
        """The images, or their regions, and how their neighbours are found."""
        from resight.manifold.linked import SearchedNodes

        return SearchedNodes(self.images, lambda image, k: self.searcher.search(self.kept_query(image), k))

    def neighbourhoods(self, k: int) -> Neighbourhoods:
        """The k nearest of all images, or of their regions: what is kept of them, brought up to date in memory."""
        from resight.manifold.linked import brought_up_to_date

        return brought_up_to_date(self.kept(NEIGHBOURS), self.nodes(), k)


@dataclass(frozen=True)
class VectorView(ChannelView):
    """A channel of one vector an image."""

    live: VectorRows

    def vectors(self) -> tuple[Int64, Vectors]:
        """Returns (n,) ids of all images that have a vector, ascending, and (n, d) the vectors that are searched."""
        return self.live.images, self.descriptors(self.live.images)

    def descriptors(self, images: Int64) -> Vector:
        """(n, d) the vectors that are searched, augmented ones where there are."""
        return self.live.descriptors(images)

    def search_many(self, queries: Sequence[Any], ks: Sequence[int]) -> Iterable[Ranking]:
        """Searches for each of several queries, with its k, in their order: at once where a searcher takes a matrix."""
        if len(queries) < 2 or not isinstance(self.searcher, MatrixSearcher):
            return super().search_many(queries, ks)
        vectors = np.concatenate([np.reshape(one, (1, -1)) for one in queries])
        found = self.searcher.search_many(vectors, max(ks), self.allowed)
        return [ranking.first(k) for ranking, k in zip(found, ks, strict=True)]

    def nodes(self) -> Nodes:
        """The images, compared by their vectors."""
        from resight.manifold.linked import VectorNodes

        return VectorNodes(*self.vectors())


@dataclass(frozen=True)
class RegionView(ChannelView):
    """A channel of a vector a region."""

    live: RegionRows

    def regions(self) -> tuple[Int64, Vector]:
        """(n,) ids of images, ascending, and (n, d) vectors of all regions."""
        return self.live.regions()

    def nodes(self) -> Nodes:
        """The regions, compared by their vectors."""
        from resight.manifold.linked import VectorNodes

        return VectorNodes(*self.regions())


@dataclass(frozen=True)
class WordView(ChannelView):
    """A channel of words with positions."""

    live: PostingRows
    spatial: Spatial = field(default_factory=Spatial)
    """How the recipe verifies pairs."""
    workers: WorkerPool = field(default_factory=lambda: WorkerPool(cores()))

    @property
    def reach(self) -> int:
        """The number of images of a first look that the recipe verifies."""
        return self.spatial.top

    def words(self, image: int) -> ImageWords:
        """The words of one image. Raises UsageError where it is not in the index."""
        return cast(ImageWords, self.read(image))

    def verify(self, query: ImageWords, images: Sequence[int]) -> dict[int, Verification]:
        """The verified ones of many images, by id."""
        from resight.rerank.spatial import verify_many

        return verify_many(query, images, self.words, self.spatial, self.workers)


@dataclass(frozen=True)
class BagView(WordView):
    """A channel of bags of words."""

    def word_vector(self, words: ImageWords) -> WordVector:
        """The tf-idf vector of an image, not normalised."""
        return self.live.vector(words)
