"""Expansion without geometry: golden values, definitions, and the stages on vectors and on bags of words."""

from __future__ import annotations

import numpy as np
import pytest
from vector_scenes import Vectored, unit, views

from resight.errors import UsageError
from resight.rerank.alpha_expansion import (
    AlphaExpansionLook,
    RegionsAlphaExpansionLook,
    WordsAlphaExpansionLook,
    expanded_query,
    expanded_regions,
    expanded_vector,
    rank_weighted_query,
    rank_weights,
)
from resight.rerank.kinds import AlphaExpansion
from resight.search.ranking import Ranking
from resight.search.regional import RegionBlock, RegionRows, RegionSearch
from resight.words.evidence import WordVector
from word_scenes import Bags, seen, thing


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("expansion")
    for case in range(int(values["n_cases"])):
        queries, database = values[f"case{case}_queries"], values[f"case{case}_database"]
        for k in values[f"case{case}_k"].tolist():
            for name, alpha in (("aqe", 0.0), ("alphaqe3", 3.0)):
                for query, expected in zip(queries, values[f"case{case}_{name}_k{k}"], strict=True):
                    similarities = database @ query
                    near = np.argsort(-similarities)[:k]
                    found = expanded_query(query, database[near], similarities[near], alpha)
                    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_weights_by_hand():
    query, near = np.array([1.0, 0, 0]), np.array([[0.5, 0.5, 0], [-0.5, 0, 1], [0, 0, 2]])
    expected = np.array([1 + 0.125 * 0.5, 0.125 * 0.5, 0])
    found = expanded_query(query, near, np.array([0.5, -0.5, 0.0]), 3.0)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-7)
    total = query + near.sum(axis=0)
    np.testing.assert_allclose(
        expanded_query(query, near, np.array([0.5, -0.5, 0.0]), 0.0), total / np.linalg.norm(total), atol=1e-7
    )
    total = query + 0.75 * near[0] + 0.5 * near[1] + 0.25 * near[2]
    np.testing.assert_allclose(rank_weighted_query(query, near), total / np.linalg.norm(total), atol=1e-7)
    assert rank_weights(3).tolist() == [0.75, 0.5, 0.25]


def test_stated_fallbacks():
    zero, none = np.zeros(3), np.zeros((0, 3))
    assert expanded_query(zero, none, np.zeros(0), 3.0).tolist() == [0, 0, 0]
    np.testing.assert_allclose(expanded_query(np.array([0.0, 2, 0]), none, np.zeros(0), 3.0), [0, 1, 0])


@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_a_query_without_features_stays_as_it_is(alpha):
    near = np.eye(3)[:2]
    assert expanded_query(np.zeros(3), near, np.zeros(2), alpha).tolist() == [0, 0, 0]
    assert rank_weighted_query(np.zeros(3), near).tolist() == [0, 0, 0]
    nothing, other = WordVector(np.empty(0, np.int32), np.empty(0)), WordVector(np.array([3], np.int32), np.ones(1))
    assert len(expanded_vector(nothing, [other], np.zeros(1), alpha)) == 0
    bags = Vectored(unit(np.eye(3)))
    AlphaExpansionLook(AlphaExpansion(alpha=alpha), bags)(np.zeros(3, np.float32), bags.search(near[0], 3))
    assert not bags.searches[-1].any()


@pytest.mark.parametrize(
    ("query", "near", "similarities", "alpha", "said"),
    [
        (np.ones(3), np.ones((2, 4)), np.ones(2), 3.0, "do not go together"),
        (np.ones(3), np.ones((2, 3)), np.ones(3), 3.0, "do not go together"),
        (np.ones((1, 3)), np.ones((2, 3)), np.ones(2), 3.0, "do not go together"),
        (np.ones(3), np.ones((2, 3)), np.ones(2), -1.0, "alpha is -1.0"),
        (np.ones(3), np.ones((2, 3)), np.ones(2), np.nan, "alpha is nan"),
        (np.ones(3), np.ones((2, 3)), np.array([1, np.nan]), 3.0, "similarity is not a finite"),
        (np.array([1, np.nan]), np.ones((1, 2)), np.ones(1), 3.0, "not a finite number"),
    ],
)
def test_bad_input(query, near, similarities, alpha, said):
    with pytest.raises(UsageError, match=said):
        expanded_query(query, near, similarities, alpha)


def test_vectors_over_words_are_dense_ones():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(5, 30)) * (rng.random((5, 30)) < 0.4)
    vectors = [WordVector(np.flatnonzero(row).astype(np.int32), row[np.flatnonzero(row)]) for row in rows]
    similarities = np.array([0.9, 0.5, -0.1, 0.2])
    found = expanded_vector(vectors[0], vectors[1:], similarities, 2.0)
    full = np.zeros(30)
    full[found.words] = found.values
    np.testing.assert_allclose(full, expanded_query(rows[0], rows[1:], similarities, 2.0), atol=1e-6)
    assert (np.diff(found.words) > 0).all()
    nothing = WordVector(np.empty(0, np.int32), np.empty(0))
    assert len(expanded_vector(nothing, [], np.zeros(0), 3.0)) == 0
    with pytest.raises(UsageError, match="4 neighbours have similarities"):
        expanded_vector(vectors[0], vectors[1:], similarities[:3], 2.0)


def test_the_stage_asks_again_with_the_first_images():
    vectors = views(0)
    bags = Vectored(vectors, first=100)
    query = vectors[0]
    ranking = bags.search(query, 10)
    given = Ranking(ranking.ids, np.linspace(9, 8, 10, dtype=np.float32))
    found = AlphaExpansionLook(AlphaExpansion(top=4), bags)(query, given)
    similarities = vectors @ query
    near = np.argsort(-similarities)[:4]
    asked = expanded_query(query, vectors[near], similarities[near], 3.0)
    np.testing.assert_allclose(bags.searches[-1], asked, atol=1e-6)
    assert found.ids.tolist() == (100 + np.argsort(-(vectors @ asked))).tolist()
    np.testing.assert_allclose(found.scores, np.sort(vectors @ asked)[::-1], atol=1e-6)


def test_expansion_finds_more_views_of_noisy_things():
    vectors = views(3, things=20, each=10, dimension=32, noise=1.6)
    bags = Vectored(vectors)

    def right(look):
        total = 0
        for query in range(0, len(vectors), 10):
            ranking = bags.search(vectors[query], 20)
            ids = look(vectors[query], ranking).ids if look else ranking.ids
            total += (ids[:10] // 10 == query // 10).sum()
        return total

    assert right(AlphaExpansion(top=5).open(bags)) > right(None)


def test_a_query_without_features_is_no_error():
    bags = Vectored(unit(np.eye(3)))
    zero = np.zeros(3, np.float32)
    assert len(AlphaExpansionLook(AlphaExpansion(), bags)(zero, bags.search(zero, 3))) == 0


def test_the_stage_on_bags_of_words_needs_nothing_verified():
    rng = np.random.default_rng(2)
    what = thing(rng, 80, 0, 100)
    images = [
        seen(what),
        seen(what.part(slice(40, 80)), None, thing(rng, 20, 200)),
        *(seen(thing(rng, 40, 200)) for _ in range(3)),
    ]
    query = seen(what.part(slice(0, 40)))
    bags = Bags(images)
    ranking = bags.search(query, 10)
    assert 1 not in ranking.ids
    found = WordsAlphaExpansionLook(AlphaExpansion(top=1, alpha=1.0), bags)(query, ranking)
    asked = bags.unit(query) + bags.unit(query) @ bags.unit(images[0]) * bags.unit(images[0])
    scores = np.array([bags.unit(image) for image in images]) @ asked / np.linalg.norm(asked)
    np.testing.assert_allclose(found.scores[:2], scores[[0, 1]], rtol=1e-5)
    assert found.ids.tolist()[:2] == [0, 1]
    empty = seen(thing(rng, 0))
    assert WordsAlphaExpansionLook(AlphaExpansion(), bags)(empty, ranking) is ranking


def averaged_regions(query, images, alpha):
    """`expanded_regions` of one region and image after the other."""
    rows = []
    for region in query:
        total = region.astype(np.float64)
        for image in images:
            if len(image):
                nearest = max(image, key=lambda other, own=region: float(other @ own))
                total = total + max(float(nearest @ region), 0.0) ** alpha * nearest
        rows.append(total / np.linalg.norm(total))
    return np.array(rows)


@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_each_region_is_joined_by_the_most_similar_region_of_each_image(alpha):
    rng = np.random.default_rng(4)
    images = [unit(rng.normal(size=(count, 8))) for count in (3, 0, 1, 5)] + [np.empty((0, 8), np.float32)]
    query = unit(rng.normal(size=(2, 8)))
    np.testing.assert_allclose(
        expanded_regions(query, images, alpha), averaged_regions(query, images, alpha), atol=1e-6
    )
    np.testing.assert_allclose(expanded_regions(query, [], alpha), query, atol=1e-6)
    np.testing.assert_allclose(expanded_regions(query, images[1:2], alpha), query, atol=1e-6)


class Parted:
    """The `RegionCollection` of images with several regions each, whose ids are their places plus `first`."""

    allowed = None

    def __init__(self, images, first=0):
        self.images, self.first, self.searches = images, first, []
        offsets = np.cumsum([0, *(len(image) for image in images)])
        ids = first + np.arange(len(images))
        self.rows = RegionRows([RegionBlock(np.concatenate(images), offsets, ids, np.ones(len(ids), bool))])
        self.count = len(images)

    def evidence(self, image):
        return self.images[image - self.first]

    def regions(self):
        return self.rows.regions()

    def search(self, query, k):
        self.searches.append(query)
        return RegionSearch(self.rows).search(query, k, self.allowed)

    def neighbourhoods(self, k):
        raise NotImplementedError

    def once(self, key, make):
        return make()

    def kept(self, key):
        raise KeyError(key)


def test_the_stage_on_regions_asks_again_with_those_in_which_the_thing_is_seen():
    rng = np.random.default_rng(5)
    thing, clutter = views(6, things=1, each=10, dimension=32, noise=1.4), unit(rng.normal(size=(60, 32)))
    images = [np.stack([clutter[3 * one], thing[one], clutter[3 * one + 1]]) for one in range(10)]
    images += [clutter[30 + 3 * one : 33 + 3 * one] for one in range(10)]
    parts = Parted(images, first=50)
    query = thing[:1]
    ranking = parts.search(query, 20)
    look = AlphaExpansion(top=4, alpha=0.0).open(parts)
    assert isinstance(look, RegionsAlphaExpansionLook)
    found = look(query, ranking)
    top = [images[image - 50] for image in ranking.ids[:4]]
    np.testing.assert_allclose(parts.searches[-1], averaged_regions(query, top, 0.0), atol=1e-6)
    # Among the first ten are more of the photos that show the thing, once four of them ask too.
    assert (found.ids[:10] < 60).sum() > (ranking.ids[:10] < 60).sum()
    assert len(look(np.empty((0, 32), np.float32), ranking)) == len(ranking)
