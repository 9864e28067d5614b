"""Diffusion over regions: from several of a query to scores of images."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from graphs import descriptors, normalised_graph

from resight.errors import UsageError
from resight.manifold import regional
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.hybrid import Hybrid
from resight.manifold.regional import generalised_max_weights, pool_scores, region_affinity

OFFSETS = np.array([0, 3, 3, 10, 17, 18, 40])


@pytest.fixture(scope="module")
def regions():
    return descriptors(7, 40)


def naive_affinity(query_regions, regions, kq, gamma):
    total = [0.0] * len(regions)
    for query in query_regions:
        similarity = [float(np.dot(query, region)) for region in regions]
        for region in sorted(range(len(regions)), key=lambda r: (-similarity[r], r))[:kq]:
            total[region] += max(similarity[region], 0.0)
    y = np.zeros(len(regions))
    for region in sorted(range(len(regions)), key=lambda r: (-total[r], r))[:kq]:
        y[region] = total[region] ** gamma
    return y


@pytest.mark.parametrize("kq", [1, 5, 39, 40, 200])
def test_affinity_of_several_query_regions(regions, kq, monkeypatch):
    monkeypatch.setattr(regional, "BLOCK", 7)
    query = descriptors(8, 4)
    y = region_affinity(query, regions, kq, 3.0)
    np.testing.assert_allclose(y, naive_affinity(query, regions, kq, 3.0), atol=1e-6)
    assert np.count_nonzero(y) <= kq


def test_of_equal_regions_the_first_are_kept():
    y = region_affinity(np.eye(2, dtype=np.float32)[:1], np.eye(2, dtype=np.float32)[[0, 0, 0, 1]], 2)
    assert y.tolist() == [1, 1, 0, 0]


def test_negative_similarities_count_as_none():
    query = np.array([[1, 0]], np.float32)
    assert region_affinity(query, -query, 1).tolist() == [0]
    both = region_affinity(np.concatenate([query, -query]), query, 1)
    assert both.tolist() == [1]


@pytest.mark.parametrize("regularisation", [1.0, 0.01])
def test_weights_are_those_of_each_image_by_itself(regions, regularisation, monkeypatch):
    monkeypatch.setattr(regional, "BLOCK", 8)
    weights = generalised_max_weights(regions, OFFSETS, regularisation)
    for start, end in pairwise(OFFSETS):
        own = regions[start:end].astype(np.float64)
        gram = [[sum(a * b for a, b in zip(one, other, strict=True)) for other in own] for one in own]
        expected = np.linalg.inv(np.array(gram).reshape(len(own), len(own)) + regularisation * np.eye(len(own)))
        np.testing.assert_allclose(weights[start:end], expected.sum(axis=1), atol=1e-9)


def test_weights_make_all_regions_count_alike():
    # What the pooled vector of an image has in common with each of its regions is the same, as far as lambda lets it.
    own = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    weights = generalised_max_weights(own, np.array([0, 4]), 1e-6)
    np.testing.assert_allclose(own @ (weights @ own), 1.0, atol=1e-5)
    np.testing.assert_allclose(weights, [1 / 3, 1 / 3, 1 / 3, 1], atol=1e-5)
    np.testing.assert_allclose(generalised_max_weights(own, np.array([0, 4])), [1 / 4, 1 / 4, 1 / 4, 1 / 2], atol=1e-9)


def test_scores_of_images_are_sums_over_their_regions(regions):
    rng = np.random.default_rng(0)
    f, weights = rng.random((40, 3)).astype(np.float32), rng.random(40)
    found = pool_scores(f, weights, OFFSETS)
    for image, (start, end) in enumerate(pairwise(OFFSETS)):
        expected = sum((weights[r] * f[r] for r in range(start, end)), np.zeros(3))
        np.testing.assert_allclose(found[image], expected, atol=1e-6)
    assert not found[1].any()
    np.testing.assert_array_equal(pool_scores(f[:, 1], weights, OFFSETS), found[:, 1])


def test_images_without_regions_at_either_end():
    assert pool_scores(np.ones(2), np.ones(2), np.array([0, 0, 2, 2])).tolist() == [0, 2, 0]
    assert pool_scores(np.ones(0), np.ones(0), np.array([0, 0])).tolist() == [0]


def test_a_query_of_regions_finds_the_image_that_it_was_cut_from():
    rng = np.random.default_rng(1)
    things = rng.standard_normal((6, 16)) + np.zeros((5, 1, 1))

    def seen(of):
        x = of + 0.3 * rng.standard_normal(of.shape)
        return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)

    regions, offsets = seen(things.transpose(1, 0, 2).reshape(30, 16)), np.arange(0, 31, 5)
    graph = normalised_graph(regions, k=6)
    diffuse = Hybrid(graph, fit_spectrum(graph, 10), iterations=100)
    weights = generalised_max_weights(regions, offsets)
    for image in range(6):
        y = region_affinity(seen(things[:3, image]), regions, 5)
        assert pool_scores(diffuse(y), weights, offsets).argmax() == image


def test_bad_input_says_so(regions):
    nan = np.full((1, 16), np.nan, np.float32)
    for call, message in (
        (lambda: region_affinity(regions[:2, :5], regions, 3), "cannot be compared"),
        (lambda: region_affinity(regions[:0], regions, 3), "at least one"),
        (lambda: region_affinity(regions, regions[:0], 3), "at least one"),
        (lambda: region_affinity(nan, regions, 3), "finite"),
        (lambda: region_affinity(regions, nan, 3), "finite"),
        (lambda: region_affinity(regions, regions, 0), "cannot be taken"),
        (lambda: region_affinity(regions, regions, 3, 0.0), "cannot be taken"),
        (lambda: generalised_max_weights(nan, np.array([0, 1])), "finite"),
        (lambda: generalised_max_weights(regions, np.array([0, 39])), "share out"),
        (lambda: generalised_max_weights(regions, np.array([0, 30, 20, 40])), "share out"),
        (lambda: generalised_max_weights(regions, OFFSETS, 0.0), "not positive"),
        (lambda: pool_scores(np.ones(39), np.ones(40), OFFSETS), "40 nodes"),
        (lambda: pool_scores(np.full(40, np.nan), np.ones(40), OFFSETS), "finite"),
    ):
        with pytest.raises(UsageError, match=message):
            call()
