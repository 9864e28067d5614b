"""Re-ranking by fast spatial matching."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.forks import WorkerPool
from resight.rerank.geometry import project
from resight.rerank.kinds import Spatial
from resight.rerank.spatial import SpatialLook, evidence, verify_many, verify_pair
from resight.search.ranking import Ranking, Verification
from word_scenes import SIZE, Bags, seen, similarity, thing


def shuffled(rng, photo):
    """The same words, each somewhere else: nothing to verify."""
    xy = rng.uniform(0, SIZE, photo.xy.shape).astype(np.float32)
    return replace(photo, xy=xy, scale=rng.permutation(photo.scale), angle=rng.permutation(photo.angle))


@pytest.fixture
def world():
    """A query, and images that show 30 of its features, 12 of them, all of them shuffled, and none."""
    rng = np.random.default_rng(0)
    what = thing(rng, 40, 0, 200)
    images = [
        shuffled(rng, seen(what)),
        seen(what.part(slice(0, 12)), similarity(0.3, 0.8, (10, 5)), thing(rng, 40, 200)),
        seen(thing(rng, 40, 200)),
        seen(what.part(slice(0, 30)), similarity(-0.5, 0.7, (-20, 10)), thing(rng, 40, 200)),
    ]
    return seen(what), images


def ranking_of(ids, scores):
    return Ranking(np.array(ids, np.int64), np.array(scores, np.float32))


def verification(inliers, score=1.0):
    xy = np.zeros((inliers, 2), np.float32)
    return Verification(np.eye(3), xy, xy, score)


def test_verified_images_come_first_by_inliers_and_the_rest_keeps_its_order(world):
    query, images = world
    found = SpatialLook(Spatial(), Bags(images))(query, ranking_of([0, 2, 1, 3], [0.9, 0.8, 0.3, 0.2]))
    assert found.ids.tolist() == [3, 1, 0, 2]
    assert set(found.verified) == {1, 3}
    assert found.verified[3].inliers == pytest.approx(30, abs=2)
    assert found.verified[1].inliers == pytest.approx(12, abs=2)
    assert (np.diff(found.scores) <= 0).all()


def test_scores_are_recomputed_naively(world):
    query, images = world
    given = ranking_of([0, 2, 1, 3], [0.9, 0.8, 0.3, 0.2])
    similarity_of = dict(zip(given.ids.tolist(), given.scores.tolist(), strict=True))
    for kind in ("inliers", "evidence"):
        params = Spatial(score=kind)
        expected = {}
        for image, score in similarity_of.items():
            why = verify_pair(query, images[image], params)
            bonus = 0.0
            if why is not None:
                bonus = 1 + why.inliers if kind == "inliers" else why.inliers * score**0.5
            expected[image] = score + bonus
        found = SpatialLook(params, Bags(images))(query, given)
        assert found.ids.tolist() == sorted(expected, key=lambda image: -expected[image])
        np.testing.assert_allclose(found.scores, sorted(expected.values(), reverse=True), rtol=1e-6)
        for image, why in found.verified.items():
            assert why.score == pytest.approx(why.inliers * similarity_of[image] ** 0.5)


def test_the_transform_maps_query_to_image(world):
    query, images = world
    why = verify_pair(query, images[3], Spatial())
    assert why is not None
    np.testing.assert_allclose(why.transform, similarity(-0.5, 0.7, (-20, 10)), atol=2)
    np.testing.assert_allclose(project(why.transform, why.query_xy), why.image_xy, atol=3)


def test_only_the_top_is_looked_at(world):
    query, images = world
    found = SpatialLook(Spatial(top=3), Bags(images))(query, ranking_of([0, 2, 1, 3], [0.9, 0.8, 0.3, 0.2]))
    assert found.ids.tolist() == [1, 0, 2, 3]
    assert set(found.verified) == {1}


def test_of_a_small_query_more_is_looked_at(world):
    query, images = world
    given = ranking_of([0, 2, 1, 3], [0.9, 0.8, 0.3, 0.2])
    params = Spatial(top=3, small=max(SIZE), small_top=4)
    assert set(SpatialLook(params, Bags(images))(query, given).verified) == {1}
    smaller = replace(query, size=(max(SIZE) - 1, 1 + max(SIZE) // 2))
    assert set(SpatialLook(params, Bags(images))(smaller, given).verified) == {1, 3}
    assert params.depth == 4


def test_nothing_verified_leaves_the_ranking(world):
    query, images = world
    given = ranking_of([2, 0], [0.5, 0.4])
    found = SpatialLook(Spatial(), Bags(images))(query, given)
    assert found.ids.tolist() == [2, 0]
    np.testing.assert_array_equal(found.scores, given.scores)
    assert not found.verified
    assert len(SpatialLook(Spatial(), Bags(images))(query, ranking_of([], []))) == 0


def test_a_query_without_features_verifies_nothing(world):
    _, images = world
    nothing = seen(thing(np.random.default_rng(0), 0))
    assert SpatialLook(Spatial(), Bags(images))(nothing, ranking_of([3, 1], [0.5, 0.4])).ids.tolist() == [3, 1]


def test_equal_images_keep_their_order(world):
    query, images = world
    same = [images[3]] * 4
    found = SpatialLook(Spatial(), Bags(same))(query, ranking_of([2, 0, 3, 1], [0.5] * 4))
    assert found.ids.tolist() == [2, 0, 3, 1]


def test_evidence_of_a_former_stage_is_kept(world):
    query, images = world
    before = verification(9)
    given = replace(ranking_of([0, 3], [0.5, 0.4]), verified={7: before})
    found = SpatialLook(Spatial(), Bags(images))(query, given)
    assert found.verified[7] is before
    assert 3 in found.verified


def test_min_inliers_is_a_limit(world):
    query, images = world
    inliers = verify_pair(query, images[1], Spatial()).inliers
    assert verify_pair(query, images[1], Spatial(min_inliers=inliers)) is not None
    assert verify_pair(query, images[1], Spatial(min_inliers=inliers + 1)) is None


def test_any_number_of_threads_gives_the_same(world):
    query, images = world
    words = Bags(images).words
    found = [verify_many(query, [3, 0, 1], words, Spatial(), WorkerPool(threads)) for threads in (1, 4)]
    assert list(found[0]) == list(found[1]) == [3, 1]
    for image in found[0]:
        np.testing.assert_array_equal(found[0][image].transform, found[1][image].transform)


def test_evidence_is_inliers_times_the_root_of_the_similarity():
    assert evidence(verification(8), 0.25) == 4
    assert evidence(verification(8), -0.1) == 0


def test_sampling_verifies_what_is_plain_to_see():
    rng = np.random.default_rng(3)
    what = thing(rng, 80)
    query, image = seen(what), seen(what, similarity(0.3, 0.8, (10, -5)), thing(rng, 40))
    sampled = verify_pair(query, image, Spatial(estimator="usac_homography"))
    voted = verify_pair(query, image, Spatial())
    assert sampled.inliers >= 0.9 * voted.inliers
    np.testing.assert_allclose(sampled.transform[:2, 2], voted.transform[:2, 2], atol=3)
