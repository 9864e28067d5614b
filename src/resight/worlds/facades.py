"""Fronts of buildings: a wall of the shared stock with its own windows, doors, signs and stains."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Float32, Pixels
from resight.worlds.lettering import letter, random_style, sentence
from resight.worlds.stock import Stock
from resight.worlds.textures import crop, dead_leaves, earth, fractal_noise, palette, shade

Colour = tuple[float, ...]


def _tint(colour: Float32, gain: float) -> Colour:
    return tuple(float(c) for c in np.clip(colour * gain, 0, 255))


def _ornament(rng: Generator, stock: Stock, size: int, width: int) -> Pixels:
    """Draws (size, width, 3): a carved motif of the stock, repeated mirrored along a band."""
    motif = stock.carved(rng, size, max(size, 24))
    pair = np.hstack([motif, motif[:, ::-1]])
    return np.ascontiguousarray(np.tile(pair, (1, width // pair.shape[1] + 1, 1))[:, :width])


def _window(
    rng: Generator, image: Pixels, stock: Stock, box: tuple[int, int, int, int], frame: Colour, panes: tuple[int, int]
) -> None:
    """Draws one window (x, y, width, height): its reflections, curtain, frame, mullions and sill."""
    x, y, width, height = box
    glass = (stock.picture(rng, height, width) * rng.uniform(0.2, 0.6) + rng.uniform(0, 50)).astype(np.uint8)
    if rng.random() < 0.4:
        drop = int(height * rng.uniform(0.2, 0.8))
        glass[:drop] = np.minimum(glass[:drop].astype(np.int32) // 3 + int(rng.integers(60, 160)), 255)
    image[y : y + height, x : x + width] = glass
    bar = max(2, width // 18)
    cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), frame, bar)
    for column in range(1, panes[0]):
        at = x + column * width // panes[0]
        cv2.line(image, (at, y), (at, y + height), frame, max(1, bar // 2))
    for row in range(1, panes[1]):
        at = y + row * height // panes[1]
        cv2.line(image, (x, at), (x + width, at), frame, max(1, bar // 2))
    shadow = image[y + bar : y + bar + max(3, height // 14), x + bar : x + width - bar]
    shadow //= 2
    cv2.rectangle(image, (x - bar, y + height), (x + width + bar, y + height + 2 * bar), frame, -1)


def _head(
    rng: Generator, image: Pixels, box: tuple[int, int, int, int], style: int, stone: Colour, dark: Colour
) -> None:
    """Draws the top of a window: nothing, a lintel, an arch or a gable."""
    x, y, width, height = box
    rise = max(4, min(height // 5, y - 2))
    if style == 1:
        cv2.rectangle(image, (x - 4, y - rise // 2), (x + width + 4, y - 1), stone, -1)
        cv2.line(image, (x - 4, y), (x + width + 4, y), dark, 2)
    elif style == 2:
        cv2.ellipse(image, (x + width // 2, y), (width // 2 + 5, rise), 0, 180, 360, stone, -1, cv2.LINE_AA)
        cv2.ellipse(image, (x + width // 2, y), (width // 2 - 3, rise - 4), 0, 180, 360, dark, -1, cv2.LINE_AA)
    elif style == 3:
        gable = np.array([[x - 6, y], [x + width + 6, y], [x + width // 2, y - rise]], np.int32)
        cv2.fillPoly(image, [gable], stone, cv2.LINE_AA)
        cv2.polylines(image, [gable], True, dark, 2, cv2.LINE_AA)


def _ground_floor(rng: Generator, image: Pixels, stock: Stock, top: int, frame: Colour) -> None:
    """Draws doors, shop windows and a sign below the row `top`."""
    height, width = image.shape[:2]
    room = height - top
    style, tones = random_style(rng), palette(rng, 3)
    band = image[top : top + room // 5]
    band[:] = _tint(tones[0], 0.7)
    letter(image, sentence(rng, int(rng.integers(1, 4))), (20, top + 3, width - 40, room // 5 - 6), tones[1], style)
    bays = int(rng.integers(3, 6))
    pitch = width // bays
    door = int(rng.integers(bays))
    for bay in range(bays):
        x, y = bay * pitch + pitch // 8, top + room // 4
        size = (pitch * 3 // 4, height - y - (4 if bay == door else room // 6))
        if bay == door:
            leaf = (stock.picture(rng, size[1], size[0]) * 0.25).astype(np.uint8)
            image[y : y + size[1], x : x + size[0]] = leaf + np.array(_tint(tones[2], 0.6), np.uint8) // 2
            for part in range(2):
                left = x + part * size[0] // 2 + 5
                for panel in range(3):
                    upper = y + 6 + panel * size[1] // 3
                    corner = (left + size[0] // 2 - 10, upper + size[1] // 3 - 10)
                    cv2.rectangle(image, (left, upper), corner, frame, 2)
        else:
            _window(rng, image, stock, (x, y, *size), frame, (int(rng.integers(1, 4)), 1))


def draw_facade(rng: Generator, stock: Stock, height: int, width: int) -> Pixels:
    """Draws the (height, width, 3) uint8 front of a building, seen straight on."""
    image = crop(rng, stock.wall(rng), height, width)
    image = np.asarray(cv2.addWeighted(image, 0.75, np.full_like(image, earth(rng, 1)[0]), 0.25, 0), np.uint8)
    tones = palette(rng, 3, saturation=0.25)
    frame, stone, dark = _tint(tones[0], 1.0), _tint(tones[1], 0.9), _tint(tones[2], 0.3)
    floors, columns = int(rng.integers(2, 5)), int(rng.integers(3, 7))
    top, base = int(height * rng.uniform(0.06, 0.12)), int(height * rng.uniform(0.68, 0.8))
    pitch_x, pitch_y = width / columns, (base - top) / floors
    panes, head = (int(rng.integers(1, 4)), int(rng.integers(1, 5))), int(rng.integers(0, 4))
    wide, tall = rng.uniform(0.4, 0.65), rng.uniform(0.5, 0.68)
    for floor in range(floors):
        line = int(top + floor * pitch_y)
        if rng.random() < 0.5:
            band = max(6, int(pitch_y * 0.1))
            image[line : line + band] = _ornament(rng, stock, band, width)
        for column in range(columns):
            middle = (column + 0.5) * pitch_x
            size = (int(pitch_x * wide), int(pitch_y * tall))
            box = (int(middle - size[0] / 2), int(line + pitch_y * 0.26), *size)
            if rng.random() < 0.07:
                x, y, w, h = box
                image[y : y + h, x : x + w] = stock.carved(rng, h, w)
            else:
                _window(rng, image, stock, box, frame, panes)
                _head(rng, image, box, head, stone, dark)
    image[:top] = _ornament(rng, stock, top, width)
    cv2.line(image, (0, top), (width, top), dark, 3)
    _ground_floor(rng, image, stock, base, frame)
    for _ in range(int(rng.integers(0, 3))):
        w, h = int(rng.integers(40, 110)), int(rng.integers(40, 90))
        x, y = int(rng.integers(0, width - w)), int(rng.integers(top, base - h))
        image[y : y + h, x : x + w] = dead_leaves(rng, h, w, leaves=40)
        letter(image, sentence(rng, 1), (x, y, w, h // 2), palette(rng, 1)[0], random_style(rng))
    return shade(image, fractal_noise(rng, height, width, roughness=0.7), 0.5)
