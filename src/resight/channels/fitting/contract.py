"""What a method tells of itself, so that nothing else need know how it is fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Arrays, Channel
from resight.descriptors.kinds import DescriptorKind
from resight.errors import FitError
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind
from resight.learned.artefact import dequantise
from resight.learned.whitening import POWER_ON_OTHERS
from resight.search.kinds import Exhaustive
from resight.words.kinds import WordsKind

Method = WordsKind | DescriptorKind | Exhaustive
MethodT = TypeVar("MethodT", bound=Method)
Sample = NDArray[np.float32]
Fitted = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Terms:
    """What a fit is told beside its sample. power: of a whitening, where the method has none of its own; `progress` is
    told how far it is."""

    seed: int
    power: float = POWER_ON_OTHERS
    progress: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Pass:
    """One walk over photos, and what is fitted on what they give.

    limit: rows at most of all photos, of each an equal share; where one_each, photos at most, of each its one row.
    rows_of: an extractor, and the arrays of the passes before, to what is taken of the features of a photo, (m, d).
    fit: a sample (n, d) to arrays; sizes shrink where n is too small, with a warning in the log.
    """

    limit: int
    rows_of: Callable[[Extractor[Any, Any], Arrays], Callable[[Any], Sample]]
    fit: Callable[[Sample, Terms], Fitted]
    one_each: bool = False


class Fitting(ABC, Generic[MethodT]):
    """A method as one that is fitted; subclasses, one for each family, say how."""

    def __init__(self, method: MethodT) -> None:
        self.method = method

    @property
    @abstractmethod
    def needs(self) -> set[str]:
        """Names of the arrays that the method cannot do without."""

    @property
    @abstractmethod
    def passes(self) -> tuple[Pass, ...]:
        """What is fitted, in its order; nothing where the method works without."""

    @property
    def meets_features(self) -> str | None:
        """The array whose last axis is that of the features; None where there is none, or several."""
        return None

    @property
    def parts(self) -> Mapping[str, Fitting[Any]]:
        """What is fitted by itself, by the prefix of its arrays: of a method that is not made of others, itself."""
        return {"": self}

    @abstractmethod
    def shipped_name(self, features: FeaturesKind) -> str:
        """What the arrays that ship for the method on some features are called, whether there are any or not."""

    @abstractmethod
    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        """Name of what a fit is made on, apart from the weights: two methods with the same may share one.

        power: of a whitening where the method names none.
        """

    @abstractmethod
    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        """The channel of the method with arrays that it can use."""

    def channel(self, extractor: Extractor[Any, Any], fitted: Arrays) -> Channel:
        """The channel of the method with its fitted arrays, as passes or `read_fitted` give them.

        FitError where they do not suit it.
        """
        arrays = dequantise(fitted)
        if missing := self.needs - arrays.keys():
            raise FitError(
                f'"{self.method.kind}" needs {", ".join(sorted(missing))}, which were not fitted; fit them for it'
            )
        name, dimensions = self.meets_features, extractor.dimensions
        if name is not None and (arrays[name].shape[-1] != dimensions or not arrays[name].size):
            raise FitError(
                f"{name} of shape {arrays[name].shape} were fitted on other features, not on {dimensions} dimensions"
            )
        return self.build(extractor, arrays)
