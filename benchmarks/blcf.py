"""Bags of local convolutional features on real photos: second looks, weightings, merged lists, places.

    RESIGHT_WEIGHTS=... python benchmarks/blcf.py PHOTOS --at FOLDER [--sets covers scenes products] [--queries N ...]

writes benchmarks/results/blcf.json, and its tables into docs/results.md. Every row is kept in FOLDER as it is finished:
the same command goes on after the last one. Of each set: `looks`, mAP of the global search (GS: all words of a query),
the local one (LS: those in its box) and the one between (FS: fading with the distance to it), plain and with the
query's other views (+Qaug), with windows (R) and both expansions (GQE, LQE): tables of Mohedano et al., ICMR 2016.
`weights`: mAP by how positions of the collection are weighted, for words and for sum pooling: table of Mohedano et al.,
CBMI 2018. `merged`: lists of SIFT words and of words of maps, and both. `places`, of sets with boxes: references ask,
photos with a known box are the collection: overlap (IoU) of the box that windows find in right photos with the true
one.

The words are fitted on the photos that are searched, once for all rows. Queries, photos and distractors are drawn
evenly, so that the same command has the same ones. Network and words run once a photo: weights are laid over them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
from blcf_page import write_section
from blcf_sets import Asked, Photos, found, overlap, precision, read_photos
from keep import commit, provenance, write_results
from kept_rows import KeptRows
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.extraction import extract
from resight.channels.fits import fit_channel
from resight.channels.opening import open_channel
from resight.channels.shipped import BUILTIN
from resight.features.convolutional import local_features
from resight.features.image_maps import ImageMaps
from resight.features.kinds import Convolutional, Maps
from resight.features.maps import MapExtractor
from resight.features.opening import open_extractor
from resight.features.saliency.kinds import SaliencyName
from resight.features.saliency.weighting import OF_MAPS, OF_PIXELS, position_weights
from resight.images import decode
from resight.learned.artefact import load
from resight.learned.passes import Terms
from resight.recipe.model import Recipe
from resight.recipe.reading import parse_recipe, recipe_text
from resight.rerank.fusion import FusionStage
from resight.rerank.kinds import AlphaExpansion, Fusion
from resight.rerank.stage import SecondLook
from resight.rerank.window_kinds import WindowExpansion, Windows
from resight.search.inverted import Block, InvertedFile, PostingRows
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector
from resight.words.methods.of_words import BagOfWords
from resight.words.postings import Postings, build_postings

Figures = dict[str, float]
Keep = Callable[[str, Callable[[], Figures]], Figures]
"""Returns the figures of a row by its name: those that are kept, or else what is called for them."""
R, PUBLISHED, DAMPED = Windows(damping=0.05, moves=True), Windows(), Windows(damping=0.05)
LQE, GQE = WindowExpansion(top=10), AlphaExpansion(top=10, alpha=0.0)
CHAINS: Mapping[str, Sequence[SecondLook]] = {
    "": (),
    "R as published": (PUBLISHED,),
    "R": (R,),
    "GQE": (GQE,),
    "R + GQE": (R, GQE),
    "R + LQE": (R, LQE),
}
CONTEXTS = {"GS": "whole", "LS": "none", "FS": "fading"}
WEIGHTS: tuple[SaliencyName | None, ...] = (
    None,
    *(name for name in get_args(SaliencyName) if name not in ("files", "onnx")),
)
SETS = ("covers", "scenes", "products")
DOCS = Path(__file__).parents[1] / "docs" / "results.md"
FAINT = 1e-6
"""Instead of no weight, so that a position keeps its place; it is stored as none."""


class Bags:
    """Bags of words in memory, whose ids are their rows."""

    allowed = None

    def __init__(self, postings: Postings, method: BagOfWords) -> None:
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


def looked(bags: Bags, query: ImageWords, chain: Sequence[SecondLook]) -> Ranking:
    ranking = bags.search(query, len(bags.postings))
    for kind in chain:
        ranking = kind.open(bags)(query, ranking)
    return ranking


class Words:
    """A set's words of maps: the method, fitted on its photos, and what every photo is by it."""

    def __init__(self, photos: Photos, size: int) -> None:
        self._keys = {"size": size}
        recipe = self.recipe()
        self.arrays = fit_channel(recipe, "main", Path(), photos.found, "the photos", None).arrays
        self.channel = self.opened()
        method = recipe.channel["main"].method
        assert isinstance(method, BagOfWords)
        self.method = method
        self.images = indexed(self.channel, photos)

    def recipe(self, **features: object) -> Recipe:
        return changed("blcf-mobilenet", features, self._keys)

    def opened(self, **features: object) -> Channel:
        return opened(self.recipe(**features), self.arrays)

    def bags(self, images: Sequence[ImageWords]) -> Bags:
        return Bags(build_postings(images, self.channel.size, "bow", of_maps=True), self.method)


class MeasuredSet:
    """A set with its words and maps, which are made when the first row that is not kept needs them."""

    def __init__(self, photos: Photos, size: int) -> None:
        self.photos, self._size = photos, size

    @cached_property
    def words(self) -> Words:
        return Words(self.photos, self._size)

    @cached_property
    def maps(self) -> CollectionMaps:
        return CollectionMaps(self.photos)

    @property
    def has_boxes(self) -> bool:
        return any(one.box for one in self.photos.queries)

    @cached_property
    def by_words(self) -> dict[str, list[Any]]:
        """Words of the queries: all of them, and those in their boxes."""
        contexts = ("GS", "LS") if self.has_boxes else ("GS",)
        return {name: asked_of(self.words.opened(context=CONTEXTS[name]), self.photos.queries) for name in contexts}

    @cached_property
    def by_sums(self) -> dict[str, list[ImageMaps]]:
        """Maps of the queries, whole and in their boxes."""
        whole = [replace(query, box=None) for query in self.photos.queries]
        asked = {"GS": whole, "LS": self.photos.queries} if self.has_boxes else {"GS": whole}
        return {name: [query_maps(self.maps.extractor, one) for one in queries] for name, queries in asked.items()}


def looks(of: MeasuredSet, keep: Keep) -> Figures:
    """GS alone where no query has a box: then it is LS too."""
    contexts = CONTEXTS if of.has_boxes else {"GS": "whole"}
    figures: Figures = {}
    for views in ("plain", "both"):
        for name, context in contexts.items():
            row = f"{name}|{'plain' if views == 'plain' else 'Qaug'}"
            figures |= keep(row, lambda r=row, c=context, v=views: looked_at(of, r, c, v))
    return figures


def looked_at(of: MeasuredSet, row: str, context: str, views: str) -> Figures:
    """Returns mAP by every chain of second looks, of queries that are seen in one way."""
    bags = of.words.bags(of.words.images)
    queries = asked_of(of.words.opened(context=context, views=views), of.photos.queries)
    return {
        f"{row}|{chain}": precision(of.photos, [looked(bags, query, kinds) for query in queries])
        for chain, kinds in CHAINS.items()
    }


class CollectionMaps:
    """Feature maps of photos and queries, each extracted once, and their masks by saliency."""

    def __init__(self, photos: Photos) -> None:
        params = changed("sum-saliency-mobilenet", {"saliency": None}, {}).channel["main"].features
        assert isinstance(params, Maps)
        self.params, self.extractor = params, MapExtractor(params)
        prepared = [self.extractor.prepare(decode(one.path)) for one in photos.found]
        self.pixels = [one.pixels for one in prepared]
        self.images = [self.extractor.extract([one])[0] for one in prepared]

    def weighed(self, row: int, saliency: SaliencyName | None) -> ImageMaps:
        image = self.images[row]
        if saliency is None:
            return image
        (maps,) = image.maps
        own = OF_MAPS[saliency](maps) if saliency in OF_MAPS else OF_PIXELS[saliency](self.pixels[row])
        return replace(image, masks=(np.maximum(position_weights(own, *maps.shape[1:]), np.float32(FAINT)),))

    def word_weights(self, image: ImageMaps, words: ImageWords, words_of: Convolutional) -> ImageWords:
        """Words of the same photo with the weights of its mask, which loses no position."""
        (mask,) = image.masks
        if mask is None:
            return words
        each = local_features(image, self.extractor.network(), words_of.layer, words_of.upsampling, weighed=True)
        assert each.weights is not None
        # By place: photos that run together have norms that differ in the last bit, and may be in another order.
        given, wanted = np.lexsort(each.xy.T), np.lexsort(words.xy.T)
        assert np.allclose(each.xy[given], words.xy[wanted])
        own = np.empty(len(wanted), np.float32)
        own[wanted] = each.weights[given]
        return replace(words, weights=own[words.features])


def weights(of: MeasuredSet, keep: Keep) -> Figures:
    """For words and sum pooling; queries count whole or in their box, and are never weighted."""
    figures: Figures = {}
    for saliency in WEIGHTS:
        figures |= keep(str(saliency), lambda s=saliency: weighed(of, s))
    return figures


def weighed(of: MeasuredSet, saliency: SaliencyName | None) -> Figures:
    """Returns mAP by words and by sum pooling, whose positions have one kind of weights."""
    photos, words, maps = of.photos, of.words, of.maps
    features = words.recipe().channel["main"].features
    assert isinstance(features, Convolutional)
    method = changed("sum-saliency-mobilenet", {"saliency": None}, {}).channel["main"].method
    (one,) = method.passes
    images = [maps.weighed(row, saliency) for row in range(len(photos.found))]
    bags = words.bags(
        [maps.word_weights(image, own, features) for image, own in zip(images, words.images, strict=True)]
    )
    rows_of = one.rows_of(maps.extractor, {})
    arrays = one.fit(np.concatenate([rows_of(image) for image in images]), Terms(0))
    encoder = method.encoder(maps.extractor, arrays)
    vectors = np.stack([encoder.query(image, image.size) for image in images])
    figures = {}
    for name in of.by_words:
        rankings = [looked(bags, query, ()) for query in of.by_words[name]]
        figures[f"words|{saliency}|{name}"] = precision(photos, rankings)
        rankings = [by_vector(vectors, encoder.query(query, query.size)) for query in of.by_sums[name]]
        figures[f"sum|{saliency}|{name}"] = precision(photos, rankings)
    return figures


def query_maps(extractor: MapExtractor, query: Asked) -> ImageMaps:
    return extractor.extract([extractor.prepare_query(decode(query.image), query.box)])[0]


def by_vector(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> Ranking:
    scores = vectors @ query
    order = np.argsort(-scores, kind="stable")
    return Ranking(order, scores[order])


def merged(of: MeasuredSet, keep: Keep) -> Figures:
    """Of `sift-blcf-merged`, with the built-in codebook of SIFT, which needs no fit."""
    return keep("lists", lambda: merged_lists(of.photos, of.words))


def merged_lists(photos: Photos, words: Words) -> Figures:
    recipe = changed("sift-bow", {}, {"fit": "builtin"})
    method = recipe.channel["main"].method
    assert isinstance(method, BagOfWords)
    shipped = f"{method.shipped_name(recipe.channel['main'].features)}.npz"
    channel = opened(recipe, load(Path(str(BUILTIN / shipped))).arrays)
    sift = Bags(build_postings(indexed(channel, photos), channel.size, "bow"), method)
    bags = words.bags(words.images)
    pairs = zip(asked_of(channel, photos.queries), asked_of(words.opened(), photos.queries), strict=True)
    lists = [{"sift": looked(sift, one, ()), "map": looked(bags, other, (R, LQE))} for one, other in pairs]
    return {
        "SIFT": precision(photos, [one["sift"] for one in lists]),
        "maps": precision(photos, [one["map"] for one in lists]),
        "merged": precision(photos, [FusionStage(Fusion())(one) for one in lists]),
        "merged by rank": precision(photos, [FusionStage(Fusion(method="reciprocal-rank"))(one) for one in lists]),
    }


def places(of: MeasuredSet, keep: Keep) -> Figures:
    """The other way round: what was asked with is searched, and asked for by what was searched.

    None of a set without boxes.
    """
    return keep("boxes", lambda: placed(of.photos, of.words)) if of.has_boxes else {}


def placed(photos: Photos, words: Words) -> Figures:
    turned = Photos([found(one.image) for one in photos.queries], [])
    references = sorted({name for one in photos.queries for name in one.positives})
    folder = photos.queries[0].image.parent
    bags = words.bags(indexed(words.channel, turned))
    queries = asked_of(words.channel, [Asked(folder / name, None, frozenset()) for name in references])
    figures = {}
    for told, kind in (("as published", PUBLISHED), ("damped", DAMPED), ("damped, moved", R)):
        overlaps, whole = [], []
        for name, query in zip(references, queries, strict=True):
            boxes = looked(bags, query, (kind,)).boxes
            for row, one in enumerate(photos.queries):
                if name in one.positives and row in boxes and one.box is not None:
                    width, height = bags.words(row).size
                    overlaps.append(overlap(boxes[row], one.box))
                    whole.append(overlap((0.0, 0.0, float(width), float(height)), one.box))
        figures[told], figures["the whole photo"] = float(np.mean(overlaps)), float(np.mean(whole))
    return figures


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measures what is not kept, and writes all of it. Returns what is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of the sets and of distractors")
    parser.add_argument("--at", type=Path, required=True, help="folder of the rows that are kept")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--most", type=int, default=229, help="photos of a set's collection")
    parser.add_argument("--distractors", type=int, default=100)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--size", type=int, default=1000, help="words")
    parser.add_argument("--page", type=Path, default=DOCS, help="where the tables are written, between their marks")
    given = parser.parse_args(arguments)
    made = provenance("blcf", sys.argv[1:] if arguments is None else arguments)
    fixed = {key: str(getattr(given, key)) for key in ("most", "distractors", "queries", "size")}
    kept = KeptRows(given.at / "rows.jsonl", {"commit": commit(), "photos": str(given.photos), **fixed})
    sets: dict[str, Any] = {}
    for name in given.sets:
        photos = read_photos(given.photos, name, given.most, given.distractors, given.queries)
        of = MeasuredSet(photos, given.size)
        terms = {"photos searched": len(photos.found), "queries": len(photos.queries), "words": given.size}
        sets[name] = {"terms": terms}
        for table, measure in TABLES.items():
            sets[name][table] = measure(of, lambda row, make, at=f"{name}, {table}": kept.row(f"{at}, {row}", make))
    document = {**made, "sets": sets}
    if arguments is None:
        write_results("blcf", document)
    write_section(given.page, document)
    return document


TABLES: Mapping[str, Callable[[MeasuredSet, Keep], Figures]] = {
    "merged": merged,
    "places": places,
    "looks": looks,
    "weights": weights,
}


if __name__ == "__main__":
    main()
