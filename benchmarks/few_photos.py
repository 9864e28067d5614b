"""Diffusion where things have one photo, a few or many: what each way to normalise the graph gains or loses.

    RESIGHT_WEIGHTS=... python benchmarks/few_photos.py PHOTOS/covers PHOTOS/scenes PHOTOS/products
        --distractors PHOTOS/distractors --indexes FOLDER [--recipe rmac-mobilenet] [--every 2] [--json FILE]

Each photo of a set is indexed once, queries as well, by a recipe of one vector a photo; indexes are kept in FOLDER.
Collections are made of these vectors, each with the distractors:

- "as it is": the images of the set, asked with its queries;
- "at most 1", "at most 4": no more photos of a thing, drawn by seed;
- "beside groups": where queries are no images, one half of the things, with one photo each, is asked for, and the query
  photos of the other half are images too;
- "denser": half of their mean is added to the vectors of what can be found and of queries, before they are normalised
  again, so that all of them are more alike;
- "coarser": the first 64 dimensions, normalised again.

Where the queries of a collection are images of it, as in rendered worlds, "seed left out" is how a recipe is asked:
diffusion does not start from the query's own photo. The same without these words starts from it as from any other.

The graph is that of `rmac-mobilenet-diffusion`: k = 50, gamma 3, 10 images to start from, an affinity of 1 with
itself. "rows and own" is the recipe's way: `own_weight` is 0.5. The table has the mAP of similarity, and the difference
to it, in points.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, eye_array

from resight.arrays import Float32, Float64
from resight.datasets.dataset import Dataset, JudgedQuery
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.metrics import oxford_ap, positions_of_ids
from resight.index.index import Index
from resight.index.views import VectorView
from resight.manifold.diffusion import ConjugateGradient, query_affinity
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised
from resight.manifold.neighbour_means import averaging

K, START, SELF, TOLERANCE, ITERATIONS = 50, 10, 1.0, 1e-6, 200
WAYS = ("symmetric", "rows", "rows and own")
GAMMA, WEIGHT = 3.0, 0.5
ALPHAS = (0.8, 0.9, 0.95)
DENSER, COARSER = 0.5, 64

Vectors = dict[str, Float32]


@dataclass(frozen=True)
class Asked:
    """Vectors of images (n, d) and of queries (q, d); of each query the rows that are right, and which are junk.

    own: of each query the row of its own photo, -1 where it is no image.
    """

    name: str
    images: Float32
    queries: Float32
    right: tuple[frozenset[int], ...]
    junk: tuple[frozenset[int], ...]
    own: tuple[int, ...]


def vectors_of(folder: Path, at: Path, recipe: str) -> Vectors:
    """The vector of every photo of a folder, by name."""
    index = Index.open_or_create(at, recipe)
    index.add(photo_root(folder))
    view = index.collection.views["main"]
    assert isinstance(view, VectorView), "the recipe gives a vector a photo"
    ids, vectors = view.vectors()
    rows = np.asarray(vectors, np.float32)
    return {index.collection.name_of(image): rows[row] for row, image in enumerate(ids.tolist())}


def collection(
    name: str, queries: Sequence[JudgedQuery], every: Vectors, images: Sequence[str], others: Float32, step: int
) -> Asked:
    """Images of a set among others, asked with every `step`-th of those queries that can find one of them."""
    row = {image: number for number, image in enumerate(images)}
    asked = [query for query in queries if any(image in row for image in query.positives)][::step]
    right, junk = (
        tuple(frozenset(row[image] for image in named if image in row) for named in each)
        for each in ([query.positives for query in asked], [query.junk for query in asked])
    )
    found = np.concatenate([np.array([every[image] for image in images]), others])
    own = tuple(row.get(query.image, -1) for query in asked)
    return Asked(name, found, np.array([every[query.image] for query in asked]), right, junk, own)


def things_of(data: Dataset) -> dict[str, str]:
    """The thing of each image and query: the first of all photos that show it."""
    first: dict[str, str] = {}
    for query in data.queries:
        name = min([*query.positives, *({query.image} & set(data.images))])
        for image in (*query.positives, query.image):
            first[image] = min(name, first.get(image, name))
    return first


def thinned(data: Dataset, most: int) -> list[str]:
    """At most so many images of each thing."""
    rng, thing = np.random.default_rng(most), things_of(data)
    members: dict[str, list[str]] = {}
    for image in sorted(data.images):
        members.setdefault(thing.get(image, image), []).append(image)
    return [one[place] for one in members.values() for place in sorted(rng.permutation(len(one))[:most].tolist())]


def collections(data: Dataset, every: Vectors, others: Float32, step: int) -> Iterator[Asked]:
    """The collections of a set."""
    images, thing = sorted(data.images), things_of(data)
    whole = collection("as it is", data.queries, every, images, others, step)
    yield whole
    largest = max(len(query.positives) for query in data.queries)
    for most in (1, 4):
        if most < largest:
            yield collection(f"at most {most}", data.queries, every, thinned(data, most), others, step)
    outside = sorted({query.image for query in data.queries} - set(images))
    if outside:
        half = frozenset(sorted(set(thing.values()))[::2])
        more = [query for query in outside if thing[query] not in half]
        wanted = tuple(query for query in data.queries if thing[query.image] in half)
        yield collection("beside groups", wanted, every, images + more, others, step)
    shared = whole.images[: len(images)].mean(axis=0)
    shared *= DENSER / np.linalg.norm(shared)
    moved = np.concatenate([whole.images[: len(images)] + shared, others])
    yield replace(whole, name="denser", images=unit(moved), queries=unit(whole.queries + shared))
    coarse = (unit(whole.images[:, :COARSER]), unit(whole.queries[:, :COARSER]))
    yield replace(whole, name="coarser", images=coarse[0], queries=coarse[1])


def unit(vectors: Float32) -> Float32:
    """Rows of unit length."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def judged(asked: Asked, scores: Float64) -> float:
    """Mean AP, in percent, of (q, n) scores."""
    values = []
    for given, right, junk in zip(scores, asked.right, asked.junk, strict=True):
        order = np.argsort(-given, kind="stable")
        values.append(oxford_ap(positions_of_ids(order, sorted(right), sorted(junk)), len(right)))
    return 100.0 * float(np.mean(values))


def measured(asked: Asked) -> dict[str, float]:
    """Returns the mAP of similarity, and what each way gains on it."""
    similarity = np.asarray(asked.queries @ asked.images.T, np.float64)
    neighbours = nearest_neighbours(asked.images, min(K, len(asked.images)) - 1)
    affinity = mutual_affinity(neighbours, neighbours.k)
    affinity = csr_array(affinity + eye_array(affinity.shape[0], dtype=np.float32, format="csr") * SELF)
    starts = {"": similarity}
    if max(asked.own) >= 0:
        others = similarity.copy()
        for one, own in zip(others, asked.own, strict=True):
            if own >= 0:
                one[own] = 0.0
        starts["seed left out "] = others
    figures = {"similarity": judged(asked, similarity)}
    for alpha in ALPHAS:
        solver = ConjugateGradient(normalised(affinity), alpha, tolerance=TOLERANCE, iterations=ITERATIONS)
        for start, way in itertools.product(starts, WAYS):
            given = np.stack([query_affinity(one, START) for one in starts[start]], axis=1)
            f = (solver if way == "symmetric" else averaging(solver, affinity))(given).T
            if way == "rows and own":
                f = f ** (1.0 - WEIGHT) * np.maximum(similarity, 0.0) ** (GAMMA * WEIGHT)
            # What is not reached follows by similarity.
            ranked = np.where(f > 0.0, f, similarity - 2.0)
            figures[f"{start}{way} {alpha}"] = judged(asked, ranked) - figures["similarity"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--indexes", type=Path, required=True)
    parser.add_argument("--recipe", default="rmac-mobilenet")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    others = None
    if given.distractors:
        kept = vectors_of(given.distractors, given.indexes / "distractors.resight", given.recipe)
        others = np.array([kept[name] for name in sorted(kept)], np.float32)
    table: dict[str, dict[str, dict[str, float]]] = {}
    for folder in given.sets:
        data = read_folder(folder)
        every = vectors_of(folder, given.indexes / f"{folder.name}.resight", given.recipe)
        nobody = np.empty((0, len(next(iter(every.values())))), np.float32)
        for asked in collections(data, every, nobody if others is None else others, given.every):
            figures = table.setdefault(folder.name, {})[asked.name] = measured(asked)
            told = "".join(f"  {name} {value:+.1f}" for name, value in figures.items() if name != "similarity")
            print(f"{folder.name:9} {asked.name:14} {figures['similarity']:5.1f}{told}", flush=True)
    if given.json:
        given.json.write_text(
            json.dumps({"recipe": given.recipe, "every": given.every, "sets": table}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
