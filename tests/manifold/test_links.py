"""Following kept links: what is linked with a verified image is found, and no more than links are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.manifold import links
from resight.manifold.kinds import LINKS, Links, PhotoLinks
from resight.manifold.linking import LinkBlocks, find_candidates, pack
from resight.manifold.links import LinksLook, link_table, ranked_leads
from resight.rerank.kinds import Spatial
from resight.rerank.spatial import SpatialLook, evidence, verify_pair
from resight.words.kinds import Bow
from word_scenes import Bags, seen, similarity, thing

PLAIN = Bow(size=400, idf=False)
FOLLOWED = Links(min_inliers=8, half=3.0, alpha=0.8)
LIVE = np.arange(5)


class Linked(Bags):
    """Images and the blocks of their links, by which images are in each."""

    def linked(self, *blocks: list[int], live=LIVE) -> Linked:
        params = PhotoLinks(50, 50, 8)
        made = [
            pack([find_candidates(i, self, params, {}) for i in images], np.array(images, np.int64), np.array([4, 5]))
            for images in blocks
        ]
        self.blocks = LinkBlocks(made, live)
        self.searches.clear()
        return self

    def kept(self, key: str) -> LinkBlocks:
        assert key == LINKS
        return self.blocks


@pytest.fixture
def world():
    """A query of a thing's left part, image 0 of the whole, images 1 and 4 of the right part, 2 and 3 of others."""
    rng = np.random.default_rng(1)
    left, right = thing(rng, 40, 0, 100), thing(rng, 40, 100, 200)
    whole = replace(left, **{n: np.concatenate([getattr(left, n), getattr(right, n)]) for n in left.__dict__})
    images = [
        seen(whole, similarity(0.2, 0.8, (5, 5)), thing(rng, 120, 200)),
        seen(right, similarity(-0.2, 0.7, (0, 9)), thing(rng, 20, 200)),
        seen(thing(rng, 40, 200)),
        seen(thing(rng, 10, 0, 100), None, thing(rng, 40, 200)),
        seen(right.part(slice(25)), similarity(0.3, 0.8, (3, 3)), thing(rng, 20, 200)),
    ]
    return seen(left), Linked(images, PLAIN)


def first_look(query, bags):
    return SpatialLook(Spatial(), bags)(query, bags.file.search(query, 10))


def strength(bags, asking, asked):
    """Evidence of a pair, from the definition; 0 where there is none."""
    near = bags.file.search(bags.images[asking], 10)
    pair = verify_pair(bags.images[asking], bags.images[asked], Spatial())
    if pair is None or asked not in near.ids:
        return 0.0
    return evidence(pair, float(near.scores[near.ids == asked][0]))


def test_finds_an_image_that_shares_nothing_with_the_query_and_asks_none(world):
    query, bags = world
    bags.linked(list(range(5)))
    ranking = first_look(query, bags)
    assert not {1, 4} & set(ranking.ids.tolist())
    found = LinksLook(FOLLOWED, bags)(query, ranking)
    assert found.ids.tolist()[:3] == [0, 1, 4]
    assert set(ranking.ids) <= set(found.ids)
    assert found.verified == ranking.verified
    assert bags.searches == []


def closed_form(bags, y):
    """(5,) the diffusion of y (5,) over the links of all images, by a dense inverse."""
    affinity = np.eye(5)
    for image in range(5):
        for other in set(range(5)) - {image}:
            e = max(strength(bags, image, other), strength(bags, other, image))
            affinity[image, other] = e / (e + 3)
    scale = np.diag(affinity.sum(axis=1) ** -0.5)
    return 0.2 * np.linalg.inv(np.eye(5) - 0.8 * scale @ affinity @ scale) @ y


def scores_of(found):
    return dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))


@pytest.mark.parametrize("start", ["evidence", "scores"])
def test_scores_are_those_of_the_closed_form(start, world):
    query, bags = world
    ranking = first_look(query, bags.linked(list(range(5))))
    found = LinksLook(FOLLOWED.model_copy(update={"start": start}), bags)(query, ranking)
    y = np.zeros(5)
    y[ranking.ids] = ranking.scores / (ranking.scores + 3) if start == "evidence" else ranking.scores
    expected = {i: f for i, f in enumerate(closed_form(bags, y).tolist()) if f > 0 or i in ranking.ids}
    assert scores_of(found) == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert (np.diff(found.scores) <= 0).all()


def test_diffusion_starts_from_the_best_images_alone(world):
    query, bags = world
    ranking = first_look(query, bags.linked(list(range(5))))
    assert len(ranking) > 1
    found = LinksLook(FOLLOWED.model_copy(update={"query_k": 1, "start": "scores"}), bags)(query, ranking)
    y = np.zeros(5)
    y[ranking.ids[0]] = ranking.scores[0]
    expected = {i: f for i, f in enumerate(closed_form(bags, y).tolist()) if f > 1e-9 or i in ranking.ids}
    assert scores_of(found) == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_only_images_of_the_ranking_lead_and_are_led_to(world, monkeypatch):
    query, bags = world
    ranking = first_look(query, bags.linked(list(range(5))))
    whole = LinksLook(FOLLOWED, bags)(query, ranking)
    assert {1, 4} <= set(whole.leads)
    monkeypatch.setattr(links, "MOST_NODES", 1)
    near = LinksLook(FOLLOWED, bags)(query, ranking)
    assert not {1, 4} & set(near.ids.tolist())
    assert not {1, 4} & set(near.leads)
    cut = replace(whole, ids=whole.ids[whole.ids != 0], scores=whole.scores[whole.ids != 0])
    assert all(lead.through != 0 for lead in ranked_leads(whole.leads, cut).values())


def test_an_image_without_links_keeps_what_it_was_given(world):
    query, bags = world
    ranking = first_look(query, bags.linked([], live=np.empty(0, np.int64)))
    found = LinksLook(FOLLOWED.model_copy(update={"start": "scores"}), bags)(query, ranking)
    assert found.ids.tolist() == ranking.ids.tolist()
    np.testing.assert_array_equal(found.scores, ranking.scores)
    assert not found.leads


@pytest.mark.parametrize("asking", [0, 1])
def test_a_link_leads_both_ways_whoever_has_asked(asking, world):
    query, bags = world
    ranking = first_look(query, bags.linked([asking]))
    lead = LinksLook(FOLLOWED, bags)(query, ranking).leads[1]
    pair = verify_pair(bags.images[asking], bags.images[1 - asking], Spatial())
    assert (lead.through, lead.inliers, lead.tentative) == (0, pair.inliers, pair.tentative)
    points = (pair.query_xy, pair.image_xy)[:: 1 if asking == 0 else -1]
    for box, xy in zip((lead.part, lead.arrival), points, strict=True):
        np.testing.assert_allclose(box, [*xy.min(axis=0), *xy.max(axis=0)])


def test_the_strongest_links_are_followed(world):
    _, bags = world
    bags.linked(list(range(5)))
    assert strength(bags, 0, 1) > strength(bags, 0, 4) > 0
    table = link_table(bags.blocks, 1)
    (row,) = table.rows(np.array([0]))
    assert table.images[table.others[table.offsets[row] : table.offsets[row + 1]]].tolist() == [1]
    assert table.rows(np.array([9, 0])).tolist() == [-1, row]
    ends = np.diff(table.offsets)
    assert ends.tolist() == [1] * len(table.images)


def test_images_that_are_gone_or_not_allowed_are_not_found(world):
    query, bags = world
    bags.linked(list(range(5)), live=np.array([0, 2, 3, 4]))
    found = LinksLook(FOLLOWED, bags)(query, first_look(query, bags))
    assert 1 not in found.ids
    assert 4 in found.ids
    bags.allowed = np.array([True, True, True, True, False])
    bags.linked(list(range(5)))
    bags.once = type(bags.once)()
    found = LinksLook(FOLLOWED, bags)(query, first_look(query, bags))
    assert 1 in found.ids
    assert 4 not in found.ids


def test_a_second_step_leads_on_from_what_the_first_has_reached():
    """The query shows the first third of a thing, and three images two thirds each, one after the other."""
    rng = np.random.default_rng(2)
    thirds = [thing(rng, 40, 100 * n, 100 * n + 100) for n in range(4)]

    def both(one, other):
        return seen(replace(one, **{n: np.concatenate([getattr(one, n), getattr(other, n)]) for n in one.__dict__}))

    images = [both(*thirds[n : n + 2]) for n in range(3)]
    bags = Linked(images, PLAIN).linked([0, 1, 2], live=np.arange(3))
    ranking = first_look(seen(thirds[0]), bags)
    assert ranking.ids.tolist() == [0]
    found = LinksLook(FOLLOWED, bags)(seen(thirds[0]), ranking)
    assert found.ids.tolist() == [0, 1, 2]
    assert {image: lead.through for image, lead in found.leads.items()} == {1: 0, 2: 1}
    # Each after the lead to what leads to it.
    assert list(found.leads) == [1, 2]


def test_without_links_the_ranking_keeps_its_order(world):
    query, bags = world
    ranking = first_look(query, bags.linked())
    found = LinksLook(FOLLOWED, bags)(query, ranking)
    assert found.ids.tolist() == ranking.ids.tolist()
    assert found.leads == {}


def test_images_with_too_few_inliers_are_not_said_to_lead(world):
    query, bags = world
    ranking = first_look(query, bags.linked(list(range(5))))
    found = LinksLook(FOLLOWED.model_copy(update={"min_inliers": 1000}), bags)(query, ranking)
    assert found.leads == {}
