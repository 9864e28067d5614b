"""Pooling in cells."""

from __future__ import annotations

import numpy as np
import pytest

from resight.descriptors.kinds import Pyramid
from resight.descriptors.pooling import gem
from resight.descriptors.spatial import pyramid
from resight.errors import UsageError
from resight.features.image_maps import ImageMaps
from resight.learned.whitening import Whitening


def test_each_cell_is_pooled_by_itself_in_the_order_of_rows() -> None:
    maps = np.random.default_rng(0).random((2, 3, 4, 6), np.float32)
    found = pyramid(maps, (1, 2), 3.0)
    naive = [gem(maps, 3.0)]
    naive += [gem(maps[:, :, y : y + 2, x : x + 3], 3.0) for y in (0, 2) for x in (0, 3)]
    np.testing.assert_allclose(found, np.concatenate(naive, axis=1), rtol=1e-5)


def test_fewer_positions_than_cells_are_shared() -> None:
    maps = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 2, 2)
    found = pyramid(maps, (4,), 1.0)[0]
    np.testing.assert_allclose(found[[0, 3, 12, 15]], [1, 2, 3, 4], rtol=1e-5)
    np.testing.assert_allclose(found[[0, 1, 4, 5]], 1.0, rtol=1e-5)


def test_a_grid_without_cells_is_refused() -> None:
    with pytest.raises(UsageError, match="without cells"):
        pyramid(np.ones((1, 1, 2, 2), np.float32), (0,))


def test_cells_are_whitened_one_by_one_and_an_empty_one_stays_weak() -> None:
    rng = np.random.default_rng(0)
    method = Pyramid(levels=(2,), whitening="pairs", whitened="cells", dimensions=3, fit="some.npz")
    maps = rng.random((5, 4, 4)).astype(np.float32)
    whitening = Whitening(rng.random(5).astype(np.float32), rng.random((3, 5)).astype(np.float32))
    image = ImageMaps((maps,), (None,), (4, 4), ((4, 4),))
    cells = pyramid(maps[None], (2,))[0].reshape(4, 5)
    cells = cells / np.linalg.norm(cells)
    naive = np.concatenate([whitening.projection @ (cell - whitening.mean) for cell in cells])
    np.testing.assert_allclose(method.describe(image, whitening, {}), naive / np.linalg.norm(naive), rtol=1e-4)


def test_a_whitening_of_pairs_is_not_fitted_on_a_collection() -> None:
    with pytest.raises(ValueError, match="learned on pairs that match"):
        Pyramid(whitening="pairs", fit="collection")
