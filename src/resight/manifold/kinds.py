"""The kinds of diffusion in a recipe: parameters and their published defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from resight.learned.kinds import Keeps
from resight.learned.registered import register
from resight.rerank.stage import SecondLook

if TYPE_CHECKING:
    from resight.search.derived import DerivedKind, DerivedStructure, Site
    from resight.search.looks import GraphCollection, Look, WordCollection

NEIGHBOURS = "neighbours"
"""Key of the derived structure that diffusion works on."""
LINKS = "links"
"""Key of the derived structure that `Links` works on."""


@dataclass(frozen=True)
class NeighbourLists:
    """The neighbours of all images of a channel, or of their regions, with what a solver needs of them."""

    params: Diffusion
    key: ClassVar[str] = NEIGHBOURS

    def open(self, site: Site) -> DerivedStructure:
        """Returns the lists that are kept of a channel."""
        from resight.manifold.linked import KeptNeighbours

        return KeptNeighbours(site, self.params)


@register
class Diffusion(SecondLook):
    """Ranking on the graph of neighbours of a channel (Iscen et al., CVPR 2017), from the best images of the ranking.

    The defaults are the paper's. They suit things of which there are more photos than k: see `self_affinity`.
    """

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS, Keeps.REGIONS, Keeps.WORDS)
    score_meaning: ClassVar[str] = (
        "what reaches the photo through its neighbours; it compares photos of one query alone"
    )

    kind: Literal["diffusion"] = "diffusion"
    k: int = Field(
        default=50, ge=2, le=10_000, description="Neighbours of an image, itself counted as the papers do: 50; 200."
    )
    query_k: int = Field(
        default=10, ge=1, le=1_000_000, description="Best images that diffusion starts from: 10; of regions 200."
    )
    gamma: float = Field(default=3.0, gt=0.0, le=1000.0, description="Power of similarities: 3.")
    # Of the ranking's scores, where it starts. None: gamma. 1 where scores have been raised already, as in a fusion.
    query_gamma: float | None = Field(default=None, gt=0.0, le=1000.0)
    alpha: float = Field(default=0.99, ge=0.0, lt=1.0, description="What is passed on at each step: 0.99.")
    # Ours: the affinity of an image with itself, 0 in the papers; 1 is what its similarity with itself is to any power.
    # With it an image that has no neighbours worth the name keeps what it was given, while one among many shares it.
    self_affinity: float = Field(default=0.0, ge=0.0, le=1e6)
    normalisation: Literal["symmetric", "rows"] = Field(
        default="symmetric",
        description=(
            '"symmetric", the paper\'s: by the sums of both images, so that images with many neighbours are given '
            'more; "rows": an image is given a mean of what its neighbours were, never more than the best of them.'
        ),
    )
    own_weight: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description=(
            "Weight of an image's own similarity to the query in a geometric mean with what diffusion gives it: 0 in "
            "the papers, where an image that has none of its own may come first."
        ),
    )
    # "conjugate-gradient": exact to the tolerance, on the graph of the `top` best images. Others work on the whole
    # graph, with what is made when photos are added: "low-rank" (fast spectral ranking of Iscen et al., CVPR 2018) with
    # `rank` eigenvectors; "spectral", ours, likewise, with vectors that keep more of the ranking, and with what is
    # outside of them; "hybrid" (ACCV 2018) with `rank` eigenvectors and conjugate gradients; "offline" (Yang et al.,
    # AAAI 2019) with the scores that each image gives to its `truncation` nearest.
    solver: Literal["conjugate-gradient", "low-rank", "spectral", "hybrid", "offline"] = "conjugate-gradient"
    rank: int = Field(default=500, ge=1, le=100_000, description="Vectors of the solvers that have any.")
    truncation: int = Field(
        default=1000, ge=1, le=10_000, description="Images of a row of the offline solver, itself counted: 1000."
    )
    top: int = Field(default=10_000, ge=1, le=10_000_000, description="Images whose graph is solved: 10,000.")
    tolerance: float = Field(
        default=1e-6, gt=0.0, lt=1.0, description="Relative residual of conjugate gradients: 1e-6."
    )
    iterations: int = Field(default=20, ge=1, le=1_000_000, description="Of conjugate gradients, at most: 20.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    @property
    def listed(self) -> int:
        """The number of neighbours that are kept of an image, itself not counted, as it is in papers."""
        return max(self.k, self.truncation if self.solver == "offline" else 0) - 1

    def open(self, collection: GraphCollection) -> Look:
        """The look on one channel of a collection, which has the neighbours of images, or of their regions."""
        from resight.manifold.ranking import DiffusionLook, RegionalDiffusionLook
        from resight.search.looks import RegionCollection

        if isinstance(collection, RegionCollection):
            return RegionalDiffusionLook(self, collection)
        return DiffusionLook(self, collection)

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """The neighbours of the channel's images."""
        return (NeighbourLists(self),)

    @model_validator(mode="after")
    def _what_the_solver_uses(self) -> Diffusion:
        unused = {
            "conjugate-gradient": {"rank", "truncation"},
            "low-rank": {"top", "tolerance", "iterations", "truncation"},
            "spectral": {"top", "tolerance", "iterations", "truncation"},
            "hybrid": {"top", "truncation"},
            "offline": {"rank", "top", "tolerance", "iterations"},
        }[self.solver] & self.model_fields_set
        if unused:
            raise ValueError(f'the solver "{self.solver}" does not use {", ".join(sorted(unused))}: leave it out')
        if self.solver in ("low-rank", "spectral") and self.self_affinity > 0.0:
            raise ValueError(
                "the few vectors of a spectral solver do not keep the self_affinity of images without neighbours: "
                'choose solver = "hybrid"'
            )
        if self.solver in ("low-rank", "spectral", "offline") and self.normalisation == "rows":
            raise ValueError(
                f'what the solver "{self.solver}" keeps is too coarse for means of images with few neighbours: '
                'choose solver = "hybrid", or normalisation = "symmetric"'
            )
        return self


@dataclass(frozen=True)
class PhotoLinks:
    """The links between all images of a channel; see `Links` for the meaning of its numbers."""

    candidates: int
    probe: int
    min_inliers: int
    key: ClassVar[str] = LINKS

    def open(self, site: Site) -> DerivedStructure:
        """Returns the links that are kept of a channel."""
        from resight.manifold.linking import KeptLinks

        return KeptLinks(site, self)


@register
class Links(SecondLook):
    """Diffusion over links between images, each verified by geometry when the images were added.

    Ours: the diffusion of `Diffusion`, on a graph whose edges are believed: a pair with evidence e (inliers times the
    root of the similarity) has the affinity e / (e + half), every image has the affinity 1 with itself, and what
    geometry does not verify is no edge. An image without links keeps what it was given.
    """

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.WORDS,)
    score_meaning: ClassVar[str] = (
        "what the query and verified links give the photo, 0 to 1; it compares photos of one query alone"
    )

    kind: Literal["links"] = "links"
    candidates: int = Field(
        default=20, ge=1, le=10_000, description="Images that each image verifies when it is added, at most."
    )
    probe: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="Of these the first, which are verified first: the others only if one has enough inliers.",
    )
    # That of Philbin et al., CVPR 2007, for expansion.
    min_inliers: int = Field(
        default=20, ge=4, le=1_000_000, description="Enough inliers: links lead to the photos of such a pair."
    )
    most: int = Field(default=40, ge=1, le=10_000, description="Links of an image that count, the strongest.")
    query_k: int = Field(default=50, ge=1, le=1_000_000, description="Best images that diffusion starts from.")
    start: Literal["evidence", "scores"] = Field(
        default="evidence",
        description=(
            'What they are given: "evidence" makes e / (e + half) of the scores of a spatial stage; "scores" takes '
            "those of a fusion as they are."
        ),
    )
    half: float = Field(default=30.0, gt=0.0, le=1e9, description="Evidence at which a pair is half believed.")
    alpha: float = Field(default=0.8, ge=0.0, lt=1.0, description="What is passed on at each step.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.query_k

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """The links between the channel's images."""
        return (PhotoLinks(self.candidates, self.probe, self.min_inliers),)

    def open(self, collection: WordCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.manifold.links import LinksLook

        return LinksLook(self, collection)
