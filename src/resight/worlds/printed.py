"""Printed things: posters, and the fronts and sides of packages, where a look-alike differs in one word."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Float32, Pixels
from resight.worlds.lettering import BRANDS, FLAVOURS, Style, letter, paragraph, random_style, sentence
from resight.worlds.stock import Stock
from resight.worlds.textures import blob, colourise, dead_leaves, fractal_noise, palette


def _contrasting(background: Float32, tone: Float32) -> Float32:
    """Returns the tone, made light on a dark background and dark on a light one."""
    if background.mean() > 128:
        return (tone * 0.35).astype(np.float32)
    return (tone * 0.3 + 178).clip(0, 255).astype(np.float32)


def _shapes(rng: Generator, image: Pixels, count: int) -> None:
    """Prints discs, rings, stars and stripes of flat colour; changes the image."""
    height, width = image.shape[:2]
    for tone in palette(rng, count):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        size, kind = int(rng.integers(12, min(height, width) // 5)), int(rng.integers(0, 4))
        colour = tuple(float(c) for c in tone)
        if kind == 0:
            cv2.circle(image, (x, y), size, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(image, (x, y), size, colour, max(2, size // 4), cv2.LINE_AA)
        elif kind == 2:
            star = blob(rng, int(rng.integers(5, 12)), 0.6) * size + (x, y)
            cv2.fillPoly(image, [np.round(star).astype(np.int32)], colour, cv2.LINE_AA)
        else:
            for stripe in range(int(rng.integers(3, 7))):
                cv2.line(image, (x - size, y + stripe * 9), (x + size, y + stripe * 9), colour, 4, cv2.LINE_AA)


def draw_poster(rng: Generator, stock: Stock, height: int, width: int) -> Pixels:
    """Draws a (height, width, 3) uint8 poster: its own picture, a title, small print, shapes, a part of the stock."""
    tones = palette(rng, 4)
    image = colourise(
        fractal_noise(rng, height, width, roughness=0.4), np.stack([tones[0], tones[0] * 0.7 + 60]).clip(0, 255)
    )
    rows = int(height * rng.uniform(0.35, 0.5))
    upper = int(rng.integers(int(0.1 * height), int(0.4 * height)))
    left = int(rng.integers(0, 60))
    image[upper : upper + rows, left : width - left] = dead_leaves(rng, rows, width - 2 * left, leaves=200)
    inset = int(rng.integers(80, 160))
    x, y = int(rng.integers(0, width - inset)), int(rng.integers(upper, upper + rows - 80))
    part = image[y : y + inset, x : x + inset]
    part[:] = stock.picture(rng, *part.shape[:2])
    _shapes(rng, image, int(rng.integers(3, 8)))
    ink, style = _contrasting(tones[0], tones[1]), random_style(rng)
    letter(image, sentence(rng, 1).upper(), (15, 12, width - 30, upper - 20), ink, style)
    below = upper + rows + 8
    letter(image, sentence(rng, 2), (15, below, width - 30, 60), ink, style)
    letter(
        image, sentence(rng, 3), (15, below + 64, width - 30, 34), _contrasting(tones[0], tones[2]), random_style(rng)
    )
    paragraph(rng, image, (20, below + 104, width - 40, height - below - 110), int(rng.integers(14, 20)), ink)
    cv2.rectangle(image, (0, 0), (width - 1, height - 1), tuple(float(c) for c in tones[3]), int(rng.integers(2, 12)))
    return image


def _hue_turned(image: Pixels, degrees: int) -> Pixels:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[:, :, 0] = (hsv[:, :, 0].astype(np.int32) + degrees // 2) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def draw_package_front(
    rng: Generator, stock: Stock, height: int, width: int, flavour: str | None, colour: int
) -> Pixels:
    """Draws the (height, width, 3) uint8 front of a package: brand, product, flavour, a picture, a weight.

    flavour: a word to print in place of the package's own; colour: degrees by which the hue of the lower half is
    rotated.
    """
    tones = palette(rng, 4, saturation=0.6)
    ground = np.stack([tones[0], tones[0] * 0.75 + 50]).clip(0, 255).astype(np.float32)
    image = colourise(fractal_noise(rng, height, width, roughness=0.35), ground)
    ink = _contrasting(tones[0], tones[1])
    brand, style = BRANDS[int(rng.integers(len(BRANDS)))], random_style(rng)
    band = int(height * rng.uniform(0.14, 0.2))
    image[:band] = tones[2].astype(np.uint8)
    letter(image, brand, (10, 8, width - 20, band - 16), _contrasting(tones[2], tones[3]), Style(4, 0.2, 0))
    letter(image, sentence(rng, 1).upper(), (12, band + 8, width - 24, 60), ink, style)
    own = FLAVOURS[int(rng.integers(len(FLAVOURS)))]
    letter(image, flavour or own, (20, band + 78, width - 40, 70), ink, Style(2, 0.0, 0))
    upper, rows = band + 156, int(height * 0.42)
    picture = dead_leaves(rng, rows, width, leaves=130, smallest=5.0)
    if rng.random() < 0.5:
        picture[:, : width // 3] = stock.picture(rng, rows, width // 3)
    inside = np.zeros((rows, width), np.uint8)
    reach = (int(width * rng.uniform(0.35, 0.5)), int(rows * rng.uniform(0.4, 0.5)))
    cv2.ellipse(inside, (width // 2, rows // 2), reach, 0, 0, 360, 255, -1)
    region = image[upper : upper + rows]
    np.copyto(region, picture[: len(region)], where=inside[: len(region), :, None] > 0)
    if colour:
        image[height // 2 :] = _hue_turned(image[height // 2 :], colour)
    _shapes(rng, image[upper:], int(rng.integers(1, 4)))
    letter(image, f"{int(rng.integers(1, 10)) * 50} g", (width - 120, height - 40, 110, 32), ink, Style(1, 0.0, 0))
    letter(image, sentence(rng, 3), (10, height - 36, width - 140, 24), ink, Style(0, 0.0, 0))
    return image


def draw_package_side(rng: Generator, stock: Stock, height: int, width: int) -> Pixels:
    """Draws the (height, width, 3) uint8 side of a package: small print, a table and a bar code."""
    tones = palette(rng, 2)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = tones[0]
    ink = _contrasting(tones[0], tones[1])
    paragraph(rng, image, (6, 10, width - 12, height // 3), 12, ink)
    rows = height // 4
    image[height // 3 + 20 : height // 3 + 20 + rows, 6 : width - 6] = stock.picture(rng, rows, width - 12)
    code = image[-height // 5 : -20, 10 : width - 10]
    code[:] = 250
    bars = np.repeat(rng.random(code.shape[1] // 3 + 1) < 0.5, 3)[: code.shape[1]]
    code[:, bars] = 15
    return image


def draw_label(rng: Generator, stock: Stock, height: int, width: int) -> Pixels:
    """Draws (height, width, 3) uint8 of a small object among others: a picture, a band of colour, a word or two."""
    image = stock.picture(rng, height, width)
    tones, style = palette(rng, 2), random_style(rng)
    upper = int(rng.integers(0, height * 2 // 3))
    rows = height // 3
    image[upper : upper + rows] = tones[0].astype(np.uint8)
    ink = _contrasting(tones[0], tones[1])
    word = BRANDS[int(rng.integers(len(BRANDS)))] if rng.random() < 0.3 else sentence(rng, 1)
    letter(image, word, (6, upper + 3, width - 12, rows * 3 // 5), ink, style)
    letter(image, sentence(rng, 2), (6, upper + rows * 3 // 5, width - 12, rows * 2 // 5 - 2), ink, style)
    return image
