"""Discriminative query expansion: the SVM against a general solver, and the stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from vector_scenes import Vectored, views

from resight.errors import UsageError
from resight.rerank.backprojection import verified_vectors
from resight.rerank.discriminative import (
    DiscriminativeLook,
    VectorDiscriminativeLook,
    dual_coordinate_descent,
    separating_descriptor,
    separating_vector,
)
from resight.rerank.kinds import Discriminative, Spatial
from resight.rerank.spatial import SpatialLook
from resight.words.evidence import WordVector
from word_scenes import Bags, seen, similarity, thing


def samples(seed, positives, negatives, dimension=6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(positives + negatives, dimension))
    x[:positives] += 0.7
    labels = np.repeat([1.0, -1.0], [positives, negatives])
    return x / np.linalg.norm(x, axis=1, keepdims=True), labels


def primal(w, x, labels, c):
    return w @ w / 2 + c * np.maximum(0, 1 - labels * (x @ w)).sum()


def solved(x, labels, c):
    """The primal as a quadratic program with slack variables, by a general solver."""
    n, d = x.shape
    start = np.concatenate([np.zeros(d), np.ones(n)])
    margins = {
        "type": "ineq",
        "fun": lambda v: labels * (x @ v[:d]) - 1 + v[d:],
        "jac": lambda v: np.hstack([labels[:, None] * x, np.eye(n)]),
    }
    found = minimize(
        lambda v: v[:d] @ v[:d] / (2 * c) + v[d:].sum(),
        start,
        jac=lambda v: np.concatenate([v[:d] / c, np.ones(n)]),
        bounds=[(None, None)] * d + [(0, None)] * n,
        constraints=margins,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert found.success
    return found.x[:d]


@pytest.mark.parametrize("c", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("sizes", [(1, 12), (5, 20), (10, 0)])
def test_descent_reaches_the_minimum_of_the_primal(sizes, c):
    x, labels = samples(0, *sizes)
    w = x.T @ (dual_coordinate_descent(x @ x.T, labels, c) * labels)
    reference = solved(x, labels, c)
    np.testing.assert_allclose(w, reference, atol=1e-4)
    assert primal(w, x, labels, c) <= primal(reference, x, labels, c) * (1 + 1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), positives=st.integers(1, 6), negatives=st.integers(0, 12), c=st.floats(0.05, 20))
def test_duality_gap_closes(seed, positives, negatives, c):
    x, labels = samples(seed, positives, negatives)
    alpha = dual_coordinate_descent(x @ x.T, labels, c)
    w = x.T @ (alpha * labels)
    assert ((alpha >= 0) & (alpha <= c)).all()
    assert primal(w, x, labels, c) - (alpha.sum() - w @ w / 2) <= 1e-3 * max(1.0, c)


def test_a_sample_without_weight_is_no_support():
    x, labels = samples(1, 3, 3)
    x[4] = 0
    assert dual_coordinate_descent(x @ x.T, labels, 1.0)[4] == 0


def test_separating_vector_is_the_svm_of_the_dense_vectors():
    x, labels = samples(2, 3, 9, 30)
    x *= np.random.default_rng(3).random(x.shape) < 0.5
    vectors = [WordVector(np.flatnonzero(row).astype(np.int32) + 7, row[np.flatnonzero(row)]) for row in x]
    found = separating_vector(vectors[:3], vectors[3:], 1.0)
    full = np.zeros(30)
    full[found.words - 7] = found.values
    with_constant = np.column_stack([x, np.ones(len(x))])
    np.testing.assert_allclose(full[x.any(axis=0)], solved(with_constant, labels, 1.0)[:-1][x.any(axis=0)], atol=1e-4)
    assert (np.diff(found.words) > 0).all()
    assert (full < 0).any()


@pytest.fixture
def world():
    """A query of half a thing; 0: all of it, 1: its other half; all others: other things with a little of the query."""
    rng = np.random.default_rng(6)
    what = thing(rng, 80, 0, 100)
    images = [
        seen(what, similarity(0.2, 0.7, (5, 5)), thing(rng, 10, 200)),
        seen(what.part(slice(40, 80)), similarity(-0.2, 0.7, (0, 9)), thing(rng, 20, 200)),
    ]
    images += [seen(what.part(slice(i, i + 1)), None, thing(rng, 60, 200)) for i in range(12)]
    bags = Bags(images)
    query = seen(what.part(slice(0, 40)))
    ranking = SpatialLook(Spatial(), bags)(query, bags.search(query, 20))
    bags.searches.clear()
    return query, images, ranking, bags


def test_ranking_is_by_the_svm_on_dense_vectors(world):
    query, images, ranking, bags = world
    assert set(ranking.verified) == {0}
    found = DiscriminativeLook(Discriminative(negatives=4), bags)(query, ranking)
    first, weights = bags.searches
    assert first is query
    last = bags.file.search(query, 100).ids[-4:]
    positive = bags.dense(verified_vectors(query, ranking, bags, 50, 20)[0])
    x = np.array([bags.unit(query), positive, *(bags.unit(images[i]) for i in last)])
    labels = np.array([1.0, 1, -1, -1, -1, -1])
    w = x.T @ (dual_coordinate_descent(x @ x.T + 1, labels, 1.0) * labels)
    np.testing.assert_allclose(bags.dense(weights), w, atol=1e-6)
    scores = np.array([bags.unit(image) for image in images]) @ w / np.linalg.norm(w)
    returned = (found.scores > 0).sum()
    assert found.ids[:returned].tolist() == [i for i in np.argsort(-scores).tolist() if scores[i] > 1e-7]
    np.testing.assert_allclose(found.scores[:returned], scores[found.ids[:returned]], atol=1e-5)
    assert found.ids.tolist()[:2] == [0, 1]
    assert found.verified == ranking.verified


def test_images_on_the_wrong_side_follow_in_their_former_order(world):
    query, _, ranking, bags = world
    found = DiscriminativeLook(Discriminative(), bags)(query, ranking)
    behind = found.ids[found.scores == 0].tolist()
    assert len(behind) >= 4
    assert behind == [i for i in ranking.ids.tolist() if i in behind]
    assert set(ranking.ids) <= set(found.ids)


def test_negatives_are_the_end_of_the_first_look_and_never_verified(world):
    query, images, ranking, bags = world
    everything = bags.file.search(query, 100).ids.tolist()
    later = everything[(len(everything) + 1) // 2 :]
    look = DiscriminativeLook(Discriminative(negatives=100), bags)
    known = replace(ranking, verified={**ranking.verified, later[-1]: ranking.verified[0]})
    expected = [bags.unit(images[i]) for i in later[:-1]]
    for found, unit in zip(look._negatives(query, known), expected, strict=True):
        np.testing.assert_allclose(bags.dense(found), unit, atol=1e-12)
    # However many were asked for.
    short = replace(known, ids=known.ids[:2], scores=known.scores[:2])
    assert len(look._negatives(query, short)) == len(expected)


def test_nothing_verified_leaves_the_ranking(world):
    query, _, ranking, bags = world
    strict = Discriminative(min_inliers=ranking.verified[0].inliers + 1)
    assert DiscriminativeLook(strict, bags)(query, ranking) is ranking
    assert not bags.searches


@pytest.mark.parametrize("sizes", [(3, 9), (4, 0), (1, 5)])
def test_separating_descriptor_is_the_svm(sizes):
    x, labels = samples(5, *sizes)
    w = separating_descriptor(x[: sizes[0]], x[sizes[0] :], 2.0)
    expected = solved(np.column_stack([x, np.ones(len(x))]), labels, 2.0)[:-1]
    np.testing.assert_allclose(w, expected / np.linalg.norm(expected), atol=1e-4)


@pytest.mark.parametrize(
    ("positives", "negatives", "c", "said"),
    [
        (np.ones((0, 3)), np.ones((2, 3)), 1.0, "p > 0"),
        (np.ones((2, 3)), np.ones((2, 4)), 1.0, "p > 0"),
        (np.ones(3), np.ones((2, 3)), 1.0, "p > 0"),
        (np.full((1, 3), np.nan), np.ones((2, 3)), 1.0, "not a finite number"),
        (np.ones((1, 3)), np.ones((2, 3)), 0.0, "C = 0.0"),
    ],
)
def test_bad_descriptors(positives, negatives, c, said):
    with pytest.raises(UsageError, match=said):
        separating_descriptor(positives, negatives, c)


def test_the_stage_on_vectors_tells_the_first_images_from_the_last():
    vectors = views(9)
    collection = Vectored(vectors, first=5)
    query = vectors[0]
    ranking = collection.search(query, 10)
    found = VectorDiscriminativeLook(Discriminative(top=3, negatives=7), collection)(query, ranking)
    order = np.argsort(-(vectors @ query), kind="stable")
    w = separating_descriptor(np.concatenate([query[None], vectors[order[:3]]]), vectors[order[-7:]], 1.0)
    np.testing.assert_allclose(collection.searches[-1], w, atol=1e-6)
    assert found.ids.tolist() == (5 + np.argsort(-(vectors @ w), kind="stable")).tolist()
    np.testing.assert_allclose(found.scores, np.sort(vectors @ w)[::-1], atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_stage_on_vectors_takes_no_positive_for_a_negative(count):
    vectors = views(9)[::9][:count]
    collection = Vectored(vectors)
    found = VectorDiscriminativeLook(Discriminative(), collection)(vectors[0], collection.search(vectors[0], 9))
    assert found.ids[0] == 0
    assert len(found) == count
