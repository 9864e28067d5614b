"""A pinhole camera and flat faces: projects a face into the photo exactly, and paints it there.

Coordinates of the world are metres: x right, y down, z away from the camera. Pixels have their centres at +0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from resight.arrays import Float64, Pixels

_NEAR = 0.05


@dataclass(frozen=True)
class Face:
    """A flat textured piece of the world.

    texture: (h, w, 3) or (h, w, 4) uint8 RGB or RGBA. placement: (3, 3) float64, texture pixels (u, v, 1) to metres.
    extent: (u0, v0, u1, v1) texture pixels that it covers; outside of the texture, the texture is mirrored. shade: the
    share of light that reaches it, 1 for all of it.
    """

    texture: Pixels
    placement: Float64
    extent: tuple[float, float, float, float]
    shade: float = 1.0


@dataclass(frozen=True)
class Patch:
    """The area of a photo that a face covers: its rows and columns, and the (rows, columns) uint8 coverage there."""

    rows: slice
    columns: slice
    coverage: Pixels


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. intrinsics: (3, 3); rotation: (3, 3) world to camera; translation: (3,) metres."""

    intrinsics: Float64
    rotation: Float64
    translation: Float64
    width: int
    height: int


def face(
    texture: Pixels, origin: Float64, across: Float64, down: Float64, *, repeat: float = 1.0, lit: float = 1.0
) -> Face:
    """Makes a face whose first pixel's corner is at `origin`, its sides the vectors `across` and `down`, in metres.

    With `repeat` the face shows the texture that many times in each direction, mirrored each time.
    """
    height, width = texture.shape[:2]
    placement = np.stack([across / (width * repeat), down / (height * repeat), origin], axis=1)
    return Face(texture, placement.astype(np.float64), (0.0, 0.0, width * repeat, height * repeat), lit)


def rotation(yaw: float, pitch: float, roll: float) -> Float64:
    """Returns the (3, 3) rotation by yaw about y, then pitch about x, then roll about the optical axis; radians."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y, np.float64)


def homography(camera: Camera, seen: Face) -> Float64:
    """Returns the (3, 3) map from a face's texture pixels to photo pixels, centres at +0.5; the third row is depth."""
    to_camera = camera.rotation @ seen.placement
    to_camera[:, 2] += camera.translation
    return np.asarray(camera.intrinsics @ to_camera, np.float64)


def transform(matrix: Float64, points: Float64) -> Float64:
    """Maps (n, 2) points by a (3, 3) homography."""
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def outline(seen: Face) -> Float64:
    """Returns (4, 2) corners of a face in texture pixels, clockwise from the upper left."""
    u0, v0, u1, v1 = seen.extent
    return np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]])


def clipped(matrix: Float64, seen: Face, width: int, height: int, margin: float = 0.0) -> Float64:
    """Returns the (n, 2) convex polygon of a face in the photo, cut to the frame and `margin`; empty out of sight.

    Source: Sutherland and Hodgman, "Reentrant polygon clipping", CACM 1974, in homogeneous coordinates, so that faces
    that reach behind the camera are cut too.
    """
    points = np.column_stack([outline(seen), np.ones(4)]) @ matrix.T
    planes = np.array(
        [[0, 0, 1], [1, 0, margin], [-1, 0, width + margin], [0, 1, margin], [0, -1, height + margin]], np.float64
    )
    for index, plane in enumerate(planes):
        inside = points @ plane - (_NEAR if index == 0 else 0.0)
        kept = []
        for here in range(len(points)):
            there = (here + 1) % len(points)
            if inside[here] >= 0:
                kept.append(points[here])
            if (inside[here] >= 0) != (inside[there] >= 0):
                share = inside[here] / (inside[here] - inside[there])
                kept.append(points[here] + share * (points[there] - points[here]))
        if len(kept) < 3:
            return np.empty((0, 2))
        points = np.array(kept)
    return np.asarray(points[:, :2] / points[:, 2:], np.float64)


def area(polygon: Float64) -> float:
    """Returns the signed area of an (n, 2) polygon in pixels, positive when clockwise in the image (y down)."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2 if len(polygon) else 0.0


def _minification(matrix: Float64, polygon: Float64) -> tuple[float, float]:
    """Returns texture pixels per photo pixel along u and along v, where the face is nearest to the camera."""
    inverse = np.linalg.inv(matrix)
    corners = np.column_stack([polygon, np.ones(len(polygon))]) @ inverse.T
    steps = []
    for u, v in corners[:, :2] / corners[:, 2:]:
        x, y, w = matrix @ (u, v, 1.0)
        rows = (matrix[:2] - np.outer((x / w, y / w), matrix[2])) / w
        steps.append((np.hypot(*rows[:, 0]), np.hypot(*rows[:, 1])))
    along_u, along_v = np.median(np.array(steps), axis=0)
    return 1 / max(along_u, 1e-6), 1 / max(along_v, 1e-6)


def paint(canvas: Pixels, camera: Camera, seen: Face) -> Patch | None:
    """Paints a face into the RGB canvas, antialiased, and returns the area it covers; None when out of sight.

    A face seen from behind is not painted. The texture is averaged down along each of its sides to the resolution of
    the photo before it is warped, so that fine details do not alias.
    """
    matrix = homography(camera, seen)
    if np.linalg.det(matrix) <= 0:
        return None
    polygon = clipped(matrix, seen, camera.width, camera.height, margin=2.0)
    if area(polygon) <= 0.5:
        return None
    x0, y0 = np.maximum(np.floor(polygon.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(polygon.max(axis=0)).astype(int), (camera.width, camera.height))
    if x1 <= x0 or y1 <= y0:
        return None
    texture = seen.texture
    shrink_u, shrink_v = _minification(matrix, polygon)
    height, width = texture.shape[:2]
    size = (max(2, int(width / max(1.0, shrink_u))), max(2, int(height / max(1.0, shrink_v))))
    if size != (width, height):
        texture = np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)
    # OpenCV counts from pixel centres: subtract half a pixel in the photo and add it in the texture.
    to_centres = np.array([[1, 0, -0.5 - x0], [0, 1, -0.5 - y0], [0, 0, 1]])
    from_centres = np.array(
        [[width / size[0], 0, 0.5 * width / size[0]], [0, height / size[1], 0.5 * height / size[1]], [0, 0, 1]]
    )
    local = to_centres @ matrix @ from_centres
    window = (int(x1 - x0), int(y1 - y0))
    warped = np.asarray(
        cv2.warpPerspective(texture, local, window, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8
    )
    mask: Pixels = np.zeros(window[::-1], np.uint8)
    corners = np.round((polygon - (x0 + 0.5, y0 + 0.5)) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 255, cv2.LINE_AA, shift=4)
    if warped.shape[2] == 4:
        mask = np.asarray(cv2.multiply(mask, warped[:, :, 3], scale=1 / 255), np.uint8)
        warped = np.ascontiguousarray(warped[:, :, :3])
    if seen.shade != 1.0:
        warped = np.asarray(cv2.convertScaleAbs(warped, alpha=seen.shade), np.uint8)
    region = canvas[y0:y1, x0:x1]
    share = mask.astype(np.float32) * np.float32(1 / 255)
    region[:] = cv2.blendLinear(warped, region, share, 1 - share)
    return Patch(slice(int(y0), int(y1)), slice(int(x0), int(x1)), mask)
