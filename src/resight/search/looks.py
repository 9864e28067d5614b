"""Second looks at a ranking, and what they may ask of the collection that they are opened on: a small protocol each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from resight.arrays import Arrays, Float32, Int32, Int64, Mask, Vector, Vectors
from resight.forks import WorkerPool
from resight.search.ranking import Ranking, Verification
from resight.words.evidence import ImageWords, WordVector

T = TypeVar("T")

Look = Callable[[Any, Ranking], Ranking]
"""A second look that was opened on a collection: a function of a query and its ranking to another ranking."""


@dataclass(frozen=True)
class Neighbourhoods:
    """The nearest neighbours of the nodes of a channel: of its images, or of their regions.

    images: (n,) int64 catalogue id of each node, ascending; an image with several regions is there as often. ids:
    (n, k) int32 rows of the nearest nodes, nearest first and never the node itself, -1 where there are fewer.
    similarities: (n, k) float32. prepared: what a solver had made of them when they were kept, by name, if
    anything. seen: (2,) the stamp of the images among which all nodes were compared at once; (-1, 0) where unknown.
    """

    images: Int64
    ids: Int32
    similarities: Float32
    prepared: Arrays = field(default_factory=dict)
    seen: Int64 = field(default_factory=lambda: np.array([-1, 0]))


class Part(Protocol):
    """A part of the images of a collection, or all of them."""

    @property
    def allowed(self) -> Mask | None:
        """By catalogue id, which images may be found; all where None."""
        ...

    @property
    def count(self) -> int:
        """The number of images that may be found."""
        ...

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns the value under a key, made once by `make` for the whole collection. Safe between threads.

        For what is dear to make and must not depend on the part: a look is opened anew on each part.
        """
        ...

    def kept(self, key: str) -> Any:
        """Returns what is kept of a derived structure that the recipe's models ask for, as its `read` gives it.

        It is that of the whole collection, and need not be up to date. KeyError where no model asks for it.
        """
        ...


@runtime_checkable
class VectorCollection(Part, Protocol):
    """Images that are compared by one vector each."""

    def evidence(self, image: int) -> tuple[Vector, int]:
        """Returns the vector (d,) that is kept of an image, not augmented, and how many features it was made of."""
        ...

    def vectors(self) -> tuple[Int64, Vectors]:
        """Returns (n,) ids of all images that have a vector, ascending, and (n, d) what the first look compares."""
        ...

    def descriptors(self, images: Int64) -> Vector:
        """Returns (n, d) the vectors by which the first look compares n images. UsageError: one that is not there."""
        ...

    def search(self, query: Vector, k: int) -> Ranking:
        """Returns the first look again at the allowed images, with another vector (d,)."""
        ...


class WordCollection(Part, Protocol):
    """Images with words that have positions."""

    def words(self, image: int) -> ImageWords:
        """Returns the words of one image. UsageError: it is not there."""
        ...

    def verify(self, query: ImageWords, images: Sequence[int]) -> dict[int, Verification]:
        """Returns the verified ones of many images, by id, as the recipe verifies pairs."""
        ...

    @property
    def workers(self) -> WorkerPool:
        """Threads of the collection that share the work of a look; what runs in them waits for no others of them."""
        ...

    @property
    def reach(self) -> int:
        """The number of images of a first look that the recipe verifies."""
        ...

    def search(self, query: ImageWords, k: int) -> Ranking:
        """Returns the first look again at the allowed images, with other words."""
        ...


class BagCollection(WordCollection, Protocol):
    """Images that are compared by vectors over words."""

    def word_vector(self, words: ImageWords) -> WordVector:
        """Returns the vector by which the first look compares a bag of words, not normalised."""
        ...

    def search(self, query: ImageWords | WordVector, k: int) -> Ranking:
        """Returns the first look again at the allowed images, with other words or a vector over words."""
        ...


class GraphCollection(Part, Protocol):
    """Images, or their regions, with their nearest neighbours."""

    def neighbourhoods(self, k: int) -> Neighbourhoods:
        """Returns the k nearest of all images, or of their regions: what is kept of them, brought up to date."""
        ...


@runtime_checkable
class RegionCollection(GraphCollection, Protocol):
    """Images that are compared by a vector for each of their regions."""

    def evidence(self, image: int) -> Vectors:
        """Returns (r, d) the vectors that are kept of the regions of an image. UsageError: it is not there."""
        ...

    def search(self, query: Vectors, k: int) -> Ranking:
        """Returns the first look again at the allowed images, with other regions (r, d)."""
        ...

    def regions(self) -> tuple[Int64, Vector]:
        """Returns (n,) ids of images, ascending, and (n, d) vectors of all regions."""
        ...
