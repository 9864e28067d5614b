"""Diffusion as a second look, over a collection that is made up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from graphs import descriptors, solved
from pydantic import ValidationError

from resight.index.views import Once
from resight.manifold import solving
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised
from resight.manifold.kinds import Diffusion
from resight.manifold.offline import diffusion_row_reference
from resight.manifold.ranking import DiffusionLook, RegionalDiffusionLook
from resight.manifold.regional import generalised_max_weights, pool_scores, region_affinity
from resight.manifold.solving import prepare
from resight.search.looks import Neighbourhoods
from resight.search.ranking import Ranking

K = 8
FAR = 50
"""Images of the last group, to which no edge leads from the others."""
SOLVERS = {
    "conjugate-gradient": {},
    "low-rank": {"rank": 60},
    "spectral": {"rank": 12},
    "hybrid": {"rank": 12},
    "offline": {"truncation": 100},
}


@dataclass
class Collection:
    """Vectors, several of an image where `images` repeats its id."""

    images: np.ndarray
    vectors: np.ndarray
    prepared: dict = field(default_factory=dict)
    allowed: np.ndarray | None = None
    once: Once = field(default_factory=Once)

    def neighbourhoods(self, k):
        found = nearest_neighbours(self.vectors, k)
        return Neighbourhoods(self.images, found.ids, found.similarities, self.prepared)

    def regions(self):
        return self.images, self.vectors

    def affinity(self):
        return mutual_affinity(nearest_neighbours(self.vectors, K - 1), K - 1)


def two_groups():
    """250 images with ids 0, 10, 20, ..., of which the last 50 share no coordinate with the others."""
    x = np.zeros((250, 24), np.float32)
    x[:200, :16], x[200:, 16:] = descriptors(0, 200, 16, groups=6), descriptors(1, FAR, 8, groups=2)
    return Collection(np.arange(250, dtype=np.int64) * 10, x)


def first_look(collection, query):
    similarities = collection.vectors @ query
    order = np.argsort(-similarities, kind="stable")
    return Ranking(collection.images[order], similarities[order])


@pytest.fixture(scope="module")
def collection():
    return two_groups()


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_is_reached_comes_first_and_the_rest_in_its_former_order(collection, solver):
    ranking = first_look(collection, collection.vectors[3])
    look = DiffusionLook(Diffusion(k=K, query_k=5, solver=solver, **SOLVERS[solver]), collection)
    found = look(None, ranking)
    np.testing.assert_array_equal(np.sort(found.ids), collection.images)
    assert (np.diff(found.scores) <= 0).all()
    reached = found.ids[found.scores > 0]
    assert not np.isin(collection.images[-FAR:], reached).any()
    rest = found.ids[len(reached) :]
    np.testing.assert_array_equal(rest, [image for image in ranking.ids.tolist() if image not in set(reached.tolist())])
    y = np.zeros(250)
    y[ranking.ids[:5] // 10] = np.maximum(ranking.scores[:5].astype(np.float64), 0) ** 3
    exact = solved(normalised(collection.affinity()), y)
    expected = collection.images[np.argsort(-exact, kind="stable")]
    assert len(np.intersect1d(found.ids[:20], expected[:20])) >= (20 if solver == "conjugate-gradient" else 15)
    if solver == "conjugate-gradient":
        np.testing.assert_allclose(found.scores[:20], np.sort(exact)[::-1][:20], rtol=1e-3)


def test_each_collection_is_ranked_by_its_own_graph(collection):
    params = Diffusion(k=K)
    other = Collection(collection.images, np.roll(collection.vectors, 1, axis=1)[::-1].copy())
    rankings = [first_look(one, one.vectors[3]) for one in (collection, other)]
    alone = DiffusionLook(params, replace(other, once=Once()))(None, rankings[1])
    looks = [DiffusionLook(params, one) for one in (collection, other)]
    first, second = (look(None, ranking) for look, ranking in zip(looks, rankings, strict=True))
    np.testing.assert_array_equal(second.ids, alone.ids)
    np.testing.assert_array_equal(second.scores, alone.scores)
    assert first.ids.tolist() != second.ids.tolist()


def test_a_part_and_the_whole_make_one_graph(collection):
    made = []

    class Counted(Collection):
        def neighbourhoods(self, k):
            made.append(self.allowed)
            return super().neighbourhoods(k)

    whole = Counted(collection.images, collection.vectors)
    params, ranking = Diffusion(k=K), first_look(collection, collection.vectors[3])
    for allowed in (None, allowed_part(collection.images, collection.images[::3])):
        DiffusionLook(params, replace(whole, allowed=allowed))(None, ranking)
    assert len(made) == 1


def test_a_graph_cut_to_all_its_images_is_the_whole(collection):
    ranking = first_look(collection, collection.vectors[3])
    whole = DiffusionLook(Diffusion(k=K), collection)(None, ranking)
    cut = DiffusionLook(Diffusion(k=K, top=200), collection)(None, ranking)
    # The last group, which is cut off, is not reached either way.
    np.testing.assert_array_equal(whole.ids, cut.ids)
    np.testing.assert_allclose(whole.scores, cut.scores, rtol=1e-6)
    few = DiffusionLook(Diffusion(k=K, top=20), collection)(None, ranking)
    assert set(few.ids[few.scores > 0].tolist()) <= set(ranking.ids[:20].tolist())


@pytest.mark.parametrize("given", [{}, {"top": 8}, {"solver": "hybrid", "rank": 3}])
def test_a_photo_that_is_alone_stays_first_where_rows_are_normalised(given):
    # Image 0 is alone. Image 1 is near to each of 2 to 7, which are far from each other.
    vectors = np.eye(8, dtype=np.float32)
    vectors[1, 2:] = 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stars = Collection(np.arange(8), vectors)
    ranking = Ranking(np.arange(8), np.array([0.9] + [0.85] * 7, np.float32))
    params = Diffusion(k=K, self_affinity=0.1, alpha=0.9, **given)
    first = {
        how: DiffusionLook(params.model_copy(update={"normalisation": how}), replace(stars, once=Once()))(None, ranking)
        for how in ("symmetric", "rows")
    }
    assert first["symmetric"].ids[0] == 1
    assert first["rows"].ids[0] == 0
    np.testing.assert_allclose(first["rows"].scores[0], 0.9**3, rtol=1e-5)


def test_what_neighbours_give_counts_with_what_an_image_is_like_itself():
    # Image 2 is a copy of image 0 for the graph, and yet far from the query.
    vectors = np.eye(4, 6, dtype=np.float32)
    vectors[2] = vectors[0]
    pair = Collection(np.arange(4), vectors)
    scores = np.array([0.9, 0.6, 0.3, 0.0], np.float32)
    ranking = Ranking(np.array([0, 1, 2, 3]), scores)
    params = Diffusion(k=3, query_k=2, self_affinity=1.0, alpha=0.8, normalisation="rows")
    alone = DiffusionLook(params, pair)(None, ranking)
    assert alone.ids[:3].tolist() == [0, 2, 1]
    both = DiffusionLook(params.model_copy(update={"own_weight": 0.5}), pair)(None, ranking)
    assert both.ids.tolist() == [0, 1, 2, 3]
    given = dict(zip(alone.ids.tolist(), alone.scores.tolist(), strict=True))
    expected = [np.sqrt(given[image] * score**3) for image, score in zip(range(4), scores.tolist(), strict=True)]
    np.testing.assert_allclose(both.scores, expected, rtol=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_diffusion_does_not_start_from_the_photo_of_the_query_itself(collection, solver):
    query = 3
    look = DiffusionLook(Diffusion(k=K, query_k=5, solver=solver, **SOLVERS[solver]), replace(collection, once=Once()))
    ranking = first_look(collection, collection.vectors[query])
    assert ranking.ids[0] == 10 * query
    own = replace(ranking, own=frozenset({10 * query}))
    # As if the query's own photo were not like it at all, so that the sixth takes its place.
    behind = Ranking(np.roll(ranking.ids, -1), np.append(ranking.scores[1:], ranking.scores[-1]))
    found, expected = look(None, own), look(None, behind)
    reached = found.scores > 0
    np.testing.assert_array_equal(found.ids[reached], expected.ids[reached])
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
    assert found.own == own.own
    assert found.ids[reached].tolist() != look(None, ranking).ids[reached].tolist()


def regions(images=40, each=5):
    """Regions of images with ids 7, 8, ..., in groups."""
    x = descriptors(2, images * each, 12, groups=10)
    return Collection(np.repeat(np.arange(images, dtype=np.int64) + 7, each), x)


def by_hand(collection, query, ranking, top, each=5):
    """What regional diffusion gives each image, by dense code."""
    rows = np.concatenate([np.arange(each) + each * (image - 7) for image in np.sort(ranking.ids[:top]).tolist()])
    y = region_affinity(query, collection.vectors, 30)
    f = np.zeros(len(y))
    affinity = collection.affinity().toarray()[np.ix_(rows, rows)].astype(np.float64)
    degrees = affinity.sum(axis=1)
    scale = np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, 1e-300)), 0.0)
    s = scale[:, None] * affinity * scale
    f[rows] = 0.01 * np.linalg.solve(np.eye(len(rows)) - 0.99 * s, y[rows])
    offsets = np.arange(0, len(y) + 1, each)
    return pool_scores(f, generalised_max_weights(collection.vectors, offsets), offsets)


@pytest.mark.parametrize("top", [8, 39, 40, 1000])
def test_regional_diffusion_is_cut_to_images_not_to_regions(top):
    collection = regions()
    query = collection.vectors[10:14]
    ranking = Ranking(np.roll(np.arange(7, 47), 3), np.linspace(1, 0.1, 40, dtype=np.float32))
    params = Diffusion(k=K, query_k=30, top=top, iterations=300, tolerance=1e-9)
    found = RegionalDiffusionLook(params, collection)(query, ranking)
    expected = by_hand(collection, query, ranking, top)
    positive = np.flatnonzero(expected > 0)
    order = positive[np.argsort(-expected[positive], kind="stable")]
    np.testing.assert_array_equal(found.ids[: len(order)], order + 7)
    np.testing.assert_allclose(found.scores[: len(order)], expected[order], rtol=1e-5)
    np.testing.assert_array_equal(np.sort(found.ids), np.arange(7, 47))


def test_regional_diffusion_does_not_start_from_regions_of_the_query_itself():
    collection = regions()
    query = collection.vectors[10:14]
    ranking = Ranking(np.roll(np.arange(7, 47), 3), np.linspace(1, 0.1, 40, dtype=np.float32), own=frozenset({9}))
    params = Diffusion(k=K, query_k=30, iterations=300, tolerance=1e-9)
    found = RegionalDiffusionLook(params, collection)(query, ranking)
    others = np.array([image for image in range(7, 47) if image != 9])
    allowed = replace(collection, allowed=allowed_part(collection.images, others), once=Once())
    without = RegionalDiffusionLook(params, allowed)(query, ranking)
    given = dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))
    for image, score in zip(without.ids.tolist(), without.scores.tolist(), strict=True):
        assert image == 9 or given[image] == pytest.approx(score, rel=1e-5)
    from_all = RegionalDiffusionLook(params, collection)(query, replace(ranking, own=frozenset()))
    assert from_all.scores[0] > found.scores[0]


def test_nothing_asked_nothing_found_and_nothing_there():
    collection = regions()
    nothing = Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
    ranking = Ranking(np.array([9, 7]), np.array([0.5, 0.25], np.float32))
    query = collection.vectors[:3]
    assert len(RegionalDiffusionLook(Diffusion(k=K), collection)(query, nothing)) == 0
    assert RegionalDiffusionLook(Diffusion(k=K), collection)(query[:0], ranking) is ranking
    empty = Collection(np.empty(0, np.int64), np.empty((0, 12), np.float32))
    assert RegionalDiffusionLook(Diffusion(k=K), empty)(query, ranking) is ranking
    assert len(DiffusionLook(Diffusion(k=K), two_groups())(None, nothing)) == 0


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("count", [1, 3])
def test_images_without_a_neighbour_keep_their_order(solver, count):
    collection = Collection(np.arange(count), np.eye(3, dtype=np.float32)[:count])
    ranking = Ranking(np.arange(count), np.linspace(1, 0.5, count, dtype=np.float32))
    found = DiffusionLook(Diffusion(k=K, solver=solver, **SOLVERS[solver]), collection)(None, ranking)
    np.testing.assert_array_equal(found.ids, ranking.ids)


def test_what_was_prepared_is_used(collection, monkeypatch):
    params = Diffusion(k=K, solver="hybrid", rank=12)
    kept = Collection(collection.images, collection.vectors, prepare(collection.neighbourhoods(K - 1), params))
    monkeypatch.setattr(solving, "fit_spectrum", lambda graph, rank: pytest.fail("it is there already"))
    DiffusionLook(params, kept)(None, first_look(collection, collection.vectors[0]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"solver": "spectral", "top": 100}, "does not use top"),
        ({"solver": "spectral", "iterations": 3, "tolerance": 0.1}, "does not use iterations, tolerance"),
        ({"solver": "hybrid", "top": 100}, "does not use top"),
        ({"rank": 100}, "does not use rank"),
        ({"solver": "low-rank", "top": 100}, "does not use top"),
        ({"solver": "offline", "rank": 100, "iterations": 3}, "does not use iterations, rank"),
        ({"truncation": 100}, "does not use truncation"),
        ({"solver": "spectral", "self_affinity": 1.0}, "hybrid"),
        ({"solver": "spectral", "normalisation": "rows"}, "hybrid"),
    ],
)
def test_parameters_without_an_effect_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Diffusion(**given)


def test_offline_rows_are_those_of_each_image_alone_and_are_kept(collection, monkeypatch):
    params = Diffusion(k=K, solver="offline", truncation=40, query_k=3)
    found = collection.neighbourhoods(params.listed)
    assert found.ids.shape[1] == 39
    kept = prepare(found, params)
    graph = normalised(mutual_affinity(nearest_neighbours(collection.vectors, K - 1), K - 1))
    y = np.zeros(250)
    y[[3, 7]] = 0.5, 0.25
    expected = sum(
        weight * diffusion_row_reference(graph, row, np.append(row, found.ids[row]), 0.99)
        for row, weight in ((3, 0.5), (7, 0.25))
    )
    monkeypatch.setattr(solving, "diffusion_rows", lambda *given: pytest.fail("they are there already"))
    scores = solving.open_solver(replace(found, prepared=kept), params)(y, np.arange(250))
    np.testing.assert_allclose(scores, expected, atol=1e-3 * expected.max())


def test_low_rank_is_the_paper_and_leaves_out_what_is_outside_of_its_vectors(collection):
    params = Diffusion(k=K, solver="low-rank", rank=20)
    found = collection.neighbourhoods(params.listed)
    y = np.zeros(250)
    y[3] = 1.0
    scores = solving.open_solver(found, params)(y, np.arange(250))
    s = normalised(collection.affinity()).toarray()
    values, vectors = np.linalg.eigh(s)
    values, vectors = values[-20:], vectors[:, -20:]
    expected = vectors @ (0.01 / (1 - 0.99 * values) * (vectors.T @ y))
    reached = scores != 0
    assert reached.any()
    np.testing.assert_allclose(scores[reached], expected[reached], atol=1e-5)


def allowed_part(images, ids):
    mask = np.zeros(int(images.max()) + 1, np.bool_)
    mask[ids] = True
    return mask


def test_a_part_is_ranked_as_all_are_and_nothing_else_is_found(collection):
    query = collection.vectors[3]
    part = replace(collection, allowed=allowed_part(collection.images, collection.images[::3]))
    inside = first_look(collection, query).ids % 30 == 0
    whole = first_look(collection, query)
    ranking = Ranking(whole.ids[inside][:5], whole.scores[inside][:5])
    found = DiffusionLook(Diffusion(k=K, query_k=3), part)(query, ranking)
    assert len(found) > len(ranking)
    assert (found.ids % 30 == 0).all()
    everywhere = DiffusionLook(Diffusion(k=K, query_k=3), collection)(query, ranking)
    kept = everywhere.ids % 30 == 0
    assert found.ids.tolist() == everywhere.ids[kept].tolist()
    np.testing.assert_array_equal(found.scores, everywhere.scores[kept])


def test_regional_diffusion_of_a_part_starts_in_the_part(collection):
    regions = Collection(np.repeat(collection.images[:125], 2), collection.vectors)
    query = regions.vectors[:2]
    assert (regions.images[:2] == 0).all()
    part = replace(regions, allowed=allowed_part(regions.images, np.unique(regions.images)[1::2]))
    ids = np.unique(regions.images)[1::2][:5]
    ranking = Ranking(ids, np.linspace(0.9, 0.1, 5, dtype=np.float32))
    found = RegionalDiffusionLook(Diffusion(k=K, query_k=3), part)(query, ranking)
    assert len(found) > len(ranking)
    assert (found.ids % 20 == 10).all()
