"""What a whitening gains or costs, by the number of photos that it is fitted on.

    python benchmarks/whitening.py SET... --others FOLDER... [--recipes NAME,...] [--sizes N,...] [--cache FOLDER]
        [-o JSON]

SET: folders with `images/` and `groundtruth.json`. The photos of the other folders are added to every set that is
searched where the folder is called distractors, and serve fits anyhow. A whitening is fitted

- on the collection: photos drawn from those that are searched, at the power for such a fit; where more are asked for
  than there are, they are filled up with other photos;
- on other photos: none that is searched or asked with, at the power for a fit on those.

Photos that exist are drawn first, by seed; where all of a kind are used up, mirrored photos and then their middles (70
% of the sides) follow, which are no new things: sizes beyond the photos at hand say less than those within. Every
photo is extracted once; vectors before whitening stay in the folder of --cache, or in one that is removed in the end.
Figures are mAP (trapezoid, junk removed) of the vectors as they are, and whitened.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from resight.channels.extraction import features_of
from resight.datasets.dataset import Dataset
from resight.datasets.folder import read_folder
from resight.descriptors.kinds import OfMaps, Regional
from resight.descriptors.methods.whitened import SAMPLE_FOR_WHITENING
from resight.descriptors.pooled import unit_sum
from resight.evaluation.metrics import mean_over_queries, oxford_ap, positions_of_ids
from resight.features.kinds import Maps
from resight.features.opening import open_extractor
from resight.folders.walking import Found, find_images
from resight.learned.whitening import POWER_ON_COLLECTION, Whitening, fit_pca_whitening
from resight.recipe import load_recipe

RECIPES = "gem-mobilenet,rmac-mobilenet,mac-mobilenet,spoc-mobilenet,crow-mobilenet"
SIZES = "100,300,1000,3000,10000"
SEED = 0
MIDDLE = 0.7
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Vectors:
    """Vectors before whitening of all photos; those of photo i are offsets[i]:offsets[i + 1]."""

    rows: NDArray[np.float16]
    offsets: NDArray[np.int64]

    def of(self, photo: int) -> Floats:
        return np.asarray(self.rows[self.offsets[photo] : self.offsets[photo + 1]], np.float32)

    def descriptors(self, photos: Rows, whitening: Whitening | None) -> Floats:
        """(n, d), as a recipe's channel makes them."""
        own = (self.of(photo) for photo in photos)
        return np.stack([unit_sum(rows if whitening is None else whitening.apply(rows)) for rows in own])

    def sample(self, photos: Rows) -> Floats:
        """What a fit is given of some photos: an equal share of each."""
        share = -(-SAMPLE_FOR_WHITENING // len(photos))
        rng = np.random.default_rng(SEED)
        return np.concatenate([rows[rng.permutation(len(rows))[:share]] for rows in map(self.of, photos)])


@dataclass(frozen=True)
class Searched:
    """A set with ground truth, as rows of the photos."""

    name: str
    database: Rows
    queries: Rows
    positives: Sequence[Rows]
    junk: Sequence[Rows]


def write_variants(found: Sequence[tuple[str, Path]], count: int, folder: Path) -> None:
    """Mirrored photos, then middles, of photos drawn by seed, `count` files named by what they are made of."""
    order = np.random.default_rng(SEED).permutation(len(found))
    for number in range(min(count, 2 * len(found))):
        name, path = found[order[number % len(found)]]
        kind = "mirrored" if number < len(found) else "middle"
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        if kind == "mirrored":
            image = ImageOps.mirror(image)
        else:
            margin = (1.0 - MIDDLE) / 2.0
            width, height = image.size
            image = image.crop((*(round(margin * side) for side in image.size), *_ends(width, height, margin)))
        target = folder / kind / f"{name}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target, quality=95)


def _ends(width: int, height: int, margin: float) -> tuple[int, int]:
    return round((1.0 - margin) * width), round((1.0 - margin) * height)


def extract(found: Sequence[Found], recipes: Mapping[str, tuple[Maps, OfMaps | Regional]], cache: Path) -> None:
    """Writes the vectors of recipes that are not in the cache yet, one pass over the photos for each kind of maps."""
    wanted: dict[Maps, dict[str, OfMaps | Regional]] = {}
    for name, (features, method) in recipes.items():
        if not (cache / f"{name}.offsets.npy").exists():
            wanted.setdefault(features, {})[name] = method
    for features, methods in wanted.items():
        rows: dict[str, list[NDArray[np.float16]]] = {name: [] for name in methods}
        for done, maps in enumerate(features_of(found, open_extractor(features, Path()))):
            assert maps is not None, f"{found[done].path} cannot be read"
            for name, method in methods.items():
                rows[name].append(method.vectors_of(maps).astype(np.float16))
            if done % 500 == 0:
                print(f"{features.layer}: {done} of {len(found)} photos", flush=True)
        for name, parts in rows.items():
            np.save(cache / f"{name}.rows.npy", np.concatenate(parts))
            np.save(cache / f"{name}.offsets.npy", np.cumsum([0, *(len(part) for part in parts)]))


def searched(name: str, dataset: Dataset, known: Mapping[str, int], distractors: Sequence[int]) -> Searched:
    """A set among distractors."""

    def rows(names: Any) -> Rows:
        return np.array(sorted(known[f"{name}/{one}"] for one in names), np.int64)

    queries = dataset.queries
    return Searched(
        name,
        np.concatenate([rows(dataset.images), np.array(distractors, np.int64)]),
        np.array([known[f"{name}/{query.image}"] for query in queries], np.int64),
        [rows(query.positives) for query in queries],
        [rows(query.junk) for query in queries],
    )


def mean_ap(vectors: Vectors, where: Searched, whitening: Whitening | None) -> float:
    """MAP of all queries of a set."""
    scores = vectors.descriptors(where.queries, whitening) @ vectors.descriptors(where.database, whitening).T
    order = where.database[np.argsort(-scores, axis=1, kind="stable")]
    return mean_over_queries(
        oxford_ap(positions_of_ids(ranking, positives, junk), len(positives))
        for ranking, positives, junk in zip(order, where.positives, where.junk, strict=True)
    )


def drawn(pools: Sequence[Rows], count: int) -> Rows:
    """So many photos: the first pool is used up before the next is drawn from."""
    order = [np.random.default_rng(SEED).permutation(pool) for pool in pools]
    return np.concatenate(order)[:count]


def main() -> None:
    """Extracts, fits, measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--others", nargs="*", type=Path, default=[])
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    recipes = {name: _pooled(name) for name in options.recipes.split(",")}
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary) / "vectors"
        cache.mkdir(parents=True, exist_ok=True)
        folders = [*options.sets, *options.others]
        real = [(f"{folder.name}/{one.name}", one) for folder in folders for one in find_images(folder / "images")]
        more = max(0, max(sizes) - len(real))
        write_variants([(name, one.path) for name, one in real], more, Path(temporary) / "variants")
        made = [(f"variants/{one.name}", one) for one in find_images(Path(temporary) / "variants")] if more else []
        print(f"{len(real)} photos, {len(made)} mirrored or cut from them", flush=True)
        extract([one for _, one in [*real, *made]], recipes, cache)
        known = {name: row for row, (name, _) in enumerate([*real, *made])}
        distractors = [row for name, row in known.items() if name.startswith("distractors/")]
        places = [searched(folder.name, read_folder(folder), known, distractors) for folder in options.sets]
        result = measure(cache, recipes, sizes, places, len(real), known)
    table(result)
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _pooled(name: str) -> tuple[Maps, OfMaps | Regional]:
    (channel,) = load_recipe(name).channel.values()
    assert isinstance(channel.features, Maps), f"{name} pools no maps"
    assert isinstance(channel.method, OfMaps | Regional), f"{name} pools no maps"
    return channel.features, channel.method


def measure(
    cache: Path,
    recipes: Mapping[str, tuple[Maps, OfMaps | Regional]],
    sizes: Sequence[int],
    places: Sequence[Searched],
    photos: int,
    known: Mapping[str, int],
) -> list[dict[str, Any]]:
    """One line for each recipe, set, way of fitting and size."""
    lines: list[dict[str, Any]] = []
    everything = np.arange(len(known))
    source = {row: name.removeprefix("variants/").partition("/")[2] for name, row in known.items() if row >= photos}
    for recipe, (_, method) in recipes.items():
        vectors = Vectors(np.load(cache / f"{recipe}.rows.npy"), np.load(cache / f"{recipe}.offsets.npy"))
        for place in places:
            raw = mean_ap(vectors, place, None)
            seen = np.union1d(place.database, place.queries)
            names = {name for name, row in known.items() if row in set(seen.tolist())}
            copies = np.array([row for row, of in source.items() if of.removesuffix(".jpg") in names], np.int64)
            others = np.setdiff1d(everything, np.union1d(seen, copies))
            rest = [others[others < photos], others[others >= photos]]
            ways = {"collection": ([place.database, *rest], POWER_ON_COLLECTION), "others": (rest, 1.0)}
            for way, (pools, power) in ways.items():
                for size in sizes:
                    chosen = drawn(pools, size)
                    if len(chosen) < size:
                        continue
                    whitening = fit_pca_whitening(vectors.sample(chosen), method.dimensions, power=power)
                    line = {
                        "recipe": recipe,
                        "set": place.name,
                        "fitted on": way,
                        "photos": size,
                        "of them made": int((chosen >= photos).sum()),
                        "raw": raw,
                        "whitened": mean_ap(vectors, place, whitening),
                    }
                    lines.append(line)
                    print(f"{recipe} {place.name} {way} {size}: {raw:.3f} {line['whitened']:.3f}", flush=True)
    return lines


def table(lines: Sequence[Mapping[str, Any]]) -> None:
    """Whitened minus raw, in points, by size."""
    sizes = sorted({line["photos"] for line in lines})
    print(f"{'':40}{'raw':>8}" + "".join(f"{size:>9,}" for size in sizes))
    for recipe, name, way in dict.fromkeys((line["recipe"], line["set"], line["fitted on"]) for line in lines):
        own = [line for line in lines if (line["recipe"], line["set"], line["fitted on"]) == (recipe, name, way)]
        gains = {line["photos"]: 100.0 * (line["whitened"] - line["raw"]) for line in own}
        shown = "".join(f"{gains[size]:>+9.1f}" if size in gains else f"{'':9}" for size in sizes)
        print(f"{recipe + ' ' + name + ' ' + way:40}{own[0]['raw']:>8.3f}{shown}")
    worst = min(lines, key=lambda line: line["whitened"] - line["raw"])
    print(
        f"worst: {100.0 * (worst['whitened'] - worst['raw']):+.1f} points, {worst['recipe']} on {worst['set']}, "
        f"fitted on {worst['photos']} photos ({worst['fitted on']})"
    )


if __name__ == "__main__":
    main()
