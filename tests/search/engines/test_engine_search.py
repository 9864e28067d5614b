"""Search by an engine: what it finds is what exact search finds, whatever the engine has too much or does not have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine_samples import Sqlite, a_table
from resight.errors import EngineError
from resight.search.dense import DenseSearch
from resight.search.engines import searching
from resight.search.engines.engine import Engine
from resight.search.engines.loaded import Loaded
from resight.search.engines.rows import claim, compared, listed, sums_of
from resight.search.engines.searching import EngineSearcher
from resight.search.vectors import VectorBlock, VectorRows

DIMENSION = 20


def drawn(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def address(tmp_path: Path) -> str:
    return a_table(tmp_path)


@pytest.fixture
def vectors() -> np.ndarray:
    return drawn(300, 0)


def engine_with(address: str, ids: np.ndarray, vectors: np.ndarray) -> Engine:
    engine = Sqlite(address=address).connected()
    claim(engine, 7, DIMENSION)
    engine.put(ids, sums_of(vectors), vectors)
    return engine


def searchers(
    address: str, vectors: np.ndarray, loaded: np.ndarray, alive: np.ndarray
) -> tuple[EngineSearcher, DenseSearch]:
    rows = VectorRows([VectorBlock(vectors, np.arange(len(vectors)), alive)], DIMENSION)
    known = Loaded(7, loaded, loaded, np.empty(0, np.int64))
    return EngineSearcher(rows, Sqlite(address=address), known), DenseSearch(rows)


@pytest.mark.parametrize("here", [0, 16_384])
@pytest.mark.parametrize("k", [1, 10, 40, 200, 500])
def test_rankings_are_those_of_exact_search_while_photos_come_and_go(
    address: str, vectors: np.ndarray, k: int, here: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "HERE", here)
    alive = np.ones(300, np.bool_)
    alive[::7] = False
    loaded = np.arange(20, 300)
    engine_with(address, loaded, vectors[20:])
    by_engine, exact = searchers(address, vectors, loaded, alive)
    assert (by_engine.added, by_engine.removed) == (20 - 3, 40)
    allowed = np.random.default_rng(1).random(300) < 0.5
    queries = np.concatenate([drawn(8, 2), np.zeros((1, DIMENSION), np.float32)])
    for mask in (None, allowed):
        for query, found in zip(queries, by_engine.search_many(queries, k, mask), strict=True):
            expected = exact.search(query, k, mask)
            np.testing.assert_array_equal(found.ids, expected.ids)
            np.testing.assert_array_equal(found.scores, expected.scores)


def test_the_engine_is_asked_and_says_which(address: str, vectors: np.ndarray) -> None:
    other = vectors.copy()
    other[5] = -vectors[5]
    engine_with(address, np.arange(300), other)
    by_engine, exact = searchers(address, vectors, np.arange(300), np.ones(300, np.bool_))
    assert exact.search(vectors[5], 1).ids.tolist() == [5]
    assert by_engine.search(vectors[5], 1).ids.tolist() != [5]


def test_nothing_is_searched_without_the_engine_or_with_the_collection_of_another(
    address: str, vectors: np.ndarray, tmp_path: Path
) -> None:
    everything = np.arange(300), np.ones(300, np.bool_)
    by_engine, _ = searchers(address, vectors, *everything)
    with pytest.raises(EngineError, match="gone or empty"):
        by_engine.search(vectors[0], 3)
    engine = engine_with(address, np.arange(300), vectors)
    assert by_engine.search(vectors[0], 1).ids.tolist() == [0]
    claim(engine, 8, DIMENSION)
    by_engine, _ = searchers(address, vectors, *everything)
    with pytest.raises(EngineError, match="that of another index"):
        by_engine.search(vectors[0], 3)
    (tmp_path / "engine.sqlite").unlink()
    by_engine, _ = searchers(address, vectors, *everything)
    with pytest.raises(EngineError, match="no such file"):
        by_engine.search(vectors[0], 3)


def test_an_engine_that_has_lost_rows_is_told_of(
    address: str, vectors: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    engine_with(address, np.arange(200), vectors[:200])
    by_engine, _ = searchers(address, vectors, np.arange(300), np.ones(300, np.bool_))
    by_engine.search(vectors[0], 3)
    assert "has 200 vectors, and had acknowledged 300" in caplog.text


@pytest.mark.parametrize("newest", [0, 299])
@pytest.mark.parametrize("ids", [np.arange(300), np.arange(300) ** 3 * 40, np.r_[0, (1 << 61) + np.arange(299)]])
def test_all_rows_are_listed_page_by_page(
    address: str, vectors: np.ndarray, ids: np.ndarray, newest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resight.search.engines.rows.PAGE", 16)
    engine = engine_with(address, ids, vectors)
    there = listed(engine, newest)
    np.testing.assert_array_equal(there[0], ids)
    np.testing.assert_array_equal(there[1], sums_of(vectors))
    other = sums_of(vectors).copy()
    other[3] += 1
    found = compared(there, (np.r_[ids[2:], ids[-1] + 1], np.r_[other[2:], 0]))
    assert found.missing.tolist() == [ids[-1] + 1]
    assert found.surplus.tolist() == ids[:2].tolist()
    assert found.changed.tolist() == [ids[3]]
