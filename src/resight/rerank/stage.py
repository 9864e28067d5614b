"""The table `[[rerank]]` of a recipe, whichever kind it is: ours, or one that a package registers."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from resight.learned.kinds import Keeps

if TYPE_CHECKING:
    from resight.rerank.kinds import Spatial
    from resight.search.derived import DerivedKind
    from resight.search.looks import Look


class Stage(BaseModel):
    """The parameters of a stage.

    score_meaning: the score of a hit in a line, where this stage is the last. verifies: whether the rankings that it
    gives have matched points as evidence (`Ranking.verified`): hits then have inliers, which people may ask for, and
    by which the probability of a hit is judged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    section: ClassVar[str] = "rerank"
    verifies: ClassVar[bool] = False

    kind: str

    @property
    @abstractmethod
    def score_meaning(self) -> str:
        """The score of a hit in a line, where this stage is the last."""
        ...

    @property
    @abstractmethod
    def depth(self) -> int:
        """The number of images that it wants of the first look."""

    @property
    def verification(self) -> Spatial | None:
        """The way it verifies pairs of images with words, as other stages and `resight duplicates` then do too.

        None where it leaves that to others.
        """
        return None


class SecondLook(Stage):
    """The parameters of a second look at the ranking of one channel.

    needs: what its channel must keep of images, any of these.
    """

    needs: ClassVar[tuple[Keeps, ...]]

    channel: str = Field(default="", description="The channel that it looks at; may be left out if there is only one.")

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """What is to be kept of its channel for it that is made of several images, in the order in which it is made."""
        return ()

    @abstractmethod
    def open(self, collection: Any) -> Look:
        """Returns the look on one channel of a collection, or of a part of its images, which offers what `needs` says.

        What it remembers of the collection lives in what was opened, or in `once` of the collection.
        """
