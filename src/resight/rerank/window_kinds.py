"""Second looks at where in an image the words of a query are: their parameters and published defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from resight.learned.kinds import Keeps
from resight.learned.registered import register
from resight.rerank.stage import SecondLook

if TYPE_CHECKING:
    from resight.search.looks import BagCollection, Look


@register
class Windows(SecondLook):
    """Windows of images that have the words of a query (Mohedano et al., ICMR 2016, section 5.2)."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.BAGS,)
    score_meaning: ClassVar[str] = "cosine of words of the best window and its quarters with the query's, 0 to 1"

    kind: Literal["windows"] = "windows"
    top: int = Field(default=100, ge=1, le=10_000_000, description="Images looked at: 100.")
    least_ratio: float = Field(
        default=0.4, ge=0.0, le=1.0, description="Of the aspect ratios of window and query, smaller to larger: 0.4."
    )
    # The paper's windows are what they are; a box between them fits the thing better.
    moves: bool = Field(
        default=False, description="Whether the sides of the best window move while its score grows: published false."
    )
    # Cosines of few words are large by chance, and the best of many windows would be a small one.
    damping: float = Field(
        default=0.0,
        ge=0.0,
        le=10.0,
        description="Of the image's squared norm, added to that of windows: 0 as published, 0.05 here.",
    )
    least_side: float = Field(
        default=0.25, gt=0.0, le=1.0, description="Of windows, as a part of the image's side: 1, 1/2 and 1/4 are there."
    )

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: BagCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.windows import WindowLook

        return WindowLook(self, collection)


@register
class WindowExpansion(SecondLook):
    """Query expansion with the windows that a stage before has found (Mohedano et al., ICMR 2016, section 5.3)."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.BAGS,)
    score_meaning: ClassVar[str] = "cosine of words with the mean of the query and the windows that it found, 0 to 1"

    kind: Literal["window-expansion"] = "window-expansion"
    top: int = Field(default=10, ge=1, le=10_000_000, description="Images whose windows join the query: 10.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: BagCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.window_expansion import WindowExpansionLook

        return WindowExpansionLook(self, collection)
