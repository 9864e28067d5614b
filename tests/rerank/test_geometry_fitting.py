"""Least-squares fits against numpy's own, and against exact transforms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resight.rerank.fitting import AFFINE, HOMOGRAPHY, SIMILARITY, fit, moments
from resight.rerank.geometry import project

EXACT = {
    SIMILARITY: np.array([[0.8, -0.6, 30.0], [0.6, 0.8, -9.0], [0.0, 0.0, 1.0]]),
    AFFINE: np.array([[0.8, -0.2, 30.0], [0.7, 1.1, -9.0], [0.0, 0.0, 1.0]]),
    HOMOGRAPHY: np.array([[0.8, -0.2, 30.0], [0.7, 1.1, -9.0], [2e-4, -3e-4, 1.0]]),
}


def points(transform: NDArray[np.float64], rng: np.random.Generator, noise: float = 0.0) -> NDArray[np.float64]:
    query = rng.uniform(0, 500, (30, 2))
    return np.ascontiguousarray(np.hstack([query, project(transform, query) + noise * rng.normal(size=query.shape)]).T)


@pytest.mark.parametrize("kind", [SIMILARITY, AFFINE, HOMOGRAPHY])
def test_exact_points_give_back_their_transform(kind: int) -> None:
    rng = np.random.default_rng(kind)
    rows = np.arange(3, 20)
    found = fit(kind, points(EXACT[kind], rng), rows, EXACT[kind])
    np.testing.assert_allclose(found, EXACT[kind], rtol=1e-6, atol=1e-6)


def test_similarity_is_the_linear_least_squares_solution() -> None:
    rng = np.random.default_rng(0)
    given = points(EXACT[AFFINE], rng, noise=3.0)
    x, y, u, v = given
    one, zero = np.ones_like(x), np.zeros_like(x)
    a = np.vstack([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    p, q, tx, ty = np.linalg.lstsq(a, np.concatenate([u, v]), rcond=None)[0]
    found = fit(SIMILARITY, given, np.arange(30), np.eye(3))
    np.testing.assert_allclose(found, [[p, -q, tx], [q, p, ty], [0, 0, 1]], atol=1e-8)


def test_affine_is_the_linear_least_squares_solution() -> None:
    rng = np.random.default_rng(1)
    given = points(EXACT[HOMOGRAPHY], rng, noise=3.0)
    a = np.column_stack([given[0], given[1], np.ones(30)])
    expected = np.linalg.lstsq(a, given[2:].T, rcond=None)[0].T
    np.testing.assert_allclose(fit(AFFINE, given, np.arange(30), np.eye(3))[:2], expected, atol=1e-7)


def test_homography_fitted_again_has_nearly_the_least_transfer_error() -> None:
    from scipy.optimize import least_squares

    rng = np.random.default_rng(2)
    given = points(EXACT[HOMOGRAPHY], rng, noise=1.0)
    found = np.eye(3)
    for _ in range(4):
        found = fit(HOMOGRAPHY, given, np.arange(30), found)

    def residuals(h: NDArray[np.float64]) -> NDArray[np.float64]:
        return (project(np.append(h, 1.0).reshape(3, 3), given[:2].T) - given[2:].T).ravel()

    best = least_squares(residuals, EXACT[HOMOGRAPHY].ravel()[:8], x_scale="jac")
    assert np.square(residuals(found.ravel()[:8])).sum() <= 1.02 * 2 * best.cost


@pytest.mark.parametrize("kind", [AFFINE, HOMOGRAPHY])
def test_points_on_a_line_determine_neither_affine_nor_homography(kind: int) -> None:
    x = np.linspace(0, 100, 20)
    line = np.vstack([x, 2 * x, 3 * x, x])
    assert fit(kind, line, np.arange(20), np.eye(3))[2, 2] == 0


@pytest.mark.parametrize("kind", [SIMILARITY, AFFINE, HOMOGRAPHY])
def test_a_single_place_determines_nothing(kind: int) -> None:
    assert fit(kind, np.full((4, 20), 7.0), np.arange(20), np.eye(3))[2, 2] == 0


def test_moments_are_those_of_numpy() -> None:
    rng = np.random.default_rng(3)
    given, rows = rng.normal(size=(4, 50)), np.array([4, 9, 11, 30])
    x, y, xx, xy, yy = moments(given, rows, 2)
    np.testing.assert_allclose((x, y), given[2:, rows].mean(axis=1))
    np.testing.assert_allclose([[xx, xy], [xy, yy]], np.cov(given[2:, rows], bias=True))
