"""Parameters of the features of edges that need no network; importing them imports no implementation."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resight.features.naming import settings

EDGE_DETAIL = 5 / 3
"""Long side of a photo whose edges are detected, in that of the frame: fine lines are found, and thinned, first."""


class EdgeFilter(BaseModel):
    """The weight of an edge of strength w: w^power / (1 + exp(steepness (threshold - w))).

    Source: Radenovic, Tolias & Chum, "Deep shape matching", ECCV 2018, eq. 1; defaults are what its code starts from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    power: float = Field(default=0.5, gt=0.0, le=10.0, description="Below 1 weak edges gain.")
    steepness: float = Field(default=500.0, gt=0.0, le=1e4, description="How sharply edges vanish at the threshold.")
    threshold: float = Field(default=0.1, ge=0.0, le=1.0, description="Strength of edges of which half is left.")


class Edges(BaseModel):
    """The parameters of all features of edges: how a photo or a drawing is framed.

    A drawing is always cropped to its lines, so that its size and place do not matter, nor the width of its lines.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Radenovic, Tolias & Chum, ECCV 2018, code: 227 with 30 around.
    side: int = Field(default=227, ge=32, le=2048, description="Long side of the frame, in pixels.")
    pad: int = Field(default=30, ge=0, le=512, description="Pixels around the edges, within the frame.")
    # ECCV 2018 sees whole photos. "content" crops to where the edges are, and makes frames square, so that size and
    # place of a thing on plain ground do not matter.
    frame: Literal["whole", "content"] = "content"
    width: int = Field(default=3, ge=1, le=15, description="Of the lines in the frame, in pixels.")
    suppression: float = Field(
        default=1.0, ge=0.0, le=10.0, description="How far texture weakens edges: share of the mean around them."
    )
    filter: EdgeFilter | None = Field(default=None, description="The edge filter; left out: strengths as they are.")

    @property
    def max_side(self) -> int:
        """Long side in pixels of a photo whose edges fill the largest frame."""
        return self.detail(1.0)

    def detail(self, scale: float) -> int:
        """Returns the long side in pixels at which edges are detected for the frame of a scale."""
        return round(EDGE_DETAIL * scale * self.side)

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.pad > 0.375 * self.side:
            raise ValueError(f"pad {self.pad} leaves no room in a frame of {self.side}: at most three eighths of it")
        return self


class EdgeOrientations(Edges):
    """Histograms of the orientations of edges and lines, cell by cell: maps that need no network.

    Source: Dalal & Triggs, "Histograms of oriented gradients for human detection", CVPR 2005; of sketches Hu &
    Collomosse, "A performance evaluation of gradient field HOG descriptor for sketch based image retrieval", CVIU 2013.
    """

    kind: Literal["edge-orientations"] = "edge-orientations"
    bins: int = Field(default=8, ge=2, le=64, description="Orientations, from 0 to 180 degrees.")
    cells: int = Field(default=8, ge=1, le=64, description="Cells along the long side of the frame.")

    @property
    def shipped_as(self) -> str:
        """The name of the features in what ships."""
        return "-".join([self.kind, *settings(self, {"kind"})])

    def seen(self, what: str = "") -> str:
        """Returns the name of the sample of a fit: `what` of the features, or else the features themselves."""
        return " ".join([what or self.kind, *settings(self, {"kind"})])
