"""The images of a step have few shapes, and are the same whenever they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from resight.arrays import Pixels
from resight.training.drawing import Seen
from resight.training.kinds import PhotoSizes
from resight.training.photos import TrainingPhotos
from resight.training.views import Views


class Given:
    """Photos of random pixels."""

    def __init__(self, sizes: Sequence[tuple[int, int]]) -> None:
        rng = np.random.default_rng(0)
        self._pixels = [rng.integers(0, 256, (height, width, 3), np.uint8) for width, height in sizes]

    def __getitem__(self, row: int) -> Pixels:
        return self._pixels[row]

    def size(self, row: int) -> tuple[int, int]:
        height, width = self._pixels[row].shape[:2]
        return width, height


SIZES = [(200, 150), (150, 200), (200, 200), (200, 20), (90, 60)]


@pytest.fixture
def views() -> Views:
    return Views(cast("TrainingPhotos", Given(SIZES)), PhotoSizes(side=128, multiple=32), np.arange(5), least=40)


def test_sides_are_multiples_and_no_side_is_too_short(views: Views) -> None:
    assert [views.size(row) for row in range(5)] == [(128, 96), (96, 128), (128, 128), (128, 40), (128, 96)]
    square = Views(cast("TrainingPhotos", Given(SIZES)), PhotoSizes(side=128), np.arange(5), square=224)
    assert {square.size(row) for row in range(5)} == {(224, 224)}


@pytest.mark.parametrize("look", ["plain", "mild", "strong"])
def test_the_same_request_gives_the_same_image(views: Views, look: str) -> None:
    one = Seen(0, look, (1, 2))  # type: ignore[arg-type]
    image = views.image(one)
    assert image.shape == (96, 128, 3)
    assert np.array_equal(image, views.image(one))
    other = views.image(Seen(0, look, (1, 3)))  # type: ignore[arg-type]
    assert np.array_equal(image, other) == (look == "plain")


def test_images_of_one_shape_run_together(views: Views) -> None:
    images = [views.image(Seen(row, "plain", ())) for row in (0, 1, 4, 2, 1)]
    batches = views.batches(images)
    assert sorted(batch.numbers.tolist() for batch in batches) == [[0, 2], [1, 4], [3]]
    for batch in batches:
        for number, pixels in zip(batch.numbers, batch.images, strict=True):
            assert np.array_equal(pixels, images[number])
