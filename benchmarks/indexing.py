"""How fast photos are indexed, against a plain loop on one core, and what a feature costs on the disk.

    python benchmarks/indexing.py PHOTOS... [--recipe NAME|PATH] [--limit 200] [--rounds 5] [--json]

One round indexes the photos on all cores (`Index.add`, into a new index each time), then does on one core what anyone
would write first: decode, cv2.SIFT, assignment to the nearest centroid by an exact search. The rounds alternate, after
one of each that does not count, and the median of the ratios is the result.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from resight.channels.extraction import cores
from resight.channels.fits import opened_channels
from resight.channels.words import WordLayout
from resight.features.kinds import Sift
from resight.folders.walking import find_images
from resight.index.index import Index
from resight.recipe import DEFAULT, load_recipe
from resight.store import Store


def plain_loop(paths: Sequence[Path], params: Sift, centroids: NDArray[np.float32]) -> int:
    """Indexes nothing: decodes, describes and assigns, photo by photo, on one core; the number of features."""
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatL2(centroids.shape[1])
    flat.add(centroids)
    sift = cv2.SIFT.create(params.max_features)
    features = 0
    for path in paths:
        with Image.open(path) as image:
            image.draft("RGB", (params.max_side, params.max_side))
            upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail((params.max_side, params.max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        grey = cv2.cvtColor(np.array(upright), cv2.COLOR_RGB2GRAY)
        _, described = sift.detectAndCompute(grey, None)
        if described is not None:
            rooted = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), 1e-9))
            flat.search(rooted, 1)
            features += len(rooted)
    return features


def bytes_a_feature(index: Index) -> dict[str, float]:
    """Bytes of each file of the segments, and of the rest of the directory, for each feature."""
    features = index.info().features
    sizes: dict[str, int] = {}
    for file in index.path.rglob("*"):
        if file.is_file():
            key = file.stem if file.suffix == ".npy" else file.relative_to(index.path).parts[-1]
            sizes[key] = sizes.get(key, 0) + file.stat().st_size
    total = sum(sizes.values())
    return {"total": total / features, **{key: size / features for key, size in sorted(sizes.items())}}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path, help="folders of photos")
    parser.add_argument("--recipe", default=DEFAULT)
    parser.add_argument("--limit", type=int, default=200, help="photos of each folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    recipe = load_recipe(options.recipe)
    chosen = {folder: list(islice(find_images(folder), options.limit)) for folder in options.photos}
    found = [one for listed in chosen.values() for one in listed]
    paths = [one.path for one in found]
    temporary = Path(tempfile.mkdtemp())
    try:
        Index.create(temporary / "first", options.recipe)
        fitted = Store.open(temporary / "first", read_only=True).fitted()
        channel = next(iter(opened_channels(recipe, Path(), fitted).values()))
        assert isinstance(channel.layout, WordLayout), "the plain loop assigns words, so the recipe must have some"
        (features,) = (one.features for one in recipe.channel.values())
        assert isinstance(features, Sift), "the plain loop extracts SIFT"
        seconds: dict[str, list[float]] = {"add": [], "loop": []}
        for number in range(options.rounds + 1):
            index = Index.create(temporary / str(number), options.recipe)
            start = time.perf_counter()
            for at, (folder, listed) in enumerate(chosen.items()):
                index.add(folder, prefix=f"{at}/", only={one.name for one in listed})
            seconds["add"].append(time.perf_counter() - start)
            start = time.perf_counter()
            plain_loop(paths, features, channel.layout.vocabulary.centroids)
            seconds["loop"].append(time.perf_counter() - start)
        ratios = [loop / add for add, loop in zip(seconds["add"][1:], seconds["loop"][1:], strict=True)]
        result: dict[str, Any] = {
            "recipe": recipe.name,
            "photos": len(paths),
            "cores": cores(),
            "add_photos_per_s": len(paths) / statistics.median(seconds["add"][1:]),
            "loop_photos_per_s": len(paths) / statistics.median(seconds["loop"][1:]),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "bytes_per_feature": bytes_a_feature(index),
        }
    finally:
        shutil.rmtree(temporary)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['photos']} photos, {result['cores']} cores, {result['recipe']}")
    print(f"add {result['add_photos_per_s']:.1f} photos/s, one-core loop {result['loop_photos_per_s']:.1f} photos/s")
    print(f"ratio {result['ratio']:.2f} (median of {', '.join(f'{one:.2f}' for one in ratios)})")
    for key, size in result["bytes_per_feature"].items():
        print(f"{size:9.3f} bytes a feature: {key}")


if __name__ == "__main__":
    main()
