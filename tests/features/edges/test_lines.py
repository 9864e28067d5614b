"""Lines of drawings, whatever drew them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from drawn_shapes import ARROW, BOAT, HOUSE, drawing, photo
from resight.arrays import Pixels
from resight.features.edges.framed import Framed
from resight.features.edges.kinds import Edges
from resight.features.edges.lines import ink_of, lines_of
from resight.features.edges.verdict import look_at
from resight.images import Decoded


def scanned(pixels: Pixels) -> Pixels:
    rng = np.random.default_rng(0)
    light = np.linspace(0.7, 1.0, pixels.shape[1])[None, :, None]
    return np.clip(pixels * light + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


WAYS: dict[str, Callable[[np.ndarray], Pixels]] = {
    "thin": lambda shape: drawing(shape, 1),
    "thick": lambda shape: drawing(shape, 7),
    "inverted": lambda shape: 255 - drawing(shape),
    "in a corner": lambda shape: drawing(shape, 2, 400, (240, 10)),
    "half as large": lambda shape: drawing(shape, 1, 140, (50, 40), 0.5),
    "larger": lambda shape: drawing(shape, 5, 420, factor=3.0),
    "on paper": lambda shape: scanned(drawing(shape, 3, 280, factor=2.0)),
}


def framed(pixels: Pixels) -> np.ndarray:
    params = Edges(side=64, pad=4, width=9)
    return Framed(params).edges(Decoded(pixels, pixels.shape[1::-1]), True).ravel()


@pytest.mark.parametrize("way", WAYS)
def test_how_a_shape_is_drawn_matters_less_than_what_it_is(way: str) -> None:
    known = np.stack([framed(drawing(shape)) for shape in (HOUSE, BOAT, ARROW)])
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    for number, shape in enumerate((HOUSE, BOAT, ARROW)):
        query = framed(WAYS[way](shape))
        similar = known @ query / np.linalg.norm(query)
        assert similar.argmax() == number
        assert similar[number] > 0.8


@pytest.mark.parametrize("way", WAYS)
def test_line_drawings_look_like_it(way: str) -> None:
    assert [look_at(WAYS[way](shape)).kind for shape in (HOUSE, BOAT, ARROW)] == ["drawing"] * 3


def test_photos_and_empty_sheets_look_like_it() -> None:
    assert [look_at(photo(shape)).kind for shape in (HOUSE, BOAT, ARROW)] == ["photo"] * 3
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    assert look_at(noise).kind == "photo"
    assert look_at(np.full((50, 50, 3), 240, np.uint8)).kind == "empty"


def test_one_stroke_is_a_drawing() -> None:
    assert look_at(drawing(np.array([[20, 70], [120, 70]]))).kind == "drawing"
    assert framed(drawing(np.array([[20, 70], [120, 70]]))).any()


def test_lines_are_one_pixel_wide_and_dust_is_gone() -> None:
    sheet = drawing(np.array([[20, 70], [120, 70]]), 7)
    sheet[10, 10] = 0
    lines = lines_of(ink_of(sheet))
    assert set(lines.sum(axis=0)[30:110].tolist()) == {1}
    assert not lines[:20].any()
