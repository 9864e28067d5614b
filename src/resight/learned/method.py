"""What the parameters of a method tell of it, so that nothing else need know which methods there are.

A method makes something of features that an index can hold. Its parameter model is its one owner: it says what it can
be made of and in which layout it is kept, what it is fitted on and which arrays it needs, how one photo is encoded,
and what tells two of its fits apart. Importing a model imports no implementation: its methods do, when they are called.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from resight.errors import FitError
from resight.features.kinds import FeaturesKind
from resight.features.naming import settings
from resight.learned.kinds import FitSource, Keeps
from resight.learned.passes import Pass

if TYPE_CHECKING:
    from resight.arrays import Arrays
    from resight.features.extractor import Extractor

Layout = Literal["vector", "regions", "words", "descriptors"]
"""How an index holds what a method makes: one vector an image, a vector a region, posting lists, or descriptors."""


class Encoder(Protocol):
    """A method with its fitted arrays. Safe to share between threads."""

    @property
    def size(self) -> int:
        """Words in the codebook, or dimensions of the descriptor; 0 where there is neither."""
        ...

    def encode(self, features: Any, size: tuple[int, int]) -> object:
        """Returns the evidence of a database image of `size` (width, height)."""
        ...

    def query(self, features: Any, size: tuple[int, int]) -> object:
        """Returns a query of the features of a photo."""
        ...

    def nothing(self) -> object:
        """Returns the evidence of an image that could not be read."""
        ...


class Method(BaseModel):
    """The parameters of a method, which is its one owner; subclasses fill in what they are asked for.

    section: the table of a channel that it stands in. layout: how it is kept. made_of: kinds of features. keeps: what
    a second look finds. score_meaning: the score of a hit in a line. not_in_fit: fields that change nothing of what a
    fit is made on; all others tell two fits apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    section: ClassVar[str]
    layout: ClassVar[Layout]
    made_of: ClassVar[frozenset[str]]
    keeps: ClassVar[frozenset[Keeps]] = frozenset()
    score_meaning: ClassVar[str]
    not_in_fit: ClassVar[frozenset[str]] = frozenset({"kind", "fit"})

    kind: str

    def check_features(self, features: FeaturesKind) -> None:
        """Raises ValueError where it cannot be made of these features, whose kind is one of `made_of`."""

    @property
    def needs(self) -> frozenset[str]:
        """Names of the arrays that it cannot do without."""
        return frozenset()

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The passes over photos that fit it, in their order; none where it works without."""
        return ()

    @property
    def meets_features(self) -> str | None:
        """The array whose last axis is that of the features; None where there is none, or several."""
        return None

    @property
    def fitted_parts(self) -> Mapping[str, Method]:
        """The methods that are fitted separately, by the prefix of their arrays: itself unless made of others."""
        return {"": self}

    @property
    def source(self) -> FitSource | None:
        """Where its arrays come from; None where it needs none."""
        return FitSource.named(getattr(self, "fit", "collection")) if self.needs else None

    @property
    def vectors_name(self) -> str:
        """The identity of its vectors: its kind and every field that changes them."""
        return "-".join([self.kind, *settings(self, self.not_in_fit)])

    def shipped_name(self, features: FeaturesKind) -> str:
        """Returns the name that its arrays on some features would ship under."""
        return f"{features.shipped_as}-{self.vectors_name}"

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        """Returns the name of what a fit is made on, apart from the weights: two methods with the same may share one.

        searched: whether it is fitted on the photos that are searched, where a whitening may have another power.
        """
        return features.seen()

    @abstractmethod
    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        """Returns the encoder of the method with arrays that it can use."""

    def opened(self, extractor: Extractor[Any, Any], fitted: Arrays) -> Encoder:
        """Returns the encoder with its fitted arrays, of passes or files. Raises FitError where they do not suit it."""
        from resight.learned.artefact import dequantise

        arrays = dequantise(fitted)
        if missing := self.needs - arrays.keys():
            raise FitError(f'"{self.kind}" needs {", ".join(sorted(missing))}, which were not fitted; fit them for it')
        name, dimensions = self.meets_features, extractor.dimensions
        if name is not None and (arrays[name].shape[-1] != dimensions or not arrays[name].size):
            raise FitError(
                f"{name} of shape {arrays[name].shape} were fitted on other features, not on {dimensions} dimensions"
            )
        return self.encoder(extractor, arrays)
