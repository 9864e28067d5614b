"""Structure from motion: things in space that are found again, apart, and what cannot be mapped."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from structures import SIZE, Shot, around, matched

from resight.arrays import Float64
from resight.errors import UsageError
from resight.training.mining.reconstruction import ATTEMPTS, Model, PairMatches, components, parts, reconstruct
from resight.training.mining.sharing import shared_points
from resight.training.mining.structure import clusters_of_models

pytest.importorskip("pycolmap", exc_type=ImportError)

FIRST, SECOND = 6, 5


def thing(seed: int) -> Float64:
    return np.random.default_rng(seed).uniform(-1, 1, (150, 3))


@pytest.fixture(scope="module")
def shots() -> tuple[list[Shot], list[Shot]]:
    return around(thing(1), FIRST, np.random.default_rng(2)), around(thing(3), SECOND, np.random.default_rng(4))


def mapped(shots: tuple[list[Shot], ...]) -> list[Model]:
    every = [one for own in shots for one in own]
    pairs, first = [], 0
    for own in shots:
        pairs += matched(own, first)
        first += len(own)
    return reconstruct([one.xy for one in every], pairs, [SIZE] * len(every))


@pytest.fixture(scope="module")
def models(shots: tuple[list[Shot], list[Shot]]) -> list[Model]:
    return mapped(shots)


def test_two_things_are_two_models_with_all_of_their_photos(models: list[Model]) -> None:
    assert [model.images.tolist() for model in models] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_cameras_are_where_they_were_but_for_a_similarity(
    models: list[Model], shots: tuple[list[Shot], list[Shot]]
) -> None:
    for model, own in zip(models, shots, strict=True):
        true = np.array([one.centre for one in own])
        a, b = model.centres - model.centres.mean(axis=0), true - true.mean(axis=0)
        u, s, vt = np.linalg.svd(a.T @ b)
        sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        scale = np.trace(np.diag(s) @ sign) / np.square(a).sum()
        assert np.abs(scale * a @ u @ sign @ vt - b).max() < 0.1


def test_photos_share_the_points_that_both_see(models: list[Model], shots: tuple[list[Shot], list[Shot]]) -> None:
    sharing = shared_points(models)
    for a, one in enumerate(shots[0]):
        assert [other.other for other in sharing[a]] == [b for b in range(FIRST) if b != a]
        for found in sharing[a]:
            both = len(np.intersect1d(one.points, shots[0][found.other].points))
            assert 0.9 * both <= found.points <= both
            assert found.zoom < 1.2


def test_a_photo_from_twice_as_far_shows_everything_half_as_large() -> None:
    rng = np.random.default_rng(5)
    points = np.random.default_rng(6).uniform(-0.5, 0.5, (150, 3))
    own = around(points, 4, rng)
    own += [around(points / 2, 5, rng)[4]]  # half as large a thing is one from twice as far
    (model,) = mapped((own,))
    zooms = {one.other: one.zoom for one in shared_points([model])[4]}
    assert all(1.8 < zooms[other] < 2.2 for other in range(4))
    assert all(np.median(model.zooms[4]) < np.median(model.zooms[other]) for other in range(4))


def test_mapping_repeats_to_the_bit(models: list[Model], shots: tuple[list[Shot], list[Shot]]) -> None:
    for one, two in zip(mapped(shots), models, strict=True):
        assert np.array_equal(one.centres, two.centres)
        assert all(map(np.array_equal, one.points, two.points))
        assert all(map(np.array_equal, one.zooms, two.zooms))


def test_what_no_three_photos_see_is_no_model(shots: tuple[list[Shot], list[Shot]]) -> None:
    own = shots[0][:3]
    assert not mapped((own[:2],))
    (ab, _, bc) = matched(own)
    middle = ab.rows[:, 1]
    apart = PairMatches(1, 2, bc.rows[~np.isin(bc.rows[:, 0], middle[::2])])
    chain = [PairMatches(0, 1, ab.rows[::2]), apart]
    assert not np.intersect1d(chain[0].rows[:, 1], chain[1].rows[:, 0]).size
    assert not reconstruct([one.xy for one in own], chain, [SIZE] * 3)
    assert reconstruct([], [], []) == []


def test_a_plane_is_mapped_as_well() -> None:
    flat = thing(9) * np.array([1.0, 1.0, 0.0])
    own = around(flat, 5, np.random.default_rng(10))
    (model,) = mapped((own,))
    assert model.images.tolist() == [0, 1, 2, 3, 4]


def test_attempts_end_with_the_first_that_has_enough(shots: tuple[list[Shot], list[Shot]]) -> None:
    own = shots[1]
    found = reconstruct([one.xy for one in own], matched(own), [SIZE] * len(own), attempts=[ATTEMPTS[0]])
    assert [model.images.tolist() for model in found] == [[0, 1, 2, 3, 4]]
    assert reconstruct([one.xy for one in own], matched(own), [SIZE] * len(own), attempts=[]) == []


def test_components_are_those_of_the_pairs() -> None:
    pairs = [PairMatches(a, b, np.zeros((1, 2), np.int64)) for a, b in ((0, 3), (3, 4), (1, 5))]
    assert components(6, pairs) == [frozenset({0, 3, 4}), frozenset({1, 5}), frozenset({2})]
    assert components(2, []) == [frozenset({0}), frozenset({1})]


def pair(a: int, b: int, count: int) -> PairMatches:
    return PairMatches(a, b, np.zeros((count, 2), np.int64))


def test_a_large_component_is_taken_apart_at_its_weakest_pairs() -> None:
    graph = [
        pair(0, 1, 50),
        pair(1, 2, 60),
        pair(2, 3, 10),
        pair(3, 4, 70),
        pair(4, 5, 80),
        pair(6, 7, 9),
        pair(3, 5, 9),
    ]
    assert [sorted(photos) for photos, _ in parts(8, graph, 6)] == [[0, 1, 2, 3, 4, 5], [6, 7]]
    found = parts(8, graph, 5)
    assert [sorted(photos) for photos, _ in found] == [[0], [1, 2], [3, 4, 5], [6, 7]]
    assert [[(one.one, one.other) for one in own] for _, own in found] == [[], [(1, 2)], [(3, 4), (4, 5)], [(6, 7)]]
    told: list[tuple[int, int]] = []
    assert reconstruct([], [], [], progress=lambda *done: told.append(done)) == told == []


def model(*images: int) -> Model:
    none = [np.zeros(1, np.int64)] * len(images)
    return Model(np.array(images), np.zeros((len(images), 3)), none, [np.ones(1)] * len(images))


def test_clusters_are_models_and_what_no_model_has() -> None:
    graph = [pair(0, 1, 90), pair(1, 2, 90), pair(2, 3, 20), pair(4, 5, 70), pair(5, 6, 70), pair(2, 4, 15)]
    # 3 is alone and joins the model; 4 to 6 match each other, and one pair joins no groups.
    assert clusters_of_models(8, [model(0, 1, 2)], graph).tolist() == [0, 0, 0, 0, 1, 1, 1, 2]


def test_models_with_a_common_photo_are_one_cluster() -> None:
    assert clusters_of_models(6, [model(0, 1, 2), model(2, 3, 4)], []).tolist() == [0, 0, 0, 0, 0, 1]


def test_a_missing_pycolmap_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    monkeypatch.setattr("resight.training.mining.reconstruction.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'resight\[train\]'"):
        reconstruct([], [], [])
