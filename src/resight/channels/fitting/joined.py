"""Fits of joined vectors: what each part needs, on vectors of its own, under names with its number before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Fitted, Fitting, Pass, Sample, Terms
from resight.channels.fitting.naming import JOINED
from resight.channels.fitting.pooled import PooledFitting
from resight.descriptors.kinds import Joined
from resight.errors import FitError
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind, JoinedMaps, Maps
from resight.learned.whitening import POWER_ON_OTHERS

if TYPE_CHECKING:
    from resight.features.joined import JoinedImage


class JoinedFitting(Fitting[Joined]):
    """The whitenings of the parts that have one. Arrays of part i are named i.NAME."""

    @property
    def needs(self) -> set[str]:
        return {f"{prefix}{name}" for prefix, part in self.parts.items() for name in part.needs}

    @property
    def passes(self) -> tuple[Pass, ...]:
        limits = [each.limit for part in self.parts.values() for each in part.passes]
        return (Pass(max(limits), self._rows_of, self._fit),) if limits else ()

    @property
    def parts(self) -> Mapping[str, PooledFitting]:
        return {f"{number}.": part for number, part in enumerate(self._every_part) if part.needs}

    def shipped_name(self, features: FeaturesKind) -> str:
        return JOINED.join(part.shipped_name(own) for own, part in self._beside(features) if part.needs)

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        return " and ".join(part.fitted_for(own, power) for own, part in self._beside(features))

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.joined import JoinedChannel
        from resight.features.joined import JoinedExtractor

        assert isinstance(extractor, JoinedExtractor), "a recipe joins nothing else"
        return JoinedChannel(extractor, self.method, arrays)

    @property
    def _every_part(self) -> list[PooledFitting]:
        return [PooledFitting(part) for part in self.method.parts]

    def _beside(self, features: FeaturesKind) -> list[tuple[Maps, PooledFitting]]:
        assert isinstance(features, JoinedMaps), "a recipe joins nothing else"
        return list(zip(features.parts, self._every_part, strict=True))

    def _rows_of(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[JoinedImage], Sample]:
        return self.rows

    def rows(self, features: JoinedImage) -> Sample:
        """(m, C + 2): vectors before whitening of all parts, filled up with zeros to the longest, then the number of
        the part and how many of the columns are its own."""
        vectors = [part.vectors_of(image) for image, part in zip(features, self._every_part, strict=True)]
        widest = max(own.shape[1] for own in vectors)
        rows = []
        for number, own in enumerate(vectors):
            filled = np.pad(own, ((0, 0), (0, widest - own.shape[1] + 2))).astype(np.float32)
            filled[:, -2:] = number, own.shape[1]
            rows.append(filled)
        return np.concatenate(rows)

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        arrays: Fitted = {}
        for number, part in enumerate(self._every_part):
            for each in part.passes:
                own = each.fit(rows_of_part(sample, number), terms)
                arrays |= {f"{number}.{name}": array for name, array in own.items()}
        return arrays


def rows_of_part(rows: Sample, number: int) -> Sample:
    """(m, C) vectors of one part, of rows of `JoinedFitting.rows`. FitError where there are none."""
    own = rows[rows[:, -2] == number]
    if not len(own):
        raise FitError(f"no photo gives a vector of part {number + 1} to fit it on; give more photos")
    return np.ascontiguousarray(own[:, : int(own[0, -1])])
