"""Channels of one vector made of several layers or networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from resight.channels.pooled import whitening_of
from resight.channels.vectors import Vector, VectorChannel
from resight.descriptors.joining import join
from resight.descriptors.kinds import Joined
from resight.descriptors.pooled import descriptor
from resight.errors import FitError
from resight.features.joined import JoinedExtractor, JoinedImage

Fitted = Mapping[str, NDArray[Any]]


class JoinedChannel(VectorChannel):
    """Each part pooled and whitened, then all of them concatenated or summed. Arrays of part i are named i.NAME."""

    def __init__(self, extractor: JoinedExtractor, method: Joined, fitted: Fitted) -> None:
        self._method = method
        self._whitenings = [whitening_of(part, arrays_of(fitted, number)) for number, part in enumerate(method.parts)]
        for channels, whitening in zip(extractor.channels, self._whitenings, strict=True):
            if whitening is not None and len(whitening.mean) != channels:
                raise FitError(
                    f"a whitening of {len(whitening.mean)} dimensions was fitted on another layer than one of "
                    f"{channels} channels; fit it again"
                )
        sizes = [
            channels if whitening is None else whitening.dimensions
            for channels, whitening in zip(extractor.channels, self._whitenings, strict=True)
        ]
        if method.how == "sum" and len(set(sizes)) > 1:
            raise FitError(f"vectors of {', '.join(map(str, sizes))} dimensions cannot be summed: concatenate them")
        super().__init__(extractor, sizes[0] if method.how == "sum" else sum(sizes))

    def aggregate(self, features: JoinedImage) -> Vector:
        method = self._method
        vectors = [
            descriptor(image, part, whitening)
            for image, part, whitening in zip(features, method.parts, self._whitenings, strict=True)
        ]
        return join(vectors, method.weight_of_each, method.how)

    def encode(self, features: JoinedImage, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, which counts as one feature."""
        return self.aggregate(features), 1


def arrays_of(fitted: Fitted, number: int) -> dict[str, NDArray[Any]]:
    """The arrays of one part, under the names that they have where it is alone."""
    return {key.removeprefix(f"{number}."): array for key, array in fitted.items() if key.startswith(f"{number}.")}
