"""Builds the graph and the solver from the parameters of a recipe."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.csgraph import connected_components

from resight.arrays import Array, Arrays, Float64, Int64
from resight.manifold.neighbour_means import averaging
from resight.manifold.diffusion import ConjugateGradient, Diffuse
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.graph import Neighbours, mutual_affinity, normalised
from resight.manifold.hybrid import Hybrid
from resight.manifold.kinds import Diffusion
from resight.manifold.offline import Offline, diffusion_rows
from resight.manifold.spectral import Spectral, Spectrum, low_rank
from resight.manifold.subspace import fit_subspace
from resight.manifold.truncation import sub_graph
from resight.search.looks import Neighbourhoods

Solve = Callable[[Float64, Int64], Float64]
"""A function of y (n,) and the rows (m,) of nodes to whose graph a solver may be cut, which returns f (n,): 0 at every
node that is not connected to a node where y is not 0."""


def affinity(neighbourhoods: Neighbourhoods, params: Diffusion) -> csr_array:
    """Returns the (n, n) affinity of the nodes, with themselves on the diagonal where the parameters ask for it."""
    lists = Neighbours(np.asarray(neighbourhoods.ids), np.asarray(neighbourhoods.similarities))
    found = mutual_affinity(lists, min(params.k - 1, lists.k), params.gamma)
    if params.self_affinity == 0.0:
        return found
    return csr_array(found + eye_array(found.shape[0], dtype=np.float32, format="csr") * params.self_affinity)


def prepare(neighbourhoods: Neighbourhoods, params: Diffusion) -> dict[str, Array]:
    """Computes the arrays that a solver needs once for a graph, to be kept with it; none where it needs none."""
    if params.solver == "conjugate-gradient":
        return {}
    whole = affinity(neighbourhoods, params)
    if params.solver == "offline":
        return _rows(neighbourhoods, normalised(whole), params)
    # The default rank is for large collections; a smaller one needs no warning.
    rank = min(params.rank, int(np.count_nonzero(np.diff(whole.indptr))))
    if whole.nnz == 0:
        spectrum = Spectrum(np.zeros((whole.shape[0], 0), np.float32), np.zeros(0))
    elif params.solver == "spectral":
        spectrum = fit_subspace(normalised(whole), rank, params.alpha).spectrum
    else:
        # The paper's; and they leave less for the conjugate gradients of "hybrid" to find.
        spectrum = fit_spectrum(normalised(whole), rank)
    return {"vectors": spectrum.vectors, "values": spectrum.values}


def open_solver(neighbourhoods: Neighbourhoods, params: Diffusion) -> Solve:
    """Returns the solver, from the kept arrays or computing them now."""
    prepared = neighbourhoods.prepared or prepare(neighbourhoods, params)
    whole = affinity(neighbourhoods, params)
    match params.solver:
        case "low-rank":
            spectrum = _spectrum(prepared)
            return _within_reach(lambda y: low_rank(spectrum, y, params.alpha), whole)
        case "offline":
            stored = tuple(np.asarray(prepared[name]) for name in ("scores", "nodes", "offsets"))
            offline = Offline(csr_array(stored, shape=whole.shape))
            return lambda y, rows: np.asarray(offline(y), np.float64)
        case "spectral":
            return _within_reach(Spectral(_spectrum(prepared), params.alpha), whole)
        case "hybrid":
            graph, given = normalised(whole), (params.iterations, params.tolerance)
            hybrid = Hybrid(graph, _spectrum(prepared), params.alpha, iterations=given[0], tolerance=given[1])
            return _within_reach(_as_asked(hybrid, whole, params), whole)
        case _:
            images = len(np.unique(neighbourhoods.images))
            return _truncated(whole, params) if images > params.top else _everywhere(whole, params)


def _rows(neighbourhoods: Neighbourhoods, graph: csr_array, params: Diffusion) -> dict[str, Array]:
    """Returns the offline rows of all nodes; in the paper a node is the first of its nearest."""
    nodes = np.arange(graph.shape[0])
    nearest = np.asarray(neighbourhoods.ids)[:, : params.truncation - 1]
    rows = diffusion_rows(graph, nodes, np.concatenate([nodes[:, None], nearest], axis=1), params.alpha)
    return {
        "scores": np.asarray(rows.data, np.float32),
        "nodes": np.asarray(rows.indices, np.int32),
        "offsets": np.asarray(rows.indptr, np.int64),
    }


def _everywhere(whole: csr_array, params: Diffusion) -> Solve:
    solver = _gradients(whole, params, once=False)
    return lambda y, rows: np.asarray(solver(y), np.float64)


def _truncated(whole: csr_array, params: Diffusion) -> Solve:
    """Solves on the sub-graph of some nodes: Iscen et al., CVPR 2017, section 5.3."""

    def solve(y: Float64, rows: Int64) -> Float64:
        f, kept = np.zeros(len(y)), np.sort(rows)
        f[kept] = _gradients(sub_graph(whole, kept), params, once=True)(y[kept])
        return f

    return solve


def _gradients(part: csr_array, params: Diffusion, *, once: bool) -> Diffuse:
    given = (params.iterations, params.tolerance)
    gradients = ConjugateGradient(normalised(part), params.alpha, iterations=given[0], tolerance=given[1], once=once)
    return _as_asked(gradients, part, params)


def _as_asked(diffuse: Diffuse, affinity: csr_array, params: Diffusion) -> Diffuse:
    return averaging(diffuse, affinity) if params.normalisation == "rows" else diffuse


def _within_reach(diffuse: Diffuse, whole: csr_array) -> Solve:
    """Wraps a solver that approximates all nodes at once; scores of nodes not connected to the query become 0."""
    _, component = connected_components(whole, directed=False)

    def solve(y: Float64, rows: Int64) -> Float64:
        reached = np.isin(component, component[y != 0])
        return np.where(reached, diffuse(y), 0.0)

    return solve


def _spectrum(prepared: Arrays) -> Spectrum:
    return Spectrum(np.asarray(prepared["vectors"]), np.asarray(prepared["values"]))
