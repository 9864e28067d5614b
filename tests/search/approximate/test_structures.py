"""Graphs and inverted files: what they find beside exact search, what they keep, and what is refused of a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from resight.arrays import Arrays
from resight.search.approximate.cells import Cells, cells_fault, make_cells, parts_of
from resight.search.approximate.graph import Graph, graph_fault, make_graph
from resight.search.approximate.kept import made, opened
from resight.search.approximate.plan import GIB, Plan, coded, planned
from resight.search.approximate.recall import exact_neighbours, recall_of, steered
from resight.search.approximate.searching import FEW, ApproximateSearch
from resight.search.approximate.source import Source
from resight.search.approximate.structure import Effort
from resight.search.selection import by_id
from resight.search.vectors import VectorBlock, VectorRows

COUNT, DIMENSION = 3000, 32
PLANS = [Plan("hnsw"), Plan("ivf"), Plan("ivf", 4)]


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    """Vectors in clusters, so that there are near neighbours, with one that is there three times."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((200, DIMENSION))
    drawn = centres[rng.integers(0, 200, COUNT)] + 0.6 * rng.standard_normal((COUNT, DIMENSION))
    drawn[[5, 700]] = drawn[1500]
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def rows(vectors: NDArray[np.float32]) -> VectorRows:
    """Two blocks, whose ids begin at 1 and are those of the rows; every tenth of the second is removed."""
    alive = np.arange(1000) % 10 != 0
    return VectorRows(
        [
            VectorBlock(vectors[:2000], np.arange(1, 2001), np.ones(2000, np.bool_)),
            VectorBlock(vectors[2000:], np.arange(2001, 3001), alive),
        ],
        DIMENSION,
    )


@pytest.fixture(scope="module", params=PLANS, ids=lambda plan: f"{plan.structure}-{plan.together}")
def arrays(request: pytest.FixtureRequest, rows: VectorRows) -> Arrays:
    return made(Source.of(rows), request.param, 16, 0.98)


def share_found(search: ApproximateSearch, rows: VectorRows, queries: NDArray[np.float32]) -> float:
    exact = rows.exact(by_id)
    found = [np.isin(exact.search(one, 10).ids, search.search(one, 10).ids).mean() for one in queries]
    return float(np.mean(found))


def test_a_structure_finds_what_was_asked_for_with_the_scores_of_exact_search(
    arrays: Arrays, rows: VectorRows, vectors: NDArray[np.float32]
) -> None:
    search = ApproximateSearch(rows, opened(arrays))
    assert search.made.effort.recall >= 0.98
    assert share_found(search, rows, vectors[::30]) >= 0.97
    first, exact = search.search(vectors[7], 10), rows.exact(by_id).search(vectors[7], 10)
    same = np.isin(exact.ids, first.ids)
    np.testing.assert_array_equal(first.scores[np.isin(first.ids, exact.ids)], exact.scores[same])
    assert search.search(vectors[1500], 3).ids.tolist() == [6, 701, 1501]
    assert len(search.search(np.zeros(DIMENSION, np.float32), 3)) == 0


def test_many_are_given_where_many_are_asked_for(
    arrays: Arrays, rows: VectorRows, vectors: NDArray[np.float32]
) -> None:
    """The recall that steers is that of the 10 nearest; beyond them codes alone decide what is compared."""
    search, exact = ApproximateSearch(rows, opened(arrays)), rows.exact(by_id)
    for one in vectors[::300]:
        found = search.search(one, 400).ids
        assert len(found) == 400
        nearest = exact.search(one, 400).ids
        assert np.isin(nearest[:100], found).mean() >= 0.9
        assert np.isin(nearest, found).mean() >= 0.7


def test_what_came_is_found_and_what_went_is_not(
    arrays: Arrays, rows: VectorRows, vectors: NDArray[np.float32]
) -> None:
    alive = rows.blocks[0].alive.copy()
    alive[6:600:7] = False
    again = rows.blocks[1].alive.copy()
    again[:100:10] = True  # as if ten had come
    changed = VectorRows([replace(rows.blocks[0], alive=alive), replace(rows.blocks[1], alive=again)], DIMENSION)
    search = ApproximateSearch(changed, opened(arrays))
    assert (search.added, search.removed) == (10, int((~alive).sum()))
    for row in range(2000, 2100, 10):
        assert search.search(vectors[row], 1).ids.tolist() == [row + 1]
    for row in range(6, 600, 7):
        assert row + 1 not in search.search(vectors[row], 10).ids
    assert share_found(search, changed, vectors[::30]) >= 0.97


def test_as_many_are_found_where_the_nearest_of_all_were_removed(
    arrays: Arrays, rows: VectorRows, vectors: NDArray[np.float32]
) -> None:
    found = []
    for query in vectors[::100]:
        nearest = rows.exact(by_id).search(query, 120).ids
        left = [replace(block, alive=block.alive & ~np.isin(block.ids, nearest)) for block in rows.blocks]
        changed = VectorRows(left, DIMENSION)
        search, exact = ApproximateSearch(changed, opened(arrays)), changed.exact(by_id)
        assert 0 < search.removed <= FEW * len(search.made.ids)
        own = search.search(query, 10).ids
        assert len(own) == 10
        found.append(np.isin(exact.search(query, 10).ids, own).mean())
    assert np.mean(found) >= 0.8


def test_a_part_is_searched_as_well(arrays: Arrays, rows: VectorRows, vectors: NDArray[np.float32]) -> None:
    search, exact = ApproximateSearch(rows, opened(arrays)), rows.exact(by_id)
    allowed = np.zeros(COUNT + 1, np.bool_)
    allowed[3::4] = True
    found = []
    for one in vectors[::60]:
        ranking = search.search(one, 10, allowed)
        assert allowed[ranking.ids].all()
        assert len(ranking) == 10
        found.append(np.isin(exact.search(one, 10, allowed).ids, ranking.ids).mean())
    assert np.mean(found) >= 0.95
    few = np.zeros(COUNT + 1, np.bool_)
    few[[12, 40, 2001, 2003]] = True  # 2001 is removed
    assert search.search(vectors[11], 10, few).ids.tolist()[0] == 12
    assert sorted(search.search(vectors[11], 10, few).ids.tolist()) == [12, 40, 2003]
    assert len(search.search(vectors[11], 10, np.zeros(COUNT + 1, np.bool_))) == 0


def test_all_are_ranked_where_all_are_asked_for(arrays: Arrays, rows: VectorRows, vectors: NDArray[np.float32]) -> None:
    search = ApproximateSearch(rows, opened(arrays))
    every, exact = search.search(vectors[3], COUNT), rows.exact(by_id).search(vectors[3], COUNT)
    np.testing.assert_array_equal(every.ids, exact.ids)
    np.testing.assert_array_equal(every.scores, exact.scores)


def test_exact_neighbours_are_those_of_one_product(rows: VectorRows, vectors: NDArray[np.float32]) -> None:
    source = Source.of(rows)
    drawn = np.array([0, 5, 1499, 2222])
    every = vectors[source.ids - 1]
    for place, near in zip(drawn, exact_neighbours(source, drawn, 10), strict=True):
        scores = every @ every[place]
        scores[place] = -9
        least = np.sort(scores)[-10]
        assert sorted(near.tolist()) == np.flatnonzero(scores >= least - 1e-6).tolist()


def test_recall_counts_ties_once_and_steering_takes_the_least_effort() -> None:
    candidates = np.array([[4, 1, 2, -1], [0, 7, 9, 5]])
    near = [np.array([1, 2]), np.array([5, 6, 7])]
    assert recall_of(candidates, near, 2, nearest=2) == pytest.approx(2 / 4)
    assert recall_of(candidates, near, 4, nearest=2) == pytest.approx(4 / 4)

    class Steps:
        """Finds one more neighbour for each probe, in any number of candidates."""

        most = 40

        def reach(self, probes: int) -> int:
            return 16

        def cost(self, probes: int) -> float:
            return 100.0 * probes

        def search(self, queries: NDArray[np.float32], count: int, probes: int, chosen: object = None) -> object:
            found = np.full((len(queries), count), -1)
            found[:, : min(probes, 10)] = np.arange(min(probes, 10))
            return found

    steps, queries, ten = Steps(), np.zeros((3, 2), np.float32), [np.arange(10)] * 3
    assert steered(steps, queries, ten, 0.6) == Effort(6, 16, 0.6)  # type: ignore[arg-type]
    assert steered(steps, queries, ten, 0.95) == Effort(12, 16, 1.0)  # type: ignore[arg-type]
    unreachable = [np.arange(90, 100)] * 3
    assert steered(steps, queries, unreachable, 0.5).recall == 0.0  # type: ignore[arg-type]


def test_the_plan_follows_number_and_memory() -> None:
    assert planned(48_828, 512, GIB) == Plan("exact")
    assert planned(48_829, 512, GIB) == Plan("ivf")
    assert planned(10_000_000, 512, 2 * GIB) == Plan("ivf")
    assert planned(10_000_000, 512, GIB) == Plan("ivf", 4)
    assert coded(100, 512, 0) == Plan("ivf", 4)
    assert [parts_of(512, 2), parts_of(512, 4), parts_of(1024, 4), parts_of(96, 4), parts_of(6, 2), parts_of(7, 2)] == [
        256, 128, 256, 24, 2, 1,
    ]  # fmt: skip


def test_damaged_arrays_are_refused(rows: VectorRows) -> None:
    source, rng = Source.of(rows), np.random.default_rng(0)
    cells, graph = make_cells(source, 2, rng), make_graph(source, 16, rng)
    assert cells_fault(cells) is None
    assert graph_fault(graph, DIMENSION) is None
    Cells(cells), Graph(graph)

    def cells_with(**arrays: object) -> str | None:
        return (cells_fault({**cells, **arrays}) or (None,))[0]  # type: ignore[arg-type]

    assert cells_with(sizes=cells["sizes"] + 1) == "sizes"
    assert cells_with(codes=cells["codes"][:, 1:]) == "codes"
    assert cells_with(book=cells["book"][:-1]) == "book"
    assert cells_with(centroids=np.full_like(cells["centroids"], np.nan)) == "centroids"
    assert cells_fault({name: a for name, a in cells.items() if name != "book"}) == ("book", "is missing")

    def graph_with(**arrays: object) -> str | None:
        return (graph_fault({**graph, **arrays}, DIMENSION) or (None,))[0]  # type: ignore[arg-type]

    far, high = graph["links"].copy(), graph["links"].copy()
    far[3] = len(graph["ids"])
    above = int(graph["starts"][np.flatnonzero(graph["levels"] > 1)[0]]) + 32
    high[above] = np.flatnonzero(graph["levels"] == 1)[0]
    assert graph_with(links=far) == "links"
    assert graph_with(links=high) == "links"
    assert graph_with(levels=graph["levels"] + 1) in ("entry", "levels", "starts")
    assert graph_with(starts=graph["starts"][::-1].copy()) == "starts"
    assert graph_with(entry=np.array([len(graph["ids"]), 1, 16])) == "entry"
    assert graph_with(ranges=np.full_like(graph["ranges"], np.inf)) == "ranges"
