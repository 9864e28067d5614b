"""Matches of words under one epipolar geometry."""

from __future__ import annotations

import numpy as np
import pytest

from resight.arrays import Float32
from resight.rerank.geometry import Correspondences
from resight.training.mining.epipolar import LOOSE, NEAR, NEIGHBOURS, TURN, ZOOM, each_once, match_photos, support
from resight.words.evidence import ImageWords

SIZE = (1000, 800)


def seen(points: Float32, shift: float, zoom: float) -> tuple[Float32, Float32]:
    """Positions and scales of points (n, 3) by a camera that has moved aside; features are as large as near points."""
    near = 1.0 / points[:, 2]
    xy = np.column_stack([(points[:, 0] - shift) * near, points[:, 1] * near]) * 600 * zoom + np.array(SIZE) / 2
    return xy.astype(np.float32), (12 * near * zoom).astype(np.float32)


def photo(xy: Float32, scale: Float32, words: np.ndarray, rng: np.random.Generator) -> ImageWords:
    order = np.argsort(words, kind="stable").astype(np.int32)
    angle = rng.normal(0.0, 0.03, len(xy)).astype(np.float32)
    return ImageWords(words[order].astype(np.int32), order, xy, scale, angle, SIZE)


def two_photos(rng: np.random.Generator, points: int, noise: int, words: int = 0) -> tuple[ImageWords, ImageWords]:
    """Two photos of a relief; of the first `points` features each is the same in both, the others are chance.

    words: of the others; each has its own where 0.
    """
    where = np.column_stack([rng.uniform(-1.2, 1.2, points), rng.uniform(-1, 1, points), np.zeros(points)])
    where[:, 2] = 2.0 + 0.4 * np.sin(2 * where[:, 0])
    photos = []
    for shift, zoom in ((0.0, 1.0), (0.3, 1.2)):
        xy, scale = seen(where, shift, zoom)
        other = rng.uniform(0, SIZE, (noise, 2)).astype(np.float32)
        scales = np.concatenate([scale, rng.uniform(2, 20, noise).astype(np.float32)])
        chance = rng.integers(0, words, noise) if words else rng.permutation(noise)
        every = np.concatenate([np.arange(points), points + chance])
        photos.append(photo(np.concatenate([xy, other]), scales, every, rng))
    return photos[0], photos[1]


def test_what_both_photos_show_is_matched_among_as_much_chance() -> None:
    one, other = two_photos(np.random.default_rng(1), points=150, noise=300)
    rows = match_photos(one, other, 64)
    right = (rows[:, 0] == rows[:, 1]) & (rows[:, 0] < 150)
    assert right.sum() > 120
    assert right.mean() > 0.95
    assert len(np.unique(rows[:, 0])) == len(np.unique(rows[:, 1])) == len(rows)


def test_what_repeats_is_not_matched_because_it_lies_on_a_line() -> None:
    one, other = two_photos(np.random.default_rng(1), points=150, noise=400, words=20)
    rows = match_photos(one, other, 64)
    assert ((rows[:, 0] == rows[:, 1]) & (rows[:, 0] < 150)).mean() > 0.97


def test_photos_of_nothing_in_common_match_hardly_anywhere() -> None:
    counts = [len(match_photos(*two_photos(np.random.default_rng(seed), points=0, noise=500), 64)) for seed in range(5)]
    assert max(counts) < 8


def test_photos_without_words_match_nowhere() -> None:
    rng = np.random.default_rng(2)
    one, _ = two_photos(rng, points=20, noise=0)
    none = photo(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), rng)
    assert match_photos(one, none, 64).shape == (0, 2)
    assert match_photos(none, one, 64).shape == (0, 2)


def test_a_line_of_points_has_no_epipolar_geometry() -> None:
    rng = np.random.default_rng(3)
    xy = np.column_stack([np.linspace(10, 900, 60), np.full(60, 300.0)]).astype(np.float32)
    one = photo(xy, np.full(60, 5, np.float32), np.arange(60), rng)
    assert len(match_photos(one, one, 64)) <= 60


def test_each_feature_is_matched_once_with_the_most_similar() -> None:
    rows, others = np.array([0, 0, 1, 2, 2], np.int32), np.array([0, 1, 1, 2, 3], np.int32)
    similar = np.array([0.5, 0.9, 0.7, 0.4, 0.4], np.float32)
    found = each_once((rows, others, similar))
    # 1 goes to 0, not to 1, which has nothing else; of equal ones the first counts.
    assert list(zip(*(one.tolist() for one in found[:2]), strict=True)) == [(0, 1), (2, 2)]


@pytest.mark.parametrize("seed", range(3))
def test_support_is_that_of_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, long_side = 40, 500

    def some(count: int) -> Correspondences:
        xy = rng.uniform(0, 300, (count, 2)).astype(np.float32)
        near = (xy * 1.1 + rng.normal(0, 8, (count, 2))).astype(np.float32)
        scales, angles = rng.uniform(2, 4, (2, count)), rng.normal(0, 0.3, (2, count))
        parts = [part.astype(np.float32) for part in (scales[0], angles[0], scales[1], angles[1])]
        return Correspondences(xy, parts[0], parts[1], near, parts[2], parts[3], np.ones(count, np.float32))

    given, among = some(n), some(50)
    expected = []
    for i in range(n):
        distance = np.hypot(*(among.query_xy - given.query_xy[i]).astype(np.float64).T)
        zoom, turn = given.image_scale[i] / given.query_scale[i], given.image_angle[i] - given.query_angle[i]
        rotation = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        count = 0
        for j in np.argsort(distance)[: NEIGHBOURS + 1]:
            step = rotation @ (among.query_xy[j] - given.query_xy[i])
            off = np.hypot(*(step - (among.image_xy[j] - given.image_xy[i])))
            grown = np.log(among.image_scale[j] / among.query_scale[j] / zoom)
            turned = (among.image_angle[j] - among.query_angle[j] - turn + np.pi) % (2 * np.pi) - np.pi
            agrees = off <= LOOSE * np.hypot(*step) + NEAR * long_side and abs(grown) <= ZOOM and abs(turned) <= TURN
            count += agrees and distance[j] > 2.0
        expected.append(count)
    assert support(given, among, long_side).tolist() == expected
    assert sum(expected) > 0
