"""The parameters of search in a recipe: how the images of a channel are searched, and what is matched exhaustively."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from resight.learned.kinds import Keeps
from resight.learned.method import Layout, Method
from resight.learned.registered import OneOf, register

if TYPE_CHECKING:
    from resight.arrays import Arrays
    from resight.features.extractor import Extractor
    from resight.learned.method import Encoder
    from resight.search.derived import DerivedKind, Kept
    from resight.search.live import LiveRows
    from resight.search.ranking import Searcher
    from resight.search.selection import NameOrder


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


SearchKind = Annotated[Search, OneOf("search", Search)]
"""The search among the images of a channel: exact, or one that another package registers."""


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
