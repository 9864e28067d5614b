"""Average query expansion over verified images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.errors import RecipeError
from resight.recipe import parse_recipe
from resight.rerank.backprojection import back_projected, bounds, verified_vectors
from resight.rerank.expansion import ExpansionLook, mean_vector
from resight.rerank.geometry import project
from resight.rerank.kinds import Expansion, Spatial
from resight.rerank.spatial import SpatialLook
from resight.search.ranking import Ranking, Verification
from resight.words.evidence import WordVector
from word_scenes import Bags, seen, similarity, thing

HOMOGRAPHY = np.array([[0.9, 0.1, 20.0], [-0.1, 1.1, 5.0], [0.002, 0.001, 1.0]])


def verification(inliers, transform=None):
    xy = np.zeros((inliers, 2), np.float32)
    return Verification(np.eye(3) if transform is None else transform, xy, xy, float(inliers))


@pytest.fixture
def world():
    """A query of half a thing; 0: all of it, 1: its other half, 2 and 3: other things, 4: a little of the query."""
    rng = np.random.default_rng(2)
    what = thing(rng, 80, 0, 100)
    images = [
        seen(what, similarity(0.2, 0.7, (5, 5)), thing(rng, 10, 200)),
        seen(what.part(slice(40, 80)), similarity(-0.2, 0.7, (0, 9)), thing(rng, 20, 200)),
        seen(thing(rng, 40, 200)),
        seen(thing(rng, 40, 200)),
        seen(what.part(slice(0, 3)), None, thing(rng, 40, 200)),
    ]
    return seen(what.part(slice(0, 40))), images


def looked_at(query, images):
    bags = Bags(images)
    ranking = SpatialLook(Spatial(), bags)(query, bags.search(query, 10))
    bags.searches.clear()
    return ranking, bags


@pytest.mark.parametrize("transform", [similarity(0.7, 0.6, (30, -20)), HOMOGRAPHY], ids=["similarity", "homography"])
def test_back_projection_keeps_what_the_forward_transform_reaches(transform):
    rng = np.random.default_rng(3)
    region = (100.0, 80.0, 300.0, 260.0)
    places = rng.uniform(0, (600, 400), (200, 2))
    what = replace(thing(rng, 200), xy=places)
    image = replace(seen(what), xy=project(transform, seen(what).xy).astype(np.float32))
    kept = back_projected(image, transform, region)
    expected = [w for w, p in zip(what.words, places, strict=True) if 100 <= p[0] <= 300 and 80 <= p[1] <= 260]
    assert 20 < len(expected) < 100
    assert kept.words.tolist() == sorted(expected)
    np.testing.assert_allclose(kept.xy, [places[what.words == w][0] for w in kept.words], atol=0.1)
    assert len(kept.scale) == len(kept.angle) == len(kept)


def test_what_is_behind_the_horizon_is_not_seen():
    behind = np.array([[-900.0, 0.0]])
    assert (np.column_stack([behind, [1]]) @ HOMOGRAPHY[2])[0] < 0
    what = replace(thing(np.random.default_rng(4), 1), xy=project(HOMOGRAPHY, behind))
    image = replace(seen(thing(np.random.default_rng(4), 1)), xy=what.xy.astype(np.float32))
    assert len(back_projected(image, HOMOGRAPHY, (-1e6, -1e6, 1e6, 1e6))) == 0


def test_back_projection_keeps_the_weight_of_each_word():
    image = replace(seen(thing(np.random.default_rng(4), 50)), weights=np.linspace(0, 1, 50, dtype=np.float32))
    kept = back_projected(image, np.eye(3), (0.0, 0.0, 300.0, 400.0))
    assert 0 < len(kept) < 50
    by_word = dict(zip(image.words.tolist(), image.weights.tolist(), strict=True))
    assert kept.weights.tolist() == [by_word[word] for word in kept.words.tolist()]


def test_mean_vector_is_the_dense_mean():
    rng = np.random.default_rng(5)
    dense = rng.normal(size=(4, 30)) * (rng.random((4, 30)) < 0.4)
    vectors = [WordVector(np.flatnonzero(row).astype(np.int32), row[np.flatnonzero(row)]) for row in dense]
    mean = mean_vector(vectors)
    assert (np.diff(mean.words) > 0).all()
    full = np.zeros(30)
    full[mean.words] = mean.values
    np.testing.assert_allclose(full, dense.mean(axis=0), atol=1e-15)


def test_finds_the_other_half_and_scores_are_recomputed_naively(world):
    query, images = world
    ranking, bags = looked_at(query, images)
    assert 1 not in ranking.ids
    assert ranking.verified[0].inliers >= 20
    found = ExpansionLook(Expansion(), bags)(query, ranking)
    # The query's region is where its own features are; part of the other half lies in it.
    x0, y0, x1, y1 = bounds(query)
    why = ranking.verified[0]
    places = project(np.linalg.inv(why.transform), images[0].xy)
    inside = (places >= (x0, y0)).all(axis=1) & (places <= (x1, y1)).all(axis=1)
    part = replace(images[0], words=images[0].words[inside])
    mean = (bags.unit(query) + bags.unit(part)) / 2
    cosines = {i: float(bags.unit(image) @ mean / np.linalg.norm(mean)) for i, image in enumerate(images)}
    expected = [i for i in sorted(cosines, key=lambda i: -cosines[i]) if cosines[i] > 0]
    assert found.ids.tolist()[: len(expected)] == expected
    np.testing.assert_allclose(found.scores[: len(expected)], [cosines[i] for i in expected], rtol=1e-5)
    assert found.ids.tolist().index(1) <= 1
    assert found.verified == ranking.verified


def test_only_verified_images_from_min_inliers_on_and_only_top(world):
    query, images = world
    ranking, bags = looked_at(query, images)
    stated = {0: verification(20), 1: verification(19), 2: verification(40), 3: verification(21)}
    ranking = replace(ranking, ids=np.array([3, 4, 1, 0, 2]), scores=np.zeros(5, np.float32), verified=stated)
    chosen = verified_vectors(query, ranking, bags, 2, 20)
    everywhere = bounds(query)
    for vector, image in zip(chosen, (3, 0), strict=True):
        seen_words = back_projected(images[image], np.eye(3), everywhere)
        np.testing.assert_allclose(bags.dense(vector), bags.unit(seen_words), atol=1e-12)


def test_nothing_verified_leaves_the_ranking(world):
    query, images = world
    ranking, bags = looked_at(query, images)
    strict = Expansion(min_inliers=ranking.verified[0].inliers + 1)
    assert ExpansionLook(strict, bags)(query, ranking) is ranking
    empty = Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
    assert ExpansionLook(Expansion(), bags)(seen(thing(np.random.default_rng(0), 0)), empty) is empty
    assert not bags.searches


def test_what_is_not_found_follows_in_its_former_order(world):
    query, images = world
    ranking, bags = looked_at(query, images)
    given = replace(ranking, ids=np.array([0, 9, 7, 8, 4]), scores=np.linspace(1, 0.5, 5, dtype=np.float32))
    found = ExpansionLook(Expansion(), bags)(query, given)
    assert found.ids.tolist()[-3:] == [9, 7, 8]
    assert found.scores[-3:].tolist() == [0, 0, 0]
    assert found.scores[-4] > 0
    assert len(set(found.ids.tolist())) == len(found)


@pytest.mark.parametrize("words", ['kind = "asmk"', 'kind = "hamming"'])
@pytest.mark.parametrize("stage", ["expansion", "discriminative"])
def test_a_recipe_expands_bags_of_words_only(words, stage):
    text = f'name = "x"\n[words]\n{words}\n[[rerank]]\nkind = "spatial"\n[[rerank]]\nkind = "{stage}"\n'
    with pytest.raises(RecipeError, match=f'"{stage}" needs bags of words'):
        parse_recipe(text, "x.toml")
