"""k-reciprocal encoding: golden values, the definition by sets, and the stage."""

from __future__ import annotations

import numpy as np
import pytest
from vector_scenes import Vectored, views

from resight.errors import UsageError
from resight.rerank.k_reciprocal import (
    KReciprocalLook,
    k_reciprocal_distances,
    k_reciprocal_of_descriptors,
    squared_distances,
)
from resight.rerank.kinds import KReciprocal


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("kreciprocal")
    for case in range(int(values["n_cases"])):
        queries, database = values[f"case{case}_queries"], values[f"case{case}_database"]
        k1, k2, weight = (values[f"case{case}_{name}"].item() for name in ("k1", "k2", "lambda"))
        joint = k_reciprocal_of_descriptors(queries, database, k1, k2, weight)
        np.testing.assert_allclose(joint, values[f"case{case}_joint_sqeuclidean"], atol=2e-6)
        for name, rule in (("single_query_strict", "more_than"), ("single_query_nonstrict", "at_least")):
            for query, expected in zip(queries, values[f"case{case}_{name}"], strict=True):
                found = k_reciprocal_of_descriptors(query[None], database, k1, k2, weight, rule)
                np.testing.assert_allclose(found[0], expected, atol=2e-6)


def by_sets(d, queries, k1, k2, weight, rule):
    """The paper's definition with sets and dictionaries."""
    m = len(d)
    d = [[value / (max(row) or 1.0) for value in row] for row in d.tolist()]
    order = [sorted(range(m), key=lambda j: (d[i][j], j)) for i in range(m)]

    def mutual(i, k):
        return {j for j in order[i][: k + 1] if i in order[j][: k + 1]}

    half = round(k1 / 2)
    encodings = []
    for i in range(m):
        own = mutual(i, k1)
        grown = set(own)
        for j in own:
            theirs = mutual(j, half)
            common, size = len(theirs & own), len(theirs)
            if 3 * common > 2 * size or (rule == "at_least" and 3 * common == 2 * size):
                grown |= theirs
        raw = {j: np.exp(-d[i][j]) for j in grown}
        encodings.append({j: value / sum(raw.values()) for j, value in raw.items()})
    mean = [{j: sum(encodings[n].get(j, 0.0) for n in order[i][:k2]) / k2 for j in range(m)} for i in range(m)]
    found = np.empty((queries, m - queries))
    for q in range(queries):
        for g in range(queries, m):
            low = sum(min(mean[q][j], mean[g][j]) for j in range(m))
            high = sum(max(mean[q][j], mean[g][j]) for j in range(m))
            found[q, g - queries] = weight * d[q][g] + (1 - weight) * (1 - low / high)
    return found


@pytest.mark.parametrize("rule", ["more_than", "at_least"])
@pytest.mark.parametrize(("k1", "k2"), [(6, 3), (9, 1), (2, 2), (31, 32)])
def test_it_is_the_definition_by_sets(k1, k2, rule):
    d = squared_distances(views(6, things=4, noise=0.9)).round(3)
    found = k_reciprocal_distances(d, 3, k1, k2, 0.3, rule)
    np.testing.assert_allclose(found, by_sets(d, 3, k1, k2, 0.3, rule), atol=1e-12)
    assert ((found >= 0) & (found <= 1)).all()


def test_the_rules_differ():
    d = squared_distances(views(6, things=4, noise=0.9))
    strict, loose = (k_reciprocal_distances(d, 3, 6, 3, 0.3, rule) for rule in ("more_than", "at_least"))
    assert np.abs(strict - loose).max() > 0.01


@pytest.mark.parametrize("rule", ["more_than", "at_least"])
@pytest.mark.parametrize("k2", [1, 6])
def test_more_copies_than_a_neighbourhood_has_are_all_alike(k2, rule):
    things = np.concatenate([np.tile(np.eye(8)[0], (30, 1)), np.tile(np.eye(8)[1], (30, 1)), np.eye(8)[2:]])
    found = k_reciprocal_of_descriptors(things[:1], things[1:], 20, k2, 0.3, rule)[0]
    np.testing.assert_allclose(found[:29], 0.0, atol=1e-12)
    np.testing.assert_allclose(found[29:59], found[29], atol=1e-12)
    assert found[29:].min() > 0.5
    among = k_reciprocal_distances(squared_distances(things), 30, 20, k2, 0.3, rule)[:, 30:60]
    np.testing.assert_allclose(among, among[0, 0], atol=1e-12)


def test_all_images_are_copies():
    one = views(9)[:1]
    np.testing.assert_allclose(k_reciprocal_of_descriptors(one, np.repeat(one, 30, axis=0)), 0.0, atol=1e-12)


def test_an_entry_is_at_no_distance_from_itself():
    d = squared_distances(views(6, things=4, noise=0.9))
    away = d + np.diag(d.max(axis=1) / 2)
    np.testing.assert_array_equal(k_reciprocal_distances(away, 3, 6, 3), k_reciprocal_distances(d, 3, 6, 3))


def test_no_entries():
    assert k_reciprocal_distances(np.zeros((0, 0)), 0).shape == (0, 0)
    assert k_reciprocal_of_descriptors(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 0)


@pytest.mark.parametrize(
    ("d", "queries", "options", "said"),
    [
        (np.zeros((4, 3)), 1, {}, r"must be \(m, m\)"),
        (np.zeros((4, 4)), 5, {}, "5 queries"),
        (np.full((4, 4), np.nan), 1, {}, "negative or not a finite"),
        (-np.ones((4, 4)), 1, {}, "negative or not a finite"),
        (np.zeros((4, 4)), 1, {}, "k1 = 20"),
        (np.zeros((4, 4)), 1, {"k1": 3, "k2": 5}, "k2 = 5"),
        (np.zeros((4, 4)), 1, {"k1": 3, "k2": 0}, "k2 = 0"),
        (np.zeros((4, 4)), 1, {"k1": 3, "k2": 1, "weight": 1.1}, "from 0 to 1"),
    ],
)
def test_bad_input(d, queries, options, said):
    with pytest.raises(UsageError, match=said):
        k_reciprocal_distances(d, queries, **options)


def test_descriptors_that_do_not_go_together():
    with pytest.raises(UsageError, match="must be"):
        k_reciprocal_of_descriptors(np.ones((1, 3)), np.ones((30, 4)))


def test_the_stage_ranks_the_head_and_leaves_the_rest():
    vectors = views(7, things=8, noise=1.2)
    collection = Vectored(vectors, first=10)
    ranking = collection.search(vectors[0], 60)
    found = KReciprocalLook(KReciprocal(top=40, k1=6, k2=3), collection)(vectors[0], ranking)
    rows = vectors[ranking.ids[:40] - 10]
    distances = k_reciprocal_of_descriptors(vectors[:1], rows, 6, 3, 0.3)[0]
    np.testing.assert_allclose(found.scores[:40], 1 - np.sort(distances), atol=1e-6)
    assert found.ids[:40].tolist() == ranking.ids[:40][np.argsort(distances, kind="stable")].tolist()
    np.testing.assert_array_equal(found.ids[40:], ranking.ids[40:])
    assert (np.diff(found.scores) <= 0).all()
    assert found.ids[:40].tolist() != ranking.ids[:40].tolist()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_collection_smaller_than_its_neighbourhoods(count):
    vectors = views(8)[:count]
    collection = Vectored(vectors)
    found = KReciprocalLook(KReciprocal(), collection)(vectors[0], collection.search(vectors[0], 9))
    assert sorted(found.ids.tolist()) == list(range(count))
    assert found.ids[0] == 0


def test_an_empty_ranking():
    collection = Vectored(views(8)[:1])
    nothing = collection.search(views(8)[0], 0)
    assert KReciprocalLook(KReciprocal(), collection)(views(8)[0], nothing) is nothing
