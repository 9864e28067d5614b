"""Surfaces with the statistics of natural images: structure at every scale, occluding edges, repetition."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from resight.arrays import Float32, Float64, Pixels


def palette(rng: Generator, colours: int, *, saturation: float = 0.42) -> Float32:
    """Draws (colours, 3) float32 RGB in 0..255: neighbours of a hue and its contrast, light to dark in any order."""
    hue = rng.uniform(0, 180)
    hues = (
        hue + np.where(rng.random(colours) < 0.7, rng.normal(0, 12, colours), 90 + rng.normal(0, 15, colours))
    ) % 180
    strength = np.clip(rng.normal(saturation, 0.2, colours), 0.03, 1) * 255
    value = rng.uniform(45, 245, colours)
    hsv = np.stack([hues, strength, value], axis=1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0], np.float32)


def earth(rng: Generator, colours: int) -> Float32:
    """Draws (colours, 3) float32 RGB in 0..255: colours of walls, from brick red over ochre to grey."""
    hues = np.clip(rng.normal(rng.uniform(4, 24), 3, colours), 0, 179)
    strength = np.clip(rng.normal(rng.uniform(0.05, 0.5), 0.08, colours), 0, 1) * 255
    hsv = np.stack([hues, strength, rng.uniform(70, 235, colours)], axis=1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0], np.float32)


def fractal_noise(rng: Generator, height: int, width: int, *, roughness: float = 0.6, coarsest: int = 4) -> Float32:
    """Draws (height, width) float32 in 0..1: a sum of octaves, each `roughness` times as strong as the coarser one."""
    field: Float32 = np.zeros((height, width), np.float32)
    cells, weight = coarsest, 1.0
    while cells < max(height, width):
        shape = (max(2, cells * height // max(height, width)), max(2, cells * width // max(height, width)))
        octave = rng.random(shape, dtype=np.float32) * np.float32(weight)
        field += cv2.resize(octave, (width, height), interpolation=cv2.INTER_LINEAR)
        cells, weight = cells * 2, weight * roughness
    low, high = float(field.min()), float(field.max())
    return np.asarray((field - np.float32(low)) * np.float32(1 / (high - low)), np.float32)


def colourise(field: Float32, colours: NDArray[np.float32 | np.float64]) -> Pixels:
    """Returns (h, w, 3) uint8: a field in 0..1 looked up in a ramp through (k, 3) colours."""
    steps = np.linspace(0, len(colours) - 1, 256)
    ramp = np.stack([np.interp(steps, np.arange(len(colours)), colours[:, c]) for c in range(3)], axis=1)
    levels = cv2.convertScaleAbs(field, alpha=255.0)
    return np.asarray(cv2.applyColorMap(levels, np.round(ramp).astype(np.uint8)[:, None, :]), np.uint8)


def shade(image: Pixels, field: Float32, depth: float) -> Pixels:
    """Multiplies the image by a field in 0..1, so that its brightness varies by `depth` around its former value."""
    gain = 1.0 - depth / 2 + depth * field
    return np.asarray(cv2.multiply(image, cv2.merge([gain] * 3), dtype=cv2.CV_8U), np.uint8)


def blob(rng: Generator, corners: int, jag: float) -> Float64:
    """Draws a (corners, 2) outline of about unit radius around the origin, `jag` its relative unevenness."""
    turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = 1.0 + jag * rng.uniform(-1, 1, corners)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None]


def dead_leaves(rng: Generator, height: int, width: int, *, leaves: int = 500, smallest: float = 4.0) -> Pixels:
    """Draws (height, width, 3) uint8: shapes that occlude each other, with radii by a power law.

    Source: Lee, Mumford, Huang, "Occlusion Models for Natural Images", IJCV 2001.

    Notes: radii have density r^-2 where the paper has r^-3, and larger shapes tend to come first, so that few shapes
    cover the image; every shape also has a gradient and its own strength of fractal texture.
    """
    largest = 0.35 * min(height, width)
    u = rng.random(leaves)
    radii = 1.0 / (u / largest + (1 - u) / smallest)
    radii = radii[np.argsort(-radii * rng.uniform(0.6, 1.6, leaves))]
    centres = rng.uniform((0, 0), (width, height), (leaves, 2))
    tints = palette(rng, 6)
    colours = np.clip(tints[rng.integers(0, len(tints), leaves)] + rng.normal(0, 12, (leaves, 3)), 0, 255).tolist()
    manner = np.column_stack([rng.uniform(0.1, 1.0, leaves), rng.normal(0, 0.5, (leaves, 2))]).tolist()
    flat = np.empty((height, width, 3), np.uint8)
    flat[:] = tints[0]
    shading = np.full((height, width, 3), 0.6, np.float32)
    outlines = centres[:, None] + _leaf_outlines(rng, leaves) * radii[:, None, None]
    for leaf, points in enumerate(np.round(outlines * 16).astype(np.int32)):
        cv2.fillPoly(flat, [points], colours[leaf], shift=4)
        cv2.fillPoly(shading, [points], manner[leaf], shift=4)
    noise = fractal_noise(rng, height, width, roughness=0.8, coarsest=8) - np.float32(0.5)
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    downward = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    gain = 1 + shading[:, :, 0] * noise + shading[:, :, 1] * across + shading[:, :, 2] * downward
    return np.asarray(cv2.multiply(flat, cv2.merge([gain] * 3), dtype=cv2.CV_8U), np.uint8)


def _leaf_outlines(rng: Generator, leaves: int) -> Float64:
    """Draws (leaves, 16, 2) outlines of about unit radius.

    They are ellipses, and polygons of three to eight corners, padded with the last corner.
    """
    corners = rng.choice((3, 4, 4, 5, 8, 16), leaves)[:, None]
    is_round = corners == 16
    turn = (np.arange(16) + np.where(is_round, 0.0, rng.uniform(0, 0.9, (leaves, 16)))) / corners
    turn = 2 * np.pi * (turn + rng.random((leaves, 1)))
    radius = np.where(is_round, 1.0, rng.uniform(0.65, 1.35, (leaves, 16)))
    last = np.minimum(np.arange(16), corners - 1)
    turn, radius = np.take_along_axis(turn, last, axis=1), np.take_along_axis(radius, last, axis=1)
    squash = np.where(is_round, rng.uniform(0.4, 1.0, (leaves, 1)), 1.0)
    return np.stack([np.cos(turn) * radius, np.sin(turn) * radius * squash], axis=2)


def masonry(rng: Generator, height: int, width: int, *, course: int, length: int) -> Pixels:
    """Draws (height, width, 3) uint8: bricks or ashlar in running bond, `course` high, about `length` wide (pixels)."""
    tone = earth(rng, 3)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.clip(tone[0] * 0.6 + 70, 0, 255)
    joint = max(1, course // 10)
    for row, top in enumerate(range(0, height, course)):
        left = -(row % 2) * length // 2 - int(rng.integers(0, 4))
        while left < width:
            stone = int(length * rng.uniform(0.85, 1.15))
            colour = np.clip(tone[1] * rng.uniform(0.75, 1.15) + rng.normal(0, 6, 3), 0, 255)
            corner = (left + stone - joint, top + course - joint)
            cv2.rectangle(image, (left, top), corner, colour.tolist(), -1)
            cv2.line(image, (left, top), (left + stone - joint, top), np.clip(colour * 1.25, 0, 255).tolist(), 1)
            left += stone
    return shade(image, fractal_noise(rng, height, width, roughness=0.85), 0.7)


def planks(rng: Generator, height: int, width: int, *, boards: int) -> Pixels:
    """Draws (height, width, 3) uint8: wooden boards from left to right, each with its own grain."""
    image = np.empty((height, width, 3), np.uint8)
    edges = np.linspace(0, height, boards + 1).astype(int)
    base = earth(rng, 1)[0] * np.float32(0.6) + np.array([60, 40, 20], np.float32)
    for top, bottom in pairwise(edges):
        grain = fractal_noise(rng, max(2, (bottom - top)), max(2, width // 16), roughness=0.9, coarsest=16)
        grain = np.asarray(cv2.resize(grain, (width, int(bottom - top)), interpolation=cv2.INTER_LINEAR), np.float32)
        dark, light = base * rng.uniform(0.45, 0.7), base * rng.uniform(0.9, 1.2)
        image[top:bottom] = colourise(grain, np.clip(np.stack([dark, light]), 0, 255).astype(np.float32))
        image[top : top + 2] //= 3
    return shade(image, fractal_noise(rng, height, width, roughness=0.9, coarsest=16), 0.35)


def plaster(rng: Generator, height: int, width: int) -> Pixels:
    """Draws (height, width, 3) uint8: a stained wall, two tones and fine grain."""
    tone = earth(rng, 2) * 0.5 + 90
    stains = fractal_noise(rng, height, width, roughness=0.75)
    grain = fractal_noise(rng, height, width, roughness=1.0, coarsest=64)
    return shade(colourise(stains, np.clip(tone, 0, 255).astype(np.float32)), grain, 0.45)


def relief(rng: Generator, height: int, width: int) -> Pixels:
    """Draws (height, width, 3) uint8: carved stone, a height map of overlapping shapes lit from the upper left."""
    shapes = cv2.cvtColor(dead_leaves(rng, height, width, leaves=160, smallest=9.0), cv2.COLOR_RGB2GRAY)
    heights = cv2.GaussianBlur(shapes.astype(np.float32), (0, 0), 1.6) + 40 * fractal_noise(rng, height, width)
    slope = cv2.Sobel(heights, cv2.CV_32F, 1, 0) + cv2.Sobel(heights, cv2.CV_32F, 0, 1)
    lit = np.clip(0.5 + slope / 260, 0, 1).astype(np.float32)
    tone = earth(rng, 1)[0]
    return colourise(lit, np.stack([tone * 0.15, tone * 0.75 + 30, tone * 0.4 + 150]).clip(0, 255))


def crop(rng: Generator, plate: Pixels, height: int, width: int) -> Pixels:
    """Copies a random part of a plate, (height, width, 3) uint8, at one to two times its size, perhaps mirrored."""
    zoom = rng.uniform(1.0, 2.0)
    rows = min(plate.shape[0], max(8, int(height / zoom)))
    columns = min(plate.shape[1], max(8, int(width / zoom)))
    top = int(rng.integers(0, plate.shape[0] - rows + 1))
    left = int(rng.integers(0, plate.shape[1] - columns + 1))
    part = plate[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return np.asarray(cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def faded(rng: Generator, image: Pixels) -> Pixels:
    """Reduces the contrast of an image to two to six tenths: surroundings that do not dominate the things on them."""
    keep = float(rng.uniform(0.2, 0.6))
    levels = np.arange(256.0)[:, None] * keep + np.array(cv2.mean(image)[:3]) * (1 - keep)
    return np.asarray(cv2.LUT(image, np.round(levels).astype(np.uint8)[None]), np.uint8)
