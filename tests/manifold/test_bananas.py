"""The toy of three curved manifolds."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.manifold.bananas import BACKGROUND, banana_manifolds, lifted


def test_three_manifolds_and_background_repeat_by_their_generator() -> None:
    points, labels = banana_manifolds(np.random.default_rng(5), 40, 7)
    assert points.shape == (127, 2)
    assert np.bincount(labels + 1).tolist() == [7, 40, 40, 40]
    assert labels[-1] == BACKGROUND
    again, _ = banana_manifolds(np.random.default_rng(5), 40, 7)
    assert np.array_equal(points, again)
    assert not np.array_equal(points, banana_manifolds(np.random.default_rng(6), 40, 7)[0])


def test_distance_alone_does_not_tell_the_manifolds_apart() -> None:
    points, labels = banana_manifolds(np.random.default_rng(0), background=0)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    first = labels[np.argsort(distances, axis=1)[:, 1:100]]
    assert (first == labels[:, None]).mean() < 0.75
    # But neighbour by neighbour they are: each is one strip.
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.98


def test_lifted_points_have_the_kernel_as_inner_products() -> None:
    points, _ = banana_manifolds(np.random.default_rng(1), 30, 10)
    x = lifted(points, 0.4)
    assert x.dtype == np.float32
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    assert x @ x.T == pytest.approx(np.exp(-squares / 0.32), abs=1e-5)
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(100), abs=1e-6)
    assert lifted(np.zeros((3, 2))).shape == (3, 1)


def test_nonsense_is_refused() -> None:
    rng = np.random.default_rng(0)
    for points, background in ((0, 5), (5, -1)):
        with pytest.raises(UsageError, match="cannot be drawn"):
            banana_manifolds(rng, points, background)
    for wrong in (np.empty((0, 2)), np.zeros((3, 3)), np.array([[0.0, np.nan]])):
        with pytest.raises(UsageError, match="are lifted"):
            lifted(wrong)
    with pytest.raises(UsageError, match="are lifted"):
        lifted(np.zeros((3, 2)), 0.0)
