"""`Index.duplicates` against imagededup's hashes: precision and recall of pairs, and seconds, on the same photos.

    python benchmarks/duplicates.py near FOLDER --index near.resight
    python benchmarks/duplicates.py covers PHOTOS/covers --index covers.resight
    python benchmarks/duplicates.py scenes PHOTOS/scenes --index scenes.resight

`near`: a folder that benchmarks/near_copies.py made; a pair is right that is of one picture. Others are folders with
images/ and groundtruth.json; a pair is right that is a query with its positive, or two queries with a positive in
common, and one with junk counts for nothing. Ours are all pairs of photos of one group, theirs are those that
`find_duplicates` returns at its default distance of 10, and at the distance at which F1 is highest on these very
photos, which flatters them. The index is made where it is not there yet; its seconds are told apart.

imagededup 0.3.3 imports torch and torchvision for its networks and matplotlib for its plots, which its hashes do not
use: all three are stubbed here, so that beside resight `pip install --no-deps imagededup PyWavelets tqdm` and
`pip install scikit-learn` are enough.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from near_copies import picture_of

from resight.datasets.folder import photo_root, read_folder
from resight.folders.walking import find_images
from resight.index.index import Index

Pair = tuple[str, str]
DEFAULT_DISTANCE = 10
DISTANCES = range(0, 33, 2)


class _Anything(type):
    """A class that takes any arguments and has every attribute: each is such a class again."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return anything(name)


def anything(name: str) -> _Anything:
    """A class for whatever a library is asked for."""
    return _Anything(name, (), {"__init__": lambda self, *_, **__: None, "__call__": lambda self, given: given})


class _Stub(ModuleType):
    """A module that has every attribute."""

    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return anything(name)


def stub_networks() -> None:
    """Puts modules without content in the place of torch, torchvision and matplotlib."""
    inner = ("nn", "utils", "utils.data", "backends", "backends.mps")
    for name in ("torch", *(f"torch.{one}" for one in inner)):
        sys.modules[name] = _Stub(name)
    for name in ("torchvision", "torchvision.transforms", "torchvision.models", "matplotlib", "matplotlib.pyplot"):
        sys.modules[name] = _Stub(name)
    for name in ("torchvision.models.vision_transformer", "torchvision.transforms.transforms", "matplotlib.gridspec"):
        sys.modules[name] = _Stub(name)


def ordered(pairs: Iterable[Pair]) -> set[Pair]:
    """Pairs of two different names, each once."""
    return {(min(a, b), max(a, b)) for a, b in pairs if a != b}


def truth(kind: str, folder: Path) -> tuple[Path, set[Pair], set[Pair]]:
    """Where the photos are, the right pairs, and the pairs that count for nothing."""
    if kind == "near":
        by_picture: dict[str, list[str]] = {}
        for image in find_images(folder):
            by_picture.setdefault(picture_of(image.name), []).append(image.name)
        return folder, ordered(p for names in by_picture.values() for p in itertools.combinations(names, 2)), set()
    right: set[Pair] = set()
    nothing: set[Pair] = set()
    shown: dict[str, list[str]] = {}
    for queries in read_folder(folder).settings.values():
        for query in queries:
            right |= ordered((query.image, name) for name in query.positives)
            nothing |= ordered((query.image, name) for name in query.junk)
            for name in query.positives:
                shown.setdefault(name, []).append(query.image)
    for asking in shown.values():
        right |= ordered(itertools.combinations(asking, 2)) - nothing
    return photo_root(folder), right, nothing - right


def judged(found: set[Pair], right: set[Pair], nothing: set[Pair]) -> dict[str, float]:
    """Precision, recall and F1 of pairs."""
    counted = found - nothing
    hits = len(counted & right)
    precision, recall = hits / max(len(counted), 1), hits / max(len(right), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"precision": precision, "recall": recall, "f1": f1, "pairs": len(counted)}


def ours(kind: str, photos: Path, path: Path) -> tuple[set[Pair], dict[str, float]]:
    """Pairs of the groups that `Index.duplicates` finds, and seconds."""
    start = time.perf_counter()
    index = Index.create(path)
    index.add(photos)
    indexing = time.perf_counter() - start
    start = time.perf_counter()
    found = Index.open(path).duplicates("near" if kind == "near" else "same")
    seconds = time.perf_counter() - start
    pairs = (
        pair for group in found.groups for pair in itertools.combinations([photo.name for photo in group.photos], 2)
    )
    return ordered(pairs), {"index_seconds": indexing, "seconds": seconds, "verified": found.verified}


def theirs(photos: Path) -> Iterable[tuple[str, int, set[Pair], float]]:
    """Method, distance, pairs and seconds of each of imagededup's hashes at each distance."""
    stub_networks()
    from imagededup.methods import AHash, DHash, PHash, WHash

    logging.getLogger().setLevel(logging.WARNING)
    for make in (PHash, DHash, WHash, AHash):
        method = make(verbose=False)
        start = time.perf_counter()
        encodings = method.encode_images(image_dir=str(photos), recursive=True, num_enc_workers=0)
        hashing = time.perf_counter() - start
        for distance in DISTANCES:
            start = time.perf_counter()
            found = method.find_duplicates(encoding_map=encodings, max_distance_threshold=distance, num_dist_workers=0)
            pairs = ordered((name, other) for name, others in found.items() for other in others)
            yield make.__name__, distance, pairs, hashing + time.perf_counter() - start


def line(name: str, score: dict[str, float], seconds: float) -> str:
    return (
        f"{name:24} precision {score['precision']:.4f}  recall {score['recall']:.4f}  F1 {score['f1']:.4f}  "
        f"{score['pairs']:7.0f} pairs  {seconds:7.1f} s"
    )


def run(kind: str, folder: Path, path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures of one set."""
    photos, right, nothing = truth(kind, folder)
    say(f"{kind}: {len(right)} right pairs")
    found, cost = ours(kind, photos, path)
    score = judged(found, right, nothing)
    say(line("resight", score, cost["seconds"]))
    result: dict[str, Any] = {"set": kind, "right": len(right), "resight": {**score, **cost}, "imagededup": {}}
    best: dict[str, tuple[dict[str, float], int, float]] = {}
    for method, distance, pairs, seconds in theirs(photos):
        score = judged(pairs, right, nothing)
        if distance == DEFAULT_DISTANCE:
            say(line(f"{method}, default {distance}", score, seconds))
            result["imagededup"][f"{method} default"] = {**score, "distance": distance, "seconds": seconds}
        if method not in best or score["f1"] > best[method][0]["f1"]:
            best[method] = score, distance, seconds
    for method, (score, distance, seconds) in best.items():
        say(line(f"{method}, best {distance}", score, seconds))
        result["imagededup"][f"{method} best"] = {**score, "distance": distance, "seconds": seconds}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", help="near, or the name of a set with ground truth")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = run(given.kind, given.folder, given.index, print)
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
