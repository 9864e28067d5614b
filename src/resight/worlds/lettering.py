"""Printed words: the letters that signs, posters and packages share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from resight.arrays import Float32, Pixels

_WORD_LIST = """
FRESH MARKET ORGANIC CLASSIC GARDEN MUSIC NIGHT SUMMER WINTER CITY HOUSE ROYAL GOLD RIVER STONE
LIGHT COFFEE BREAD MILK TEA HONEY HOTEL BAKERY BOOKS ART MUSEUM JAZZ OPERA FESTIVAL CINEMA THEATRE
STUDIO ORIGINAL NATURAL EXTRA PURE FAMILY STREET NORTH SOUTH ISLAND OCEAN FOREST VALLEY MOUNTAIN
GRAND CENTRAL STATION BANK SALON FLOWERS
"""
WORDS = tuple(_WORD_LIST.split())
BRANDS = ("Alvora", "Brunell", "Castano", "Dorvik", "Elmhurst", "Fennimore")
FLAVOURS = (
    "VANILLA",
    "CHERRY",
    "LEMON",
    "ALMOND",
    "BERRY",
    "PEACH",
    "COCOA",
    "MINT",
    "APPLE",
    "GINGER",
    "OLIVE",
    "PLUM",
)


@dataclass(frozen=True)
class Style:
    """A style of letters. face: 0 a light sans serif, 1 to 4 heavier ones; slant: shear; weight: extra pixels in 64."""

    face: int
    slant: float
    weight: int


def random_style(rng: Generator) -> Style:
    """Draws a random style; there are few weights and slants, so that different things share their letters."""
    return Style(int(rng.integers(0, 5)), float(rng.choice((0.0, 0.0, 0.0, 0.2, -0.15))), int(rng.choice((0, 0, 1, 3))))


def sentence(rng: Generator, words: int) -> str:
    """Returns `words` words in capitals, or some of them in lower case."""
    picked = [WORDS[i] for i in rng.integers(0, len(WORDS), words)]
    return " ".join(word if rng.random() < 0.4 else word.lower() for word in picked)


@lru_cache(maxsize=2048)
def _ink(text: str, style: Style, cap: int) -> Pixels:
    """Returns (h, w) uint8 coverage of text at about `cap` pixels, cut to its ink; read-only, because shared."""
    width = cap * (len(text) + 2)
    if style.face == 0:
        canvas = PillowImage.new("L", (width, 2 * cap))
        font = ImageFont.load_default(cap)
        ImageDraw.Draw(canvas).text(
            (cap // 2, cap // 4), text, fill=255, font=font, stroke_width=style.weight * cap // 64
        )
        ink = np.array(canvas)
    else:
        ink = np.zeros((2 * cap, width), np.uint8)
        face = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
        thickness = max(1, (2 + style.weight) * cap // 64)
        cv2.putText(ink, text, (cap // 2, int(1.4 * cap)), face[style.face - 1], cap / 32, 255, thickness, cv2.LINE_AA)
    if style.slant:
        shear = np.array([[1, -style.slant, style.slant * cap], [0, 1, 0]])
        ink = np.asarray(cv2.warpAffine(ink, shear, (ink.shape[1], ink.shape[0])), np.uint8)
    columns, rows = np.flatnonzero(ink.any(axis=0)), np.flatnonzero(ink.any(axis=1))
    if len(rows):
        ink = np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    ink.setflags(write=False)
    return ink


def letter(image: Pixels, text: str, box: tuple[int, int, int, int], colour: Float32, style: Style) -> None:
    """Prints text into the box (x, y, width, height) of an RGB image, as large as fits, centred; changes the image."""
    x, y, width, height = box
    ink = _ink(text, style, 16 if height <= 14 else 64)
    factor = min(height / ink.shape[0], width / ink.shape[1])
    size = (max(2, int(ink.shape[1] * factor)), max(2, int(ink.shape[0] * factor)))
    ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)
    left, top = max(0, x + (width - size[0]) // 2), max(0, y + (height - size[1]) // 2)
    region = image[top : top + size[1], left : left + size[0]]
    alpha = ink[: region.shape[0], : region.shape[1], None].astype(np.float32) / 255
    region[:] = np.round(region * (1 - alpha) + colour * alpha).astype(np.uint8)


def paragraph(rng: Generator, image: Pixels, box: tuple[int, int, int, int], line: int, colour: Float32) -> None:
    """Fills a box (x, y, width, height) with lines of small print, `line` pixels apart; changes the image."""
    x, y, width, height = box
    style = Style(int(rng.integers(0, 3)), 0.0, 0)
    for top in range(y, y + height - line, line):
        words = max(1, int(width / (line * 3.2) * rng.uniform(0.7, 1.0)))
        letter(image, sentence(rng, words), (x, top, width, max(3, int(line * 0.7))), colour, style)
