"""Chaining: verified images are asked in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.rerank.chain import ChainLook, confidence
from resight.rerank.kinds import Chain, Spatial
from resight.rerank.spatial import SpatialLook, evidence, verify_pair
from resight.search.background import background
from resight.words.kinds import Bow
from word_scenes import Bags, seen, similarity, thing

PLAIN = Bow(size=400, idf=False)
CHAIN = Chain(min_inliers=8, half=3.0, weight=2.0)


@pytest.fixture
def world():
    """A query of a thing's left part, image 0 of the whole, image 1 of the right part, images 2 and 3 of others."""
    rng = np.random.default_rng(1)
    left, right = thing(rng, 40, 0, 100), thing(rng, 40, 100, 200)
    whole = replace(left, **{n: np.concatenate([getattr(left, n), getattr(right, n)]) for n in left.__dict__})
    images = [
        seen(whole, similarity(0.2, 0.8, (5, 5)), thing(rng, 120, 200)),
        seen(right, similarity(-0.2, 0.7, (0, 9)), thing(rng, 20, 200)),
        seen(thing(rng, 40, 200)),
        seen(thing(rng, 10, 0, 100), None, thing(rng, 40, 200)),
    ]
    return seen(left), images


def first_look(query, images):
    bags = Bags(images, PLAIN)
    ranking = SpatialLook(Spatial(), bags)(query, bags.search(query, 10))
    bags.searches.clear()
    return ranking, bags


def test_finds_an_image_that_shares_nothing_with_the_query(world):
    query, images = world
    ranking, bags = first_look(query, images)
    assert not set(query.words) & set(images[1].words)
    assert 1 not in ranking.ids
    found = ChainLook(CHAIN, bags)(query, ranking)
    assert found.ids.tolist()[:2] == [0, 1]
    assert set(ranking.ids) <= set(found.ids)
    assert found.verified == ranking.verified


def test_it_is_told_what_leads_to_an_image_and_how_surely(world):
    query, images = world
    ranking, bags = first_look(query, images)
    leads = ChainLook(CHAIN, bags)(query, ranking).leads
    pair = verify_pair(images[0], images[1], Spatial())
    assert (leads[1].through, leads[1].inliers, leads[1].tentative) == (0, pair.inliers, pair.tentative)
    np.testing.assert_allclose(leads[1].part, [*pair.query_xy.min(axis=0), *pair.query_xy.max(axis=0)])
    near = bags.file.search(images[0], 201)
    ordinary = background(near.scores, len(images))
    assert leads[1].surprise == pytest.approx(ordinary.surprise(near.scores[near.ids == 1])[0])
    np.testing.assert_allclose(leads[1].arrival, [*pair.image_xy.min(axis=0), *pair.image_xy.max(axis=0)])
    assert 0 not in leads


def test_scores_are_recomputed_naively(world):
    query, images = world
    ranking, bags = first_look(query, images)
    found = ChainLook(CHAIN, bags)(query, ranking)
    total = dict.fromkeys(ranking.ids.tolist(), 0.0)
    for image, why in ranking.verified.items():
        sure = why.score / (why.score + 3)
        total[image] += sure
        near = bags.file.search(images[image], 10)
        total[image] += 2 * sure
        for other, score in zip(near.ids.tolist(), near.scores.tolist(), strict=True):
            pair = verify_pair(images[image], images[other], Spatial())
            if other != image and pair is not None:
                strength = evidence(pair, score)
                total[other] = total.get(other, 0.0) + 2 * sure * strength / (strength + 3)
    assert found.ids.tolist() == sorted(total, key=lambda image: -total[image])
    np.testing.assert_allclose(found.scores, sorted(total.values(), reverse=True), rtol=1e-5)


def test_the_same_photo_is_not_asked(world):
    _, images = world
    ranking, bags = first_look(images[1], images)
    assert 1 in ranking.verified
    ChainLook(CHAIN, bags)(images[1], ranking)
    assert all(asked is not images[1] for asked in bags.searches)


def test_only_sure_images_are_asked_and_only_so_many(world):
    query, images = world
    ranking, bags = first_look(query, images)
    unsure = Chain(min_inliers=ranking.verified[0].inliers + 1)
    found = ChainLook(unsure, bags)(query, ranking)
    assert not bags.searches
    assert found.ids.tolist() == ranking.ids.tolist()
    twice = [*images, images[0]]
    ranking, bags = first_look(query, twice)
    ChainLook(CHAIN.model_copy(update={"top": 1}), bags)(query, ranking)
    assert len(bags.searches) == 1


def test_links_are_remembered(world):
    query, images = world
    ranking, bags = first_look(query, images)
    look = ChainLook(CHAIN, bags)
    first = look(query, ranking)
    asked = len(bags.searches)
    second = look(query, ranking)
    assert asked == len(bags.searches) == 1
    np.testing.assert_array_equal(first.scores, second.scores)


def test_links_belong_to_the_collection_that_was_opened(world):
    query, images = world
    ranking, bags = first_look(query, images)
    turned = [images[0], images[2], images[1], images[3]]
    other, others = first_look(query, turned)
    CHAIN.open(bags)(query, ranking)
    found = CHAIN.open(others)(query, other)
    assert found.ids.tolist()[:2] == [0, 2]


def test_nothing_verified_leaves_the_order(world):
    _, images = world
    other = seen(thing(np.random.default_rng(5), 40, 200, 300))
    bags = Bags(images, PLAIN)
    ranking = bags.search(other, 10)
    assert len(ranking) >= 2
    found = ChainLook(CHAIN, bags)(other, ranking)
    np.testing.assert_array_equal(found.ids, ranking.ids)
    assert not found.scores.any()


def test_confidence_is_one_half_at_half():
    np.testing.assert_allclose(confidence(np.array([0.0, 3.0, 9.0]), 3.0), [0, 0.5, 0.75])
