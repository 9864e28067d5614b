"""The words of a photo where they are, how much each counts, and those that a query and a hit share; as arrays."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from resight.arrays import Float32, Float64, Int32, Mask, Pixels
from resight.errors import UsageError
from resight.words.evidence import ImageWords

_GOLDEN = 0.618033988749895
_STRENGTH = 0.6
"""Of the colours over the photo."""


def draw_words(photo: Pixels, words: ImageWords, chosen: Mask | None = None) -> Pixels:
    """Draws each position in the colour of its word over a photo in grey, (h, w, 3) uint8; equal words look equal.

    The photo may be reduced. chosen: (q,) which of the words are drawn. Raises UsageError where the photo is not
    (h, w, 3) uint8.
    """
    kept = np.ones(len(words), np.bool_) if chosen is None else chosen
    colours = np.array([word_colour(word) for word in words.words.tolist()], np.uint8).reshape(-1, 3)
    return _cells(photo, words, colours, kept)


def draw_weights(photo: Pixels, words: ImageWords) -> Pixels:
    """Draws each position the brighter the more it counts, over a photo in grey, (h, w, 3) uint8.

    Raises UsageError as `draw_words` does.
    """
    weights = np.ones(len(words), np.float32) if words.weights is None else words.weights
    levels = np.rint(np.clip(weights, 0, 1) * 255).astype(np.uint8).reshape(-1, 1)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO).reshape(-1, 3)[:, ::-1] if len(levels) else levels
    return _cells(photo, words, np.ascontiguousarray(colours), np.ones(len(words), np.bool_))


def most_shared(query: ImageWords, image: ImageWords, count: int) -> Int32:
    """Returns the words, at most `count`, that add most to the product of the counts of two images; most first."""
    size = 1 + max(int(words.words.max(initial=0)) for words in (query, image))
    asked, kept = (np.bincount(words.words, words.weights, minlength=size) for words in (query, image))
    products = np.asarray(asked * kept, np.float64)
    shared = np.flatnonzero(products)
    products = products[shared]
    return np.asarray(shared[np.argsort(-products, kind="stable")[:count]], np.int32)


def word_colour(word: int) -> tuple[int, int, int]:
    """Returns the colour (red, green, blue) of a word, always the same; neighbouring words look different."""
    hue = (word * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65 + 0.35 * (word % 3) / 2, 1.0 - 0.3 * (word % 2))
    return round(255 * red), round(255 * green), round(255 * blue)


def _cells(photo: Pixels, words: ImageWords, colours: Pixels, kept: Mask) -> Pixels:
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise UsageError("words are drawn on an RGB uint8 image")
    grey = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    if not len(words):
        return np.asarray(grey, np.uint8)
    over = grey.copy()
    factor = np.array(photo.shape[1::-1]) / np.maximum(np.array(words.size), 1)
    xy = words.xy[words.features] * factor
    half = np.array([_spacing(xy[:, axis]) for axis in (0, 1)]) / 2.0
    low, high = np.rint(xy - half).astype(int), np.rint(xy + half).astype(int) - 1
    for place in np.flatnonzero(kept).tolist():
        cv2.rectangle(over, tuple(low[place].tolist()), tuple(high[place].tolist()), colours[place].tolist(), -1)
    return np.asarray(cv2.addWeighted(over, _STRENGTH, grey, 1.0 - _STRENGTH, 0.0), np.uint8)


def _spacing(places: Float32 | Float64) -> float:
    """Returns the distance of neighbouring positions along an axis; 8 pixels where there is but one."""
    steps = np.diff(np.unique(np.round(places, 2)))
    return float(np.median(steps)) if len(steps) else 8.0
