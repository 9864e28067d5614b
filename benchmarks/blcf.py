"""Bags of local convolutional features on queries with boxes: second looks, weightings, and what they cost.

    cd PHOTOS && RESIGHT_WEIGHTS=... python .../benchmarks/blcf.py looks covers/groundtruth_boxed.json \
        --distractors distractors/images --most 500
    ... benchmarks/blcf.py weights covers/groundtruth_boxed.json --distractors distractors/images
    ... benchmarks/blcf.py places covers/groundtruth_boxed.json
    ... benchmarks/blcf.py speed

`looks`: mAP of the global search (GS: all words of a query), the local one (LS: those in its box) and the one between
(FS: fading with the distance to it), plain and with the query's other views (+Qaug), with windows (R) and both
expansions (GQE, LQE): tables of Mohedano et al., ICMR 2016. `weights`: mAP by how positions of the collection are
weighted, for words and for sum pooling: table of Mohedano et al., CBMI 2018. `places`: references ask, photos with a
known box are the collection: overlap (IoU) of the box that windows find in right photos with the true one. `speed`:
memory and times by the number of photos, of words drawn by Zipf's law.
The words are fitted on the photos that are searched, once for all rows of a table, unless `--fit` names others.
`--json FILE` keeps the figures.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.extraction import extract
from resight.channels.fits import fit_channel
from resight.channels.opening import open_channel
from resight.evaluation.metrics import oxford_ap, positions
from resight.features.opening import open_extractor
from resight.features.saliency.kinds import SaliencyName
from resight.folders.walking import Found
from resight.images import Box, decode
from resight.learned.artefact import load
from resight.recipe.model import Recipe
from resight.recipe.reading import parse_recipe, recipe_text
from resight.rerank.kinds import AlphaExpansion
from resight.rerank.stage import SecondLook
from resight.rerank.window_kinds import WindowExpansion, Windows
from resight.search.inverted import Block, InvertedFile, PostingRows
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector
from resight.words.kinds import Blcf
from resight.words.postings import Postings, build_postings

R, LQE, GQE = Windows(top=100), WindowExpansion(top=10), AlphaExpansion(top=10, alpha=0.0)
CHAINS: Mapping[str, Sequence[SecondLook]] = {
    "": (),
    "+R": (R,),
    "+GQE": (GQE,),
    "+R+GQE": (R, GQE),
    "+R+LQE": (R, LQE),
}
CONTEXTS = {"GS": "whole", "LS": "none", "FS": "fading"}
WEIGHTS: tuple[SaliencyName | None, ...] = (None, *(name for name in get_args(SaliencyName) if name != "files"))


@dataclass(frozen=True)
class Asked:
    """A query photo with its box, and the names of the photos that show the same."""

    image: Path
    box: Box | None
    positives: frozenset[str]
    junk: frozenset[str]


@dataclass(frozen=True)
class Photos:
    """The photos of a collection by name, and what is asked of them."""

    found: list[Found]
    queries: list[Asked]


class Bags:
    """Bags of words in memory, whose ids are their rows."""

    allowed = None

    def __init__(self, postings: Postings, method: Blcf) -> None:
        self.postings = postings
        ids = np.arange(len(postings))
        block = Block(postings, ids, np.ones(len(ids), np.bool_))
        self._rows = PostingRows([block], method, codebook_size=postings.codebook_size)
        self._search = InvertedFile(self._rows)

    def words(self, image: int) -> ImageWords:
        return self.postings.image_words(image)

    def word_vector(self, words: ImageWords) -> WordVector:
        return self._rows.vector(words)

    def search(self, query: ImageWords | WordVector, k: int) -> Ranking:
        return self._search.search(query, k)


def read_photos(truth: Path, distractors: Path | None, most: int, queries: int) -> Photos:
    document = json.loads(truth.read_text(encoding="utf-8"))
    folder = truth.parent / "images"
    asked = [
        Asked(
            folder / one["image"],
            tuple(one["box"]) if one.get("box") else None,
            frozenset(one["positives"]),
            frozenset(one["junk"]),
        )
        for one in document["queries"]
    ]
    # Evenly, so that few queries are of many things.
    asked = [asked[place] for place in np.linspace(0, len(asked) - 1, min(queries, len(asked))).astype(int)]
    paths = [folder / name for name in document["images"]]
    paths += sorted(distractors.iterdir())[:most] if distractors else []
    return Photos([found(path) for path in paths], asked)


def found(path: Path) -> Found:
    return Found(path, path.name, path.stat().st_size, 0)


def changed(name: str, features: Mapping[str, object], method: Mapping[str, object]) -> Recipe:
    """A recipe that ships with other values of some keys, and no second looks."""
    recipe = parse_recipe(recipe_text(name), name)
    channel = recipe.channel["main"]
    text = {
        "features": {**channel.features.model_dump(exclude_none=True), **features},
        ("words" if channel.words else "descriptor"): {**channel.method.model_dump(exclude_none=True), **method},
    }
    text["features"] = {key: value for key, value in text["features"].items() if value is not None}
    return Recipe.model_validate({"name": name, "channel": {"main": text}})


def opened(recipe: Recipe, arrays: Mapping[str, NDArray[Any]]) -> Channel:
    channel = recipe.channel["main"]
    return open_channel(channel.method, open_extractor(channel.features, Path()), arrays)


def indexed(channel: Channel, photos: Photos) -> list[Any]:
    return [one.evidence["main"] for one in extract(photos.found, {"main": channel})]


def asked_of(channel: Channel, queries: Iterable[Asked]) -> list[Any]:
    """The form in which the channel compares each query; the photos are read whole."""
    compared = []
    for one in queries:
        photo = decode(one.image)
        prepared = channel.extractor.prepare_query(photo, one.box)
        compared.append(channel.query(channel.extractor.extract([prepared])[0], photo.size))
    return compared


def precision(photos: Photos, rankings: Iterable[Ranking]) -> float:
    names = [one.name for one in photos.found]
    each = []
    for query, ranking in zip(photos.queries, rankings, strict=True):
        ranks = positions([names[row] for row in ranking.ids.tolist()], query.positives, query.junk)
        each.append(oxford_ap(ranks, len(query.positives)))
    return float(np.mean(each))


def looked(bags: Bags, query: ImageWords, chain: Sequence[SecondLook]) -> Ranking:
    ranking = bags.search(query, len(bags.postings))
    for kind in chain:
        ranking = kind.open(bags)(query, ranking)
    return ranking


def words_of(photos: Photos, args: argparse.Namespace) -> tuple[dict[str, object], Mapping[str, NDArray[Any]]]:
    """The common part of all rows of a table, and the words fitted on the photos."""
    features: dict[str, object] = {"max_side": args.max_side, "enlarge_to": args.enlarge_to}
    if args.fit:
        return features, load(args.fit).arrays
    recipe = changed("blcf-mobilenet", features, {"size": args.size})
    return features, fit_channel(recipe, "main", Path(), photos.found, "the photos", print).arrays


def looks(photos: Photos, args: argparse.Namespace) -> dict[str, float]:
    features, arrays = words_of(photos, args)
    figures = {}
    bags: Bags | None = None
    for views in ("plain", "both"):
        for name, context in CONTEXTS.items():
            recipe = changed("blcf-mobilenet", {**features, "context": context, "views": views}, {"size": args.size})
            channel = opened(recipe, arrays)
            if bags is None:
                bags = Bags(build_postings(indexed(channel, photos), channel.size, "bow"), method_of(recipe))
            queries = asked_of(channel, photos.queries)
            for chain, kinds in CHAINS.items():
                row = f"{name}{chain}{'' if views == 'plain' else ' +Qaug'}"
                figures[row] = precision(photos, [looked(bags, query, kinds) for query in queries])
                print(f"{row:20} {100 * figures[row]:5.1f}", flush=True)
    return figures


def method_of(recipe: Recipe) -> Blcf:
    method = recipe.channel["main"].method
    assert isinstance(method, Blcf)
    return method


def weights(photos: Photos, args: argparse.Namespace) -> dict[str, float]:
    features, arrays = words_of(photos, args)
    figures = {}
    for saliency in WEIGHTS:
        for name, context in list(CONTEXTS.items())[:2]:
            recipe = changed(
                "blcf-mobilenet", {**features, "saliency": saliency, "context": context}, {"size": args.size}
            )
            channel = opened(recipe, arrays)
            bags = Bags(build_postings(indexed(channel, photos), channel.size, "bow"), method_of(recipe))
            queries = asked_of(channel, photos.queries)
            figures[f"words {saliency} {name}"] = precision(photos, [looked(bags, query, ()) for query in queries])
        recipe = changed("sum-saliency-mobilenet", {**features, "saliency": saliency}, {})
        fit = fit_channel(recipe, "main", Path(), photos.found, "the photos", None).arrays
        channel = opened(recipe, fit)
        vectors = np.stack(indexed(channel, photos)).reshape(len(photos.found), -1)
        for name in ("GS", "LS"):
            whole = [Asked(one.image, None, one.positives, one.junk) for one in photos.queries]
            queries = asked_of(channel, photos.queries if name == "LS" else whole)
            rankings = [by_vector(vectors, np.ravel(query)) for query in queries]
            figures[f"sum {saliency} {name}"] = precision(photos, rankings)
        row = [100 * figures[f"{what} {saliency} {name}"] for what in ("words", "sum") for name in ("GS", "LS")]
        print(
            f"{saliency or 'none':18} words {row[0]:5.1f} {row[1]:5.1f}   sum {row[2]:5.1f} {row[3]:5.1f}", flush=True
        )
    return figures


def by_vector(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> Ranking:
    scores = vectors @ query
    order = np.argsort(-scores, kind="stable")
    return Ranking(order, scores[order])


def places(photos: Photos, args: argparse.Namespace) -> dict[str, float]:
    """The other way round: what was asked with is searched, and asked for by what was searched."""
    boxes = {one.image.name: one.box for one in photos.queries}
    references = {name for one in photos.queries for name in one.positives}
    folder = photos.queries[0].image.parent
    turned = Photos(
        [found(one.image) for one in photos.queries],
        [
            Asked(
                folder / name,
                None,
                frozenset(one.image.name for one in photos.queries if name in one.positives),
                frozenset(),
            )
            for name in sorted(references)
        ],
    )
    features, arrays = words_of(turned, args)
    recipe = changed("blcf-mobilenet", features, {"size": args.size})
    channel = opened(recipe, arrays)
    bags = Bags(build_postings(indexed(channel, turned), channel.size, "bow"), method_of(recipe))
    asked = asked_of(channel, turned.queries)
    figures = {}
    for least_side in (0.25, 0.5, 1.0):
        overlaps = []
        for query, words in zip(turned.queries, asked, strict=True):
            ranking = looked(bags, words, (Windows(top=100, least_side=least_side),))
            for row, one in enumerate(turned.found):
                truth = boxes[one.name]
                if one.name in query.positives and row in ranking.boxes and truth is not None:
                    overlaps.append(overlap(ranking.boxes[row], truth))
        figures[f"mean IoU of {len(overlaps)} right photos, windows from {least_side:g} of a side"] = float(
            np.mean(overlaps)
        )
    print(figures)
    return figures


def overlap(one: Box, other: Box) -> float:
    """Returns the area of what two boxes share over that of both."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


def speed(args: argparse.Namespace) -> dict[str, float]:
    """Maps of 42 x 32 words, drawn by Zipf's law as they come: neighbours share a word."""
    figures = {}
    for images in args.images:
        rng = np.random.default_rng(0)
        drawn = [drawn_words(rng, args.size) for _ in range(images)]
        bags = Bags(build_postings(drawn, args.size, "bow"), Blcf(size=args.size))
        arrays = bags.postings.to_arrays()
        lists = sum(array.nbytes for name, array in arrays.items() if name.startswith("list_"))
        places = sum(array.nbytes for name, array in arrays.items() if not name.startswith("list_"))
        queries = [bags.words(int(row)) for row in rng.integers(0, images, 20)]
        first, again = [], []
        look = R.open(bags)
        for query in [queries[0], *queries]:
            start = time.perf_counter()
            ranking = bags.search(query, max(100, 1))
            first.append(time.perf_counter() - start)
            look(query, ranking)
            again.append(time.perf_counter() - start - first[-1])
        row = {
            "MB of lists": lists / 1e6,
            "MB of maps": places / 1e6,
            "words an image": float(np.mean([len(np.unique(one.words)) for one in queries])),
            "ms a query": 1e3 * float(np.median(first[1:])),
            "ms to rank 100 again": 1e3 * float(np.median(again[1:])),
        }
        print(f"{images} images: " + ", ".join(f"{value:.2f} {name}" for name, value in row.items()), flush=True)
        figures.update({f"{images}: {name}": value for name, value in row.items()})
    return figures


def drawn_words(rng: np.random.Generator, size: int) -> ImageWords:
    coarse = np.minimum(rng.zipf(1.2, (16, 21)) - 1, 1 << 40) % size
    grid = np.repeat(np.repeat(coarse, 2, 0), 2, 1)
    height, width = grid.shape
    xy = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=2).reshape(-1, 2) * 24
    order = np.argsort(grid.ravel(), kind="stable")
    return ImageWords(
        grid.ravel()[order].astype(np.int32),
        order.astype(np.int32),
        xy.astype(np.float32),
        np.ones(grid.size, np.float32),
        np.zeros(grid.size, np.float32),
        (width * 24, height * 24),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=("looks", "weights", "places", "speed"))
    parser.add_argument("truth", type=Path, nargs="?", help="ground truth whose queries have boxes")
    parser.add_argument("--distractors", type=Path, help="folder of photos that are added to the collection")
    parser.add_argument("--most", type=int, default=10_000, help="distractors at most")
    parser.add_argument("--queries", type=int, default=10_000, help="queries at most")
    parser.add_argument("--size", type=int, default=25_000, help="words")
    parser.add_argument("--fit", type=Path, help="words of `resight fit`, instead of those of the photos")
    parser.add_argument("--max-side", type=int, default=336)
    parser.add_argument("--enlarge-to", type=int, default=0)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 100_000], help="of `speed`")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.table == "speed":
        figures = speed(args)
    else:
        if args.truth is None:
            parser.error("name the ground truth")
        photos = read_photos(args.truth, args.distractors, args.most, args.queries)
        print(f"{len(photos.found)} photos, {len(photos.queries)} queries")
        figures = {"looks": looks, "weights": weights, "places": places}[args.table](photos, args)
    if args.json:
        args.json.write_text(json.dumps({"table": args.table, "figures": figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
