"""The whitening of the product: of vectors before whitening, by principal components or learned on pairs that match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Floating, Int64
from resight.descriptors.joining import join
from resight.descriptors.pooled import unit_sum
from resight.learned.whitening import Whitening, fit_learned_whitening, fit_pca_whitening
from resight.training.model import Part


@dataclass(frozen=True)
class Rows:
    """The L2-normalised vectors (m, C) before whitening of some photos of one part, photo by photo: regions or scales."""

    of: Sequence[Float32]

    def all(self) -> Float32:
        """Returns the vectors of all photos, one after the other."""
        return np.concatenate(list(self.of))

    def means(self) -> Float32:
        """Returns (n, C) the mean vector of each photo."""
        return np.stack([own.mean(axis=0) for own in self.of])


def fit_by_components(rows: Rows, dimensions: int, power: float) -> Whitening:
    """Fits a whitening by the principal components of the vectors of all photos."""
    every = rows.all()
    return fit_pca_whitening(every, min(dimensions, every.shape[1]), power=power)


def fit_on_pairs(rows: Rows, pairs: Int64, dimensions: int) -> Whitening:
    """Fits a whitening on pairs (p, 2) of photos that match, by their number.

    Source: Mikolajczyk & Matas, "Improving descriptors for fast tree matching by optimal linear projection", ICCV 2007,
    as in Radenovic, Tolias & Chum, TPAMI 2019, section 3.4.

    Notes: vectors of regions have no partner in the other photo, and their sum is what is compared: so pairs are those
    of the photos' mean vectors. What does not vary within pairs would be raised without bounds where pairs are few:
    the covariance of their differences is shrunk towards that of all vectors by d / (d + pairs).
    """
    means = rows.means()
    mirrored = np.concatenate([pairs, pairs[:, ::-1]])
    return fit_learned_whitening(
        _with_noise(means, mirrored), mirrored[:, 0], mirrored[:, 1], min(dimensions, means.shape[1])
    )


def _with_noise(means: Float32, pairs: Int64) -> Float32:
    return means


def described(parts: Sequence[Part], how: str, rows: Sequence[Rows], whitenings: Sequence[Whitening | None]) -> Float32:
    """Returns (n, D) joined descriptors of photos, as the index makes them of the same vectors."""
    weights = [part.weight for part in parts]
    found = []
    for own in zip(*(each.of for each in rows), strict=True):
        vectors = [unit_sum(_white(one, whitening)) for one, whitening in zip(own, whitenings, strict=True)]
        found.append(join(vectors, weights, "sum" if how == "sum" else "concatenate") if len(parts) > 1 else vectors[0])
    return np.stack(found)


def _white(rows: Floating, whitening: Whitening | None) -> Float32:
    return np.asarray(rows, np.float32) if whitening is None else whitening.apply(rows)
