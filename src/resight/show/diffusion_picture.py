"""Draws diffusion on points in the plane as pixels: one state, or the iterations as an animation."""

from __future__ import annotations

import io
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from resight.arrays import UInt8
from resight.errors import StorageError
from resight.files import write_whole
from resight.images import resize
from resight.progress import NamedProgress
from resight.show.activations import draw_sheet
from resight.show.diffusion import DECADES, EDGE, INK, PAPER, UNREACHED, WIDTH, Toy, colours
from resight.show.lettering import font
from resight.show.palette import rgb

FRAME, LAST_FRAME = 200, 2500
"""Milliseconds for which an animation shows an iteration, and the last one."""

_ON_A_SHEET = 480
"""Long side in pixels of a state on a sheet of several."""
_FOOT = 54
_FINE = 4
"""Fractional bits of the coordinates that OpenCV draws with."""


def draw_state(toy: Toy, iteration: int) -> UInt8:
    """Draws points, graph, queries, and f after an iteration as colour, with a legend: (h, w, 3) uint8 RGB.

    Raises IndexError where there is no such iteration.
    """
    state = toy.states[iteration]
    picture: UInt8 = np.full((toy.height + _FOOT, WIDTH, 3), rgb(PAPER), np.uint8)
    xy = np.round(toy.drawn * 2**_FINE).astype(int).tolist()
    for i, j in zip(toy.edges.row.tolist(), toy.edges.col.tolist(), strict=True):
        cv2.line(picture, xy[i], xy[j], rgb(EDGE), 1, cv2.LINE_AA, _FINE)
    # Points of large values last, so that nothing hides them.
    painted = colours(state).tolist()
    for i in np.argsort(state, kind="stable").tolist():
        cv2.circle(picture, xy[i], round(5.5 * 2**_FINE), painted[i], -1, cv2.LINE_AA, _FINE)
    for query in toy.queries:
        cv2.circle(picture, xy[query], 11 * 2**_FINE, rgb(INK), 2, cv2.LINE_AA, _FINE)
    return _with_legend(picture, f"iteration {iteration % len(toy.states)} of {toy.count}")


def draw_states(toy: Toy, every: int) -> UInt8:
    """Draws the first state and one of so many after it on one sheet (H, W, 3) uint8 RGB, smaller than `draw_state`."""
    shown = range(0, toy.count + 1, every)
    drawn = [resize(draw_state(toy, one), _ON_A_SHEET) for one in shown]
    return draw_sheet(drawn, [f"{one} iterations" for one in shown])


def write_animation(
    path: str | os.PathLike[str], toy: Toy, progress: NamedProgress | None = None, *, every: int = 1
) -> Path:
    """Writes the iterations as an animated GIF that loops, whole or not at all, and returns its path.

    every: shows the first iteration, and one of so many after it.

    Raises StorageError where the disk refuses.
    """
    frames = []
    for iteration in range(0, len(toy.states), every):
        if progress is not None:
            progress("drawing iterations", iteration, len(toy.states))
        frames.append(Image.fromarray(draw_state(toy, iteration)))
    # One palette for all frames, from the one that has every colour, so that nothing flickers.
    last = frames[-1].quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    reduced = [frame.quantize(palette=last, dither=Image.Dither.NONE) for frame in frames]
    data = io.BytesIO()
    lasting = [FRAME] * (len(reduced) - 1) + [LAST_FRAME]
    reduced[0].save(data, "GIF", save_all=True, append_images=reduced[1:], duration=lasting, loop=0)
    target = Path(path)
    try:
        write_whole(target, data.getvalue())
    except OSError as error:
        raise StorageError(
            f"{target}: the animation could not be written ({error.strerror}); name a file where it can be written"
        ) from error
    return target


def _with_legend(picture: UInt8, caption: str) -> UInt8:
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    y = picture.shape[0] - _FOOT // 2
    draw.text((30, y), caption, fill=INK, font=font(20), anchor="lm")
    draw.ellipse((270, y - 9, 288, y + 9), outline=INK, width=2)
    draw.text((298, y), "query", fill=INK, font=font(17), anchor="lm")
    draw.text((385, y), f"f, of the largest: 1e-{DECADES}", fill=INK, font=font(17), anchor="lm")
    ramp = colours(10.0 ** np.linspace(-DECADES, 0, 120))
    for column, (red, green, blue) in enumerate(ramp.tolist()):
        draw.line((570 + column, y - 8, 570 + column, y + 8), fill=(red, green, blue))
    draw.text((700, y), "1", fill=INK, font=font(17), anchor="lm")
    draw.ellipse((740, y - 6, 752, y + 6), fill=UNREACHED)
    draw.text((762, y), "not reached yet", fill=INK, font=font(17), anchor="lm")
    return np.asarray(image, np.uint8)
