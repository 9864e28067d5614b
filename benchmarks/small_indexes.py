"""Small indexes of rendered photos, one of each layout on the disk, for `flips.py` and `kills.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resight.index.index import Index
from resight.recipe import recipe_text

Pixels = NDArray[np.uint8]

_FEATURES = '[features]\nkind = "sift"\nmax_features = 60\n'
_SPATIAL = '[[rerank]]\nkind = "spatial"\ntop = 5\n'
_VECTORS = f'{_FEATURES}[descriptor]\nkind = "vlad"\nsize = 8\nfit = "collection"\n'
_DIFFUSION = '[[rerank]]\nkind = "diffusion"\nk = 4\nalpha = 0.9\n'
_FUSED = """
[channel.words.features]
kind = "sift"
max_features = 60
[channel.words.words]
kind = "asmk"
size = 32
fit = "collection"
[channel.vectors.features]
kind = "sift"
max_features = 60
[channel.vectors.descriptor]
kind = "vlad"
size = 8
fit = "collection"
[[rerank]]
kind = "fusion"
method = "sum"
channels.words = { scores = "confidence", half = 30.0 }
channels.vectors = { scores = "power", power = 3.0, weight = 0.3 }
[[rerank]]
kind = "diffusion"
channel = "words"
k = 4
gamma = 1.0
self_affinity = 1.0
alpha = 0.9
"""
RECIPES: Mapping[str, str] = {
    "bow": f'{_FEATURES}[words]\nkind = "bow"\nsize = 32\nfit = "collection"\n{_SPATIAL}',
    "hamming": f'{_FEATURES}[words]\nkind = "hamming"\nsize = 32\nfit = "collection"\n',
    "asmk": f'{_FEATURES}[words]\nkind = "asmk"\nsize = 32\nfit = "collection"\n{_SPATIAL}',
    "vectors": _VECTORS,
    "match": f'{_FEATURES}[match]\nkind = "exhaustive"\n',
    "augmented": '[words]\nkind = "bow"\nsize = 64\nfit = "collection"\n'
    f'[augmentation]\nkind = "verified"\nmin_inliers = 4\n{_SPATIAL}',
    "summed": f'{_VECTORS}[augmentation]\nkind = "alpha"\nneighbours = 2\n',
    "neighbours": f"{_VECTORS}{_DIFFUSION}",
    "spectral": f'{_VECTORS}{_DIFFUSION}solver = "spectral"\n',
    "fused": _FUSED,
}
"""Recipes of SIFT by layout, fitted on their own photos; `regions` is by a network with random weights."""


def recipe_of(layout: str) -> str:
    """The text of a small recipe that keeps its evidence in this layout."""
    if layout != "regions":
        return f'name = "{layout}"\n{RECIPES[layout]}'
    text = re.sub(r'source = ".*?"', 'source = "random"', recipe_text("regions-mobilenet"))
    text = re.sub(r"^(dimensions|fit) = .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^whitening = .*$", 'whitening = "none"', text, flags=re.MULTILINE)
    return text.replace("[features]", '[features]\nruntime = "torch"\nmax_side = 64')


def photo(thing: int, view: int, width: int = 240, height: int = 180) -> Pixels:
    """Blobs of several sizes, the same for the same thing and turned a little for another view of it."""
    rng = np.random.default_rng(thing)
    total = np.zeros((height, width, 3))
    for cells in (6, 12, 24, 48):
        total += cv2.resize(rng.normal(size=(cells, cells, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = total.min(), total.max()
    pixels = ((total - low) / (high - low) * 255).astype(np.uint8)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 7.0 * view, 1.0)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def write_photos(folder: Path, things: int, views: int = 2, first: int = 0) -> Path:
    """Puts photos "THING-VIEW.png" into a folder, things from `first` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for thing in range(first, first + things):
        for view in range(views):
            Image.fromarray(photo(thing, view)).save(folder / f"{thing:02d}-{view}.png")
    return folder


def make_index(path: Path, layout: str, photos: Path) -> Index:
    """An index of two segments, with an image removed."""
    recipe = path.with_suffix(".toml")
    recipe.write_text(recipe_of(layout))
    index = Index.create(path, recipe)
    names = sorted(file.name for file in photos.iterdir())
    index.add(photos, only=names[: len(names) // 2])
    index.add(photos)
    index.remove([names[-1]])
    return index
