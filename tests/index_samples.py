"""Small photos and a small fitted recipe for the tests of the index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resight.features.kinds import Sift
from resight.features.sift import detect
from resight.index.index import Index
from resight.index.results import Result
from resight.learned.artefact import save
from resight.learned.passes import Terms
from resight.words.kinds import Hamming

Pixels = NDArray[np.uint8]

ASMK = """
[words]
kind = "asmk"
size = 64
fit = "codebook.npz"
"""
SPATIAL = """
[[rerank]]
kind = "spatial"
top = 20
score = "evidence"
"""
CHAIN = """
[[rerank]]
kind = "chain"
"""
# A network that tests randomise and write to net.safetensors beside the recipe.
MAPS = """
name = "small"
[features]
kind = "maps"
network = "mobilenet_v2"
layer = "features.4"
max_side = 192
runtime = "torch"
[features.checkpoint]
source = "net.safetensors"
[descriptor]
kind = "mac"
"""
METHODS = {
    "asmk": ASMK,
    "verified": ASMK + SPATIAL,
    "chained": ASMK + SPATIAL + CHAIN,
    "bow": '[words]\nkind = "bow"\nsize = 64\nfit = "codebook.npz"\n' + SPATIAL,
    "hamming": '[words]\nkind = "hamming"\nsize = 64\nfit = "codebook.npz"\nquery_assignment = 3\n',
    "vlad": '[descriptor]\nkind = "vlad"\nsize = 64\nfit = "codebook.npz"\n',
    "match": '[match]\nkind = "exhaustive"\n',
}


def texture(seed: int, width: int = 200, height: int = 150) -> Pixels:
    """Blobs of several sizes: about 100 features, the same for the same seed."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells in (4, 8, 16, 32):
        grid = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = total.min(), total.max()
    return ((total - low) / (high - low) * 255).astype(np.uint8)


def seen_again(pixels: Pixels, seed: int) -> tuple[Pixels, NDArray[np.float64]]:
    """Another view of the same thing, and the (3, 3) transform of its pixels to those of the view."""
    rng = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    centre = (width / 2, height / 2)
    rotation = cv2.getRotationMatrix2D(centre, rng.uniform(-15, 15), rng.uniform(0.9, 1.1))
    seen = cv2.warpAffine(pixels, rotation, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(seen, np.uint8), np.vstack([rotation, [0, 0, 1]])


def collection(things: int, views: int = 2) -> dict[str, Pixels]:
    """Photos by name: views of each thing, "thing-view.png"."""
    photos = {}
    for thing in range(things):
        front = texture(thing)
        for view in range(views):
            photos[f"{thing:02d}-{view}.png"] = front if view == 0 else seen_again(front, 100 * thing + view)[0]
    return photos


def write(folder: Path, photos: Mapping[str, Pixels]) -> Path:
    """Puts photos into a folder."""
    for name, pixels in photos.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    folder.mkdir(exist_ok=True)
    return folder


def write_recipes(folder: Path) -> Path:
    """Puts a recipe of each method, METHOD.toml, beside the codebook that they are fitted with."""
    sample = np.concatenate([detect(texture(seed), Sift()).descriptors for seed in range(900, 940)])
    (fitted,) = Hamming(size=64).passes
    save(folder / "codebook.npz", fitted.fit(sample, Terms(0)), {"test": "codebook"})
    for name, text in METHODS.items():
        (folder / f"{name}.toml").write_text(f'name = "{name}"\n{text}')
    return folder


def rankings(index: Index, photos: Mapping[str, Pixels], **options: bool) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a search says of each photo as an array, apart from the time."""
    return {name: told(index.search(pixels, k=50, **options)) for name, pixels in photos.items()}


def told(result: Result) -> list[tuple[object, ...]]:
    """Names, scores and evidence of a result, exactly."""
    return [(hit.name, hit.score, hit.inliers, hit.transform, hit.box) for hit in result.hits]


def names(result: Result) -> list[str]:
    """The names of the hits, best first."""
    return [hit.name for hit in result.hits]


def index_by(recipes: Path, text: str, path: Path) -> Index:
    """An empty index by a recipe that lies beside the codebook."""
    recipe = recipes / f"{path.stem}.toml"
    recipe.write_text(text)
    return Index.create(path, recipe)
