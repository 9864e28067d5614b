"""Exact dense search: against one matrix product, through changes."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.search.dense import DenseBlock, DenseSearch


def blocks(x, ids, cuts):
    parts = zip(np.split(x, cuts), np.split(ids, cuts), strict=True)
    return [DenseBlock(rows, part, np.ones(len(part), bool)) for rows, part in parts]


def collection(n=60, d=24, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), rng.permutation(1000)[:n].astype(np.int64)


def test_search_equals_a_matrix_product():
    x, ids = collection()
    found = DenseSearch(blocks(x, ids, [10, 25]), dimension=24).search(x[3], 10)
    order = np.argsort(-(x @ x[3]))[:10]
    np.testing.assert_array_equal(found.ids, ids[order])
    np.testing.assert_allclose(found.scores, (x @ x[3])[order], atol=1e-6)
    assert found.scores.dtype == np.float32


def test_removed_and_not_allowed_images_are_not_found():
    x, ids = collection()
    search = DenseSearch(blocks(x[:40], ids[:40], [20]), dimension=24, generation=1)
    search.apply(blocks(x[40:], ids[40:], []), ids[[3, 30]], 2)
    assert search.generation == 2
    assert len(search) == 58
    assert set(search.search(x[3], 60).ids) == set(ids) - {ids[3], ids[30]}
    allowed = np.ones(1000, bool)
    allowed[ids[50]] = False
    found = search.search(x[3], 60, allowed)
    assert set(found.ids) == set(ids) - {ids[3], ids[30], ids[50]}


def test_equal_vectors_tie_by_name_in_any_block():
    x, ids = collection(d=37)
    x[[5, 33, 59]] = x[5]
    search = DenseSearch(blocks(x, ids, [10, 34]), dimension=37, order=lambda wanted: -wanted)
    np.testing.assert_array_equal(search.search(x[5], 3).ids, sorted(ids[[5, 33, 59]], reverse=True))
    np.testing.assert_array_equal(search.search(x[5], 2).ids, sorted(ids[[5, 33, 59]], reverse=True)[:2])


def test_memory_mapped_vectors_and_empty_collections(tmp_path):
    x, ids = collection()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = DenseSearch(blocks(mapped, ids, []), dimension=24).search(x[:1], 1)
    assert found.ids[0] == ids[0]
    assert len(DenseSearch([], dimension=24).search(x[0], 5)) == 0


def test_another_dimension_is_an_error():
    x, ids = collection()
    with pytest.raises(ValueError, match="24"):
        DenseSearch([], dimension=24).search(np.zeros(3, np.float32), 5)
    with pytest.raises(ValueError, match="7"):
        DenseSearch(blocks(x, ids, []), dimension=7)


def test_descriptors_come_in_the_order_they_are_asked_for():
    x, ids = collection()
    search = DenseSearch(blocks(x, ids, [10, 25]), dimension=24)
    rows = np.random.default_rng(1).permutation(60)[:40]
    np.testing.assert_array_equal(search.descriptors(ids[rows]), x[rows])
    np.testing.assert_array_equal(search.descriptors(ids[[7, 7]]), x[[7, 7]])
    assert search.descriptors(ids[:0]).shape == (0, 24)


def test_descriptors_follow_changes():
    x, ids = collection()
    search = DenseSearch(blocks(x[:40], ids[:40], [20]), dimension=24)
    search.descriptors(ids[:40])
    # An image that was changed has its old row, which is not alive, and a new one.
    again = DenseBlock(x[[50, 51]], ids[[3, 51]], np.ones(2, bool))
    search.apply([again], ids[[3, 30]], 2)
    np.testing.assert_array_equal(search.descriptors(ids[[51, 3, 4]]), x[[51, 50, 4]])
    for gone in (ids[30], ids[55], -1, 10**6):
        with pytest.raises(UsageError, match=f"image {gone} has no vector here"):
            search.descriptors(np.array([ids[4], gone]))
    with pytest.raises(UsageError, match="has no vector here"):
        DenseSearch([], dimension=24).descriptors(ids[:1])


def test_a_query_of_zeros_finds_nothing():
    x, ids = collection()
    assert len(DenseSearch(blocks(x, ids, [10]), dimension=24).search(np.zeros(24, np.float32), 10)) == 0
