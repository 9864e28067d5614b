"""Embeds descriptors as points in the plane, so that similar photos lie together in a picture."""

from __future__ import annotations

import logging
from typing import Literal, get_args

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree, shortest_path
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import cdist

from resight.arrays import Float32, Float64, Floating
from resight.errors import UsageError

Method = Literal["isomap", "mds", "spectral", "tsne"]

METHODS: tuple[Method, ...] = get_args(Method)
NEIGHBOURS = 10
"""Nearest neighbours of each image in the graph of Isomap and the spectral embedding."""
PERPLEXITY = 30.0
"""Perplexity of t-SNE, as in the paper's experiments; a third of the images where there are fewer than 91."""

_SEEDS = 2**32
_EXACT = 3
_DENSE = 100
"""This many points lie in a plane with their exact distances."""

_log = logging.getLogger(__name__)


def embed(descriptors: Floating, method: Method, seed: int) -> Float32:
    """Returns (n, 2) float32 positions in the plane, centred, of descriptors (n, d), n > 0; the same for the same seed.

    "isomap": geodesics on the graph of neighbours keep their lengths (Tenenbaum et al., Science 2000);
    "mds": distances keep theirs, least squares by SMACOF (de Leeuw, 1977);
    "spectral": eigenvectors of the graph's Laplacian (Belkin & Niyogi, Laplacian eigenmaps, 2003);
    "tsne": neighbours stay neighbours (van der Maaten & Hinton, JMLR 2008).

    Equal descriptors share a position. Raises UsageError where descriptors are not a finite matrix with rows, the
    method is unknown, the seed is not of 32 bits, or scikit-learn is missing.

    Notes: a disconnected graph is joined at the nearest images of its parts, with a warning. MDS starts from classical
    scaling, t-SNE from principal components: only the start of the spectral embedding depends on the seed. Up to three
    different images keep their exact distances.
    """
    x = np.asarray(descriptors, np.float64)
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all():
        raise UsageError(f"descriptors {x.shape} cannot be embedded: a finite matrix with a row an image is needed")
    if method not in METHODS or not 0 <= seed < _SEEDS:
        raise UsageError(
            f"method {method!r}, seed {seed}: one of {', '.join(METHODS)}, and a seed from 0 to {_SEEDS - 1}"
        )
    distinct, inverse = np.unique(x, axis=0, return_inverse=True)
    placed = _placed(distinct, method, seed)[inverse.reshape(-1)]
    placed = placed - placed.mean(axis=0)
    # An axis may point either way: make its longer arm point up.
    longest = placed[np.abs(placed).argmax(axis=0), [0, 1]]
    return np.asarray(placed * np.where(longest < 0, -1.0, 1.0), np.float32)


def neighbour_graph(distances: Float64, neighbours: int) -> tuple[csr_array, int]:
    """Returns the (n, n) symmetric, connected graph of distances to the nearest `neighbours`.

    Also returns the number of its parts before they were joined.

    distances: (n, n), symmetric, more than 0 between different images. A pair is connected where either image is near
    to the other; ties go to the earlier image. Parts are joined by the shortest possible edges: those of the minimum
    spanning tree between them.
    """
    n = len(distances)
    others = distances + np.diag(np.full(n, np.inf))
    nearest = np.argsort(others, axis=1, kind="stable")[:, : min(neighbours, n - 1)]
    rows = np.repeat(np.arange(n, dtype=np.int32), nearest.shape[1])
    columns = nearest.reshape(-1).astype(np.int32)
    graph = csr_array((distances[rows, columns], (rows, columns)), shape=(n, n))
    graph = csr_array(graph.maximum(graph.T))
    parts, part = connected_components(graph, directed=False)
    if parts > 1:
        tree = minimum_spanning_tree(distances).tocoo()
        between = part[tree.row] != part[tree.col]
        bridges = csr_array((tree.data[between], (tree.row[between], tree.col[between])), shape=(n, n))
        graph = csr_array(graph + bridges + bridges.T)
    return graph, int(parts)


def _placed(x: Float64, method: Method, seed: int) -> Float64:
    """Returns (n, 2) positions of different descriptors."""
    distances = cdist(x, x)
    if len(x) <= _EXACT:
        return _classical_scaling(distances)
    if method == "isomap":
        return _classical_scaling(np.asarray(shortest_path(_joined(distances), directed=False), np.float64))
    try:
        from sklearn import manifold
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise UsageError(
            f'"{method}" needs scikit-learn, which is not installed: pip install \'resight[plots]\'; "isomap" does not'
        ) from None
    # The order of sums in several threads varies: one thread gives the same on any machine and in any run.
    with threadpool_limits(limits=1):
        match method:
            case "mds":
                start = _classical_scaling(distances)
                found, _ = manifold.smacof(distances, init=start, n_init=1, random_state=seed)
            case "spectral":
                graph = _joined(distances)
                graph.data[:] = 1.0
                found = manifold.SpectralEmbedding(
                    affinity="precomputed", eigen_solver="arpack", random_state=seed
                ).fit_transform(graph)
            case "tsne":
                perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
                found = manifold.TSNE(perplexity=perplexity, init=_start(distances), random_state=seed).fit_transform(x)
    return np.asarray(found, np.float64)


def _joined(distances: Float64) -> csr_array:
    graph, parts = neighbour_graph(distances, NEIGHBOURS)
    if parts > 1:
        _log.warning(
            "the graph of nearest neighbours falls into %d parts, which were joined at their nearest images; "
            "how far apart they lie in the picture means little",
            parts,
        )
    return graph


def _classical_scaling(distances: Float64) -> Float64:
    """Returns (n, 2) positions with nearly the distances (n, n): Torgerson, 1952; exact where points lie in a plane."""
    n = len(distances)
    squares = distances**2
    means = squares.mean(axis=0)
    gram = -0.5 * (squares - means - means[:, None] + means.mean())
    if n <= _DENSE:
        values, vectors = np.linalg.eigh(gram)
    else:
        # All eigenvectors of thousands of photos would take minutes. Draw the start at random: a vector of ones is in
        # the null space.
        values, vectors = eigsh(gram, k=2, which="LA", v0=np.random.default_rng(0).normal(size=n))
    order = np.argsort(-values, kind="stable")[:2]
    found = np.zeros((n, 2))
    found[:, : len(order)] = vectors[:, order] * np.sqrt(np.maximum(values[order], 0.0))
    return found


def _start(distances: Float64) -> Float32:
    """Returns the start of t-SNE: small principal components, as in scikit-learn (Kobak & Linderman, 2021)."""
    start = _classical_scaling(distances)
    return np.asarray(start / max(float(start[:, 0].std()), float(np.finfo(np.float64).tiny)) * 1e-4, np.float32)
