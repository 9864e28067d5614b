"""The whitening of the product: of vectors before whitening, by principal components or learned on pairs that match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Int64
from resight.descriptors.joining import join
from resight.descriptors.kinds import NetVlad, Whitened
from resight.descriptors.pooled import unit_sum
from resight.learned.kinds import WhiteningTerms
from resight.learned.whitening import Whitening, fit_learned_whitening, fit_pca_whitening
from resight.training.model import Part


@dataclass(frozen=True)
class PhotoVectors:
    """The L2-normalised vectors (m, C) before whitening of one part, photo by photo: of regions, or one."""

    of: Sequence[Float32]

    def some(self, numbers: Sequence[int] | range) -> PhotoVectors:
        """Returns those of some photos, by their numbers."""
        return PhotoVectors([self.of[number] for number in numbers])

    def means(self) -> Float32:
        """Returns (n, C) the mean vector of each photo."""
        return np.stack([own.mean(axis=0) for own in self.of])


def fit_by_components(rows: PhotoVectors, part: Part) -> Whitening:
    """Fits a whitening of a part by the principal components of the vectors of all photos."""
    every = np.concatenate(list(rows.of))
    terms = part.method.terms() if isinstance(part.method, Whitened | NetVlad) else WhiteningTerms()
    return fit_pca_whitening(every, _dimensions(part, every), power=terms.power, shrinkage=terms.shrinkage)


def fit_on_pairs(rows: PhotoVectors, pairs: Int64, part: Part) -> Whitening:
    """Fits a whitening of a part on pairs (p, 2) of photos that match, by their numbers.

    Source: Mikolajczyk & Matas, "Improving descriptors for fast tree matching by optimal linear projection", ICCV 2007,
    as in Radenovic, Tolias & Chum, TPAMI 2019, section 3.4.

    Notes: regions have no partner in the other photo, and it is their sum that is compared: so pairs are those of the
    photos' mean vectors, in both directions. Their covariance is shrunk by d / (d + pairs), as `fit_pca_whitening` does
    it. That was chosen on covers: with 513 pairs in 672 dimensions, half of them of covers, these were found at a mean
    reciprocal rank of 0.74 without shrinkage, which is that of principal components too, and of 0.88 with it.
    """
    means = rows.means()
    queries, positives = np.concatenate([pairs, pairs[:, ::-1]]).T
    shrinkage = means.shape[1] / (means.shape[1] + len(pairs))
    return fit_learned_whitening(means, queries, positives, _dimensions(part, means), shrinkage=shrinkage)


def described(
    parts: Sequence[Part], how: str, rows: Sequence[PhotoVectors], whitenings: Sequence[Whitening]
) -> Float32:
    """Returns (n, D) joined descriptors of photos, as an index makes them of the same vectors."""
    weights = [part.weight for part in parts]
    found = []
    for own in zip(*(each.of for each in rows), strict=True):
        vectors = [unit_sum(whitening.apply(one)) for one, whitening in zip(own, whitenings, strict=True)]
        found.append(join(vectors, weights, "sum" if how == "sum" else "concatenate") if len(parts) > 1 else vectors[0])
    return np.stack(found)


def _dimensions(part: Part, vectors: Float32) -> int:
    wanted: int = vectors.shape[1]
    if isinstance(part.method, Whitened | NetVlad):
        wanted = min(wanted, part.method.dimensions)
    return wanted
