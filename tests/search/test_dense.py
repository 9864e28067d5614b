"""Exact dense search: against one matrix product, in blocks, with images that were removed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.errors import UsageError
from resight.search.dense import DenseSearch
from resight.search.vectors import VectorBlock, VectorRows


def blocks(x, ids, cuts):
    parts = zip(np.split(x, cuts), np.split(ids, cuts), strict=True)
    return [VectorBlock(rows, part, np.ones(len(part), bool)) for rows, part in parts]


def without(given, removed):
    return [replace(block, alive=block.alive & ~np.isin(block.ids, removed)) for block in given]


def collection(n=60, d=24, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), rng.permutation(1000)[:n].astype(np.int64)


def test_search_equals_a_matrix_product():
    x, ids = collection()
    found = DenseSearch(VectorRows(blocks(x, ids, [10, 25]), 24)).search(x[3], 10)
    order = np.argsort(-(x @ x[3]))[:10]
    np.testing.assert_array_equal(found.ids, ids[order])
    np.testing.assert_allclose(found.scores, (x @ x[3])[order], atol=1e-6)
    assert found.scores.dtype == np.float32


def test_removed_and_not_allowed_images_are_not_found():
    x, ids = collection()
    rows = VectorRows(without(blocks(x, ids, [20, 40]), ids[[3, 30]]), 24)
    assert len(rows) == 58
    search = DenseSearch(rows)
    assert set(search.search(x[3], 60).ids) == set(ids) - {ids[3], ids[30]}
    allowed = np.ones(1000, bool)
    allowed[ids[50]] = False
    found = search.search(x[3], 60, allowed)
    assert set(found.ids) == set(ids) - {ids[3], ids[30], ids[50]}


@pytest.mark.parametrize("dimension", [1, 4, 24, 37, 512])
@pytest.mark.parametrize("k", [0, 1, 7, 500, 10_000])
def test_many_queries_are_answered_as_each_alone(dimension, k):
    x, ids = collection(900, dimension)
    # Equal ones, and such as a product of matrices may put in another order.
    x[300:320] = x[5]
    x[400:440] = x[5] + np.float32(1e-7) * np.random.default_rng(2).normal(size=(40, dimension)).astype(np.float32)
    ids = np.arange(900)
    search = DenseSearch(
        VectorRows(without(blocks(x, ids, [10, 25, 333]), ids[[3, 301]]), dimension), lambda wanted: -wanted
    )
    queries = np.concatenate([x[[5, 77, 410]], np.zeros((1, dimension), np.float32), x[500:600]])
    allowed = np.random.default_rng(3).random(900) < 0.9
    for part in (None, allowed):
        found = search.search_many(queries, k, part)
        assert len(found) == len(queries)
        for query, ranking in zip(queries, found, strict=True):
            alone = search.search(query, k, part)
            np.testing.assert_array_equal(ranking.ids, alone.ids)
            np.testing.assert_array_equal(ranking.scores, alone.scores)


def test_equal_vectors_tie_by_name_in_any_block():
    x, ids = collection(d=37)
    x[[5, 33, 59]] = x[5]
    search = DenseSearch(VectorRows(blocks(x, ids, [10, 34]), 37), lambda wanted: -wanted)
    np.testing.assert_array_equal(search.search(x[5], 3).ids, sorted(ids[[5, 33, 59]], reverse=True))
    np.testing.assert_array_equal(search.search(x[5], 2).ids, sorted(ids[[5, 33, 59]], reverse=True)[:2])


def test_memory_mapped_vectors_and_empty_collections(tmp_path):
    x, ids = collection()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = DenseSearch(VectorRows(blocks(mapped, ids, []), 24)).search(x[:1], 1)
    assert found.ids[0] == ids[0]
    assert len(DenseSearch(VectorRows([], 24)).search(x[0], 5)) == 0


def test_another_dimension_is_an_error():
    x, ids = collection()
    with pytest.raises(ValueError, match="24"):
        DenseSearch(VectorRows([], 24)).search(np.zeros(3, np.float32), 5)
    with pytest.raises(ValueError, match="7"):
        DenseSearch(VectorRows(blocks(x, ids, []), 7))


def test_descriptors_come_in_the_order_they_are_asked_for():
    x, ids = collection()
    rows = VectorRows(blocks(x, ids, [10, 25]), 24)
    places = np.random.default_rng(1).permutation(60)[:40]
    np.testing.assert_array_equal(rows.descriptors(ids[places]), x[places])
    np.testing.assert_array_equal(rows.descriptors(ids[[7, 7]]), x[[7, 7]])
    assert rows.descriptors(ids[:0]).shape == (0, 24)


def test_an_image_that_was_changed_has_its_new_vector():
    x, ids = collection()
    # It has its old row, which is not alive, and a new one.
    again = VectorBlock(x[[50, 51]], ids[[3, 51]], np.ones(2, bool))
    rows = VectorRows([*without(blocks(x[:40], ids[:40], [20]), ids[[3, 30]]), again], 24)
    np.testing.assert_array_equal(rows.descriptors(ids[[51, 3, 4]]), x[[51, 50, 4]])
    np.testing.assert_array_equal(rows.images, np.sort(ids[[*range(30), *range(31, 40), 51]]))
    for gone in (ids[30], ids[55], -1, 10**6):
        with pytest.raises(UsageError, match=f"image {gone} has no vector here"):
            rows.descriptors(np.array([ids[4], gone]))
    with pytest.raises(UsageError, match="has no vector here"):
        VectorRows([], 24).descriptors(ids[:1])


def test_a_query_of_zeros_finds_nothing():
    x, ids = collection()
    assert len(DenseSearch(VectorRows(blocks(x, ids, [10]), 24)).search(np.zeros(24, np.float32), 10)) == 0


@pytest.mark.parametrize("dimension", [3, 24, 37, 512])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_products_of_some_images_are_those_of_all_bit_for_bit(dimension, dtype):
    x, ids = collection(60, dimension)
    rows = VectorRows([replace(one, vectors=one.vectors.astype(dtype)) for one in blocks(x, ids, [10, 25])], dimension)
    every = DenseSearch(rows).search(x[3], 60)
    asked = np.random.default_rng(1).permutation(ids)[:40]
    scores = dict(zip(every.ids.tolist(), every.scores.tolist(), strict=True))
    assert rows.products(x[3], asked).tolist() == [scores[image] for image in asked.tolist()]
    with pytest.raises(UsageError, match="has no vector here"):
        rows.products(x[3], np.array([ids[0], 1000]))
