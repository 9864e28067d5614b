"""Windows of images that have the words of a query, and expansion with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from resight.rerank.window_expansion import WindowExpansionLook
from resight.rerank.window_kinds import WindowExpansion, Windows
from resight.rerank.window_scores import (
    WINDOWS,
    CountedWords,
    counted_words,
    window_scores,
    windows,
    with_moved_sides,
)
from resight.rerank.windows import WindowLook, query_parts, similar_shapes, within
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector

VOCABULARY = 40


def image_of(grid: np.ndarray, size: tuple[int, int], weights: np.ndarray | None = None, **more: object) -> ImageWords:
    """Returns an image whose assignment map is `grid` (h, w), each position in the middle of its cell."""
    height, width = grid.shape
    x = (np.arange(width) + 0.5) * size[0] / width
    y = (np.arange(height) + 0.5) * size[1] / height
    xy = np.stack([np.tile(x, height), np.repeat(y, width)], axis=1).astype(np.float32)
    order = np.argsort(grid.ravel(), kind="stable")
    m = grid.size
    return ImageWords(
        words=grid.ravel()[order].astype(np.int32),
        features=order.astype(np.int32),
        xy=xy,
        scale=np.ones(m, np.float32),
        angle=np.zeros(m, np.float32),
        size=size,
        weights=None if weights is None else weights.ravel()[order].astype(np.float32),
        **more,  # type: ignore[arg-type]
    )


@dataclass
class Bags:
    """A collection of bags of words, whose ids are those of the mapping."""

    images: Mapping[int, ImageWords]
    factors: np.ndarray

    def words(self, image: int) -> ImageWords:
        return self.images[image]

    def word_vector(self, words: ImageWords) -> WordVector:
        counts = np.bincount(words.words, words.weights, minlength=VOCABULARY) * self.factors
        present = np.unique(words.words)
        return WordVector(present.astype(np.int32), counts[present])

    def search(self, query: WordVector, k: int) -> Ranking:
        asked = np.zeros(VOCABULARY)
        asked[query.words] = query.values
        scores = {}
        for image, words in self.images.items():
            own = np.bincount(words.words, words.weights, minlength=VOCABULARY) * self.factors
            scores[image] = float(own @ asked / max(np.linalg.norm(own) * np.linalg.norm(asked), 1e-12))
        order = sorted(scores, key=lambda one: -scores[one])
        kept = [one for one in order if scores[one] > 0][:k]
        return Ranking(np.array(kept, np.int64), np.array([scores[one] for one in kept], np.float32))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    norms = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / norms) if norms > 0 else 0.0


def quarters(grid: np.ndarray) -> list[np.ndarray]:
    h, w = grid.shape[0] // 2, grid.shape[1] // 2
    return [grid, grid[:h, :w], grid[:h, w:], grid[h:, :w], grid[h:, w:]]


def naive_scores(
    query: np.ndarray, grid: np.ndarray, weights: np.ndarray, factors: np.ndarray, damping: float
) -> list[float]:
    """The score of every window of an assignment map whose sides are multiples of 8."""

    def histogram(words: np.ndarray, own: np.ndarray) -> np.ndarray:
        return np.bincount(words.ravel(), own.ravel(), minlength=VOCABULARY) * factors

    def damped(one: np.ndarray, other: np.ndarray) -> float:
        norms = np.linalg.norm(one) * np.sqrt(other @ other + damping * whole)
        return float(one @ other / norms) if norms > 0 else 0.0

    unit = np.array(grid.shape) // 8
    all_of_it = histogram(grid, weights)
    whole = all_of_it @ all_of_it
    scores = []
    for x0, y0, x1, y1 in windows().tolist():
        part = np.s_[y0 * unit[0] : y1 * unit[0], x0 * unit[1] : x1 * unit[1]]
        pairs = zip(quarters(query), quarters(grid[part]), quarters(weights[part]), strict=True)
        cosines = [damped(histogram(q, np.ones(q.shape)), histogram(words, own)) for q, words, own in pairs]
        scores.append((0.5 * cosines[0] + sum(cosines[1:])) / 4.5)
    return scores


def test_windows_are_halves_and_quarters_that_overlap_by_half() -> None:
    sides = [(h, w) for h in (8, 4, 2) for w in (8, 4, 2)]
    naive = {
        (x, y, x + w, y + h) for h, w in sides for y in range(0, 8 - h + 1, h // 2) for x in range(0, 8 - w + 1, w // 2)
    }
    assert {tuple(box) for box in WINDOWS.tolist()} == naive
    assert len(WINDOWS) == 121
    assert WINDOWS[0].tolist() == [0, 0, 8, 8]


def test_only_windows_of_about_the_shape_of_the_query_count() -> None:
    size, query = (300, 200), (10.0, 20.0, 70.0, 50.0)
    chosen = similar_shapes(size, query, 0.4)
    for window, kept in zip(WINDOWS.tolist(), chosen.tolist(), strict=True):
        own = ((window[2] - window[0]) / 8 * 300) / ((window[3] - window[1]) / 8 * 200)
        assert kept == (min(own, 2.0) / max(own, 2.0) >= 0.4)
    assert 0 < chosen.sum() < len(WINDOWS)
    assert similar_shapes(size, (0.0, 0.0, 0.0, 5.0), 0.4).all()
    assert similar_shapes((0, 0), query, 0.4).all()


def test_a_window_without_words_has_no_score() -> None:
    rng = np.random.default_rng(0)
    grid = rng.integers(0, 8, (8, 8))
    weights = np.rint(rng.random((8, 8)) * 255) / 255
    left = image_of(grid, (240, 160), weights)
    image = replace(left, xy=left.xy * np.float32([0.5, 1.0]))
    present = np.unique(grid)
    factors = (rng.random(8) + 0.5)[present]
    vector = WordVector(present.astype(np.int32), factors * np.bincount(grid.ravel(), weights.ravel())[present])
    parts = rng.random((5, len(present))).astype(np.float32)
    scores = window_scores(counted_words(present, parts, image, vector), np.ones(len(WINDOWS), np.bool_))
    empty = WINDOWS[:, 0] >= 4
    assert scores[~empty].max() > 0
    np.testing.assert_array_equal(scores[empty], 0)


@pytest.mark.parametrize("damping", [0.0, 0.3])
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("shape", [(8, 8), (16, 24), (32, 8)])
def test_scores_are_those_of_histograms_counted_one_by_one(
    shape: tuple[int, int], weighed: bool, damping: float
) -> None:
    rng = np.random.default_rng(shape[1])
    grid, asked = rng.integers(0, VOCABULARY, shape), rng.integers(0, VOCABULARY, (6, 10))
    weights = np.rint(rng.random(shape) * 255) / 255 if weighed else np.ones(shape)
    factors = rng.random(VOCABULARY) + 0.5
    image = image_of(grid, (240, 160), weights if weighed else None)
    collection = Bags({1: image}, factors)
    parts = query_parts(image_of(asked, (60, 40), box=(0.0, 0.0, 60.0, 40.0)), collection)  # type: ignore[arg-type]
    assert parts is not None
    own = collection.word_vector(image)
    counted = counted_words(parts.words, parts.vectors, image, own, damping)
    found = window_scores(counted, np.ones(121, np.bool_))
    np.testing.assert_allclose(found, naive_scores(asked, grid, weights, factors, damping), atol=2e-5)
    none = window_scores(counted, np.zeros(121, np.bool_))
    assert not none.any()


def planted(place: tuple[int, int], query: np.ndarray, seed: int) -> np.ndarray:
    """Returns an assignment map (16, 16) of other words, with those of the query at (column, row)."""
    grid = np.random.default_rng(seed).integers(20, VOCABULARY, (16, 16))
    x, y = place
    grid[y : y + query.shape[0], x : x + query.shape[1]] = query
    return grid


def test_the_window_that_has_the_query_is_found_and_gives_the_image_its_place() -> None:
    query = np.random.default_rng(9).integers(0, 20, (4, 4))
    shuffled = np.random.default_rng(3).permutation(query.ravel()).reshape(4, 4)
    images = {
        3: image_of(np.random.default_rng(1).integers(20, VOCABULARY, (16, 16)), (160, 160)),
        5: image_of(planted((4, 8), query, 2), (160, 160)),
        7: image_of(planted((4, 8), shuffled, 2), (160, 160)),
        9: image_of(np.zeros((0, 0), np.int64), (160, 160)),
    }
    collection = Bags(images, np.ones(VOCABULARY))
    before = Ranking(np.array([9, 3, 7, 5, 8]), np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32))
    look = WindowLook(Windows(top=4), collection)  # type: ignore[arg-type]
    found = look(image_of(query, (40, 40)), before)
    # The same words in other places have the same histogram, and other quarters.
    assert found.ids.tolist() == [5, 7, 9, 3, 8]
    assert found.scores[0] == pytest.approx(1.0, abs=1e-5)
    assert found.scores[1] < 0.9
    assert found.boxes[5] == (40.0, 80.0, 80.0, 120.0)
    assert 9 not in found.boxes
    halves = WindowLook(Windows(top=4, least_side=0.5), collection)(image_of(query, (40, 40)), before)  # type: ignore[arg-type]
    assert {box[2] - box[0] for box in halves.boxes.values()} <= {80.0, 160.0}
    assert (np.diff(found.scores) <= 0).all()


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


def naive_box_score(counted: CountedWords, box: tuple[int, ...]) -> float:
    def part(x0: int, y0: int, x1: int, y1: int) -> tuple[np.ndarray, float]:
        counts, met = (
            one[y1, x1] - one[y0, x1] - one[y1, x0] + one[y0, x0]
            for one in (counted.integral.astype(np.float64), counted.met.astype(np.float64))
        )
        return met, float(np.sqrt(counts @ counts + counted.least))

    x0, y0, x1, y1 = box
    x, y = (x0 + x1) // 2, (y0 + y1) // 2
    parts = [(x0, y0, x1, y1), (x0, y0, x, y), (x, y0, x1, y), (x0, y, x, y1), (x, y, x1, y1)]
    found = [part(*one) for one in parts]
    cosines = [float(met @ asked) / norm for (met, norm), asked in zip(found, counted.asked, strict=True)]
    return (0.5 * cosines[0] + sum(cosines[1:])) / 4.5


def test_sides_move_to_where_no_single_step_gains() -> None:
    rng = np.random.default_rng(12)
    query = rng.integers(0, 20, (6, 6))
    image = image_of(planted((5, 3), query, 2), (160, 160))
    collection = Bags({5: image}, np.ones(VOCABULARY))
    parts = query_parts(image_of(query, (60, 60)), collection)  # type: ignore[arg-type]
    assert parts is not None
    counted = counted_words(parts.words, parts.vectors, image, collection.word_vector(image), 0.05)
    start = WINDOWS[window_scores(counted, np.ones(121, np.bool_)).argmax()]
    moved = with_moved_sides(counted, start, 1.0, 0.6)
    score = naive_box_score(counted, tuple(moved.tolist()))
    assert score > naive_box_score(counted, tuple(start.tolist())) + 1e-3
    for side in range(4):
        for step in (-1, 1):
            tried = moved.copy()
            tried[side] += step
            width, height = tried[2] - tried[0], tried[3] - tried[1]
            if 0 <= tried[side] <= 8 and min(width, height) >= max(2, 0.6 * max(width, height)):
                assert naive_box_score(counted, tuple(tried.tolist())) < score + 1e-5
    # No window of the shape is a step away: it stays.
    assert with_moved_sides(counted, start, 9.0, 1.0).tolist() == start.tolist()


def test_a_look_whose_windows_move_finds_the_place_more_exactly_with_the_same_scores() -> None:
    query = np.random.default_rng(12).integers(0, 20, (6, 6))
    images = {5: image_of(planted((6, 2), query, 2), (160, 160))}
    collection, before = Bags(images, np.ones(VOCABULARY)), Ranking(np.array([5]), np.ones(1, np.float32))
    fixed, moving = (
        WindowLook(Windows(damping=0.05, moves=moves), collection)(image_of(query, (60, 60)), before)  # type: ignore[arg-type]
        for moves in (False, True)
    )
    assert fixed.scores.tolist() == moving.scores.tolist()
    found = [overlap(look.boxes[5], (60.0, 20.0, 120.0, 80.0)) for look in (fixed, moving)]
    assert found[1] > max(found[0] + 0.1, 0.7)


def test_a_box_in_the_whole_query_is_what_windows_are_compared_with() -> None:
    query = np.random.default_rng(9).integers(0, 20, (4, 4))
    around = planted((8, 4), query, 6)
    collection = Bags({5: image_of(planted((4, 8), query, 2), (160, 160))}, np.ones(VOCABULARY))
    asked = image_of(around, (160, 160), box=(80.0, 40.0, 120.0, 80.0))
    look = WindowLook(Windows(), collection)  # type: ignore[arg-type]
    found = look(asked, Ranking(np.array([5]), np.ones(1, np.float32)))
    assert found.boxes[5] == (40.0, 80.0, 80.0, 120.0)
    assert len(within(asked, (80.0, 40.0, 120.0, 80.0))) == 16
    empty = image_of(around, (160, 160), box=(500.0, 500.0, 600.0, 600.0))
    before = Ranking(np.array([5]), np.ones(1, np.float32))
    assert look(empty, before) is before


def test_expansion_asks_with_the_mean_of_the_box_and_the_windows() -> None:
    rng = np.random.default_rng(4)
    factors = rng.random(VOCABULARY) + 0.5
    images = {one: image_of(rng.integers(0, VOCABULARY, (8, 8)), (80, 80)) for one in (1, 2, 3, 4)}
    collection = Bags(images, factors)
    query = image_of(rng.integers(0, VOCABULARY, (8, 8)), (80, 80), box=(0.0, 0.0, 40.0, 80.0))
    before = Ranking(np.array([2, 1, 4, 3]), np.array([4, 3, 2, 1], np.float32), boxes={2: (0.0, 0.0, 40.0, 40.0)})
    look = WindowExpansionLook(WindowExpansion(top=2), collection)  # type: ignore[arg-type]
    found = look(query, before)

    def vector(words: ImageWords, box: tuple[float, float, float, float] | None) -> np.ndarray:
        total = np.zeros(VOCABULARY)
        for word, feature in zip(words.words.tolist(), words.features.tolist(), strict=True):
            x, y = words.xy[feature].tolist()
            if box is None or (box[0] <= x < box[2] and box[1] <= y < box[3]):
                total[word] += factors[word]
        return total / np.linalg.norm(total)

    mean = (vector(query, query.box) + vector(images[2], before.boxes[2]) + vector(images[1], None)) / 3
    expected = {one: cosine(vector(words, None), mean) for one, words in images.items()}
    assert found.ids.tolist() == sorted(expected, key=lambda one: -expected[one])
    for image, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
        assert score == pytest.approx(expected[image], abs=1e-5)
    assert found.boxes == before.boxes
