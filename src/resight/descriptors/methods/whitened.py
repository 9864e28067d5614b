"""What methods have in common whose vectors need nothing fitted but a whitening, where a recipe asks for one."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from resight.features.kinds import FeaturesKind
from resight.learned.kinds import FULL, FitName, FitSource, Keeps, Stored, WhiteningTerms
from resight.learned.method import Layout, Method
from resight.learned.passes import Pass, Terms

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32
    from resight.features.extractor import Extractor
    from resight.features.networks.retrieval import RetrievalHead
    from resight.learned.passes import Fitted
    from resight.learned.whitening import Whitening

SAMPLE_FOR_WHITENING = 200_000
"""Vectors: a covariance of 2048 dimensions moves by less than a percent with more."""
WHITENING_KEYS = ("power", "collection_power", "shrinkage", "stored")
"""Keys of the recipe that say how a whitening by principal components is fitted and kept."""
VECTOR_ARRAYS = frozenset({"vectors.mean", "vectors.projection", "vectors.scale"})
"""Names of what a pass of `whole_vectors` gives."""


class Descriptor(Method):
    """The method of one vector an image."""

    section: ClassVar[str] = "descriptor"
    layout: ClassVar[Layout] = "vector"
    keeps: ClassVar[frozenset[Keeps]] = frozenset({Keeps.VECTORS})
    score_meaning: ClassVar[str] = "cosine of vectors, 1 at most"


WHOLE_KEYS = ("whitening_power", "collection_power", "shrinkage", "stored")
"""The same of a whitening of whole vectors, whose making may have a power of its own."""


class ByComponents(Descriptor):
    """The keys that every whitening by principal components has beside its power."""

    # Ours: the power where it is fitted on the photos that are searched. None: the same.
    collection_power: float | None = Field(default=None, ge=0.0, le=1.0)
    # The fraction by which variances move to their mean: 0 in papers. None, ours: d / (d + n) for n vectors of d
    # dimensions, so that a fit on few photos does no harm.
    shrinkage: float | None = Field(default=None, ge=0.0, le=1.0)
    # "float32": as fitted, as in papers. "int8", ours: a byte a number, a fourth of the size.
    stored: Stored = "int8"

    @property
    @abstractmethod
    def own_power(self) -> float:
        """The power of its whitening where it is not fitted on the photos that are searched."""

    def terms(self, searched: bool = False) -> WhiteningTerms:
        """Returns those of its whitening. searched: whether it is fitted on the photos that are searched."""
        instead = self.collection_power if searched else None
        return WhiteningTerms(self.own_power if instead is None else instead, self.shrinkage, self.stored)


class WholeWhitened(ByComponents):
    """The whitening of whole vectors, whose making is fitted before."""

    whitening_power: float = Field(default=FULL, ge=0.0, le=1.0, description="1 whitens fully, 0 only turns.")

    @property
    def own_power(self) -> float:
        return self.whitening_power


class Whitened(ByComponents):
    """The whitening of vectors.

    It is none, whitening by principal components with reduction, or what the checkpoint of a network that was trained
    for retrieval carries. Subclasses say what the vectors are.
    """

    not_in_fit: ClassVar[frozenset[str]] = frozenset(
        {"kind", "whitening", "dimensions", *WHITENING_KEYS, "fit", "learned_on"}
    )
    limit: ClassVar[int] = SAMPLE_FOR_WHITENING

    # "checkpoint": the whitening, and GeM's p, that were learned with the network and are in its file. "pairs": learned
    # on pairs that match, which an index has not: what ships, or a file. Mikolajczyk & Matas, ICCV 2007.
    whitening: Literal["none", "pca", "pairs", "checkpoint"] = "none"
    # Of the whitened vectors; fewer where the fit has fewer.
    dimensions: int = Field(default=512, ge=1, le=65_536)
    # 1 whitens fully, 0.5 half, 0 only turns; the exponent of the variance is half of it.
    power: float = Field(default=FULL, ge=0.0, le=1.0)
    fit: FitName = Field(default="builtin", description='"builtin", "collection" or a path.')
    # Of the whitenings that were learned after training, of which a file has one a training set: the set's name.
    learned_on: str = Field(default="retrieval-SfM-120k", min_length=1)

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        given = [key for key in (*WHITENING_KEYS, "fit", "p") if key in self.model_fields_set]
        if self.whitening == "checkpoint" and given:
            raise ValueError(f'whitening = "checkpoint" leaves nothing to {" and ".join(given)}: leave it out')
        if self.whitening == "pairs" and self.fit == "collection":
            raise ValueError('whitening = "pairs" is learned on pairs that match: set fit = "builtin" or name a file')
        if self.fit == "checkpoint":
            raise ValueError('what a checkpoint carries is asked for by whitening = "checkpoint", without fit')
        return self

    @abstractmethod
    def vectors_of(self, features: Any) -> Float32:
        """Returns (m, d) L2-normalised vectors before whitening, on which one is fitted."""

    def suits(self, head: RetrievalHead) -> bool:
        """Returns whether the head of a checkpoint was learned for the vectors of this method."""
        return False

    @property
    def needs(self) -> frozenset[str]:
        return frozenset() if self.whitening == "none" else frozenset({"mean", "projection", "scale"})

    @property
    def meets_features(self) -> str | None:
        return None if self.whitening == "none" else "mean"

    @property
    def passes(self) -> tuple[Pass, ...]:
        if self.whitening != "pca":
            return ()
        return (Pass(self.limit, lambda extractor, arrays: self.vectors_of, self._fitted),)

    @property
    def source(self) -> FitSource | None:
        return FitSource("checkpoint") if self.whitening == "checkpoint" else super().source

    @property
    def own_power(self) -> float:
        return self.power

    def shipped_name(self, features: FeaturesKind) -> str:
        how = "pairs" if self.whitening == "pairs" else self.terms().name
        return f"{super().shipped_name(features)}-{how}"

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        return f"{features.seen(self.vectors_name)}, {self.terms(searched).name}"

    def whitening_of(self, arrays: Arrays) -> Whitening | None:
        """Returns the whitening to the dimensions that are asked for, or as many as it has.

        It is None where none is asked for.
        """
        from resight.descriptors.whitened import whitening_to

        return None if self.whitening == "none" else whitening_to(self.dimensions, arrays)

    def length(self, extractor: Extractor[Any, Any], whitening: Whitening | None) -> int:
        """Dimensions of the vectors that are kept."""
        return extractor.dimensions if whitening is None else whitening.dimensions

    def _fitted(self, sample: Float32, terms: Terms) -> Fitted:
        from resight.descriptors.whitened import fitted_whitening

        return fitted_whitening(sample, self.dimensions, self.terms(terms.searched), terms.searched)
