"""What a recipe may ask of search: how the images of a channel are searched, and what is matched exhaustively."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from resight.learned.kinds import Keeps
from resight.learned.method import Layout, Method
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.features.extractor import Extractor
    from resight.learned.method import Encoder
    from resight.learned.passes import Arrays
    from resight.search.live import LiveRows
    from resight.search.ranking import Searcher
    from resight.search.selection import NameOrder


class Exact(BaseModel):
    """No image is left out that could be found: all vectors are compared, all postings of the query's words read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    needs: ClassVar[tuple[Keeps, ...]] = ()

    kind: Literal["exact"] = "exact"

    def open(self, rows: LiveRows, names: NameOrder) -> Searcher[Any]:
        """Searches the images of a channel; `names` orders ids as their names do."""
        return rows.exact(names)


SearchKind = Exact
"""How the images of a channel are searched."""


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
        from resight.search.described import DescribedEncoder

        return DescribedEncoder(extractor.dimensions)
