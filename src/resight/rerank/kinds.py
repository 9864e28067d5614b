"""The second looks of a recipe: parameters and their published defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resight.learned.kinds import Keeps
from resight.learned.registered import OneOf, register
from resight.rerank.stage import SecondLook, Stage
from resight.rerank.window_kinds import WindowExpansion as WindowExpansion
from resight.rerank.window_kinds import Windows as Windows

if TYPE_CHECKING:
    from resight.search.looks import BagCollection, Look, RegionCollection, VectorCollection, WordCollection
    from resight.words.evidence import ImageWords


@register
class Spatial(SecondLook):
    """Fast spatial matching of the top of a ranking (Philbin et al., CVPR 2007, section 4)."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.WORDS,)
    verifies: ClassVar[bool] = True

    kind: Literal["spatial"] = "spatial"
    top: int = Field(default=400, ge=1, le=10_000_000, description="Images looked at; the paper has 200 to 1000.")
    # Ours. A thumbnail has few features, so that its words rank what it shows far below the first, and each pair of
    # images takes little time.
    small: int = Field(
        default=0, ge=0, le=100_000, description="A query with a shorter long side, in pixels, is small; 0: none is."
    )
    small_top: int = Field(
        default=400, ge=1, le=10_000_000, description="Images looked at where the query is small, if not `top`."
    )
    # Sampling (MAGSAC++) instead of a hypothesis from every correspondence: it needs a good third of inliers.
    estimator: Literal["fast_spatial_matching", "usac_homography"] = "fast_spatial_matching"
    hypothesis: Literal["translation_scale", "similarity"] = Field(
        default="similarity", description="The transform that one correspondence proposes."
    )
    model: Literal["similarity", "affine", "homography"] = Field(
        default="affine", description="The transform that is fitted to the inliers of a proposal."
    )
    # Ours: an error is a fraction of the long side of its own image, so that a thumbnail and a large photo are held to
    # the same rule.
    tolerance: float = Field(default=0.02, gt=0.0, lt=1.0, description="Transfer error, as a part of the long side.")
    threshold: int = Field(
        default=64, ge=0, le=65_536, description="Largest Hamming distance of a correspondence, if it has one."
    )
    min_inliers: int = Field(default=4, ge=4, le=1_000_000, description="Verified from so many inliers: the paper's 4.")
    # "inliers" is the paper's: verified images first, by their number of inliers. "evidence" is ours: inliers times the
    # root of the similarity, so that neither many matches of common words nor one lucky transform wins alone.
    score: Literal["inliers", "evidence"] = "inliers"

    @property
    def score_meaning(self) -> str:
        """The score of a hit in a line."""
        by = "1 + inliers" if self.score == "inliers" else "inliers times the root of the similarity of words"
        return f"similarity of words, 0 to 1, and for what was verified {by} more"

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return max(self.top, self.small_top) if self.small else self.top

    def reach(self, size: tuple[int, int]) -> int:
        """Returns the number of images that are looked at for a query of a size (width, height)."""
        return self.small_top if max(size) < self.small else self.top

    def open(self, collection: WordCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.spatial import SpatialLook

        return SpatialLook(self, collection)

    @property
    def verification(self) -> Spatial:
        """Itself."""
        return self


@register
class Expansion(SecondLook):
    """Average query expansion over verified images (Chum et al., ICCV 2007, section 4.2)."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.BAGS,)
    score_meaning: ClassVar[str] = (
        "cosine of word vectors with the mean of the query and the photos that it verified, 0 to 1"
    )

    kind: Literal["expansion"] = "expansion"
    top: int = Field(default=50, ge=1, le=10_000_000, description="Verified images that are averaged, the paper's 50.")
    min_inliers: int = Field(
        default=20, ge=4, le=1_000_000, description="An image joins the query from so many inliers: 20."
    )

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: BagCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.expansion import ExpansionLook

        return ExpansionLook(self, collection)


@register
class Chain(SecondLook):
    """Verified images are asked in turn, and what they verify is credited by how sure each step is.

    Ours; it grew out of the recursive expansion of Chum et al., ICCV 2007, section 4.3, which re-asks with regions of
    verified images. Evidence e of a pair becomes a confidence e / (e + half); an image found from the query with
    confidence p passes weight times p times its own confidence on.
    """

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.WORDS,)
    score_meaning: ClassVar[str] = (
        "belief in what matches the query, 0 to 1, and what verified photos that lead to it add; 0: nothing matches"
    )

    kind: Literal["chain"] = "chain"
    top: int = Field(default=25, ge=1, le=10_000_000, description="Verified images that are asked.")
    reach: int = Field(default=200, ge=1, le=10_000_000, description="Images that each of them looks at.")
    # That of Philbin et al., CVPR 2007, for expansion.
    min_inliers: int = Field(default=20, ge=4, le=1_000_000, description="An image is asked from so many inliers.")
    half: float = Field(default=100.0, gt=0.0, le=1e9, description="Evidence at which the confidence is 0.5.")
    weight: float = Field(
        default=5.0, gt=0.0, le=1e9, description="Of what is passed on, against the query's own evidence."
    )

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: WordCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.chain import ChainLook

        return ChainLook(self, collection)


@register
class Discriminative(SecondLook):
    """Discriminative query expansion (Arandjelovic & Zisserman, CVPR 2012, section 3): a linear SVM on bags of words.

    Positive are the query and the verified images, negative the end of the ranking. On vectors, which nothing verifies,
    the first images are positive, whatever their number of inliers.
    """

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.BAGS, Keeps.VECTORS)
    score_meaning: ClassVar[str] = "distance from the plane that parts the first photos from the last"

    kind: Literal["discriminative"] = "discriminative"
    top: int = Field(
        default=50, ge=1, le=10_000_000, description="Verified images that may be positive; on vectors the first."
    )
    min_inliers: int = Field(default=20, ge=4, le=1_000_000, description="An image counts from so many inliers: 20.")
    negatives: int = Field(
        default=200, ge=1, le=10_000_000, description="Images from the end of the ranking: the paper's 200."
    )
    regularisation: float = Field(default=1.0, gt=0.0, le=1e9, description="C of the SVM.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: BagCollection | VectorCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.discriminative import DiscriminativeLook, VectorDiscriminativeLook
        from resight.search.looks import VectorCollection

        if isinstance(collection, VectorCollection):
            return VectorDiscriminativeLook(self, collection)
        return DiscriminativeLook(self, collection)


@register
class AlphaExpansion(SecondLook):
    """Alpha query expansion (Radenovic et al., TPAMI 2019).

    The query asks again together with its nearest images, each weighted by similarity ** alpha. It needs no geometry.
    Where images are compared by regions, each region of the query asks together with the region of each of these images
    that is most similar to it.
    """

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.BAGS, Keeps.VECTORS, Keeps.REGIONS)
    score_meaning: ClassVar[str] = "cosine with the mean of the query and its first photos"

    kind: Literal["alpha-expansion"] = "alpha-expansion"
    # 50 and 3 are those of the comparisons on ROxford and RParis (Radenovic et al., CVPR 2018).
    top: int = Field(default=50, ge=1, le=10_000_000, description="Images that join the query.")
    alpha: float = Field(default=3.0, ge=0.0, le=1000.0, description="0 is average query expansion.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: BagCollection | VectorCollection | RegionCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.alpha_expansion import (
            AlphaExpansionLook,
            RegionsAlphaExpansionLook,
            WordsAlphaExpansionLook,
        )
        from resight.search.looks import RegionCollection, VectorCollection

        if isinstance(collection, VectorCollection):
            return AlphaExpansionLook(self, collection)
        if isinstance(collection, RegionCollection):
            return RegionsAlphaExpansionLook(self, collection)
        return WordsAlphaExpansionLook(self, collection)


@register
class KReciprocal(SecondLook):
    """Re-ranking by k-reciprocal encoding (Zhong et al., CVPR 2017)."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS,)
    score_meaning: ClassVar[str] = "1 less a distance that counts common neighbours; the nearest has 1 at most"

    kind: Literal["k-reciprocal"] = "k-reciprocal"
    top: int = Field(default=1000, ge=1, le=10_000_000, description="Images looked at; the paper has all.")
    k1: int = Field(default=20, ge=1, le=10_000, description="Mutual neighbours: 20.")
    k2: int = Field(default=6, ge=1, le=10_000, description="Encodings that are averaged, itself included: 6.")
    weight: float = Field(default=0.3, ge=0.0, le=1.0, description="Of the first look's distance: lambda, 0.3.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: VectorCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.k_reciprocal import KReciprocalLook

        return KReciprocalLook(self, collection)


@register
class SuperGlobal(SecondLook):
    """Re-ranking by refined global descriptors (Shao et al., ICCV 2023)."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS,)
    score_meaning: ClassVar[str] = "mean cosine of the photo and its neighbours with the query and its neighbours"

    kind: Literal["superglobal"] = "superglobal"
    top: int = Field(default=400, ge=1, le=10_000_000, description="Images looked at: M, 400.")
    neighbours: int = Field(default=9, ge=0, le=10_000, description="Images among them that refine each: K, 9.")
    beta: float = Field(default=0.15, ge=0.0, le=1e6, description="Weight of a neighbour: 0.15.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look."""
        return self.top

    def open(self, collection: VectorCollection) -> Look:
        """Returns the look on one channel of a collection."""
        from resight.rerank.superglobal import SuperGlobalLook

        return SuperGlobalLook(self, collection)


class Augmentation(BaseModel):
    """Database images take the words of the images that they are verified with.

    Source: Arandjelovic & Zisserman, CVPR 2012, section 4, spatially verified database-side feature augmentation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.BAGS,)

    kind: Literal["verified"] = "verified"
    neighbours: int = Field(
        default=10, ge=1, le=10_000, description="Verified images that each image takes words from."
    )
    min_inliers: int = Field(default=20, ge=4, le=1_000_000, description="An image counts from so many inliers: 20.")

    def open(self, collection: BagCollection) -> Callable[[int], ImageWords]:
        """Returns a function from the id of an image to its evidence, augmented by other images of a collection."""
        from resight.rerank.augmentation import augmented_words

        return lambda image: augmented_words(image, collection, self)


class AlphaAugmentation(BaseModel):
    """Database vectors take those of their nearest images, weighted by similarity ** alpha.

    Source: Arandjelovic & Zisserman, CVPR 2012, section 4, without the verification; weights of Radenovic et al., TPAMI
    2019.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS,)

    kind: Literal["alpha"] = "alpha"
    neighbours: int = Field(default=10, ge=1, le=10_000, description="Images that each image takes the vectors of.")
    alpha: float = Field(default=3.0, ge=0.0, le=1000.0, description="0 is the plain sum.")

    def open(self, collection: VectorCollection) -> Callable[[int], object]:
        """Returns a function from the id of an image to its evidence, augmented by other images of a collection."""
        from resight.rerank.database_augmentation import augmented_vector

        return lambda image: augmented_vector(image, collection, self)


class FusedScores(BaseModel):
    """The scores of one channel in a fusion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # "range": s less the lowest over the span; "deviation": s less the mean over the deviation; "norm", "maximum": over
    # the L2 norm, the largest; "rank": 1 to 1 / n; "given": s. Of scores below 0 taken as 0: "power": s ** power;
    # "confidence": s / (s + half), for a weight of evidence that has no upper end. None: "range", and "rank" in a
    # product, where "range" makes 0 of what one channel has last or lacks, whatever the others say.
    scores: Literal["given", "range", "deviation", "norm", "maximum", "rank", "power", "confidence"] | None = None
    power: float = Field(default=1.0, gt=0.0, le=1000.0, description='Of scores = "power".')
    half: float = Field(default=1.0, gt=0.0, le=1e9, description="The score at which the confidence is 0.5.")
    weight: float = Field(default=1.0, ge=0.0, le=1e9, description="Of the channel in the sum or the product.")

    @model_validator(mode="after")
    def _what_the_scores_use(self) -> Self:
        for name in ("power", "half"):
            if name in self.model_fields_set and self.scores != ("confidence" if name == "half" else "power"):
                raise ValueError(f'scores = "{self.scores or "range"}" do not use {name}: leave it out')
        return self


@register
class Fusion(Stage):
    """The rankings of all channels become one.

    Stages before it work on the ranking of their channel, those after it on the fused one.
    """

    score_meaning: ClassVar[str] = "the joined scores of the channels; they compare photos of one query alone"

    kind: Literal["fusion"] = "fusion"
    # "reciprocal-rank" looks at no score (Cormack et al., SIGIR 2009).
    method: Literal["sum", "product", "reciprocal-rank"] = "sum"
    channels: dict[str, FusedScores] = Field(default_factory=dict, description="By channel; left out: defaults.")
    top: int = Field(default=10_000, ge=1, le=10_000_000, description="Images of each channel that are fused.")

    @property
    def depth(self) -> int:
        """The number of images that it wants of the first look of each channel."""
        return self.top

    @model_validator(mode="after")
    def _scores_have_a_product(self) -> Self:
        if self.channels and not any(part.weight > 0.0 for part in self.channels.values()):
            raise ValueError("no channel has a weight above 0: give one that counts")
        for name, part in self.channels.items():
            if self.method == "product" and part.scores in ("given", "deviation", "norm", "maximum"):
                raise ValueError(
                    f'scores = "{part.scores}" of channel "{name}" may be below 0, and then have no product: choose '
                    '"rank", "range", "power" or "confidence", or method = "sum"'
                )
        return self

    def part(self, channel: str) -> FusedScores:
        """Returns the parameters of a channel's scores, with the defaults of the method."""
        given = self.channels.get(channel, FusedScores())
        default: Literal["rank", "range"] = "rank" if self.method == "product" else "range"
        return given if given.scores is not None else given.model_copy(update={"scores": default})


RerankKind = Annotated[Stage, OneOf("rerank", Stage)]
"""Any stage that ships, or that another package registers."""
AugmentationKind = Annotated[Augmentation | AlphaAugmentation, Field(discriminator="kind")]
