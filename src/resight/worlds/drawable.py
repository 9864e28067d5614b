"""Single things on plain ground with the lines that a person would draw of them: photo and drawing have one origin.

A family has things of one kind, as shoes are: the same parts, a little different in each. That tells a descriptor of
lines from one of kinds, and nothing of it was drawn by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Float32, Float64, Int64, Integer, Mask, Pixels
from resight.worlds.textures import colourise, dead_leaves, fractal_noise, palette

SIDE = 256
"""Pixels of a photo of a thing, along both sides."""
_ANGLES = 96
_SHORTEST = 8
"""Points up to which a line is drawn in one go, without a tremor."""
_MOST_PARTS = 5

Move = Callable[[Float64], Float64]
"""What moves points (n, 2)."""


@dataclass(frozen=True)
class Part:
    """A part with a closed outline (n, 2), and lines (m, 2) on it, in sides of the photo; later parts hide earlier."""

    outline: Float64
    marks: tuple[Float64, ...]


@dataclass(frozen=True)
class Family:
    """The parameters that things of one kind vary.

    places: (p, 2) centres; sizes: (p, 2); turns: (p,) radians; radii: (p, k) of the outline, relative; squareness: (p,)
    exponents of superellipses; marks: (p, 3, 4) ends and bends of lines on the parts, relative to them; optional: (p,)
    probabilities that a thing has the part. spread: standard deviation of all of these in a thing.
    """

    places: Float64
    sizes: Float64
    turns: Float64
    radii: Float64
    squareness: Float64
    marks: Float64
    optional: Float64
    spread: float


def family(rng: Generator, spread: float = 0.1) -> Family:
    """Draws a kind of things, whose members differ by `spread`."""
    parts = int(rng.integers(2, _MOST_PARTS + 1))
    sizes = rng.uniform(0.1, 0.3, (parts, 2)) * np.array([1.0, rng.uniform(0.5, 1.2)])
    sizes[0] = np.array([rng.uniform(0.25, 0.38), rng.uniform(0.15, 0.38)])
    places = rng.normal(0, 1, (parts, 2)) * 0.8 * sizes[0]
    places[0] = 0
    optional = np.where(rng.random(parts) < 0.3, 0.6, 1.0)
    optional[0] = 1.0
    return Family(
        places=places,
        sizes=sizes,
        turns=rng.normal(0, 0.5, parts),
        radii=rng.normal(0, 0.13, (parts, 5, 2)),
        squareness=rng.uniform(1.6, 5.0, parts),
        marks=rng.uniform(-0.9, 0.9, (parts, 3, 6)),
        optional=optional,
        spread=spread,
    )


def member(kind: Family, rng: Generator) -> tuple[Part, ...]:
    """Draws a thing of a kind."""
    spread = kind.spread
    parts = []
    for one in range(len(kind.places)):
        if rng.random() >= kind.optional[one]:
            continue
        size = kind.sizes[one] * np.exp(rng.normal(0, spread, 2))
        place = kind.places[one] + rng.normal(0, 0.35 * spread, 2)
        turn = kind.turns[one] + rng.normal(0, spread)
        radii = kind.radii[one] + rng.normal(0, 0.5 * spread, kind.radii[one].shape)
        squareness = kind.squareness[one] * np.exp(rng.normal(0, spread))
        carry = _carried(size, place, turn)
        marks = kind.marks[one] + rng.normal(0, 2 * spread, kind.marks[one].shape)
        kept = [_bow(ends) for ends in marks if rng.random() < 0.75]
        parts.append(Part(carry(_blob(radii, squareness)), tuple(carry(line) for line in kept)))
    return _centred(parts)


def photo_of(thing: Sequence[Part], rng: Generator) -> Pixels:
    """Renders a photo (SIDE, SIDE, 3): parts with colours, textures and shades on light ground, and a shadow."""
    ground = np.full((SIDE, SIDE, 3), rng.uniform(225, 255), np.float32)
    masks = [_filled(part.outline) for part in thing]
    whole = np.max(masks, axis=0)
    shadow = cv2.GaussianBlur(np.roll(whole, int(rng.integers(2, 9)), axis=0), (0, 0), float(rng.uniform(3, 12)))
    image = ground * (1 - rng.uniform(0, 0.4) * shadow[..., None])
    light = _light(rng)
    tones = palette(rng, 3).astype(np.float32)
    for part, mask in zip(thing, masks, strict=True):
        tone = tones[int(rng.integers(len(tones)))] * rng.uniform(0.6, 1.2)
        skin = _skin(rng, tone) * _shaded(mask, light)[..., None]
        alpha = cv2.GaussianBlur(mask, (0, 0), 0.6)[..., None]
        image = image * (1 - alpha) + skin * alpha
        ink = np.zeros((SIDE, SIDE), np.float32)
        for mark in part.marks:
            width = int(rng.integers(1, 5))
            cv2.polylines(ink, [_whole(mark)], False, float(rng.uniform(0.2, 1.0)), width, cv2.LINE_AA, 3)
        ink = ink[..., None] * mask[..., None]
        image = image * (1 - ink) + ink * tones[int(rng.integers(len(tones)))] * rng.uniform(0.2, 1.0)
    noisy = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.0))) + rng.normal(0, 2.0, image.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def strokes_of(thing: Sequence[Part]) -> tuple[list[Float64], list[Float64]]:
    """Returns what can be seen of the outlines of parts, and of the marks on them, as lines (m, 2)."""
    label = np.full((SIDE, SIDE), -1, np.int64)
    for number, part in enumerate(thing):
        label[_filled(part.outline) > 0] = number
    outlines, marks = [], []
    for number, part in enumerate(thing):
        # A line that a later part covers is hidden; that of the outermost pixels is still its own.
        closed = np.concatenate([part.outline, part.outline[:1]])
        outlines += _runs(closed, _at(label, closed) <= number)
        for mark in part.marks:
            marks += _runs(mark, _at(label, mark) == number)
    return outlines, marks


def drawn_by_hand(thing: Sequence[Part], rng: Generator, hand: float = 1.0) -> Float32:
    """Returns (SIDE, SIDE) the lines, 0 or 1 and one pixel wide, of a drawing of a thing from memory.

    The whole is turned, stretched and bent, each stroke strays and trembles by itself, marks are forgotten or invented.
    hand: how much of all that; 0 draws every line where it is.
    """
    outlines, marks = strokes_of(thing)
    warp = _warp(rng, hand)
    out = np.zeros((SIDE, SIDE), np.uint8)
    kept = rng.uniform(0.3, 1.0)
    for lines, chance in ((outlines, 1 - 0.08 * hand), (marks, 1 - hand * (1 - kept))):
        for line in lines:
            if rng.random() < chance:
                cv2.polylines(out, [_whole(_stroke(warp(line), rng, hand))], False, 255, 1, cv2.LINE_8, 3)
    for _ in range(int(rng.poisson(1.0 * hand))):
        where = warp(0.5 + rng.normal(0, 0.12, (1, 2)))
        line = _bow(rng.uniform(-1, 1, 6)) * rng.uniform(0.02, 0.12) + where
        cv2.polylines(out, [_whole(line)], False, 255, 1, cv2.LINE_8, 3)
    return np.asarray(cv2.ximgproc.thinning(out) > 0, np.float32)


def sheet_of(lines: Float32) -> Pixels:
    """Returns (H, W, 3) lines (H, W) as a pen two pixels wide draws them on white."""
    wide = cv2.dilate(lines, np.ones((2, 2), np.uint8))
    return np.asarray(cv2.merge([np.rint(255 * (1 - wide)).astype(np.uint8)] * 3), np.uint8)


def _blob(radii: Float64, squareness: float) -> Float64:
    """Returns (n, 2) the outline of a superellipse whose radius waves by a few harmonics."""
    angle = np.arange(_ANGLES) / _ANGLES * 2 * np.pi
    cos, sin = np.cos(angle), np.sin(angle)
    radius = (np.abs(cos) ** squareness + np.abs(sin) ** squareness) ** (-1 / squareness)
    for order, (even, odd) in enumerate(radii, start=1):
        radius = radius * (1 + (even * np.cos(order * angle) + odd * np.sin(order * angle)) / order**0.5)
    return np.stack([cos, sin], axis=1) * np.maximum(radius, 0.15)[:, None]


def _bow(ends: Float64) -> Float64:
    """Returns (m, 2) a quadratic curve of three points."""
    t = np.linspace(0, 1, 24)[:, None]
    first, middle, last = ends.reshape(3, 2)
    return np.asarray((1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last, np.float64)


def _carried(size: Float64, place: Float64, turn: float) -> Move:
    """Returns what scales, turns and moves points."""
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return lambda points: np.asarray((points * size) @ spin.T + place, np.float64)


def _centred(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Returns parts that fill four fifths of a photo."""
    every = np.concatenate([part.outline for part in parts])
    low, high = every.min(axis=0), every.max(axis=0)
    factor, middle = 0.8 / float((high - low).max()), (low + high) / 2

    def moved(points: Float64) -> Float64:
        return np.asarray((points - middle) * factor + 0.5, np.float64)

    return tuple(Part(moved(part.outline), tuple(moved(mark) for mark in part.marks)) for part in parts)


def _whole(points: Float64) -> Integer:
    """Returns points in eighths of pixels, as OpenCV takes them."""
    return np.round(points * SIDE * 8).astype(np.int32)


def _filled(outline: Float64) -> Float32:
    """Returns (SIDE, SIDE) 1 within an outline."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [_whole(outline)], 1, cv2.LINE_8, 3)
    return mask.astype(np.float32)


def _at(label: Int64, points: Float64) -> Int64:
    """Returns (n,) the labels (H, W) at points (n, 2)."""
    where = np.clip((points * SIDE).astype(np.intp), 0, SIDE - 1)
    return np.asarray(label[where[:, 1], where[:, 0]], np.int64)


def _runs(points: Float64, seen: Mask) -> list[Float64]:
    """Returns the parts of a line that are seen, of three points or more."""
    cuts = (np.flatnonzero(np.diff(seen.astype(np.int8))) + 1).tolist()
    parts = zip(np.split(points, cuts), np.split(seen, cuts), strict=True)
    return [run for run, own in parts if own[0] and len(run) > 2]


def _light(rng: Generator) -> tuple[float, float, float]:
    angle = rng.uniform(0, 2 * np.pi)
    return float(np.cos(angle)), float(np.sin(angle)), float(rng.uniform(0, 0.5))


def _shaded(mask: Float32, light: tuple[float, float, float]) -> Float32:
    """Returns how light a rounded part is, around 1."""
    height = cv2.GaussianBlur(mask, (0, 0), 12.0)
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0) * light[0] + cv2.Sobel(height, cv2.CV_32F, 0, 1) * light[1]
    return np.asarray(1.0 + light[2] * slope / (np.abs(slope).max() + 1e-6), np.float32)


def _skin(rng: Generator, tone: Float32) -> Float32:
    """Returns (SIDE, SIDE, 3) a surface: plain, mottled, striped or printed."""
    plain = np.broadcast_to(tone, (SIDE, SIDE, 3)).astype(np.float32)
    kind = rng.random()
    if kind < 0.5:
        return plain
    if kind < 0.7:
        return plain * (0.8 + 0.4 * fractal_noise(rng, SIDE, SIDE)[..., None]).astype(np.float32)
    if kind < 0.85:
        wave = np.sin(np.arange(SIDE) * rng.uniform(0.2, 0.9))
        stripes = wave[None, :, None] if rng.random() < 0.5 else wave[:, None, None]
        return np.asarray(plain * (1 + rng.uniform(0.05, 0.3) * np.sign(stripes)), np.float32)
    if kind < 0.93:
        return np.asarray(colourise(fractal_noise(rng, SIDE, SIDE), palette(rng, 3)), np.float32)
    return np.asarray(dead_leaves(rng, SIDE, SIDE, leaves=60), np.float32)


def _warp(rng: Generator, hand: float) -> Move:
    """Draws how a whole drawing is turned, sheared, stretched and bent."""
    turn, shear = np.radians(rng.normal(0, 4 * hand)), rng.normal(0, 0.06 * hand)
    stretch = np.exp(rng.normal(0, 0.15 * hand) / 2)
    linear = (
        np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        @ np.array([[1, shear], [0, 1]])
        @ np.diag([stretch, 1 / stretch])
    )
    waves = rng.normal(0, 0.018 * hand, (2, 4))
    phases = rng.uniform(0, 2 * np.pi, (2, 4))
    rates = rng.uniform(2.0, 9.0, (2, 4))
    along = rng.normal(0, 1, (4, 2))
    along /= np.linalg.norm(along, axis=1, keepdims=True)

    def moved(points: Float64) -> Float64:
        at = points @ along.T
        bend = np.stack([(waves[axis] * np.sin(rates[axis] * at + phases[axis])).sum(axis=1) for axis in range(2)], 1)
        return np.asarray((points - 0.5) @ linear.T * 0.9 + 0.5 + bend, np.float64)

    return moved


def _stroke(line: Float64, rng: Generator, hand: float) -> Float64:
    """Returns a line as a hand draws it: displaced, scaled about its middle, smoothed, trembling."""
    middle = line.mean(axis=0)
    moved = (line - middle) * np.exp(rng.normal(0, 0.05 * hand)) + middle + rng.normal(0, 0.008 * hand, 2)
    noise = rng.normal(0, 1, (len(line), 2))
    if len(line) <= _SHORTEST:
        return np.asarray(moved, np.float64)
    tremor = cv2.GaussianBlur(noise, (1, 0), sigmaX=1e-3, sigmaY=4.0, borderType=cv2.BORDER_REFLECT)
    return np.asarray(moved + 0.012 * hand * tremor, np.float64)
