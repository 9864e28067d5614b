"""From the parameters of a recipe to what diffuses: the graph, and the solver that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from resight.manifold.diffusion import ConjugateGradient
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.graph import Neighbours, mutual_affinity, normalised
from resight.manifold.hybrid import Hybrid
from resight.manifold.kinds import Diffusion
from resight.manifold.spectral import Spectral, Spectrum
from resight.manifold.subspace import fit_subspace
from resight.manifold.truncation import sub_graph
from resight.search.ranking import Neighbourhoods

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]
Solve = Callable[[Doubles, Rows], NDArray[Any]]
"""y (n,), and the rows of the nodes that matter most, the best first, to f (n,)."""


def affinity(neighbourhoods: Neighbourhoods, params: Diffusion) -> csr_array:
    """(n, n) affinity of the nodes, with themselves on the diagonal where the parameters ask for it."""
    lists = Neighbours(np.asarray(neighbourhoods.ids), np.asarray(neighbourhoods.similarities))
    found = mutual_affinity(lists, min(params.k - 1, lists.k), params.gamma)
    if params.self_affinity == 0.0:
        return found
    return csr_array(found + eye_array(found.shape[0], dtype=np.float32, format="csr") * params.self_affinity)


def prepare(neighbourhoods: Neighbourhoods, params: Diffusion) -> dict[str, NDArray[Any]]:
    """What the solver makes once of a graph, to be kept with it; nothing where it works without."""
    match params.solver:
        case "spectral":
            return _kept(fit_subspace(normalised(affinity(neighbourhoods, params)), params.rank, params.alpha).spectrum)
        case "hybrid":
            # What its conjugate gradients have no need to find is what eigenvectors know.
            return _kept(fit_spectrum(normalised(affinity(neighbourhoods, params)), params.rank))
        case _:
            return {}


def open_solver(neighbourhoods: Neighbourhoods, params: Diffusion) -> Solve:
    """The solver, on what was kept for it or else is made now."""
    prepared = neighbourhoods.prepared or prepare(neighbourhoods, params)
    match params.solver:
        case "spectral":
            spectral = Spectral(_spectrum(prepared), params.alpha)
            return lambda y, best: spectral(y)
        case "hybrid":
            graph = normalised(affinity(neighbourhoods, params))
            hybrid = Hybrid(
                graph, _spectrum(prepared), params.alpha, iterations=params.iterations, tolerance=params.tolerance
            )
            return lambda y, best: hybrid(y)
        case _:
            return _truncated(affinity(neighbourhoods, params), params)


def _truncated(whole: csr_array, params: Diffusion) -> Solve:
    """Solves on the sub-graph of the `top` best nodes where there are more: Iscen et al., CVPR 2017, section 5.3."""

    def solver(part: csr_array) -> ConjugateGradient:
        return ConjugateGradient(
            normalised(part), params.alpha, tolerance=params.tolerance, iterations=params.iterations
        )

    if whole.shape[0] <= params.top:
        everything = solver(whole)
        return lambda y, best: everything(y)

    def solve(y: Doubles, best: Rows) -> NDArray[Any]:
        rows = np.sort(best[: params.top])
        f = np.zeros(len(y))
        f[rows] = solver(sub_graph(whole, rows))(y[rows])
        return f

    return solve


def _kept(spectrum: Spectrum) -> dict[str, NDArray[Any]]:
    return {"vectors": spectrum.vectors, "values": spectrum.values}


def _spectrum(prepared: Mapping[str, NDArray[Any]]) -> Spectrum:
    return Spectrum(np.asarray(prepared["vectors"]), np.asarray(prepared["values"]))
