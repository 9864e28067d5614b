"""Relations against plain sets; they go both ways, and a huge cluster does not make them slow."""

from __future__ import annotations

import numpy as np
import pytest

from resight.arrays import Int64
from resight.training.related import relations


def reached(one: int, links: list[list[int]], hops: int) -> set[int]:
    found = {one}
    for _ in range(hops):
        found |= {b for a, b in links if a in found} | {a for a, b in links if b in found}
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("hops", [0, 1, 2, 5])
def test_relations_are_those_of_plain_sets(seed: int, hops: int) -> None:
    rng = np.random.default_rng(seed)
    n = 25
    labels, links = rng.integers(-3, 12, n).tolist(), rng.integers(0, n, (14, 2)).tolist()
    found = relations(labels, np.array(links), hops)
    whole = [
        {b for b in range(n) if labels[b] in {labels[c] for c in reached(a, links, hops)}} for a in range(n)
    ]  # what a reaches, with its clusters
    wanted = [whole[a] | {b for b in range(n) if a in whole[b]} for a in range(n)]
    assert [set(one) for one in found] == wanted
    assert [[b in found[a] for b in range(n)] for a in range(n)] == [
        [b in wanted[a] for b in range(n)] for a in range(n)
    ]
    assert [len(one) for one in found] == [len(one) for one in wanted]
    some = rng.permutation(n)[:9]
    among = found.among(some)
    assert [set(one) for one in among] == [{i for i, b in enumerate(some.tolist()) if b in wanted[a]} for a in some]


def test_relations_of_no_photo_and_without_links() -> None:
    nothing: Int64 = np.zeros((0, 2), np.int64)
    assert len(relations([], nothing, 2)) == 0
    assert [set(one) for one in relations([5, 7, 5], nothing, 2)] == [{0, 2}, {1}, {0, 2}]
    assert relations([5, 7], nothing, 2)[-1] | frozenset([9]) == {1, 9}


def test_a_huge_cluster_is_no_table_of_its_pairs() -> None:
    n = 100_000
    labels = [0] * (n // 2) + list(range(1, n // 2 + 1))
    links = np.random.default_rng(0).integers(0, n, (2 * n, 2))
    found = relations(labels, links, 1)
    # A photo reaches five clusters or so; pairs within the large one alone are 2,500,000,000.
    assert found._reached.nnz < 10 * n
    assert n - 1 in found[int(links[links[:, 1] == n - 1, 0][0])]
