"""Whitenings of what a method makes: of its vectors one by one, or of whole vectors whose making is fitted before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from resight.arrays import Array, Arrays, Vector
from resight.descriptors.encoding import VectorEncoder, one_feature
from resight.features.extractor import Extractor
from resight.learned.kinds import FULL, WhiteningTerms
from resight.learned.method import Method
from resight.learned.passes import Pass, Terms
from resight.learned.sizes import warn_if_smaller
from resight.learned.whitening import POWER_ON_COLLECTION, VECTORS, Whitening, fit_pca_whitening, from_arrays, to_arrays

SAMPLE_OF_VECTORS = 2000
"""Vectors whole photos are aggregated to, more where more dimensions are wanted: of 50,000 dimensions, 0.8 GB while
they are whitened to a few hundred."""

_log = logging.getLogger(__name__)


def _fitted(
    vectors: Vector, dimensions: int, asked: int, own: WhiteningTerms, searched: bool, prefix: str = ""
) -> dict[str, Array]:
    """Returns arrays of a whitening to so many dimensions.

    The log says where it removes what the photos that are searched share, and where there are fewer than `asked`.
    """
    if searched and own.power == FULL:
        _log.warning(
            "vectors are whitened fully by the photos that are searched, so what many of them share counts little: "
            "fit on other photos (--fit), or set collection_power = %g",
            POWER_ON_COLLECTION,
        )
    whitening = fit_pca_whitening(vectors, dimensions, power=own.power, shrinkage=own.shrinkage)
    warn_if_smaller("dimensions", whitening.dimensions, asked, len(vectors))
    return to_arrays(whitening, prefix, stored=own.stored)


def whitening_to(dimensions: int, arrays: Arrays, prefix: str = "") -> Whitening:
    """Returns the whitening in some arrays to so many dimensions, or to as many as it has. Raises as `from_arrays`."""
    whitening = from_arrays(arrays, prefix)
    return whitening.reduced(min(dimensions, whitening.dimensions))


def fitted_whitening(
    sample: Vector, dimensions: int, terms: WhiteningTerms, searched: bool = False
) -> dict[str, Array]:
    """Returns arrays of a whitening of vectors (n, d) to at most so many dimensions.

    searched: whether they are of photos that are searched. The log says what is too few.

    Raises as `fit_pca_whitening`.
    """
    points, d = sample.shape
    if dimensions > d:
        _log.warning("vectors of %d dimensions are whitened to %d dimensions, not to %d", d, d, dimensions)
    if points < d and terms.shrinkage is None:
        _log.warning(
            "%d vectors are few for a whitening of %d dimensions: variances are drawn to their mean by %.2f "
            "(more photos to fit on would draw them less)",
            points,
            d,
            d / (d + points),
        )
    return _fitted(sample, min(d, dimensions), min(d, dimensions), terms, searched)


def whole_vectors(plain: Method, dimensions: int, terms_of: Callable[[bool], WhiteningTerms]) -> Pass:
    """Whitening of the whole vectors of `plain`, a method without it, to at most so many dimensions.

    terms_of: whether it is fitted on the photos that are searched, to how it is fitted.
    """

    def rows_of(extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[Any], Vector]:
        encoder = plain.opened(extractor, arrays)
        assert isinstance(encoder, VectorEncoder), "no other aggregates photos to vectors"

        def rows(features: Any) -> Vector:
            vector, count = encoder.encode(features, (0, 0))
            return vector[None][:count]

        return rows

    def fit(vectors: Vector, terms: Terms) -> dict[str, Array]:
        wanted = max(1, min(dimensions, vectors.shape[1], len(vectors) - 1))
        return _fitted(vectors, wanted, dimensions, terms_of(terms.searched), terms.searched, VECTORS)

    # A quarter more vectors than dimensions: the last of as many directions as vectors would have hardly any variance.
    return Pass(max(SAMPLE_OF_VECTORS, dimensions + dimensions // 4), rows_of, fit, one_each=True)


def whole_vector_encoder(
    raw: Callable[[Any], Vector], dimensions: int, arrays: Arrays, count: Callable[[Any], int] = one_feature
) -> VectorEncoder:
    """Whole vectors with the whitening that a pass of `whole_vectors` gave; a vector of zeros stays one."""
    whitening = whitening_to(dimensions, arrays, VECTORS)

    def vector(features: Any) -> Vector:
        found = raw(features)
        if not found.any():
            return np.zeros(whitening.dimensions, np.float32)
        return np.asarray(whitening.apply(found[None])[0])

    return VectorEncoder(whitening.dimensions, vector, count)
