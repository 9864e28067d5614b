"""Scenes in which things are photographed: a street, a wall, a table, a shelf; with objects around and in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Float64, Pixels
from resight.worlds.camera import Camera, Face, area, clipped, face, homography, paint, rotation
from resight.worlds.facades import draw_facade
from resight.worlds.printed import draw_label
from resight.worlds.stock import Stock
from resight.worlds.textures import colourise, crop, faded, fractal_noise
from resight.worlds.things import Thing, box_thing, flat_thing


@dataclass(frozen=True)
class Pose:
    """The camera's view of a thing.

    yaw, pitch, roll: radians, zero is straight on; fraction: the share of the frame's shorter side that the thing
    fills, seen straight on; aim: (x, y) offset of its centre from the frame's centre, in shares of the frame. around:
    number of objects around it; hidden: share of its width that an object in front covers.
    """

    yaw: float
    pitch: float
    roll: float
    fraction: float
    aim: tuple[float, float]
    around: int
    hidden: float = 0.0


@dataclass(frozen=True)
class Shot:
    """A scene as the camera sees it, before light and lens.

    pixels: (H, W, 3) uint8; front: (3, 3) homography of the thing's front, texture to photo pixels; visible: (n, 2)
    polygon of the front within the frame; share: part of the front that is in the frame and not hidden.
    """

    pixels: Pixels
    front: Float64
    visible: Float64
    share: float


@dataclass(frozen=True)
class _Scene:
    """Faces in painting order: those behind the thing, and those in front of it."""

    behind: tuple[Face, ...]
    before: tuple[Face, ...]


def camera_for(thing: Thing, pose: Pose, width: int, height: int) -> Camera:
    """Places a camera with a focal length of 1.1 times the photo's long side to see the thing in the given pose."""
    focal = 1.1 * max(width, height)
    distance = focal * max(thing.size[0] / width, thing.size[1] / height) / pose.fraction
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    aim = np.array([pose.aim[0] * width, pose.aim[1] * height]) * distance / focal
    pitch = pose.pitch
    if thing.kind == "facade":
        # Nobody stands below the street: the camera stays above 0.35 of the height below the facade's centre.
        pitch = max(pitch, float(np.arcsin((np.hypot(*aim) - 0.35 * thing.size[1]) / distance)))
    turned = rotation(pose.yaw, pitch, pose.roll)
    return Camera(intrinsics, turned, np.array([aim[0], aim[1], distance]), width, height)


def photograph(rng: Generator, stock: Stock, thing: Thing, pose: Pose, width: int, height: int) -> Shot:
    """Takes one shot of the thing, with surroundings that `rng` draws from the stock."""
    if thing.kind == "facade":
        scene = _street(rng, stock, thing, pose)
    elif thing.kind == "package" and rng.random() < 0.6:
        scene = _shelf(rng, stock, thing, pose)
    else:
        scene = _surface(rng, stock, thing, pose)
    camera = camera_for(thing, pose, width, height)
    canvas = _sky(rng, width, height)
    for one in (*scene.behind, *thing.sides):
        paint(canvas, camera, one)
    left = np.zeros((height, width), np.uint8)
    shown = paint(canvas, camera, thing.front)
    if shown is not None:
        left[shown.rows, shown.columns] = shown.coverage
    for one in scene.before:
        patch = paint(canvas, camera, one)
        if patch is not None:
            uncovered = left[patch.rows, patch.columns]
            uncovered[:] = cv2.multiply(uncovered, 255 - patch.coverage, scale=1 / 255)
    front = homography(camera, thing.front)
    visible = clipped(front, thing.front, width, height)
    whole = area(clipped(front, thing.front, width, height, margin=1e6))
    return Shot(canvas, front, visible, min(1.0, float(left.sum(dtype=np.float64)) / 255 / max(whole, 1e-9)))


def _sky(rng: Generator, width: int, height: int) -> Pixels:
    clouds = fractal_noise(rng, height // 4, width // 4, roughness=0.6)
    tones = np.array([[90, 140, 205], [160, 190, 225], [240, 240, 238]], np.float32) * np.float32(rng.uniform(0.7, 1.0))
    return np.asarray(cv2.resize(colourise(clouds, tones), (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _plane(rng: Generator, plate: Pixels, middle: Float64, across: Float64, down: Float64, grain: float) -> Face:
    """Makes a large plane around `middle` with a faded part of the plate, mirrored; one copy is `grain` metres wide."""
    texture = faded(rng, crop(rng, plate, *plate.shape[:2]))
    return face(texture, middle - (across + down) / 2, across, down, repeat=float(np.linalg.norm(across)) / grain)


def _trinket(rng: Generator, stock: Stock, size: float, *, deep: bool) -> Thing:
    """Makes a small object, flat or a box, of about `size` metres."""
    height, width = int(rng.integers(130, 260)), int(rng.integers(110, 240))
    label = draw_label(rng, stock, height, width)
    if deep:
        return box_thing(label, np.ascontiguousarray(label[:, : width // 2]), size, size * rng.uniform(0.3, 0.6))
    return flat_thing("poster", label, size)


def _laid(thing: Thing) -> tuple[Face, ...]:
    return (*thing.sides, thing.front)


def _shadow(thing: Thing, depth: float) -> Face:
    """Makes a soft dark patch on the surface below or behind a thing."""
    soft = np.zeros((48, 48), np.uint8)
    soft[10:38, 10:38] = 150
    texture = np.dstack([np.zeros((48, 48, 3), np.uint8), cv2.GaussianBlur(soft, (0, 0), 4)])
    across, down = thing.front.placement[:, 0], thing.front.placement[:, 1]
    height, width = thing.front.texture.shape[:2]
    across, down = across * width * 1.6, down * height * 1.6
    middle = np.array([0.04 * thing.size[0], 0.05 * thing.size[1], depth])
    return face(texture, middle - (across + down) / 2, across, down)


def _covers(rng: Generator, stock: Stock, thing: Thing, hidden: float, near: float) -> list[Face]:
    """Makes things at depth `near` in front of the thing that cover about the share `hidden` of it from one side."""
    width, height, _ = thing.size
    side = float(rng.choice((-1.0, 1.0)))
    covers = []
    for step in range(2):
        size = width * hidden * rng.uniform(0.9, 1.2)
        place = (
            side * (width / 2 - size * 0.4),
            height * (step - 0.5) * rng.uniform(0.5, 0.7),
            near - 0.02 * step * width,
        )
        trinket = _trinket(rng, stock, size, deep=False)
        scaled = 0.75 * height / max(trinket.size[1], 1e-9)
        tall = _trinket(rng, stock, size * min(1.0, scaled), deep=False)
        covers.append(tall.moved(place, float(rng.uniform(-0.5, 0.5))).front)
    return covers


def _street(rng: Generator, stock: Stock, thing: Thing, pose: Pose) -> _Scene:
    """Makes a street: buildings beside the thing, a pavement before it, trees and people."""
    width, height, _ = thing.size
    behind = []
    for side in (-1, 1):
        size = int(rng.integers(240, 360)), int(rng.integers(260, 400))
        neighbour = flat_thing("facade", draw_facade(rng, stock, *size), width * rng.uniform(0.8, 1.3))
        middle = side * (width + neighbour.size[0]) / 2
        behind.append(neighbour.moved((middle, (height - neighbour.size[1]) / 2, 0.001)).front)
    reach = 12 * width
    across, down = np.array([reach, 0, 0]), np.array([0, 0, -reach])
    behind.append(_plane(rng, stock.wall(rng), np.array([0, height / 2, 0.02 - reach / 2]), across, down, 0.7 * width))
    before = []
    near = -0.25 * width
    for _ in range(pose.around // 3):
        wide = width * rng.uniform(0.12, 0.3)
        at = np.array([rng.choice((-1, 1)) * width * rng.uniform(0.35, 0.8), height / 2 - wide, near])
        leaves = stock.foliage[int(rng.integers(len(stock.foliage)))]
        before.append(face(leaves, at - (wide / 2, 0, 0), np.array([wide, 0, 0]), np.array([0, wide, 0])))
    if pose.hidden:
        before.extend(_covers(rng, stock, thing, pose.hidden * 0.6, near))
        leaves = stock.foliage[int(rng.integers(len(stock.foliage)))]
        wide = width * (0.4 + pose.hidden)
        corner = np.array([rng.choice((-0.65, 0.65 - 0.4 - pose.hidden)) * width, height * 0.55 - wide, near * 1.1])
        before.append(face(leaves, corner, np.array([wide, 0, 0]), np.array([0, wide, 0])))
    return _Scene(tuple(behind), tuple(before))


def _surface(rng: Generator, stock: Stock, thing: Thing, pose: Pose) -> _Scene:
    """Makes a table or a wall with the thing among other things that it partly covers."""
    width, height, depth = thing.size
    on_table = depth > 0 or rng.random() < 0.5
    plate = stock.table(rng) if on_table else stock.wall(rng)
    reach = 14 * max(width, height)
    middle = np.array([0, 0, depth + 0.002])
    across, down = np.array([reach, 0, 0]), np.array([0, reach, 0])
    behind = [_plane(rng, plate, middle, across, down, max(width, height) * rng.uniform(0.9, 1.6))]
    spread = 0.62 / pose.fraction
    before = []
    for _ in range(pose.around):
        trinket = _trinket(rng, stock, max(width, height) * rng.uniform(0.3, 0.6), deep=depth > 0)
        radius, turn = rng.uniform(0.5, max(0.75, 0.75 * spread)), rng.uniform(0, 2 * np.pi)
        x, y = 1.3 * radius * max(width, height) * np.array([np.cos(turn), np.sin(turn)])
        lean = float(rng.uniform(-np.pi, np.pi) if on_table else rng.normal(0, 0.03))
        behind.extend(_laid(trinket.moved((float(x), float(y), max(0.0, depth - trinket.size[2])), lean)))
    behind.append(_shadow(thing, depth))
    if pose.hidden:
        before.extend(_covers(rng, stock, thing, pose.hidden, -0.05 * width))
    return _Scene(tuple(behind), tuple(before))


def _shelf(rng: Generator, stock: Stock, thing: Thing, pose: Pose) -> _Scene:
    """Makes a shelf with the thing between other packages, and a row above and a row below."""
    width, height, depth = thing.size
    plate = stock.wall(rng)
    reach = 14 * max(width, height)
    behind = [
        _plane(rng, plate, np.array([0, 0, 3 * depth]), np.array([reach, 0, 0]), np.array([0, reach, 0]), 2 * height)
    ]
    rows = (-1, 1, 0) if pose.fraction > 0.4 else (-2, 2, -1, 1, 0)
    columns = 1 if pose.fraction > 0.6 else 2 if pose.fraction > 0.4 else 3
    pitch = 1.25 * height
    board = stock.tables[0]
    for row in rows:
        level = height / 2 + row * pitch
        left, right = np.array([-reach / 2, level, 3 * depth]), np.array([reach, 0, 0])
        behind.append(face(board, left, right, np.array([0, 0, -3.3 * depth]), repeat=6.0, lit=0.7))
        edge = np.array([-reach / 2, level, -0.3 * depth])
        behind.append(face(board, edge, right, np.array([0, 0.05 * height, 0]), repeat=6.0))
        for side in (-1, 1):
            x = side * width / 2
            for _ in range(columns):
                other = _trinket(rng, stock, width * rng.uniform(0.6, 1.0), deep=True)
                tall = min(1.0, 1.1 * height / other.size[1])
                other = other if tall == 1.0 else _trinket(rng, stock, 0.6 * width * tall, deep=True)
                x += side * (other.size[0] / 2 + 0.03 * width)
                place = (x, level - other.size[1] / 2, float(rng.uniform(0, 0.5)) * depth)
                behind.extend(_laid(other.moved(place)))
                x += side * other.size[0] / 2
        if row:
            other = _trinket(rng, stock, width * rng.uniform(0.6, 0.8), deep=True)
            behind.extend(_laid(other.moved((0.0, level - other.size[1] / 2, 0.0))))
    before = _covers(rng, stock, thing, pose.hidden, -0.3 * depth) if pose.hidden else []
    return _Scene(tuple(behind), tuple(before))
