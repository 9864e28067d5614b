"""Draws docs/result.jpg: two queries of a rendered world, each beside what it found, with the matched points.

python tools/draw_result.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resight.datasets.folder import read_folder
from resight.images import Box, decode
from resight.index.index import Index
from resight.show.matches import draw_matches
from resight.worlds.world import View, render_world, save_world

SEED = 4
CHALLENGES = ("clutter", "viewpoint")
WIDTH, HEIGHT = 1000, 480
TARGET = Path(__file__).resolve().parents[1] / "docs" / "result.jpg"


def drawn(index: Index, root: Path, image: str, box: Box) -> NDArray[np.uint8]:
    """The box of a photo and its best verified hit, `WIDTH` pixels wide."""
    hit = index.search(root / image, box=box, k=1).hits[0]
    if hit.verification is None:
        raise SystemExit(f"{image}: the best hit is not verified; choose another seed")
    (left, first), (right, second) = (resized(root / name) for name in (image, hit.name))
    picture = draw_matches(left, right, hit.verification, query_factor=first, hit_factor=second, box=box, limit=30)
    size = (WIDTH, round(picture.shape[0] * WIDTH / picture.shape[1]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def resized(path: Path) -> tuple[NDArray[np.uint8], float]:
    """A photo at one height for all, and its pixels for each original pixel."""
    pixels = decode(path).pixels
    factor = HEIGHT / pixels.shape[0]
    size = (round(pixels.shape[1] * factor), HEIGHT)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), factor


def around(view: View, width: int, height: int) -> Box:
    """The bounds of what a photo shows of its thing."""
    (x0, y0), (x1, y1) = view.visible.min(axis=0), view.visible.max(axis=0)
    return max(0.0, float(x0)), max(0.0, float(y0)), min(float(width), float(x1)), min(float(height), float(y1))


def main() -> None:
    """Renders, searches, draws and writes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "world"
        world = render_world(SEED, objects=8, look_alikes=0, distractors=8)
        save_world(world, folder)
        dataset = read_folder(folder)
        index = Index.create(Path(temporary) / "world.resight")
        index.add(dataset.root)
        chosen = [next(query.image for query in dataset.queries if query.group == one) for one in CHALLENGES]
        rows = [
            drawn(index, dataset.root, name, around(world.views[name], *world.images[name].shape[1::-1]))
            for name in chosen
        ]
    gap = np.full((12, WIDTH, 3), 255, np.uint8)
    picture = np.concatenate([rows[0], gap, rows[1]])
    cv2.imwrite(str(TARGET), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
