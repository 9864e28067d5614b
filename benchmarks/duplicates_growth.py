"""How the cost of `duplicates` grows with the number of photos: processor seconds, pairs verified, and the exponent.

    python benchmarks/duplicates_growth.py X.resight [--sizes 1000 3000 10000] [--features 300] [--json FILE]

Extraction is not part of it, so nothing is decoded: photos are made of what X.resight keeps of its own, with another
permutation of the codebook for each time round, which leaves how words are shared within a round, and between rounds
chance alone. Of each photo `features` are taken, so that 10,000 fit a few minutes. Processor seconds of all threads are
counted, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from resight.duplicates.verdict import verdict
from resight.duplicates.walk import walk
from resight.index.duplicates import channel_of_words
from resight.index.index import Index
from resight.search.inverted import Block, InvertedFile
from resight.words.evidence import ImageWords
from resight.words.postings import build_postings


def thinned(words: ImageWords, features: int, rng: np.random.Generator) -> ImageWords:
    """At most so many features of an image, with one word each as it was kept."""
    kept = np.sort(rng.permutation(len(words.xy))[:features])
    return replace(
        words,
        words=words.words[kept],
        features=np.arange(len(kept), dtype=np.int32),
        xy=words.xy[kept],
        scale=words.scale[kept],
        angle=words.angle[kept],
        signatures=None if words.signatures is None else words.signatures[kept],
    )


def renamed(words: ImageWords, names: Any) -> ImageWords:
    """The image with other numbers for its words, ascending again."""
    order = np.argsort(names[words.words], kind="stable")
    signatures = None if words.signatures is None else words.signatures[order]
    ascending = names[words.words][order].astype(np.int32)
    first = np.unique(ascending, return_index=True)[1]
    return replace(
        words,
        words=ascending,
        xy=words.xy[order],
        scale=words.scale[order],
        angle=words.angle[order],
        signatures=signatures,
        aggregated=None if words.aggregated is None or signatures is None else signatures[first],
    )


def measured(path: Path, sizes: list[int], features: int) -> list[dict[str, float]]:
    """Figures of each size."""
    reader = Index.open(path).collection
    name = channel_of_words(reader.recipe)
    view, method = reader.views[name], reader.recipe.channel[name].words
    assert method is not None
    size = view.channel.size
    rng = np.random.default_rng(0)
    kept = []
    for image in reader.snapshot.images.ids[reader.snapshot.images.indexed].tolist():
        words = view.evidence(image)
        assert isinstance(words, ImageWords)
        kept.append(thinned(words, features, rng))
    bits = 0 if kept[0].signatures is None else 64 * kept[0].signatures.shape[1]
    rows = []
    for count in sizes:
        photos: list[ImageWords] = []
        while len(photos) < count:
            names = np.random.default_rng(len(photos)).permutation(size)
            photos += [renamed(one, names) for one in kept[: count - len(photos)]]
        postings = build_postings(photos, size, method.kind, bits)
        block = Block(postings, np.arange(count), np.ones(count, np.bool_))
        searcher = InvertedFile([block], method, codebook_size=size, bits=bits)
        start, wall = time.process_time(), time.perf_counter()
        found = walk(
            searcher,
            photos.__getitem__,
            range(count),
            reader.recipe.verification,
            lambda known: verdict(known) is not None,
        )
        seconds = time.process_time() - start
        rows.append(
            {
                "photos": count,
                "seconds": seconds,
                "wall": time.perf_counter() - wall,
                "verified": found.verified,
                "verified_per_photo": found.verified / count,
                "found": len(found.found),
            }
        )
        print({key: round(value, 3) for key, value in rows[-1].items()}, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000, 10000])
    parser.add_argument("--features", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = measured(given.index, given.sizes, given.features)
    photos, seconds = (np.log([row[key] for row in rows]) for key in ("photos", "seconds"))
    exponent = float(np.polyfit(photos, seconds, 1)[0])
    print(f"seconds grow with the number of photos to the power of {exponent:.2f}")
    if given.json is not None:
        given.json.write_text(json.dumps({"exponent": exponent, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
