"""Database-side augmentation of descriptors: each image becomes the weighted sum of itself and its neighbours."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Array, Float64, Vectors
from resight.errors import UsageError
from resight.rerank.alpha_expansion import expanded_query, rank_weights, similarity_weights
from resight.rerank.kinds import AlphaAugmentation
from resight.search.looks import VectorCollection

BLOCK = 4096
"""Images that are augmented at once."""


def augmented(descriptors: Array, neighbours: Array, similarities: Array, alpha: float) -> Vectors:
    """Returns (n, d) L2-normalised x_i + sum over its neighbours j of max(s_ij, 0)^alpha x_j.

    alpha = 0 is the plain sum.

    descriptors: (n, d); neighbours: (n, k) rows of `descriptors`; similarities: (n, k). An image counts once, with
    weight 1: its own row among its neighbours is passed over, and so is -1, which stands where there is none. A row of
    zeros, an image without features, stays and gives nothing to others.
    UsageError: shapes that do not go together, a row that there is not, one twice for an image, values not finite.

    Source: Arandjelovic & Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012,
    section 4; the weights: Radenovic et al., TPAMI 2019, and the code of Gordo et al., IJCV 2017.
    """
    near = np.asarray(neighbours)
    if np.shape(similarities) != near.shape:
        raise UsageError(f"neighbours {near.shape} have similarities {np.shape(similarities)}: both are (n, k)")
    weights = similarity_weights(np.where(near >= 0, similarities, 0.0), alpha)
    return _augmented(descriptors, near, weights)


def rank_augmented(descriptors: Array, neighbours: Array) -> Vectors:
    """`augmented` with weights that fall linearly by rank (`rank_weights`), nearest first; no similarities needed."""
    near = np.asarray(neighbours)
    return _augmented(descriptors, near, np.broadcast_to(rank_weights(near.shape[-1]), near.shape))


def _augmented(descriptors: Array, near: Array, weights: Float64) -> Vectors:
    rows = np.asarray(descriptors, np.float32)
    n = len(rows)
    if rows.ndim != 2 or near.ndim != 2 or len(near) != n or not np.issubdtype(near.dtype, np.integer):
        raise UsageError(
            f"descriptors {rows.shape} and neighbours {near.shape} must be (n, d) and (n, k) whole numbers"
        )
    if near.size and not (near.min() >= -1 and near.max() < n):
        raise UsageError(f"a neighbour is no row of the {n} descriptors: they are counted from 0, -1 stands for none")
    ordered = np.sort(near, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        raise UsageError("an image has the same neighbour twice")
    result = np.empty_like(rows)
    for start in range(0, n, BLOCK):
        ids = near[start : start + BLOCK]
        own = np.arange(start, start + len(ids))
        kept = (ids >= 0) & (ids != own[:, None])
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept.sum(axis=1))])
        values = weights[start : start + BLOCK][kept].astype(np.float32)
        total = rows[own] + csr_array((values, ids[kept], offsets), shape=(len(ids), n)) @ rows
        norms = np.linalg.norm(total, axis=1, keepdims=True)
        if not np.isfinite(norms).all():
            raise UsageError("a descriptor has a value that is not a finite number")
        result[own] = np.divide(total, norms, out=total, where=norms > 0)
        result[own[~rows[own].any(axis=1)]] = 0.0
    return result


def augmented_vector(image: int, collection: VectorCollection, params: AlphaAugmentation) -> tuple[Vectors, int]:
    """Returns the evidence of an image in a channel of vectors, with its vector as in `augmented`."""
    own, features = collection.evidence(image)
    found = collection.search(own, params.neighbours + 1)
    near = found.ids != image
    ids, similarities = found.ids[near][: params.neighbours], found.scores[near][: params.neighbours]
    return expanded_query(own, collection.descriptors(ids), similarities, params.alpha), features
