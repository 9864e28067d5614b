"""Codebooks of local descriptors: what every method with words is fitted on; importing it imports no implementation."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from resight.features.kinds import FeaturesKind
from resight.learned.passes import Pass, Terms

if TYPE_CHECKING:
    import numpy as np

    from resight.arrays import Arrays, Float32
    from resight.features.extractor import Extractor
    from resight.learned.passes import Fitted

LOCAL_FEATURES = frozenset({"sift", "convolutional"})
"""Kinds of features that are local descriptors."""
SAMPLE_PER_WORD = 100
"""Descriptors a word that a fit is given at most; more move the centroids by less than the noise of their start."""


def codebook_pass(size: int) -> Pass:
    """Returns the pass that fits a codebook of at most so many words."""

    def fit(sample: Float32, terms: Terms) -> Fitted:
        import numpy as np

        return fit_words(sample, size, np.random.default_rng(terms.seed), terms)

    return Pass(SAMPLE_PER_WORD * size, descriptors_of, fit)


def descriptors_of(extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[Any], Float32]:
    """Returns the local descriptors (m, d) of a photo, as they are."""
    return attrgetter("descriptors")


def codebook_name(features: FeaturesKind, size: int) -> str:
    """Returns the name of a codebook that ships: methods of as many words share it."""
    return f"{features.shipped_as}-codebook-{size}"


def fit_words(sample: Float32, size: int, rng: np.random.Generator, terms: Terms) -> Fitted:
    """Centroids in uint8, at most `size`, of descriptors (n, d); of a large codebook the graph that it is searched by.

    FitError where there is nothing to fit on.
    """
    from resight.learned.artefact import dequantise, quantise
    from resight.learned.assignment import FILTER_LIMIT, Assigner
    from resight.learned.codebook import fit_codebook
    from resight.learned.sizes import affordable

    size = affordable("words", size, len(sample))
    arrays = quantise({"centroids": fit_codebook(sample, size, rng, progress=terms.progress)})
    if size > FILTER_LIMIT:
        # Built once: for a million words it takes minutes, and every opening would wait for it.
        arrays["graph"] = Assigner(dequantise(arrays)["centroids"]).graph()
    return arrays
