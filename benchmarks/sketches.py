"""Figures of retrieval by line drawings, and of descriptors across styles, as docs/sketches.md has them.

    python benchmarks/sketches.py PHOTOS --recipes sketches edgemac-mobilenet [--robust] [--ablation] [--domains]
        [--every 1] [-o FILE.json]

PHOTOS has `shoes` (one true photo of each drawing) and `domains` (labels.json). acc@k is the share of the drawings
whose photo is among the first k, with the interval of 95 % of resampled things: drawings of one photo go together.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Pixels
from resight.errors import UsageError
from resight.evaluation.classifying import descriptors_of
from resight.evaluation.domains import leave_one_domain_out, mean_accuracy
from resight.features.edges.framing import widened
from resight.features.edges.lines import ink_of, lines_of
from resight.images import decode, enlarge
from resight.index.index import Index
from resight.recipe import recipe_text
from resight.training.toml import to_toml

Change = Callable[[Pixels], Pixels]
RESAMPLED = 1000


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--recipes", nargs="+", default=["sketches"])
    parser.add_argument("--robust", action="store_true")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--domains", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="ask with one drawing of so many; 0: none")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        for recipe in given.recipes if given.every else []:
            found += asked(Path(place), given.photos / "shoes", recipe, given.every, given.robust)
        if given.ablation:
            for name, text in variants(given.recipes[0]).items():
                file = Path(place) / f"{name}.toml"
                file.write_text(text)
                found += asked(Path(place), given.photos / "shoes", str(file), given.every, False)
        if given.domains:
            found += styles(Path(place), given.photos / "domains", given.recipes[0])
    if given.output is not None:
        given.output.write_text(json.dumps(found, indent=1) + "\n")


def asked(place: Path, shoes: Path, recipe: str, every: int, robust: bool) -> list[dict[str, Any]]:
    """Asks an index of the photos with each drawing, as it is and, where `robust`, changed."""
    truth = json.loads((shoes / "groundtruth.json").read_text())
    index = Index.create(place / f"{Path(recipe).stem}.resight", recipe)
    begun = time.process_time()
    index.add(shoes / "images", only=truth["images"])
    seconds = time.process_time() - begun
    queries = truth["queries"][::every]
    changes: dict[str, Change] = {"as it is": lambda pixels: pixels} | (CHANGES if robust else {})
    found = []
    for name, change in changes.items():
        begun = time.process_time()
        ranks = np.array([rank(index, shoes, one, change) for one in queries])
        row = {
            "recipe": Path(recipe).stem,
            "drawings": name,
            "acc@1": share(ranks, 1, queries),
            "acc@10": share(ranks, 10, queries),
            "cpu_seconds_a_photo": round(seconds / len(truth["images"]), 3),
            "cpu_seconds_a_query": round((time.process_time() - begun) / len(queries), 3),
        }
        print(json.dumps(row), flush=True)
        found.append(row)
    return found


def rank(index: Index, shoes: Path, query: dict[str, Any], change: Change) -> int:
    """Returns the rank, from 0, of the true photo of a drawing."""
    pixels = change(decode(shoes / "images" / query["image"]).pixels)
    names = [str(hit.name) for hit in index.search(pixels, k=len(index), sketch=True)]
    return names.index(query["positives"][0])


def share(ranks: NDArray[np.int64], k: int, queries: Sequence[dict[str, Any]]) -> list[float]:
    """Returns the percentage of ranks below k, and the interval of 95 % over resampled photos."""
    hit = ranks < k
    of = np.unique([one["positives"][0] for one in queries], return_inverse=True)[1]
    hits, counts = np.bincount(of, hit), np.bincount(of)
    drawn = np.random.default_rng(0).integers(len(counts), size=(RESAMPLED, len(counts)))
    means = hits[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return [round(100 * float(one), 1) for one in (hit.mean(), *np.quantile(means, (0.025, 0.975)))]


def with_lines(width: int) -> Change:
    """Returns a change of the width of a drawing's lines, in pixels."""

    def change(pixels: Pixels) -> Pixels:
        lines = widened(lines_of(ink_of(pixels)).astype(np.float32), width)
        return np.repeat((255 * (1 - lines)).astype(np.uint8)[..., None], 3, axis=2)

    return change


def shifted(pixels: Pixels) -> Pixels:
    """Puts a drawing into the corner of a sheet of twice its size."""
    height, width = pixels.shape[:2]
    sheet = np.full((2 * height, 2 * width, 3), 255, np.uint8)
    sheet[-height:, :width] = pixels
    return sheet


def halved(pixels: Pixels) -> Pixels:
    """Halves a drawing."""
    from PIL import Image

    height, width = pixels.shape[:2]
    return np.array(Image.fromarray(pixels).resize((width // 2, height // 2), Image.Resampling.LANCZOS))


def scanned(pixels: Pixels) -> Pixels:
    """Lays a drawing on uneven, grainy, yellowish paper."""
    rng = np.random.default_rng(0)
    height, width = pixels.shape[:2]
    light = np.linspace(0.75, 1.0, width)[None, :, None] * np.array([1.0, 0.97, 0.88])
    return np.clip(pixels * light + rng.normal(0, 4, (height, width, 1)), 0, 255).astype(np.uint8)


CHANGES: dict[str, Change] = {
    "lines of 1 pixel": with_lines(1),
    "lines of 3 pixels": with_lines(3),
    "lines of 7 pixels": with_lines(7),
    "in a corner of a larger sheet": shifted,
    "at half size": halved,
    "at twice the size": lambda pixels: enlarge(pixels, 2 * max(pixels.shape[:2])),
    "white on black": lambda pixels: 255 - pixels,
    "on uneven, grainy paper": scanned,
}


def variants(recipe: str) -> dict[str, str]:
    """Returns recipes that differ from one in a single part, by what they differ in."""
    plain = tomllib.loads(recipe_text(recipe))
    found = {}

    def add(name: str, change: Callable[[dict[str, Any]], object]) -> None:
        table = json.loads(json.dumps(plain))
        change(table)
        found[name] = to_toml(table | {"name": name})

    def each(table: dict[str, Any]) -> list[dict[str, Any]]:
        return [one["features"] for one in table["channel"].values()]

    if "channel" not in plain:
        raise UsageError(f"{recipe}: the ablation is of a recipe with the channels shapes and lines")
    for name in plain["channel"]:
        add(
            f"{name}-alone",
            lambda table, name=name: table.update(channel={name: table["channel"][name]}, rerank=[]),
        )
    add("texture-kept", lambda table: [one.update(suppression=0.0) for one in each(table)])
    add("whole-photos", lambda table: [one.update(frame="whole") for one in each(table)])
    add("thin-lines", lambda table: [one.update(width=1) for one in each(table)])
    edge_filter = {"power": 0.5, "steepness": 500.0, "threshold": 0.1}
    add("edge-filter", lambda table: [one.update(filter=edge_filter) for one in each(table)])
    add("mirrored", lambda table: table["channel"]["shapes"]["features"].update(mirror=True))
    add("three-scales", lambda table: table["channel"]["shapes"]["features"].update(scales=[1.0, 0.7071, 1.4142]))
    add("one-cell", lambda table: table["channel"]["shapes"]["descriptor"].update(levels=[1]))
    whitened = {"whitening": "pca", "dimensions": 128, "fit": "collection"}
    add("whitened", lambda table: table["channel"]["shapes"]["descriptor"].update(whitened))
    add("diffusion", lambda table: table["rerank"].append({"kind": "diffusion", "channel": "shapes"}))
    return found


def styles(place: Path, domains: Path, edges: str) -> list[dict[str, Any]]:
    """Classifies pictures of each style by what is learned in the three others: photos, edges, and both."""
    folder = place / "domains"
    for name, one in json.loads((domains / "labels.json").read_text()).items():
        file = folder / one["domain"] / one["class"] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(domains / "images" / name, file)
    photo = "rmac-lite0"
    vectors = {}
    for recipe in (photo, edges):
        names, vectors[recipe] = descriptors_of(folder, recipe)
    parts = [Path(name).parts for name in names]
    rows = []
    for recipes in ([photo], [edges], [photo, edges]):
        joined = np.concatenate([vectors[one] for one in recipes], axis=1) / np.float32(np.sqrt(len(recipes)))
        found = leave_one_domain_out(joined, [one[1] for one in parts], [one[0] for one in parts])
        row = {
            "recipes": recipes,
            "left out": {one.domain: round(100 * one.accuracy, 1) for one in found},
            "mean": round(100 * mean_accuracy(found), 1),
        }
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
