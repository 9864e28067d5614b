"""The graph of links and what is diffused over it, against dense matrices."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array

from resight.manifold.link_graph import LinkGraph, diffused, graph_of, within_reach


def dense(graph: LinkGraph):
    return csr_array((graph.values, graph.columns, graph.starts), shape=(len(graph), len(graph))).toarray()


def as_graph(matrix) -> LinkGraph:
    sparse = csr_array(matrix)
    return LinkGraph(sparse.indptr, sparse.indices, sparse.data)


def links(size: int, rng):
    """Up to three links of each node, with one affinity for each pair, whichever of the two has it."""
    affinity = np.triu(rng.random((size, size)), 1)
    affinity += affinity.T
    lists = [rng.permutation(np.setdiff1d(np.arange(size), [i]))[: rng.integers(0, 4)] for i in range(size)]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    others = np.concatenate(lists).astype(np.int64)
    return offsets, others, affinity[np.repeat(np.arange(size), np.diff(offsets)), others]


@pytest.mark.parametrize("size", [1, 2, 9, 40])
def test_both_images_of_a_link_have_it_and_each_has_itself(size):
    offsets, others, affinities = links(size, np.random.default_rng(size))
    expected = np.eye(size)
    for i in range(size):
        for at in range(offsets[i], offsets[i + 1]):
            expected[i, others[at]] = expected[others[at], i] = affinities[at]
    scale = np.diag(expected.sum(axis=1) ** -0.5)
    graph = graph_of(offsets, others, affinities)
    np.testing.assert_allclose(dense(graph), scale @ expected @ scale, rtol=1e-12)
    for i in range(size):
        assert (np.diff(graph.columns[graph.starts[i] : graph.starts[i + 1]]) > 0).all()


def test_a_graph_of_nothing():
    nothing = graph_of(np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0))
    assert len(nothing) == 0
    assert within_reach(nothing, np.empty(0, np.int64), 9).tolist() == []
    assert diffused(nothing, np.empty(0, np.int64), np.empty(0), 0.8).tolist() == []


@pytest.mark.parametrize("nodes", [np.arange(30), np.array([3, 4, 11, 20, 29])])
def test_diffusion_is_that_of_the_closed_form_between_the_nodes(nodes):
    rng = np.random.default_rng(5)
    graph = graph_of(*links(30, rng))
    y = rng.random(len(nodes))
    part = dense(graph)[np.ix_(nodes, nodes)]
    expected = 0.2 * np.linalg.solve(np.eye(len(nodes)) - 0.8 * part, y)
    np.testing.assert_allclose(diffused(graph, nodes, y, 0.8), expected, rtol=1e-5)


def test_nodes_are_reached_step_by_step_up_to_a_limit():
    path = as_graph(np.eye(6, k=1) + np.eye(6, k=-1))
    assert within_reach(path, np.array([0]), 10).tolist() == [0, 1, 2, 3, 4, 5]
    assert within_reach(path, np.array([2]), 4).tolist() == [1, 2, 3]
    assert within_reach(path, np.array([2]), 1).tolist() == [2]
    assert within_reach(as_graph(np.zeros((3, 3))), np.array([1]), 9).tolist() == [1]
    assert within_reach(path, np.empty(0, np.int64), 9).tolist() == []


def test_links_import_no_matrices_of_scipy():
    code = "import sys, resight.manifold.links; sys.exit('scipy.sparse' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
