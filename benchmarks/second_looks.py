"""What second looks without geometry gain on the vectors of one recipe, on a photo set with ground truth.

    cd PHOTOS && RESIGHT_WEIGHTS=... python .../benchmarks/second_looks.py products --distractors distractors

One index serves all of them, so that they differ in nothing else. In brackets the 2.5 and 97.5 % quantiles of the mean
difference to the first look, when whole groups of queries are drawn again (2000 times); without groups a query is its
own.
`--index PATH` keeps the index, or goes on with one that `resight evaluate --index` made by the same recipe.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resight.datasets.dataset import DISTRACTORS, JudgedQuery
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.metrics import oxford_ap, positions
from resight.index.asking import ask
from resight.index.index import Index
from resight.index.queries import Query
from resight.index.views import Once
from resight.recipe import load_recipe
from resight.rerank.database_augmentation import augmented
from resight.rerank.kinds import AlphaExpansion, Discriminative, KReciprocal, RerankKind, SuperGlobal
from resight.rerank.neighbours import smallest
from resight.search.dense import DenseSearch
from resight.search.ranking import Ranking
from resight.search.vectors import VectorBlock, VectorRows

RESAMPLES = 2000
Vectors = NDArray[np.float32]

STAGES: dict[str, RerankKind] = {
    **{
        f"{'average' if alpha == 0 else 'alpha'} expansion, {top} images": AlphaExpansion(top=top, alpha=alpha)
        for alpha in (3.0, 0.0)
        for top in (3, 10, 50)
    },
    **{f"linear SVM, {top} images": Discriminative(top=top) for top in (5, 10)},
    "superglobal": SuperGlobal(),
    "k-reciprocal": KReciprocal(),
    "k-reciprocal, k1 = 50, k2 = 10": KReciprocal(k1=50, k2=10),
}


class Vectored:
    """The collection of vectors whose ids are their rows."""

    allowed: NDArray[np.bool_] | None = None

    def __init__(self, vectors: Vectors) -> None:
        self.once = Once()
        block = VectorBlock(vectors, np.arange(len(vectors)), np.ones(len(vectors), np.bool_))
        self._rows = VectorRows([block], vectors.shape[1])
        self._search = DenseSearch(self._rows)

    def evidence(self, image: int) -> tuple[Vectors, int]:
        return self.descriptors(np.array([image]))[0], 1

    def descriptors(self, images: NDArray[np.int64]) -> Vectors:
        return self._rows.descriptors(images)

    def search(self, query: Vectors, k: int) -> Ranking:
        return self._search.search(query, k)


def precisions(
    vectors: Vectors, names: list[str], queries: list[tuple[JudgedQuery, Vectors]], kind: RerankKind | None
) -> NDArray[np.float64]:
    """(queries,) average precision of the first look, or of a second one."""
    collection = Vectored(vectors)
    look = kind.open(collection) if kind else None
    found = []
    for query, vector in queries:
        ranking = collection.search(vector, len(vectors))
        if look is not None:
            ranking = look(vector, ranking)
        ranks = positions([names[i] for i in ranking.ids.tolist()], query.positives, query.junk)
        found.append(oxford_ap(ranks, len(query.positives)))
    return np.array(found)


def quantiles(values: NDArray[np.float64], groups: list[str]) -> tuple[float, float]:
    """2.5 and 97.5 % of the mean when groups are drawn again."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(np.array(groups) == group) for group in sorted(set(groups))]
    drawn = (
        np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]) for _ in range(RESAMPLES)
    )
    low, high = np.quantile([values[rows].mean() for rows in drawn], [0.025, 0.975])
    return float(low), float(high)


def augmenter(vectors: Vectors) -> Callable[[int, float], Vectors]:
    """Database augmentation by numbers of neighbours and alpha."""
    similarities = vectors @ vectors.T
    distances = -similarities
    np.fill_diagonal(distances, np.inf)

    def augment(k: int, alpha: float) -> Vectors:
        near = smallest(distances, k)
        return augmented(vectors, near, np.take_along_axis(similarities, near, axis=1), alpha)

    return augment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--recipe", default="gem-mobilenet")
    parser.add_argument("--index", type=Path)
    given = parser.parse_args()
    data, recipe = read_folder(given.set), load_recipe(given.recipe)
    with tempfile.TemporaryDirectory() as temporary:
        if given.index is not None and given.index.exists():
            index = Index.open(given.index, read_only=True)
        else:
            index = Index.open_or_create(given.index or Path(temporary) / "x.resight", given.recipe)
            index.add(data.root, only=frozenset(data.images))
            if given.distractors is not None:
                index.add(photo_root(given.distractors), prefix=DISTRACTORS)
        reader = index.collection
        (channel,) = reader.views
        view = reader.vector_view(channel)
        ids = view.nodes().images
        vectors, names = view.descriptors(ids), [reader.name_of(image) for image in ids.tolist()]
        photos = [Query(data.query_path(query.image), box=query.box) for query in data.queries]
        asked = [ask(reader, photo).versions[0][channel] for photo in photos]
    queries = list(zip(data.queries, [np.asarray(one, np.float32) for one in asked], strict=True))
    groups = [query.group or query.id for query in data.queries]
    augment = augmenter(vectors)
    looks: list[tuple[str, Vectors, RerankKind | None]] = [("first look", vectors, None)]
    looks += [(name, vectors, kind) for name, kind in STAGES.items()]
    looks += [(f"augmented, {k} images, alpha {a:g}", augment(k, a), None) for k, a in ((3, 3.0), (10, 3.0), (10, 0.0))]
    looks += [("augmented, 10 images, alpha expansion, 10 images", augment(10, 3.0), AlphaExpansion(top=10))]
    print(f"{len(queries)} queries, {len(set(groups))} groups, {len(vectors)} images, {recipe.name}")
    plain = None
    for name, rows, kind in looks:
        found = precisions(rows, names, queries, kind)
        plain = found if plain is None else plain
        low, high = quantiles(found - plain, groups)
        print(f"{name:50} {found.mean():.3f}  {(found - plain).mean():+.3f} [{low:+.3f}, {high:+.3f}]", flush=True)


if __name__ == "__main__":
    main()
