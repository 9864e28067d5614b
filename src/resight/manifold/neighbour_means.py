"""Diffusion that averages: a node is given a mean of what its neighbours were given, however many these are."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Float64, Floating
from resight.manifold.diffusion import Diffuse


def averaging(diffuse: Diffuse, affinity: csr_array) -> Diffuse:
    """Makes a solver for P = D^-1 A of one for S = D^-1/2 A D^-1/2, where D (n, n) holds the row sums of A.

    affinity: A (n, n), symmetric, none negative, of which `diffuse` solves S. The result is
    f = (1 - alpha)(I - alpha P)^-1 y = D^-1/2 (1 - alpha)(I - alpha S)^-1 D^1/2 y; a node whose row of A is zero keeps
    (1 - alpha) y. No f exceeds the largest y: each is a mean of y, weighted by where a walk from the node ends that
    goes on with the probability alpha, since the rows of P sum to at most 1. With S, nodes with larger sums are given
    more, whatever the query is.

    Source: Zhou, Weston, Gretton, Bousquet & Scholkopf, "Ranking on data manifolds", NIPS 2003, who name
    (I - alpha P)^-1 y as a variant.
    """
    degrees = np.asarray(affinity.sum(axis=1), np.float64).ravel()
    # What has no edges is connected with nothing, so that any factor leaves it as it is.
    roots = np.sqrt(np.where(degrees > 0.0, degrees, 1.0))

    def solve(y: Floating) -> Float64:
        scale = roots if y.ndim == 1 else roots[:, None]
        return np.asarray(diffuse(y * scale) / scale, np.float64)

    return solve
