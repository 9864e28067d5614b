"""Fits of whitenings: of the vectors that a channel keeps, or of whole vectors whose making is fitted before."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from resight.channels.channel import Arrays
from resight.channels.fitting.contract import Fitted, Fitting, Pass, Sample, Terms
from resight.channels.fitting.naming import seen
from resight.channels.fitting.sizes import warn_if_smaller
from resight.channels.vectors import VectorChannel
from resight.descriptors.kinds import Cam, CodeKind, PooledKind
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind
from resight.learned.whitening import POWER_ON_OTHERS, VECTORS, fit_pca_whitening, to_arrays

SAMPLE_FOR_WHITENING = 200_000
"""Vectors: a covariance of 2048 dimensions moves by less than a percent with more."""
SAMPLE_OF_VECTORS = 2000
"""Vectors whole photos are aggregated to: of 50,000 dimensions, 0.8 GB while they are whitened to a few hundred."""
VECTOR_ARRAYS = {f"{VECTORS}{name}" for name in ("mean", "projection", "scale")}
"""Names of what a pass of `whole_vectors` gives."""

WhitenedT = TypeVar("WhitenedT", bound=PooledKind | CodeKind | Cam)

_log = logging.getLogger(__name__)


class WhitenedFitting(Fitting[WhitenedT]):
    """A whitening of vectors that need nothing fitted, where the method has one."""

    limit = SAMPLE_FOR_WHITENING

    @abstractmethod
    def vectors_of(self, features: Any) -> Sample:
        """(m, d) L2-normalised vectors before whitening."""

    @property
    def needs(self) -> set[str]:
        return set() if self.method.whitening == "none" else {"mean", "projection", "scale"}

    @property
    def meets_features(self) -> str | None:
        return None if self.method.whitening == "none" else "mean"

    @property
    def passes(self) -> tuple[Pass, ...]:
        if self.method.whitening != "pca":
            return ()
        return (Pass(self.limit, lambda extractor, arrays: self.vectors_of, self._fit),)

    def power(self, otherwise: float = POWER_ON_OTHERS) -> float:
        """Of the whitening: the method's own, or else another."""
        return otherwise if self.method.power is None else self.method.power

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        return f"{seen(features, self.vectors_name)}, power={self.power(power):g}"

    @property
    @abstractmethod
    def vectors_name(self) -> str:
        """Name of the vectors before whitening."""

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        points, d = sample.shape
        wanted = self.method.dimensions
        if wanted > d:
            _log.warning("vectors of %d dimensions are whitened to %d dimensions, not to %d", d, d, wanted)
        if points < d:
            _log.warning(
                "%d vectors are few for a whitening of %d dimensions: variances are drawn to their mean by %.2f "
                "(more photos to fit on would draw them less)",
                points,
                d,
                d / (d + points),
            )
        return to_arrays(fit_pca_whitening(sample, min(d, wanted), power=self.power(terms.power)))


def whole_vectors(plain: Fitting[Any], dimensions: int) -> Pass:
    """Whitening of the whole vectors of `plain`, a method without it, to at most so many dimensions."""

    def rows_of(extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[Any], Sample]:
        channel = plain.channel(extractor, arrays)
        assert isinstance(channel, VectorChannel), "no other aggregates photos to vectors"

        def rows(features: Any) -> Sample:
            vector, count = channel.encode(features, (0, 0))
            return vector[None][:count]

        return rows

    def fit(vectors: Sample, terms: Terms) -> Fitted:
        wanted = max(1, min(dimensions, vectors.shape[1], len(vectors) - 1))
        warn_if_smaller("dimensions", wanted, dimensions, len(vectors))
        return to_arrays(fit_pca_whitening(vectors, wanted, power=terms.power), VECTORS)

    return Pass(SAMPLE_OF_VECTORS, rows_of, fit, one_each=True)
