"""Small graphs of neighbours, by obvious dense code."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

ALPHA = 0.99


def descriptors(seed, count, dimensions=16, groups=8):
    """Unit vectors in groups, of which each is a curve with noise."""
    rng = np.random.default_rng(seed)
    centres, along = rng.standard_normal((2, groups, dimensions))
    group, place = rng.integers(groups, size=count), rng.uniform(-1, 1, (count, 1))
    x = centres[group] + 2 * place * along[group] + 0.4 * rng.standard_normal((count, dimensions))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def normalised_graph(x, k=12):
    """S of the mutual nearest neighbours of the rows of x, which do not count themselves; gamma 3."""
    similarity = x.astype(np.float64) @ x.T
    np.fill_diagonal(similarity, -np.inf)
    ranks = np.argsort(np.argsort(-similarity, axis=1), axis=1)
    near = ranks < k
    affinity = np.where(near & near.T, np.maximum(similarity, 0.0) ** 3, 0.0)
    return normalise(affinity)


def normalise(affinity):
    """S of a dense affinity."""
    degrees = affinity.sum(axis=1)
    scale = np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, 1e-300)), 0.0)
    return csr_array(scale[:, None] * affinity * scale)


def solved(graph, y, alpha=ALPHA):
    """(1 - alpha)(I - alpha S)^-1 y."""
    return (1 - alpha) * np.linalg.solve(np.eye(graph.shape[0]) - alpha * graph.toarray(), y)


def queries(seed, nodes, count, neighbours=5):
    """(nodes, count) signals, each with a few values."""
    rng = np.random.default_rng(seed)
    y = np.zeros((nodes, count))
    for query in range(count):
        y[rng.choice(nodes, neighbours, replace=False), query] = rng.uniform(0.2, 1, neighbours)
    return y


def golden_graph(values, case):
    """S of a case of golden values."""
    n = len(values[f"case{case}_x"])
    rows, columns = values[f"case{case}_graph_rows"], values[f"case{case}_graph_cols"]
    return csr_array((values[f"case{case}_normalised_values"], (rows, columns)), shape=(n, n))
