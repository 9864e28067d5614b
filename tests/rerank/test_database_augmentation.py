"""Database augmentation of descriptors: golden values, a loop, and what an index keeps."""

from __future__ import annotations

import numpy as np
import pytest
from vector_scenes import Vectored, views

from resight.errors import UsageError
from resight.rerank import database_augmentation
from resight.rerank.alpha_expansion import expanded_query, rank_weighted_query
from resight.rerank.database_augmentation import augmented, augmented_vector, rank_augmented
from resight.rerank.kinds import AlphaAugmentation


def nearest(vectors, k):
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -np.inf)
    near = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return near, np.take_along_axis(similarities, near, axis=1)


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("expansion")
    compared = 0
    for case in range(int(values["n_cases"])):
        database = values[f"case{case}_database"]
        for k in values[f"case{case}_k"].tolist():
            for name, alpha in (("dba", 0.0), ("alphadba3", 3.0)):
                if f"case{case}_{name}_k{k}" in values:
                    found = augmented(database, *nearest(database, k), alpha)
                    np.testing.assert_allclose(found, values[f"case{case}_{name}_k{k}"], atol=5e-7)
                    compared += 1
    assert compared == 12


@pytest.mark.parametrize("block", [7, 4096])
def test_each_image_is_an_expanded_query(block, monkeypatch):
    monkeypatch.setattr(database_augmentation, "BLOCK", block)
    vectors = views(0)
    near, similarities = nearest(vectors, 5)
    found, ranked = augmented(vectors, near, similarities, 3.0), rank_augmented(vectors, near)
    for row in range(len(vectors)):
        expected = expanded_query(vectors[row], vectors[near[row]], similarities[row], 3.0)
        np.testing.assert_allclose(found[row], expected, atol=1e-6)
        np.testing.assert_allclose(ranked[row], rank_weighted_query(vectors[row], vectors[near[row]]), atol=1e-6)


def test_its_own_row_and_none_are_passed_over():
    vectors = views(1)[:6]
    near, similarities = nearest(vectors, 3)
    with_self = np.column_stack([np.arange(6), near, np.full((6, 2), -1)])
    same = augmented(vectors, with_self, np.column_stack([np.ones(6), similarities, np.full((6, 2), np.nan)]), 3.0)
    np.testing.assert_array_equal(same, augmented(vectors, near, similarities, 3.0))
    alone = augmented(vectors, np.full((6, 2), -1), np.zeros((6, 2)), 3.0)
    np.testing.assert_allclose(alone, vectors, atol=1e-7)
    assert not augmented(np.zeros((2, 3)), np.array([[1], [0]]), np.ones((2, 1)), 0.0).any()
    assert augmented(np.zeros((0, 3)), np.zeros((0, 2), int), np.zeros((0, 2)), 3.0).shape == (0, 3)


def test_an_image_without_features_takes_and_gives_nothing():
    vectors = np.concatenate([views(4)[:3], np.zeros((1, views(4).shape[1]), np.float32)])
    near = np.array([[1, 3], [0, 3], [3, 1], [0, 1]])
    for found in (augmented(vectors, near, np.ones((4, 2)), 0.0), rank_augmented(vectors, near[:, ::-1])):
        assert not found[3].any()
    alone = augmented(vectors[:3], np.array([[1], [0], [1]]), np.ones((3, 1)), 0.0)
    np.testing.assert_allclose(augmented(vectors, near, np.ones((4, 2)), 0.0)[:3], alone, atol=1e-7)
    vector, _ = augmented_vector(3, Vectored(vectors), AlphaAugmentation(alpha=0.0))
    assert not vector.any()


@pytest.mark.parametrize(
    ("near", "similarities", "said"),
    [
        ([[1], [3], [0]], np.ones((3, 1)), "no row of the 3"),
        ([[1], [-2], [0]], np.ones((3, 1)), "no row of the 3"),
        ([[1, 1], [0, 2], [0, 1]], np.ones((3, 2)), "the same neighbour twice"),
        ([[1], [0]], np.ones((2, 1)), "must be"),
        ([[1.0], [0.0], [0.0]], np.ones((3, 1)), "whole numbers"),
        ([[1], [0], [0]], np.ones((3, 2)), "have similarities"),
        ([[1], [0], [0]], np.full((3, 1), np.nan), "similarity is not a finite"),
    ],
)
def test_bad_input(near, similarities, said):
    with pytest.raises(UsageError, match=said):
        augmented(np.eye(3), np.array(near), similarities, 3.0)


def test_descriptors_that_are_no_numbers():
    with pytest.raises(UsageError, match="not a finite number"):
        augmented(np.array([[1.0, np.nan], [1, 0]]), np.array([[1], [0]]), np.ones((2, 1)), 3.0)


def test_what_an_index_keeps_is_the_same():
    vectors = views(2)
    near, similarities = nearest(vectors, 10)
    expected = augmented(vectors, near, similarities, 3.0)
    collection = Vectored(vectors)
    for image in range(len(vectors)):
        vector, features = augmented_vector(image, collection, AlphaAugmentation())
        np.testing.assert_allclose(vector, expected[image], atol=1e-6)
        assert features == 1


def test_a_twin_is_a_neighbour():
    vectors = views(3)[:3]
    twice = np.concatenate([vectors, vectors[:1]])
    vector, _ = augmented_vector(3, Vectored(twice), AlphaAugmentation(neighbours=1))
    np.testing.assert_allclose(vector, twice[3], atol=1e-6)
    alone, _ = augmented_vector(0, Vectored(vectors[:1]), AlphaAugmentation())
    np.testing.assert_allclose(alone, vectors[0], atol=1e-7)
