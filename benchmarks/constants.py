"""How the constants of recipes come about: each set is judged by those that are best on the other sets.

    cd PHOTOS && python .../benchmarks/constants.py RECIPE covers scenes products --distractors distractors

RECIPE: `sift-cnn-fused` or `rmac-mobilenet-diffusion`. One index a set, by that recipe, kept in `--indexes` where it is
given. The grid of the first: what is believed by half, the weight of the network, what is passed on, and whose graph it
is passed on over; of the second: neighbours, an image's affinity with itself, how the graph is normalised, and what is
passed on, the textbook's among them. Parts: each channel alone, words verified.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from resight.datasets.dataset import Dataset
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.metrics import oxford_ap, positions
from resight.index.asking import ask
from resight.index.collection import Collection
from resight.index.index import Index
from resight.index.queries import Query
from resight.index.views import ChannelView, Once
from resight.manifold.kinds import NEIGHBOURS, Diffusion
from resight.manifold.linked import brought_up_to_date
from resight.manifold.ranking import DiffusionLook
from resight.recipe import load_recipe
from resight.rerank.fusion import FusionStage
from resight.rerank.kinds import FusedScores, Fusion, Spatial
from resight.search.ranking import Ranking

HALVES, WEIGHTS, ALPHAS, GRAPHS = (30.0, 100.0, 300.0), (0.1, 0.3, 1.0), (0.8, 0.9, 0.95), ("words", "cnn")
GAMMA = {"words": 1.0, "cnn": 3.0}
COUNTS, AFFINITIES, PASSED = (10, 20, 50), (0.0, 1.0), (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
NORMALISATIONS: tuple[Literal["symmetric", "rows"], ...] = ("symmetric", "rows")


@dataclass(frozen=True)
class Asked:
    """A set with what each channel found for each of its queries."""

    dataset: Dataset
    reader: Collection
    views: Mapping[str, ChannelView]
    rankings: list[dict[str, Ranking]]

    def judged(self, ranked: Iterator[Ranking]) -> float:
        """Mean AP of rankings, one a query."""
        values = []
        for query, ranking in zip(self.dataset.queries, ranked, strict=True):
            names = [self.reader.name_of(image) for image in ranking.ids.tolist()]
            found = positions(names, query.positives, query.junk)
            values.append(oxford_ap(found, len(query.positives)))
        return float(np.mean(values))


class Setting(Protocol):
    """One point of a grid."""

    def stage(self, one: Asked) -> Iterator[Ranking]:
        """What it ranks for each query of a set."""
        ...


def asked(recipe_name: str, folder: Path, distractors: Path, at: Path) -> Asked:
    """Indexes a set and asks each of its queries, without what comes after verification."""
    dataset = read_folder(folder)
    index = Index.open_or_create(at, recipe_name)
    index.add(dataset.root, only=frozenset(dataset.images))
    index.add(photo_root(distractors), prefix="distractors/")
    reader, recipe = index.collection, load_recipe(recipe_name)
    verified = [kind.open(reader.word_view("words")) for kind in recipe.rerank if isinstance(kind, Spatial)]
    rankings = []
    for query in dataset.queries:
        queries = ask(reader, Query(dataset.query_path(query.image), box=query.box)).versions[0]
        every = {name: view.search(queries[name], len(reader.snapshot.images)) for name, view in reader.views.items()}
        for look in verified:
            every["words"] = look(queries["words"], every["words"])
        rankings.append(every)
    most = max(COUNTS) - 1
    views = {
        name: replace(view, derived={NEIGHBOURS: brought_up_to_date(None, view.nodes(), most)}, once=Once())
        for name, view in reader.views.items()
    }
    return Asked(dataset, reader, views, rankings)


@dataclass(frozen=True)
class FusedSetting:
    """Of `sift-cnn-fused`."""

    half: float
    weight: float
    alpha: float
    graph: str

    def __str__(self) -> str:
        return f"half {self.half:g}, weight {self.weight:g}, alpha {self.alpha:g}, graph of {self.graph}"

    def stage(self, one: Asked) -> Iterator[Ranking]:
        parts = {
            "words": FusedScores(scores="confidence", half=self.half),
            "cnn": FusedScores(scores="power", power=3.0, weight=self.weight),
        }
        fuse = FusionStage(Fusion(channels=parts))
        params = Diffusion(query_k=50, gamma=GAMMA[self.graph], query_gamma=1.0, self_affinity=1.0, alpha=self.alpha)
        spread = DiffusionLook(params, one.views[self.graph])
        return (spread(None, fuse(rankings)) for rankings in one.rankings)


@dataclass(frozen=True)
class DiffusionSetting:
    """Of `rmac-mobilenet-diffusion`."""

    k: int
    self_affinity: float
    normalisation: Literal["symmetric", "rows"]
    alpha: float

    def __str__(self) -> str:
        given = f"k {self.k}, affinity with itself {self.self_affinity:g}, alpha {self.alpha:g}"
        return f"{given}, {self.normalisation}"

    def stage(self, one: Asked) -> Iterator[Ranking]:
        params = Diffusion(
            k=self.k, self_affinity=self.self_affinity, normalisation=self.normalisation, alpha=self.alpha
        )
        spread = DiffusionLook(params, one.views["main"])
        return (spread(None, rankings["main"]) for rankings in one.rankings)


GRIDS: dict[str, list[FusedSetting] | list[DiffusionSetting]] = {
    "sift-cnn-fused": [FusedSetting(*values) for values in itertools.product(HALVES, WEIGHTS, ALPHAS, GRAPHS)],
    "rmac-mobilenet-diffusion": [
        DiffusionSetting(*values) for values in itertools.product(COUNTS, AFFINITIES, NORMALISATIONS, PASSED)
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=GRIDS)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--distractors", type=Path, required=True)
    parser.add_argument("--indexes", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        at = given.indexes or Path(temporary)
        every = [asked(given.recipe, folder, given.distractors, at / f"{folder.name}.resight") for folder in given.sets]
        names = [folder.name for folder in given.sets]
        parts = {
            part: [one.judged(rankings[part] for rankings in one.rankings) for one in every] for part in every[0].views
        }
        grid = GRIDS[given.recipe]
        table = np.array([[one.judged(setting.stage(one)) for one in every] for setting in grid])
    document = report(names, parts, grid, table)
    if given.json:
        given.json.write_text(json.dumps(document, indent=1) + "\n")


def report(
    names: list[str], parts: Mapping[str, list[float]], grid: Sequence[Setting], table: NDArray[np.float64]
) -> dict[str, Any]:
    """Prints what each set reaches by the constants of the others, beside its parts."""
    least = np.max(list(parts.values()), axis=0) - 0.005
    document: dict[str, Any] = {"parts": dict(parts), "sets": names, "left_out": {}}
    for part, figures in parts.items():
        print(f"{part + ' alone':60}" + "".join(f"{name} {f:.4f}  " for name, f in zip(names, figures, strict=True)))
    for row, name in enumerate(names):
        others = [other for other in range(len(names)) if other != row]
        chosen = int(table[:, others].mean(axis=1).argmax()) if others else int(table[:, row].argmax())
        print(f"{name} left out: {grid[chosen]!s:45} {name} {table[chosen, row]:.4f}, at least {least[row]:.4f}")
        document["left_out"][name] = {"setting": str(grid[chosen]), "mAP": table[chosen, row]}
    best = int(table.mean(axis=1).argmax())
    figures = ", ".join(f"{name} {f:.4f}" for name, f in zip(names, table[best], strict=True))
    print(f"best on all: {grid[best]}: {figures}")
    enough = int((table >= least).all(axis=1).sum())
    print(f"{enough} of {len(grid)} settings are at least the better part less 0.005 on every set")
    document["grid"] = {str(setting): row.tolist() for setting, row in zip(grid, table, strict=True)}
    return document


if __name__ == "__main__":
    main()
