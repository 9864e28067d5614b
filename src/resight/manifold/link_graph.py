"""The graph of the links between images, and the diffusion of what some of them are given over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Float64, Int32, Int64, Mask
from resight.manifold.conjugate import conjugate_gradient
from resight.manifold.edges import edges_between, normalised_values
from resight.manifold.linking import entries

TOLERANCE, ITERATIONS = 1e-6, 200


@dataclass(frozen=True)
class LinkGraph:
    """A symmetric, normalised affinity of n nodes by its edges, as `edges.py` has them.

    starts: (n + 1,); columns: (m,) ascending for each node; values: (m,).
    """

    starts: Int32
    columns: Int32
    values: Float64

    def __len__(self) -> int:
        """Returns the number of nodes."""
        return len(self.starts) - 1


def graph_of(offsets: Int64, others: Int64, affinities: Float64) -> LinkGraph:
    """Returns the normalised graph of links, and of each node with itself.

    The links of node i lead to `others` (p,) from offsets[i] to offsets[i + 1], offsets (n + 1,). Of a link that counts
    for one of its images only, because the other has stronger ones, both are told.
    """
    nodes = len(offsets) - 1
    own = np.arange(nodes)
    sources = np.repeat(own, np.diff(offsets))
    rows, columns = np.concatenate([sources, others, own]), np.concatenate([others, sources, own])
    values = np.concatenate([affinities, affinities, np.ones(nodes)])
    order = np.lexsort((-values, columns, rows))
    order = order[first_of(rows[order], columns[order])]
    starts = np.searchsorted(rows[order], np.arange(nodes + 1)).astype(np.int32)
    columns = columns[order].astype(np.int32)
    return LinkGraph(starts, columns, normalised_values(starts, columns, values[order]))


def first_of(*keys: Int64) -> Mask:
    """(n,) where the keys, which are sorted, differ from those before."""
    found = np.ones(len(keys[0]), np.bool_)
    if len(found):
        found[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return found


def within_reach(graph: LinkGraph, rows: Int64, most: int) -> Int64:
    """Returns the nodes (m,), ascending, that edges lead to from some rows, these included.

    No step is made any more that would reach more than `most` nodes.
    """
    seen, starts = np.zeros(len(graph), np.bool_), graph.starts.astype(np.int64)
    seen[rows] = True
    count, front = int(seen.sum()), rows
    while len(front):
        found = np.unique(graph.columns[entries(starts, front)])
        front = found[~seen[found]].astype(np.int64)
        count += len(front)
        if count > most:
            break
        seen[front] = True
    return np.flatnonzero(seen)


def diffused(graph: LinkGraph, nodes: Int64, y: Float64, alpha: float) -> Float64:
    """Returns f (m,) = (1 - alpha)(I - alpha S)^-1 y of some nodes (m,), which were given y (m,), alpha below 1.

    S is that of the whole graph between them: late truncation (Yang et al., AAAI 2019).
    """
    place = np.full(len(graph), -1, np.int32)
    place[nodes] = np.arange(len(nodes), dtype=np.int32)
    part = edges_between(graph.starts, graph.columns, graph.values, nodes, place)
    x = np.zeros(len(nodes))
    conjugate_gradient(*part, alpha, y, x, TOLERANCE, ITERATIONS)
    return (1.0 - alpha) * x
