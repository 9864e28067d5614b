"""Boxes and points under a transform, and what correspondences refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from resight.errors import UsageError
from resight.features.local import LocalFeatures
from resight.rerank.geometry import Correspondences, correspondences, project, project_box, tolerance

ANY = st.floats(-3.0, 3.0, allow_nan=False)


def similarity(scale: float, turn: float, x: float, y: float) -> NDArray[np.float64]:
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[c, -s, x], [s, c, y], [0.0, 0.0, 1.0]])


def test_box_under_translation_and_scale_is_exact() -> None:
    assert project_box(similarity(2.0, 0.0, 10.0, 20.0), (0, 0, 5, 6), (100, 100)) == (10.0, 20.0, 20.0, 32.0)


def test_box_is_clipped_to_the_image_and_gone_when_outside() -> None:
    assert project_box(similarity(1.0, 0.0, -5.0, 90.0), (0, 0, 20, 20), (100, 100)) == (0.0, 90.0, 15.0, 100.0)
    assert project_box(similarity(1.0, 0.0, 100.0, 0.0), (0, 0, 20, 20), (100, 100)) is None


def test_rotated_box_is_bounded_by_its_corners() -> None:
    box = project_box(similarity(1.0, np.pi / 4, 50.0, 50.0), (-10, -10, 10, 10), (100, 100))
    assert box == pytest.approx((50 - 10 * 2**0.5, 50 - 10 * 2**0.5, 50 + 10 * 2**0.5, 50 + 10 * 2**0.5))


@given(g=st.floats(-2e-3, 2e-3), h=st.floats(-2e-3, 2e-3))
def test_box_of_a_homography_holds_every_visible_point(g: float, h: float) -> None:
    transform = np.array([[1.0, 0.1, 5.0], [-0.1, 1.0, 9.0], [g, h, 1.0]])
    grid = np.stack(np.meshgrid(np.linspace(0, 500, 41), np.linspace(0, 400, 41)), axis=-1).reshape(-1, 2)
    depth = grid @ transform[2, :2] + 1
    front = depth * np.sign(250 * g + 200 * h + 1)
    points = project(transform, grid[front > 0.02 * np.abs(front).max()])
    seen = points[((points > 0) & (points < [600, 500])).all(axis=1)]
    box = project_box(transform, (0, 0, 500, 400), (600, 500))
    if len(seen):
        assert box is not None
        assert (seen >= np.array(box[:2]) - 1e-6).all()
        assert (seen <= np.array(box[2:]) + 1e-6).all()


def test_box_across_the_horizon_keeps_the_part_in_front() -> None:
    # The denominator 1 - x / 100 vanishes at x = 100; what is at x < 100 goes to x / (1 - x / 100) >= 0.
    transform = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.01, 0.0, 1.0]])
    assert project_box(transform, (0, 0, 150, 50), (300, 300)) == pytest.approx((0.0, 0.0, 300.0, 300.0))


def test_the_sign_of_a_homography_means_nothing() -> None:
    transform = np.array([[1.0, 0.1, 5.0], [-0.1, 1.0, 9.0], [-4e-3, 1e-3, 1.0]])
    box = project_box(transform, (0, 0, 400, 300), (600, 500))
    assert box is not None
    assert project_box(-transform, (0, 0, 400, 300), (600, 500)) == pytest.approx(box)


def test_singular_transform_has_no_box() -> None:
    assert project_box(np.zeros((3, 3)), (0, 0, 10, 10), (100, 100)) is None
    assert project_box(similarity(0.0, 0.0, 50.0, 50.0), (0, 0, 10, 10), (100, 100)) is None


def test_project_agrees_with_the_definition(rng: np.random.Generator) -> None:
    transform, xy = rng.normal(size=(3, 3)), rng.normal(size=(5, 2))
    expected = [(transform @ [x, y, 1])[:2] / (transform @ [x, y, 1])[2] for x, y in xy]
    np.testing.assert_allclose(project(transform, xy), expected)


def test_tolerance_follows_the_long_side() -> None:
    assert tolerance((1000, 400)) == pytest.approx(10.0)
    assert tolerance((60, 112), 0.02) == pytest.approx(2.24)


def test_correspondences_join_the_given_rows(rng: np.random.Generator) -> None:
    def features(n: int) -> LocalFeatures:
        values = rng.uniform(1, 9, (n, 4)).astype(np.float32)
        return LocalFeatures(values[:, :2], values[:, 2], values[:, 3], np.zeros((n, 0), np.float32))

    query, image = features(6), features(9)
    joined = correspondences(query, image, np.array([5, 0], np.int32), np.array([8, 8], np.int32))
    np.testing.assert_array_equal(joined.query_xy, query.xy[[5, 0]])
    np.testing.assert_array_equal(joined.image_scale, image.scale[[8, 8]])
    np.testing.assert_array_equal(joined.weights, 1)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("query_scale", np.zeros(2, np.float32)),
        ("image_scale", np.ones(3, np.float32)),
        ("weights", np.array([1, -1], np.float32)),
        ("image_xy", np.zeros((3, 2), np.float32)),
    ],
)
def test_correspondences_refuse_what_has_no_meaning(name: str, values: NDArray[np.float32]) -> None:
    one = np.ones(2, np.float32)
    fields = {
        "query_xy": np.zeros((2, 2), np.float32), "query_scale": one, "query_angle": one,
        "image_xy": np.zeros((2, 2), np.float32), "image_scale": one, "image_angle": one, "weights": one,
    }  # fmt: skip
    Correspondences(**fields)
    with pytest.raises(UsageError):
        Correspondences(**(fields | {name: values}))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
