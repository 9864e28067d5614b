"""The parameters of search in a recipe: how the images of a channel are searched, and what is matched exhaustively."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from resight.learned.kinds import Keeps
from resight.learned.method import Layout, Method
from resight.learned.registered import OneOf, register
from resight.search.approximate.kind import KEY, ApproximateKind

if TYPE_CHECKING:
    from resight.arrays import Arrays
    from resight.features.extractor import Extractor
    from resight.learned.method import Encoder
    from resight.search.derived import DerivedKind, Kept
    from resight.search.live import LiveRows
    from resight.search.ranking import Searcher
    from resight.search.selection import NameOrder
    from resight.search.vectors import VectorRows


class Search(BaseModel):
    """The parameters of a search. needs: what its channel must keep of images, any of these; empty: whatever it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    section: ClassVar[str] = "search"
    needs: ClassVar[tuple[Keeps, ...]] = ()

    kind: str

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """What is to be kept of its channel for it that is made of several images, in the order in which it is made."""
        return ()

    def ready(self) -> None:
        """Raises ResightError where nothing can be searched now, before an index is made and before photos are read."""
        return

    @abstractmethod
    def open(self, rows: Any, names: NameOrder, kept: Kept) -> Searcher[Any]:
        """Returns a search of the images of a channel, whose `LiveRows` are of the kind that `needs` says.

        names: orders ids as their names do, by which ties are broken. kept: gives what is kept of a derived structure,
        by its key; it need not be up to date.
        """


@register
class Exact(Search):
    """No image is left out that could be found: all vectors are compared, all postings of the query's words read."""

    kind: Literal["exact"] = "exact"

    def open(self, rows: LiveRows, names: NameOrder, kept: Kept) -> Searcher[Any]:
        """Searches the images of a channel; `names` orders ids as their names do."""
        return rows.exact(names)


class Approximate(Search):
    """The parameters of searches that compare a part of the vectors, chosen by a structure that the index keeps."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS,)

    target: float = Field(
        default=0.98,
        gt=0.0,
        lt=1.0,
        description="Share of the 10 nearest that are to be found, as measured on drawn images when it is made.",
    )
    memory: float = Field(
        default=0.0, ge=0.0, le=1e6, description="GiB of memory that the structure may take; 0: half of the machine's."
    )

    def open(self, rows: VectorRows, names: NameOrder, kept: Kept) -> Searcher[Any]:
        """Searches by what is kept; exactly where nothing is, as of few images."""
        made = kept(KEY)
        if made is None or made.dimension != rows.dimension:
            return rows.exact(names)
        from resight.search.approximate.searching import ApproximateSearch

        return ApproximateSearch(rows, made, names)


@register
class Automatic(Approximate):
    """Few images are compared exactly, many by an inverted file: the default of channels that keep one vector an image.

    Few are up to 25 million numbers, such as 48,828 vectors of 512 dimensions.
    """

    kind: Literal["auto"] = "auto"

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """The structure, where one is needed."""
        return (ApproximateKind("auto", target=self.target, memory=self.memory),)


@register
class Graph(Approximate):
    """A graph of near neighbours on several levels over vectors of 8 bits a number: Malkov & Yashunin, TPAMI 2020."""

    kind: Literal["hnsw"] = "hnsw"
    links: int = Field(default=16, ge=2, le=256, description="Links of a node, twice as many on the lowest level.")

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """The graph."""
        return (ApproximateKind("hnsw", links=self.links, target=self.target, memory=self.memory),)


@register
class InvertedCells(Approximate):
    """An inverted file of k-means cells over product codes: Jegou, Douze & Schmid, TPAMI 2011, section IV.

    4 bits are the code of two numbers, or of four where memory is scarce; the best by codes are compared by vectors.
    """

    kind: Literal["ivf"] = "ivf"

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """The inverted file."""
        return (ApproximateKind("ivf", target=self.target, memory=self.memory),)


SearchKind = Annotated[Search, OneOf("search", Search)]
"""The search among the images of a channel: exact, approximate, or one that another package registers."""


@register
class Exhaustive(Method):
    """A query is matched with every image, descriptor by descriptor: the first system of the field, for small sets.

    Mutual nearest neighbours with the ratio test of Lowe (IJCV 2004, section 7.1), then fast spatial matching.
    """

    section: ClassVar[str] = "match"
    layout: ClassVar[Layout] = "descriptors"
    made_of: ClassVar[frozenset[str]] = frozenset({"sift"})
    score_meaning: ClassVar[str] = "matched points that follow one transform (inliers)"

    kind: Literal["exhaustive"] = "exhaustive"
    ratio: float = Field(default=0.8, gt=0.0, le=1.0, description="Lowe's ratio: 0.8.")
    tolerance: float = Field(default=0.02, gt=0.0, lt=1.0, description="Transfer error, as a part of the long side.")

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        """Returns the encoder that keeps features with their descriptors."""
        from resight.search.described import DescribedEncoder

        return DescribedEncoder(extractor.dimensions)
