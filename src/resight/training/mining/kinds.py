"""Kinds of mining and their parameters, by name; importing them loads nothing heavy.

A new kind is a model here, which imports its function inside `mine`, a line of `KINDS`, and a file with that function.
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resight.errors import UsageError
from resight.progress import NamedProgress
from resight.wrong_values import what_is_wrong

if TYPE_CHECKING:
    from resight.index.collection import Collection
    from resight.training.mining.mined import Mined


class Mining(BaseModel):
    """The parameters of a kind of mining. summary: what it takes for photos of the same thing, in a line."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    summary: ClassVar[str]

    @abstractmethod
    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Mines one generation of an index. Raises UsageError where it has nothing to mine."""


class Geometry(Mining):
    """Geometry of pairs, for the kinds that ask for it.

    The links that an index by the default recipe and the like keeps are taken as they are; what it has not verified
    yet, or keeps no links of, is verified now.
    """

    channel: str = Field(default="", description="The channel of words; empty: the first that there is.")
    candidates: int = Field(
        default=20, ge=1, le=10_000, description="Photos that each photo is verified with, at most."
    )
    probe: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="Of these the first, which are verified first: the others only if one of them has `min_inliers`.",
    )
    min_inliers: int = Field(default=20, ge=4, le=1_000_000, description="Inliers of a positive, at least.")
    weak: int = Field(
        default=8, ge=4, le=1_000_000, description="Inliers of a link, too weak for a positive, but never a negative."
    )
    hops: int = Field(default=2, ge=0, le=100, description="Links in turn that keep photos from being negatives.")


class Verified(Geometry):
    """Pairs of photos that geometry has verified, by rules that keep them pure.

    The constants were chosen on covers, products and scenes, where they leave 98 to 100 % of the pairs right;
    docs/mine.md has the figures.
    """

    summary: ClassVar[str] = "pairs of photos whose features agree with one transform"

    top: int = Field(
        default=3,
        ge=0,
        le=10_000,
        description="A pair counts if each is among so many best of the other, by inliers; 0: this is no reason.",
    )
    share: float = Field(
        default=0.7,
        gt=0.0,
        le=1.0,
        description="A pair counts too if it has this share of the inliers of the best pair of each of the two.",
    )
    most: int = Field(default=10, ge=1, le=10_000, description="Positives of an anchor, those with most inliers.")
    alone: float = Field(
        default=0.5,
        ge=0.0,
        lt=1.0,
        description="Share of the draws, at most, of photos without a positive, which are rendered anew; 0: none.",
    )

    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Mines pairs by geometry."""
        from resight.training.mining.verified import mine_verified

        return mine_verified(self, collection, progress)


class RenderedViews(Geometry):
    """Every photo by itself: its positives are views of it that training renders.

    Where the index has words, links between photos keep what may show the same thing from being a negative.
    """

    summary: ClassVar[str] = "every photo, whose positives are rendered from it when training"

    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Mines every photo."""
        from resight.training.mining.views import mine_views

        return mine_views(self, collection, progress)


class Manifold(Mining):
    """Photos that diffusion finds near each other and descriptors do not, and the other way round.

    Source: Iscen, Tolias, Avrithis & Chum, "Mining on manifolds: metric learning without labels", CVPR 2018.

    Notes: the paper's graph has 30 neighbours, and its positives are among the 50 nearest, which is for some hundred
    photos of each class. More than a thing has photos gives wrong positives; docs/mine.md has figures.
    """

    summary: ClassVar[str] = "near by diffusion over a graph and far by descriptors; negatives the other way round"

    channel: str = Field(default="", description="Compares photos; empty: the first of vectors, else of words.")
    graph: int = Field(default=10, ge=2, le=10_000, description="Neighbours of a photo in the graph, itself counted.")
    gamma: float = Field(default=3.0, gt=0.0, le=1000.0, description="Power of similarities.")
    alpha: float = Field(default=0.99, ge=0.0, lt=1.0, description="What diffusion passes on at each step.")
    anchors: Literal["modes", "all"] = Field(
        default="modes",
        description='"modes": photos that a random walk visits more often than their neighbours; "all": all photos.',
    )
    component: Literal["largest", "every"] = Field(
        default="every", description='Where anchors are: the paper has "largest", the largest connected part alone.'
    )
    most_anchors: int = Field(default=1500, ge=1, le=10_000_000, description="Anchors, the most visited first.")
    nearest: int = Field(
        default=10, ge=1, le=100_000, description="Nearest by diffusion, less those by descriptors, are positives."
    )
    negatives: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Nearest by descriptors, less as many by diffusion, are negatives; 100 for fine-grained classes.",
    )
    most: int = Field(default=50, ge=1, le=10_000, description="Positives of an anchor, and negatives.")

    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Mines by diffusion."""
        from resight.training.mining.manifold import mine_manifold

        return mine_manifold(self, collection, progress)


class Ranks(Mining):
    """Lists that a recipe of words and vectors ranks: many matches make a positive, a middling similarity a negative.

    The score of a photo in a list is half its inliers where the recipe verifies it, which is 15 for 30 matches, and
    else the similarity of its vector. The numbers are those of a talk on merged lists of SIFT and a network.
    """

    summary: ClassVar[str] = "ranked lists: many matched points, and as negatives what only looks alike"

    depth: int = Field(default=100, ge=1, le=100_000, description="Photos of a list that are looked at.")
    positive: float = Field(default=15.0, gt=0.0, le=1e6, description="Score above which a photo is a positive.")
    low: float = Field(default=0.5, ge=-1.0, le=1e6, description="Score of a negative, at least.")
    high: float = Field(default=1.0, ge=-1.0, le=1e6, description="Score of a negative, at most.")
    most: int = Field(default=10, ge=1, le=10_000, description="Positives of an anchor, and negatives.")
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="Of the draw of negatives.")

    @model_validator(mode="after")
    def _in_order(self) -> Ranks:
        if not self.low <= self.high < self.positive:
            raise ValueError(f"low {self.low}, high {self.high} and positive {self.positive} must ascend")
        return self

    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Mines ranked lists."""
        from resight.training.mining.ranks import mine_ranks

        return mine_ranks(self, collection, progress)


class StructureFromMotion(Mining):
    """Photos that share points of one model, by structure from motion (Radenović et al., ECCV 2016 and TPAMI 2018).

    `share`, `zoom` and the strategies are the papers'; the others are ours.
    """

    summary: ClassVar[str] = "photos that see the same points of a model, by structure from motion"

    channel: str = Field(default="", description="The channel of words; empty: the first that there is.")
    seeds: Literal["search", "min-hash"] = Field(
        default="search",
        description='Photos that ask: "search": all; "min-hash": those with colliding sketches, and what they lead to.',
    )
    candidates: int = Field(default=40, ge=1, le=10_000, description="Photos that a photo that asks is verified with.")
    threshold: int = Field(default=50, ge=0, le=65_536, description="Largest Hamming distance of a correspondence.")
    min_inliers: int = Field(
        default=10,
        ge=8,
        le=1_000_000,
        description="Matched points of a verified pair, at least: of one epipolar geometry.",
    )
    largest: int = Field(
        default=500,
        ge=3,
        le=1_000_000,
        description="Photos that are mapped together, at most; of more the weakest pairs are left out.",
    )
    positives: Literal["random", "inliers", "nearest"] = Field(
        default="random",
        description=(
            'Of photos that share points: "random": those with `share` and `zoom`; "inliers": with most points; '
            '"nearest": by descriptors.'
        ),
    )
    share: float = Field(
        default=0.2, gt=0.0, le=1.0, description="Of the anchor's points, which a positive at random sees too: 0.2."
    )
    zoom: float = Field(
        default=1.5, ge=1.0, le=1000.0, description="Change of scale of a positive at random, at most: 1.5."
    )
    most: int = Field(
        default=0, ge=0, le=10_000, description="Positives of an anchor; 0: all at random, else one, as in the papers."
    )
    seed: int = Field(default=0, ge=0, description="Of the draw of `most` at random.")
    hops: int = Field(default=2, ge=0, le=100, description="Links in turn that keep photos from being negatives.")

    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Maps photos, and mines those that share points."""
        from resight.training.mining.structure import mine_structure

        return mine_structure(self, collection, progress)


class Places(Mining):
    """Photos by their positions (Arandjelović et al., NetVLAD, CVPR 2016), with its constants and those of its code."""

    summary: ClassVar[str] = (
        "photos that were taken near each other, by EXIF, a CSV file or the names of published sets"
    )

    positions: str = Field(
        default="",
        description="A CSV file with name, lat and lon, or easting and northing; empty: names, Mapillary, EXIF.",
    )
    near: float = Field(default=10.0, gt=0.0, le=1e6, description="Metres to a potential positive, at most: 10.")
    far: float = Field(default=25.0, gt=0.0, le=1e6, description="Metres to a negative are more: 25.")
    least: float = Field(
        default=1.0, ge=0.0, le=1e6, description="Metres to a potential positive, at least: what is nearer is one spot."
    )
    most: int = Field(default=20, ge=1, le=10_000, description="Potential positives of an anchor, the nearest.")

    @model_validator(mode="after")
    def _in_order(self) -> Places:
        if not self.least < self.near <= self.far:
            raise ValueError(f"least, near and far are {self.least:g}, {self.near:g} and {self.far:g}: they must rise")
        return self

    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Mines photos by where they were taken."""
        from resight.training.mining.places import mine_places

        return mine_places(self, collection, progress)


class Classes(Mining):
    """A folder for each class; cleaned as by Gordo et al., Deep image retrieval, ECCV 2016, section 4.1."""

    summary: ClassVar[str] = "photos of one folder, and with clean=true only those that match others of it"

    clean: bool = Field(
        default=False, description="Match the photos of each class; its largest connected component stays."
    )
    depth: int = Field(default=0, ge=0, le=100, description="Folders of a name that are its class; 0: all.")
    channel: str = Field(default="", description="The channel of words; empty: the first that there is.")
    threshold: int = Field(default=50, ge=0, le=65_536, description="Largest Hamming distance of a correspondence.")
    min_inliers: int = Field(
        default=10, ge=8, le=1_000_000, description="Matched points of two photos that stay, at least."
    )
    most: int = Field(
        default=20, ge=1, le=10_000, description="Positives of an anchor, drawn; cleaned: with the most matched points."
    )
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="Of the draw of positives.")

    def mine(self, collection: Collection, progress: NamedProgress | None = None) -> Mined:
        """Mines folders."""
        from resight.training.mining.classes import mine_classes

        return mine_classes(self, collection, progress)


KINDS: Mapping[str, type[Mining]] = {
    "verified": Verified,
    "views": RenderedViews,
    "manifold": Manifold,
    "ranks": Ranks,
    "sfm": StructureFromMotion,
    "places": Places,
    "classes": Classes,
}
"""The kinds by name, in the order in which people meet them."""


def mining_of(kind: str, given: Mapping[str, Any]) -> Mining:
    """Returns the parameters of a kind. Raises UsageError for an unknown kind or key, and for a value out of range."""
    if kind not in KINDS:
        raise UsageError(f"there is no mining by {kind!r}: choose one of {', '.join(KINDS)}")
    model = KINDS[kind]
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, model.model_fields, n=1, cutoff=0.0)
            told = f"; the nearest that it has is {near[0]!r}" if near else ""
            raise UsageError(f"mining by {kind!r} has no parameter {key!r}{told}") from None
        given_here = f"{key} is {first['input']!r}, and " if key else ""
        raise UsageError(f"mining by {kind!r}: {given_here}{what_is_wrong(first)}") from None
