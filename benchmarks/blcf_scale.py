"""Bags of local convolutional features by the number of photos: bytes, and times of the processor.

    RESIGHT_WEIGHTS=... python benchmarks/blcf_scale.py PHOTOS --images 1000 100000

Many photos are made of few: real photos (every folder's, drawn evenly) become maps of words of 25,000, which are fitted
on them by one iteration of k-means, and each map that is searched has its four quarters from four real ones, each where
it was. So words are as frequent as in the real photos, and neighbours share words as theirs do; the table says how many
distinct words an image of both kinds has, and of how many images in a hundred the most frequent words are. Photos are
in segments of 5,000, as an index may have them. Times are of the processor, of one thread, medians of 20 queries.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Float32
from resight.features.convolutional import ConvolutionalExtractor
from resight.features.kinds import Convolutional
from resight.images import decode
from resight.learned.assignment import Assigner
from resight.learned.codebook import fit_codebook
from resight.learned.whitening import fit_pca_whitening
from resight.recipe.reading import parse_recipe, recipe_text
from resight.rerank.window_kinds import Windows
from resight.search.inverted import Block, InvertedFile, PostingRows
from resight.words.evidence import ImageWords, WordVector
from resight.words.kinds import Blcf
from resight.words.postings import build_postings

Grid = NDArray[np.int32]
SIZE, SIDES, STEP, SEGMENT, SEED = 25_000, (42, 32), 8.0, 5000, 0
"""Words; columns and rows of a map; pixels between positions; images a segment."""


class Searched:
    """Segments of words in memory, as second looks ask for them."""

    allowed = None

    def __init__(self, images: Iterator[ImageWords], count: int) -> None:
        self.blocks = []
        for start in range(0, count, SEGMENT):
            rows = np.arange(start, min(start + SEGMENT, count))
            postings = build_postings([next(images) for _ in rows], SIZE, "bow", of_maps=True)
            self.blocks.append(Block(postings, rows, np.ones(len(rows), np.bool_)))
        self.rows = PostingRows(self.blocks, Blcf(size=SIZE), codebook_size=SIZE)
        self.file = InvertedFile(self.rows)

    def words(self, image: int) -> ImageWords:
        return self.blocks[image // SEGMENT].postings.image_words(image % SEGMENT)

    def word_vector(self, words: ImageWords) -> WordVector:
        return self.rows.vector(words)


def real_maps(folder: Path, photos: int) -> NDArray[np.int32]:
    """(n, rows, columns) words of real photos, warped to one size so that quarters fit each other."""
    paths = sorted(path for path in folder.glob("*/images/*") if path.is_file())
    params = parse_recipe(recipe_text("blcf-mobilenet"), "blcf-mobilenet").channel["main"].features
    assert isinstance(params, Convolutional)
    extractor = ConvolutionalExtractor(params)
    rows = []
    for place in np.linspace(0, len(paths) - 1, photos).astype(int):
        found = extractor.extract([extractor.prepare(decode(paths[place]))])[0]
        order = np.lexsort((found.xy[:, 0], found.xy[:, 1]))
        columns = len(np.unique(found.xy[:, 0].round(2)))
        grid = found.descriptors[order].reshape(-1, columns, found.descriptors.shape[1])
        y = np.arange(SIDES[1]) * len(grid) // SIDES[1]
        x = np.arange(SIDES[0]) * columns // SIDES[0]
        rows.append(grid[y][:, x].reshape(-1, grid.shape[2]).astype(np.float32))
    x = np.concatenate(rows)
    x = fit_pca_whitening(x, 512, power=1.0, shrinkage=0.0).apply(x)
    words, _ = Assigner(fit_codebook(x, SIZE, SEED, iterations=1)).assign(x)
    return words.reshape(photos, SIDES[1], SIDES[0])


def mosaics(real: NDArray[np.int32], rng: np.random.Generator) -> Iterator[ImageWords]:
    half_y, half_x = SIDES[1] // 2, SIDES[0] // 2
    while True:
        grid = np.empty((SIDES[1], SIDES[0]), np.int32)
        for y in (slice(None, half_y), slice(half_y, None)):
            for x in (slice(None, half_x), slice(half_x, None)):
                grid[y, x] = real[rng.integers(len(real)), y, x]
        yield image_of(grid)


def image_of(grid: Grid) -> ImageWords:
    height, width = grid.shape
    flat = grid.ravel()
    order = np.argsort(flat, kind="stable")
    size = (round(width * STEP), round(height * STEP))
    return ImageWords(flat[order], order.astype(np.int32), *geometry(height, width), size)


@cache
def geometry(height: int, width: int) -> tuple[Float32, Float32, Float32]:
    """Places, scales and angles of the positions of a map."""
    x, y = np.meshgrid((np.arange(width) + 0.5) * STEP, (np.arange(height) + 0.5) * STEP)
    ones = np.ones(height * width, np.float32)
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32), ones, 0 * ones


def shares(frequency: NDArray[Any], images: int) -> list[float]:
    """Of how many images in a hundred the most frequent word is, the hundredth, and the thousandth."""
    ordered = np.sort(frequency)[::-1]
    return [float(100 * ordered[rank] / images) for rank in (0, 99, 999)]


def measured(real: NDArray[np.int32], images: int) -> dict[str, float]:
    searched = Searched(mosaics(real, np.random.default_rng(SEED)), images)
    arrays = [block.postings.to_arrays() for block in searched.blocks]
    lists = sum(one.nbytes for each in arrays for name, one in each.items() if name.startswith("list_"))
    maps = sum(one.nbytes for each in arrays for name, one in each.items() if not name.startswith("list_"))
    frequency = searched.rows.list_lengths()
    queries = [image_of(real[row]) for row in np.linspace(0, len(real) - 1, 21).astype(int)]
    quarters = [
        image_of(np.ascontiguousarray(real[row, 8:24, 10:31])) for row in np.linspace(0, len(real) - 1, 21).astype(int)
    ]
    look = Windows(top=100, damping=0.05, moves=True).open(searched)
    times = {"ms a query, all words": queries, "ms a query, a quarter": quarters}
    figures: dict[str, float] = {
        "MB of lists": lists / 1e6,
        "MB of maps": maps / 1e6,
        "distinct words an image": float(frequency.sum() / images),
        **dict(zip(("% with word 1", "% with word 100", "% with word 1000"), shares(frequency, images), strict=True)),
    }
    again = []
    for name, asked in times.items():
        each = []
        for query in asked:
            start = time.process_time()
            ranking = searched.file.search(query, 100)
            each.append(time.process_time() - start)
            start = time.process_time()
            look(query, ranking)
            again.append(time.process_time() - start)
        figures[name] = 1e3 * float(np.median(each[1:]))
    figures["ms to rank 100 again"] = 1e3 * float(np.median(again[1:]))
    return figures


def of_real(real: NDArray[np.int32]) -> dict[str, float]:
    each: Sequence[NDArray[Any]] = [np.unique(one) for one in real]
    frequency = np.bincount(np.concatenate(each), minlength=SIZE)
    named = zip(("% with word 1", "% with word 100", "% with word 1000"), shares(frequency, len(real)), strict=True)
    return {"distinct words an image": float(np.mean([len(one) for one in each])), **dict(named)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of sets, each with images/")
    parser.add_argument("--real", type=int, default=100, help="real photos that words are of")
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    real = real_maps(args.photos, args.real)
    figures = {"real": of_real(real)}
    print("real", figures["real"], flush=True)
    for images in args.images:
        figures[str(images)] = measured(real, images)
        print(images, {name: round(value, 2) for name, value in figures[str(images)].items()}, flush=True)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
