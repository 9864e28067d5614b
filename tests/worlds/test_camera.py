"""The camera: a face lands where its homography says, to a fraction of a pixel, and does not alias."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.worlds.camera import Camera, Face, area, clipped, face, homography, paint, rotation, transform


def camera(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, distance: float = 2.0) -> Camera:
    intrinsics = np.array([[400.0, 0, 160], [0, 400, 120], [0, 0, 1]])
    return Camera(intrinsics, rotation(yaw, pitch, roll), np.array([0.0, 0.0, distance]), 320, 240)


def square(texture: np.ndarray, *, side: float = 1.0) -> Face:
    half = side / 2
    return face(texture, np.array([-half, -half, 0]), np.array([side, 0, 0]), np.array([0, side, 0]))


def test_a_face_seen_straight_on_is_a_scaling_with_centres_at_a_half():
    seen = square(np.zeros((200, 200, 3), np.uint8))
    # 1 m at 2 m with a focal length of 400 is 200 pixels: one texture pixel for each photo pixel, moved by (60, 20).
    expected = np.array([[1.0, 0, 60], [0, 1, 20], [0, 0, 1]])
    found = homography(camera(), seen)
    np.testing.assert_allclose(found / found[2, 2], expected, atol=1e-9)


def test_pixels_are_copied_exactly_where_photo_and_texture_have_one_grid():
    texture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    canvas = np.zeros((240, 320, 3), np.uint8)
    patch = paint(canvas, camera(), square(texture))
    assert patch is not None
    np.testing.assert_array_equal(canvas[22:218, 62:258], texture[2:-2, 2:-2])
    assert not canvas[:18].any()
    assert not canvas[:, 263:].any()


@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (0.7, 0.1, 0.0), (-0.5, 0.3, 2.0), (0.2, -0.2, -0.9)])
@pytest.mark.parametrize("size", [96, 240, 1000])
def test_a_painted_spot_has_its_centroid_where_the_homography_says(pose, size):
    """Holds also where the texture is first averaged down, along one side or both."""
    spot = np.array([0.62, 0.41]) * size
    u, v = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    bump = np.exp(-((u - spot[0]) ** 2 + (v - spot[1]) ** 2) / (2 * (size / 40) ** 2))
    texture = np.repeat(np.round(bump * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    seen, view, canvas = square(texture), camera(*pose), np.zeros((240, 320, 3), np.uint8)
    paint(canvas, view, seen)
    weight = canvas[:, :, 0].astype(float)
    rows, columns = np.indices(weight.shape) + 0.5
    centroid = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    expected = transform(homography(view, seen), spot[None])[0]
    np.testing.assert_allclose(centroid, expected, atol=0.2)


def test_a_fine_checkerboard_far_away_becomes_grey_and_no_moire():
    board = (np.indices((1000, 1000)).sum(axis=0) // 2 % 2 * 255).astype(np.uint8)
    canvas = np.zeros((240, 320, 3), np.uint8)
    patch = paint(canvas, camera(distance=6.0), square(np.repeat(board[:, :, None], 3, axis=2)))
    assert patch is not None
    inside = canvas[patch.rows, patch.columns][patch.coverage == 255]
    assert np.abs(inside.astype(int) - 127).max() < 20


def test_the_coverage_has_the_area_of_the_outline():
    view = camera(0.6, 0.2, 0.4)
    seen = square(np.full((50, 50, 3), 200, np.uint8))
    canvas = np.zeros((240, 320, 3), np.uint8)
    patch = paint(canvas, view, seen)
    assert patch is not None
    outline = clipped(homography(view, seen), seen, 320, 240)
    assert patch.coverage.sum() / 255 == pytest.approx(area(outline), rel=0.02)


def test_a_face_from_behind_or_out_of_the_frame_is_not_painted():
    canvas = np.zeros((240, 320, 3), np.uint8)
    texture = np.full((20, 20, 3), 255, np.uint8)
    assert paint(canvas, camera(yaw=np.pi), square(texture)) is None
    aside = face(texture, np.array([50.0, 0, 0]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    assert paint(canvas, camera(), aside) is None
    assert not canvas.any()


def test_a_floor_that_reaches_behind_the_camera_fills_the_lower_half_only():
    canvas = np.zeros((240, 320, 3), np.uint8)
    texture = np.full((20, 20, 3), 255, np.uint8)
    floor = face(texture, np.array([-500.0, 0.5, 500.0]), np.array([1000.0, 0, 0]), np.array([0, 0, -1000.0]))
    assert paint(canvas, camera(), floor) is not None
    assert canvas[125:].min() == 255
    assert canvas[:118].max() == 0


@settings(max_examples=60, deadline=None)
@given(yaw=st.floats(-1.2, 1.2), pitch=st.floats(-1.2, 1.2), roll=st.floats(-3.1, 3.1), distance=st.floats(0.3, 20))
def test_a_clipped_outline_stays_in_the_frame_and_within_the_face(yaw, pitch, roll, distance):
    view = camera(yaw, pitch, roll, distance)
    seen = square(np.zeros((100, 80, 3), np.uint8))
    matrix = homography(view, seen)
    polygon = clipped(matrix, seen, 320, 240)
    if not len(polygon):
        return
    assert polygon.min() >= -1e-6
    assert np.all(polygon.max(axis=0) <= np.array([320, 240]) + 1e-6)
    back = transform(np.linalg.inv(matrix), polygon)
    assert back.min() >= -1e-4
    assert np.all(back.max(axis=0) <= np.array([80, 100]) + 1e-4)


def test_rotation_is_yaw_then_pitch_then_roll():
    product = rotation(0, 0, 0.3) @ rotation(0, 0.2, 0) @ rotation(0.1, 0, 0)
    np.testing.assert_allclose(rotation(0.1, 0.2, 0.3), product, atol=1e-12)
    assert np.linalg.det(rotation(0.4, -0.7, 2.0)) == pytest.approx(1.0)
    # A roll turns clockwise in the image, where y points down.
    np.testing.assert_allclose(rotation(0, 0, np.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_blurred_alpha_mixes_face_and_canvas():
    texture = np.zeros((40, 40, 4), np.uint8)
    texture[:, :, 0], texture[:, :, 3] = 200, 128
    canvas = np.full((240, 320, 3), 100, np.uint8)
    paint(canvas, camera(), square(texture))
    np.testing.assert_allclose(canvas[120, 160], [150, 50, 50], atol=1)
    assert cv2.countNonZero(canvas[:, :, 0] - 100) > 0
