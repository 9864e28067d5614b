"""The photos that whitenings are fitted on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from resight.errors import UsageError
from resight.training.examining import Sample, sample_of
from resight.training.kinds import TrainingRecipe
from resight.training.material import AnchorRow, Material
from resight.training.photos import TrainingPhotos
from resight.training.validation import Validation
from resight.training.views import Views

COUNT = 1000


def sample(pairs: int, **product: object) -> Sample:
    """The images of a collection with few pairs; none is decoded."""
    recipe = TrainingRecipe.model_validate({"name": "some", "descriptor": "rmac-lite0", "product": product})
    names = [f"{row}.jpg" for row in range(COUNT)]
    photos = TrainingPhotos(names, {name: Path(name) for name in names}, [], np.zeros(0, np.uint8), [], [])
    anchors = [AnchorRow(row, (row + 500, row + 501) if row < pairs else (), (), 1.0) for row in range(400)]
    material = Material(anchors, np.arange(COUNT), np.arange(COUNT), [frozenset([row]) for row in range(COUNT)])
    nothing = np.zeros(0, np.int64)
    views = Views(photos, recipe.photos, nothing)
    held = np.zeros(COUNT, np.bool_)
    return sample_of(recipe, photos, material, held, Validation([], nothing, nothing), views, 100)


def test_half_of_the_photos_are_pairs() -> None:
    for count in (2, 3, 40):
        found = sample(400, photos=count, views=0)
        assert found.photos == count
        assert len(found.pairs) >= max(1, count // 4)
        assert found.pairs.max() < count


def test_few_pairs_are_all_there() -> None:
    found = sample(3, photos=60, views=0)
    assert found.photos == 60
    assert len(found.pairs) >= 3
    assert len(sample(3, photos=60, views=0, whitening="pca").pairs) == 0


def test_no_pair_to_learn_on_is_an_error() -> None:
    with pytest.raises(UsageError, match=r'set product.views = 1, or product.whitening = "pca"'):
        sample(0, photos=60, views=0)
    assert len(sample(0, photos=60, views=1).pairs) == 60
    assert len(sample(0, photos=60, views=0, whitening="pca").pairs) == 0
