"""A random second photo of the same thing, rendered from one: from elsewhere, in other light, beside other things.

It is what lets a network learn from a thing of which there is one photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Pixels
from resight.worlds.camera import Camera, Face, area, homography, outline, paint, rotation, transform
from resight.worlds.photography import Exposure, developed, expose, seen_again

_FOCAL = 1.3
"""Focal length in long sides of the photo: that of a telephone."""
_ROOM = 8
"""Least side of a frame in pixels that has room for a thing and what lies behind it."""
_OVERHANG = 1.2
"""Most of a pasted thing's width and height, in those of the frame: what is beyond 1 is cut off."""


@dataclass(frozen=True)
class ViewStrength:
    """Limits of what `second_view` draws; each draw is independent, and its own each time.

    tilt: standard deviation of yaw and pitch in degrees; 20 moves corners by about a tenth of the side. turn: likewise
    of the roll. quarter_turns: probability of a further quarter, half or three-quarter turn. zoom: least linear size of
    the thing in the frame where it is pasted on another photo, and least linear share of the photo in the frame where
    it is cropped; 1 is the most. pasted, occluded, shaken, glaring: probabilities. occluder: greatest width and height
    of what hides a part, in those of the frame. blur: greatest standard deviation of the defocus, and shake: greatest
    length of the motion, in pixels of a photo with a long side of 256. gain, gamma, cast: standard deviations of
    logarithms. fall: standard deviation of the share of light that is lost towards one side. noise: greatest standard
    deviation in grey levels. quality: least of the JPEG file, 95 is the most.
    """

    tilt: float
    turn: float
    quarter_turns: float
    zoom: float
    pasted: float
    occluded: float
    occluder: float
    blur: float
    shaken: float
    shake: float
    gain: float
    gamma: float
    cast: float
    fall: float
    glaring: float
    noise: float
    quality: int


MILD = ViewStrength(
    tilt=10.0,
    turn=5.0,
    quarter_turns=0.0,
    zoom=0.75,
    pasted=0.3,
    occluded=0.1,
    occluder=0.3,
    blur=0.7,
    shaken=0.05,
    shake=3.0,
    gain=0.1,
    gamma=0.08,
    cast=0.03,
    fall=0.05,
    glaring=0.1,
    noise=4.0,
    quality=70,
)
"""A careful second photo."""

STRONG = ViewStrength(
    tilt=20.0,
    turn=15.0,
    quarter_turns=0.12,
    zoom=0.55,
    pasted=0.6,
    occluded=0.35,
    occluder=0.4,
    blur=1.6,
    shaken=0.2,
    shake=6.0,
    gain=0.25,
    gamma=0.2,
    cast=0.08,
    fall=0.15,
    glaring=0.3,
    noise=10.0,
    quality=35,
)
"""A careless one.

The mixture was chosen on covers, scenes and products, where training with a mild view as its partner worked.
"""


def second_view(pixels: Pixels, backgrounds: Sequence[Pixels], strength: ViewStrength, rng: Generator) -> Pixels:
    """Renders a random second photo of what a photo (H, W, 3) shows, of the same size.

    backgrounds: photos (h, w, 3) of other things, of any size, one of which may lie behind and one in front; without
    any, the photo is only cropped, and flat patches hide parts of it. The same `rng` gives the same photo.

    Notes: where the frame reaches beyond a cropped photo, the photo is mirrored.
    """
    height, width = pixels.shape[:2]
    texture = np.ascontiguousarray(pixels)
    pasted = bool(rng.random() < strength.pasted) and len(backgrounds) > 0 and min(height, width) >= _ROOM
    canvas = _crop(backgrounds[int(rng.integers(len(backgrounds)))], (width, height), rng) if pasted else texture.copy()
    reach = 0.0 if pasted else 2.0
    extent = (-reach * width, -reach * height, (1 + reach) * width, (1 + reach) * height)
    placement = np.array([[1.0, 0.0, -width / 2], [0.0, 1.0, -height / 2], [0.0, 0.0, 0.0]])
    size = float(rng.uniform(strength.zoom, 1.0))
    camera = _camera(Face(texture, placement, (0, 0, width, height)), size if pasted else 1 / size, strength, rng)
    seen = Face(texture, placement, extent)
    paint(canvas, camera, seen)
    if rng.random() < strength.occluded:
        _occlude(canvas, backgrounds, strength.occluder, rng)
    if rng.random() < strength.glaring:
        canvas = _glare(canvas, rng)
    exposure = _exposure(strength, max(width, height) / 256, rng)
    return seen_again(developed(expose(rng, canvas, exposure), exposure.quality))


def _camera(thing: Face, size: float, strength: ViewStrength, rng: Generator) -> Camera:
    """Draws a camera that sees a face, in a frame of its texture's size, as large as `size` times that frame.

    A face that is smaller than the frame lies somewhere within it, and a smaller frame somewhere within the face.
    """
    height, width = thing.texture.shape[:2]
    # Beyond two deviations the face would be seen from its edge.
    yaw, pitch, roll = np.radians(
        np.clip(rng.standard_normal(3), -2, 2) * (strength.tilt, strength.tilt, strength.turn)
    )
    if rng.random() < strength.quarter_turns:
        roll += np.pi / 2 * rng.integers(1, 4)
    focal = _FOCAL * max(width, height)
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    turned = rotation(float(yaw), float(pitch), float(roll))
    distance = focal / size

    def at(x: float, y: float) -> Camera:
        return Camera(intrinsics, turned, np.array([x, y, distance]), width, height)

    corners = transform(homography(at(0.0, 0.0), thing), outline(thing))
    # What is seen from the side is smaller, and comes nearer.
    factor = size * float(np.sqrt(width * height / area(corners)))
    spans = np.ptp(corners, axis=0)
    if size <= 1:
        factor = min(factor, *(_OVERHANG * np.array([width, height]) / spans).tolist())
    distance /= factor
    slack = np.abs(spans * factor - (width, height)) / 2
    x, y = rng.uniform(-slack, slack) * distance / focal
    return at(float(x), float(y))


def _crop(photo: Pixels, size: tuple[int, int], rng: Generator) -> Pixels:
    """Returns a random part of a photo, of the shape of a frame of `size` (width, height), resized to it."""
    height, width = photo.shape[:2]
    fit = min(width / size[0], height / size[1]) * rng.uniform(0.6, 1.0)
    across, down = max(1, int(size[0] * fit)), max(1, int(size[1] * fit))
    x, y = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
    part = np.ascontiguousarray(photo[y : y + down, x : x + across])
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if fit > 1 else cv2.INTER_LINEAR), np.uint8)


def _occlude(canvas: Pixels, backgrounds: Sequence[Pixels], most: float, rng: Generator) -> None:
    """Hides an upright rectangle or an ellipse, somewhere in the frame, behind another photo or a colour."""
    height, width = canvas.shape[:2]
    sides = rng.uniform(most / 3, most, 2) * (width, height)
    across, down = (int(side) for side in np.maximum(1, sides))
    x, y = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
    if len(backgrounds) and rng.random() < 0.7:
        front = _crop(backgrounds[int(rng.integers(len(backgrounds)))], (across, down), rng)
    else:
        front = np.full((down, across, 3), rng.integers(0, 256, 3), np.uint8)
    region = canvas[y : y + down, x : x + across]
    if rng.random() < 0.5:
        region[:] = front
        return
    mask = np.zeros((down, across), np.uint8)
    cv2.ellipse(mask, (across // 2, down // 2), (across // 2, down // 2), 0.0, 0.0, 360.0, 1, -1)
    region[mask > 0] = front[mask > 0]


def _glare(canvas: Pixels, rng: Generator) -> Pixels:
    """Adds a soft white spot, the reflection of a lamp."""
    height, width = canvas.shape[:2]
    side = max(width, height)
    centre = rng.uniform(0.1, 0.9, 2) * (width, height)
    spread = rng.uniform(0.04, 0.15, 2) * side
    across, down = (
        np.exp(-0.5 * ((np.arange(n) - middle) / max(1.0, deviation)) ** 2)
        for n, middle, deviation in zip((width, height), centre, spread, strict=True)
    )
    spot = (np.outer(down, across) * rng.uniform(80, 240)).astype(np.float32)
    return np.asarray(cv2.add(canvas, cv2.merge([spot] * 3), dtype=cv2.CV_8U), np.uint8)


def _exposure(strength: ViewStrength, scale: float, rng: Generator) -> Exposure:
    """Draws the exposure; lengths in pixels are for a long side of 256 times `scale`."""
    length = rng.uniform(0.3, 1.0) * strength.shake * scale if rng.random() < strength.shaken else 0.0
    turn = rng.uniform(0, np.pi)
    gain, gamma = np.exp(np.clip(rng.standard_normal(2), -2, 2) * (strength.gain, strength.gamma))
    red, green, blue = np.exp(np.clip(rng.standard_normal(3), -2, 2) * strength.cast)
    across, down = np.clip(rng.standard_normal(2), -2, 2) * strength.fall
    return Exposure(
        gain=float(gain),
        gamma=float(gamma),
        cast=(float(red), float(green), float(blue)),
        fall=(float(across), float(down)),
        blur=float(rng.uniform(0.0, strength.blur) * scale),
        shake=(float(length * np.cos(turn)), float(length * np.sin(turn))),
        noise=float(rng.uniform(1.0, strength.noise)),
        quality=int(rng.integers(strength.quality, 96)),
    )
