"""Pictures of words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index_samples import collection, write
from resight.errors import UsageError
from resight.index.index import Index
from resight.index.queries import Query
from resight.show.word_pictures import word_pictures
from resight.show.words import draw_weights, draw_words, most_shared, word_colour
from resight.words.evidence import ImageWords

RECIPE = """
name = "small"
[features]
kind = "convolutional"
network = "resnet18"
layer = "layer2"
max_side = 96
runtime = "torch"
box = "mask"
saliency = "gaussian"
[features.checkpoint]
source = "random"
[words]
kind = "blcf"
size = 16
dimensions = 8
fit = "collection"
"""


def words_of(grid: np.ndarray, side: int, weights: np.ndarray | None = None) -> ImageWords:
    height, width = grid.shape
    xy = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=2).reshape(-1, 2) * side
    order = np.argsort(grid.ravel(), kind="stable")
    m = grid.size
    return ImageWords(
        grid.ravel()[order].astype(np.int32),
        order.astype(np.int32),
        xy.astype(np.float32),
        np.ones(m, np.float32),
        np.zeros(m, np.float32),
        (width * side, height * side),
        None if weights is None else weights.ravel()[order].astype(np.float32),
    )


def test_each_position_has_the_colour_of_its_word_at_its_place() -> None:
    grid = np.array([[1, 2, 3], [2, 1, 5]])
    photo = np.full((40, 60, 3), 100, np.uint8)
    picture = draw_words(photo, words_of(grid, 20))
    for row in range(2):
        for column in range(3):
            expected = 0.6 * np.array(word_colour(int(grid[row, column]))) + 0.4 * 100
            cell = picture[20 * row : 20 * row + 20, 20 * column : 20 * column + 20]
            np.testing.assert_allclose(cell, np.broadcast_to(expected, cell.shape), atol=1.1)
    assert len({word_colour(word) for word in range(300)}) > 290
    half = draw_words(photo[::2, ::2], words_of(grid, 20))
    assert half.shape == (20, 30, 3)
    np.testing.assert_array_equal(half[5, 5], picture[10, 10])


def test_only_chosen_words_are_drawn_and_weights_are_bright() -> None:
    grid = np.array([[1, 2], [3, 4]])
    photo = np.full((40, 40, 3), 100, np.uint8)
    words = words_of(grid, 20, np.array([[0.0, 1.0], [0.5, 0.0]]))
    picture = draw_words(photo, words, words.words == 4)
    assert (picture[:20] == 100).all()
    assert (picture[30, 30] != 100).any()
    weights = draw_weights(photo, words).astype(int).sum(axis=2)
    assert weights[10, 30] > weights[30, 10] > weights[10, 10]
    empty = words_of(np.zeros((0, 0), np.int64), 20)
    np.testing.assert_array_equal(draw_words(photo, empty), photo)
    with pytest.raises(UsageError):
        draw_words(photo[..., 0], words)


def test_the_words_that_add_most_are_those_with_the_largest_products() -> None:
    query, image = words_of(np.array([[1, 1, 2, 3]]), 8), words_of(np.array([[2, 2, 2, 2], [1, 3, 9, 9]]), 8)
    assert most_shared(query, image, 2).tolist() == [2, 1]
    assert sorted(most_shared(query, image, 9).tolist()) == [1, 2, 3]
    weighed = words_of(np.array([[1, 3]]), 8, np.array([[0.1, 0.9]]))
    assert most_shared(query, weighed, 1).tolist() == [3]


def test_an_index_shows_its_words_and_those_of_a_query(tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    photos = collection(3)
    folder = write(tmp_path / "photos", photos)
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(folder)
    name = next(iter(photos))
    size = Image.open(folder / name).size
    plain = word_pictures(index.collection, name)
    assert list(plain) == ["words", "weights"]
    query = Query(folder / name, box=(0.0, 0.0, size[0] / 2, float(size[1])))
    found = word_pictures(index.collection, name, query)
    assert list(found) == ["words", "weights", "query", "shared words"]
    shown = found["query"].astype(int)
    coloured = np.ptp(shown, axis=2) > 8
    # What was asked for is the left half.
    assert coloured[:, : shown.shape[1] // 2 - 8].mean() > 0.5
    assert not coloured[:, shown.shape[1] // 2 + 12 :].any()
    with pytest.raises(UsageError, match="no photo in the index"):
        word_pictures(index.collection, "nothing.jpg")
