"""The things that are photographed: facades, posters, paintings, carved slabs and packages, in metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Float64, Pixels
from resight.worlds.camera import Face, face, rotation
from resight.worlds.facades import draw_facade
from resight.worlds.printed import draw_package_front, draw_package_side, draw_poster
from resight.worlds.stock import Stock
from resight.worlds.textures import colourise, dead_leaves, fractal_noise, palette, relief

Kind = Literal["facade", "poster", "painting", "carving", "package"]
KINDS: tuple[Kind, ...] = ("facade", "package", "poster", "facade", "painting", "package", "carving")


@dataclass(frozen=True)
class Thing:
    """A flat or box-like thing: its front faces the camera (z = 0, around the origin), its body reaches to z = depth.

    front: the face whose pixels the ground truth follows; sides: the other faces; size: (width, height, depth) metres.
    """

    kind: Kind
    front: Face
    sides: tuple[Face, ...]
    size: tuple[float, float, float]

    def moved(self, to: tuple[float, float, float], turn: float = 0.0) -> Thing:
        """Returns the thing with its front's centre at `to`, turned in its plane by `turn` radians."""
        spin = rotation(0.0, 0.0, turn)

        def carry(one: Face) -> Face:
            placement = spin @ one.placement
            placement[:, 2] += to
            return replace(one, placement=placement)

        return replace(self, front=carry(self.front), sides=tuple(carry(side) for side in self.sides))


def _vector(x: float, y: float, z: float) -> Float64:
    return np.array([x, y, z], np.float64)


def flat_thing(kind: Kind, texture: Pixels, width: float) -> Thing:
    """Makes a thing without depth, `width` metres wide."""
    height = width * texture.shape[0] / texture.shape[1]
    front = face(texture, _vector(-width / 2, -height / 2, 0), _vector(width, 0, 0), _vector(0, height, 0))
    return Thing(kind, front, (), (width, height, 0.0))


def box_thing(front: Pixels, side: Pixels, width: float, depth: float) -> Thing:
    """Makes a package: its front, and one texture on its left, right, upper and lower sides."""
    height = width * front.shape[0] / front.shape[1]
    x, y = width / 2, height / 2
    right, down, back = _vector(width, 0, 0), _vector(0, height, 0), _vector(0, 0, depth)
    lid = np.asarray(cv2.rotate(side, cv2.ROTATE_90_CLOCKWISE), np.uint8)
    sides = (
        face(side, _vector(-x, -y, depth), -back, down, lit=0.75),
        face(side, _vector(x, -y, 0), back, down, lit=0.65),
        face(lid, _vector(-x, -y, depth), right, -back, lit=0.9),
        face(lid, _vector(-x, y, 0), right, back, lit=0.4),
    )
    return Thing("package", face(front, _vector(-x, -y, 0), right, down), sides, (width, height, depth))


def facade(rng: Generator, stock: Stock) -> Thing:
    """Makes a facade with random windows and ornaments."""
    return flat_thing("facade", draw_facade(rng, stock, int(rng.integers(620, 760)), int(rng.integers(600, 900))), 12.0)


def poster(rng: Generator, stock: Stock) -> Thing:
    """Makes a poster with random pictures and lettering."""
    return flat_thing("poster", draw_poster(rng, stock, int(rng.integers(680, 780)), 540), 0.6)


def painting(rng: Generator, stock: Stock) -> Thing:
    """Draws a framed landscape: a sky, ranges of hills, and shapes in the foreground."""
    height, width = int(rng.integers(480, 600)), int(rng.integers(560, 760))
    image = colourise(fractal_noise(rng, height, width), palette(rng, 3, saturation=0.3))
    tones = palette(rng, 8)
    for ridge in range(4):
        level = height * (0.35 + 0.15 * ridge)
        crest = level - 0.3 * height * (fractal_noise(rng, 2, width, roughness=0.6)[0] - 0.5)
        land = colourise(
            fractal_noise(rng, height, width, roughness=0.8, coarsest=16), tones[2 * ridge : 2 * ridge + 2]
        )
        below = np.arange(height)[:, None] > crest[None, :]
        image[below] = land[below]
    rows = height // 3
    front = dead_leaves(rng, rows, width, leaves=150)
    keep = fractal_noise(rng, rows, width, coarsest=8) > 0.5
    image[-rows:][keep] = front[keep]
    border = int(rng.integers(18, 40))
    framed = stock.picture(rng, height + 2 * border, width + 2 * border) // 2
    framed[border:-border, border:-border] = image
    cv2.rectangle(framed, (border - 3, border - 3), (width + border + 2, height + border + 2), (25, 20, 10), 3)
    return flat_thing("painting", framed, 1.0)


def carving(rng: Generator, stock: Stock) -> Thing:
    """Draws a slab with carved shapes, set in a frame of the stock's stone."""
    height, width = int(rng.integers(500, 680)), int(rng.integers(500, 680))
    slab = np.asarray(cv2.resize(stock.wall(rng), (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    border = int(rng.integers(20, 50))
    slab[border:-border, border:-border] = relief(rng, height - 2 * border, width - 2 * border)
    return flat_thing("carving", slab, 1.2)


def package(rng: Generator, stock: Stock, *, flavour: str | None = None, colour: int = 0) -> Thing:
    """Draws a package. Another `flavour` changes only one word of the front, another `colour` only one hue."""
    height, width = int(rng.integers(560, 700)), int(rng.integers(400, 560))
    front = draw_package_front(rng, stock, height, width, flavour, colour)
    side = draw_package_side(rng, stock, height, max(80, int(width * rng.uniform(0.25, 0.5))))
    return box_thing(front, side, 0.2, 0.2 * side.shape[1] / width)


MAKERS: dict[Kind, Callable[[Generator, Stock], Thing]] = {
    "facade": facade,
    "poster": poster,
    "painting": painting,
    "carving": carving,
    "package": package,
}
