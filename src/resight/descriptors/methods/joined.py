"""Vectors of several layers or networks in one: the parameters of `joining.join`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from resight.descriptors.methods.pooling import OfMaps
from resight.descriptors.methods.whitened import Descriptor
from resight.errors import FitError
from resight.features.kinds import FeaturesKind, JoinedMaps, Maps
from resight.features.naming import JOINED
from resight.learned.kinds import FitName
from resight.learned.passes import Pass, Terms
from resight.learned.registered import OneOf, register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32
    from resight.features.extractor import Extractor
    from resight.features.joined import JoinedImage
    from resight.learned.method import Encoder, Method
    from resight.learned.passes import Fitted


@register
class Joined(Descriptor):
    """Vectors pooled from several layers or networks, each whitened by itself, joined in one vector.

    Arrays of part i are named i.NAME.
    """

    made_of: ClassVar[frozenset[str]] = frozenset({"joined"})

    kind: Literal["joined"] = "joined"
    # What is made of each part of the features, in their order.
    parts: tuple[Annotated[OfMaps, OneOf("descriptor", OfMaps)], ...] = Field(min_length=2, max_length=16)
    # A sum takes parts of equal dimensions.
    how: Literal["concatenate", "sum"] = "concatenate"
    weights: tuple[Annotated[float, Field(gt=0.0, le=1e6)], ...] = Field(
        default=(), description="One a part; empty: all 1."
    )
    fit: FitName = Field(default="builtin", description='"builtin", "collection" or a path.')

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.weights and len(self.weights) != len(self.parts):
            raise ValueError(f"{len(self.parts)} parts take {len(self.parts)} weights, not {len(self.weights)}")
        if any(part.whitening == "checkpoint" for part in self.parts):
            raise ValueError('parts are whitened by what is fitted on photos: whitening = "pca" or "none"')
        if any("fit" in part.model_fields_set for part in self.parts):
            raise ValueError("all parts are fitted alike: set fit beside parts, not in them")
        if self.how == "sum" and len({part.whitening == "pca" and part.dimensions for part in self.parts}) > 1:
            raise ValueError("only vectors of equal dimensions can be summed: give all parts the same, or concatenate")
        return self

    def check_features(self, features: FeaturesKind) -> None:
        if isinstance(features, JoinedMaps) and len(features.parts) != len(self.parts):
            raise ValueError(
                f"[features] has {len(features.parts)} parts and [descriptor] {len(self.parts)}: one is made of each"
            )

    @property
    def weight_of_each(self) -> tuple[float, ...]:
        """One a part."""
        return self.weights or (1.0,) * len(self.parts)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(f"{prefix}{name}" for prefix, part in self.fitted_parts.items() for name in part.needs)

    @property
    def passes(self) -> tuple[Pass, ...]:
        limits = [each.limit for part in self.parts for each in part.passes]
        return (Pass(max(limits), lambda extractor, arrays: self.rows, self._fitted),) if limits else ()

    @property
    def fitted_parts(self) -> Mapping[str, Method]:
        return {f"{number}.": part for number, part in enumerate(self.parts) if part.needs}

    def shipped_name(self, features: FeaturesKind) -> str:
        return JOINED.join(part.shipped_name(own) for own, part in self._beside(features) if part.needs)

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        return " and ".join(part.fitted_for(own, searched) for own, part in self._beside(features))

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        from resight.descriptors.joining import JoinedEncoder
        from resight.descriptors.pooled import MapEncoder
        from resight.features.joined import JoinedExtractor

        assert isinstance(extractor, JoinedExtractor), "a recipe joins nothing else"
        owned = [arrays_of(arrays, number) for number in range(len(self.parts))]
        whitenings = [part.whitening_of(own) for part, own in zip(self.parts, owned, strict=True)]
        for channels, whitening in zip(extractor.channels, whitenings, strict=True):
            if whitening is not None and len(whitening.mean) != channels:
                raise FitError(
                    f"a whitening of {len(whitening.mean)} dimensions was fitted on another layer than one of "
                    f"{channels} channels; fit it again"
                )
        sizes = [
            channels if whitening is None else whitening.dimensions
            for channels, whitening in zip(extractor.channels, whitenings, strict=True)
        ]
        if self.how == "sum" and len(set(sizes)) > 1:
            raise FitError(f"vectors of {', '.join(map(str, sizes))} dimensions cannot be summed: concatenate them")

        parts = [MapEncoder(*one) for one in zip(self.parts, sizes, whitenings, owned, strict=True)]
        size = sizes[0] if self.how == "sum" else sum(sizes)
        return JoinedEncoder(parts, self.weight_of_each, self.how, size)

    def rows(self, features: JoinedImage) -> Float32:
        """Returns (m, C + 2) vectors of all parts before whitening.

        Vectors are filled up with zeros to the longest; the last two columns are the number of the part, and how many
        of the columns before are its own.
        """
        import numpy as np

        vectors = [part.vectors_of(image) for image, part in zip(features, self.parts, strict=True)]
        widest = max(own.shape[1] for own in vectors)
        rows = []
        for number, own in enumerate(vectors):
            filled = np.pad(own, ((0, 0), (0, widest - own.shape[1] + 2))).astype(np.float32)
            filled[:, -2:] = number, own.shape[1]
            rows.append(filled)
        return np.concatenate(rows)

    def _beside(self, features: FeaturesKind) -> list[tuple[Maps, OfMaps]]:
        assert isinstance(features, JoinedMaps), "a recipe joins nothing else"
        return list(zip(features.parts, self.parts, strict=True))

    def _fitted(self, sample: Float32, terms: Terms) -> Fitted:
        arrays: Fitted = {}
        for number, part in enumerate(self.parts):
            for each in part.passes:
                own = each.fit(rows_of_part(sample, number), terms)
                arrays |= {f"{number}.{name}": array for name, array in own.items()}
        return arrays


def rows_of_part(rows: Float32, number: int) -> Float32:
    """(m, C) vectors of one part, of rows of `Joined.rows`. FitError where there are none."""
    own = rows[rows[:, -2] == number]
    if not len(own):
        raise FitError(f"no photo gives a vector of part {number + 1} to fit it on; give more photos")
    vectors: Float32 = own[:, : int(own[0, -1])].copy()
    return vectors


def arrays_of(fitted: Arrays, number: int) -> Fitted:
    """Returns the arrays of one part, under the names that they have where it is alone."""
    return {key.removeprefix(f"{number}."): array for key, array in fitted.items() if key.startswith(f"{number}.")}
