"""Lines of a drawing, whatever drew them: dark on light or light on dark, thick or thin, on paper or on nothing."""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Float32, Mask, Pixels, UInt8

INK = 0.8
"""Share of the largest brightness below which a pixel of a drawing is ink: Radenovic et al., ECCV 2018, code."""
_LONGEST = 768
"""Long side in pixels above which a drawing is reduced first: its lines stay wider than a pixel."""
_SPECK = 0.012
"""Parts of lines whose extent is less than this share of the long side are dust, where there are larger ones."""
_FLAT = 12
"""Grey levels between the darkest and the lightest pixel below which there is no ink: noise of paper."""


def ink_of(pixels: Pixels | UInt8) -> Float32:
    """Returns (h, w) how much a pixel of a drawing (H, W, 3) or (H, W) is ink, from 0 to 1, at most 768 pixels long.

    Ink is what differs from the paper around it, which may be lighter or darker and unevenly lit. A drawing without ink
    is 0 everywhere.
    """
    grey = _grey(pixels)
    height, width = grey.shape
    factor = max(height, width) / _LONGEST
    if factor > 1:
        # Ink wins in the reduction: a line of one pixel stays one.
        size = (max(1, round(width / factor)), max(1, round(height / factor)))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    # The paper is what most pixels are.
    paper = float(np.median(grey))
    lighter = grey.astype(np.float32) if paper >= 128 or _mostly_darker(grey, paper) else 255.0 - grey
    side = max(grey.shape)
    around = _paper_around(lighter, max(9, side // 12) | 1)
    ink = np.maximum(around - lighter, 0.0)
    top = float(np.quantile(ink, 0.999)) if ink.size else 0.0
    if top < _FLAT:
        return np.zeros(grey.shape, np.float32)
    return np.asarray(np.minimum(ink / np.float32(top), 1.0), np.float32)


def lines_of(ink: Float32) -> Mask:
    """Returns (h, w) the lines, one pixel wide, of what is ink: thinned, without dust.

    Source: Radenovic, Tolias & Chum, "Deep shape matching", ECCV 2018, code: binarised below 0.8 of the range, then
    thinned; thinning after Zhang & Suen, Communications of the ACM 1984.
    """
    mask = ink > 1.0 - INK
    if not mask.any():
        return np.zeros(ink.shape, np.bool_)
    # Gaps of a pixel, as dry pens leave them, are closed before lines are thinned.
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    thin = cv2.ximgproc.thinning(closed * np.uint8(255), thinningType=cv2.ximgproc.THINNING_ZHANGSUEN)
    return without_specks(thin > 0, _SPECK * max(ink.shape))


def without_specks(mask: Mask, least: float) -> Mask:
    """Returns a mask (h, w) without its parts of a smaller extent than `least` pixels; all where none is larger."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    extent = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    extent[0] = 0
    kept = extent >= least
    if count < 2 or not kept.any():
        return mask
    return np.asarray(kept[labels], np.bool_)


def _grey(pixels: Pixels | UInt8) -> UInt8:
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _mostly_darker(grey: UInt8, paper: float) -> bool:
    """Returns whether what differs from the paper is darker than it."""
    return int((grey < paper - _FLAT).sum()) > int((grey > paper + _FLAT).sum())


def _paper_around(lighter: Float32, side: int) -> Float32:
    """Returns the brightness of the paper at each pixel: what is there without marks narrower than `side` pixels."""
    small = cv2.morphologyEx(lighter, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.asarray(cv2.blur(small, (side, side)), np.float32)
