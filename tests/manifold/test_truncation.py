"""Parts of graphs against their dense selves, and diffusion on them."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import ALPHA, descriptors, queries, solved

from resight.errors import UsageError
from resight.manifold.diffusion import ConjugateGradient
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised
from resight.manifold.truncation import sub_graph, sub_graph_reference


def affinity():
    return mutual_affinity(nearest_neighbours(descriptors(3, 500, groups=5), 12), 12)


def test_a_part_of_a_graph():
    whole, y = affinity(), queries(1, 500, 4)
    graph = normalised(whole)
    rows = np.random.default_rng(2).permutation(500)[:120]
    part = sub_graph(whole, rows)
    dense = whole.toarray()[np.ix_(rows, rows)].astype(np.float64)
    np.testing.assert_array_equal(part.toarray(), dense)
    np.testing.assert_array_equal(part.toarray(), sub_graph_reference(whole, rows).toarray())
    assert part.dtype == whole.dtype
    assert part.has_canonical_format
    # Degrees of the part, and degrees of the whole graph.
    degrees = dense.sum(axis=1)
    scale = np.where(degrees > 0, 1.0 / np.sqrt(np.maximum(degrees, 1e-30)), 0.0)
    np.testing.assert_allclose(normalised(part).toarray(), scale[:, None] * dense * scale, rtol=1e-6)
    late = sub_graph(graph, rows)
    np.testing.assert_array_equal(late.toarray(), graph.toarray()[np.ix_(rows, rows)])
    for s in (normalised(part), late):
        expected = solved(s, y[rows])
        found = ConjugateGradient(s, ALPHA, tolerance=1e-9, iterations=1000)(y[rows])
        np.testing.assert_allclose(found, expected, atol=1e-5 * max(expected.max(), 1e-3))


@pytest.mark.parametrize("rows", [[], [4], list(range(500)), list(range(499, -1, -1))])
def test_small_and_whole_parts(rows):
    whole = affinity()
    chosen = np.array(rows, np.int64)
    part = sub_graph(whole, chosen)
    np.testing.assert_array_equal(part.toarray(), whole.toarray()[np.ix_(chosen, chosen)])


@pytest.mark.parametrize("rows", [[1, 1], [500], [-1], [1.5], [True]])
def test_rows_that_are_no_part(rows):
    with pytest.raises(UsageError, match=r"name each once|row numbers"):
        sub_graph(affinity(), np.array(rows))
