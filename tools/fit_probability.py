"""Makes the constants by which hits are called sure, possible or filler, on rendered worlds alone.

    python tools/fit_probability.py [--worlds FOLDER] [--family NAME ...]

Worlds of several sizes, kinds and shares of look-alikes are rendered and indexed by recipes of each family; photos of
things that others show as well ask, and some of things that nothing else shows. Small parts of each world are asked as
collections of their own. The same versions give the same constants; networks' weights are looked for where the recipes
find them. `--worlds` keeps worlds and indexes, and goes on with those that are there; `--family` fits some families and
leaves the others as they are. Takes about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from resight.index.asking import ask
from resight.index.collection import Collection
from resight.index.index import Index
from resight.index.queries import Query
from resight.probability.model import WEIGHED, Family
from resight.recipe import load_recipe
from resight.worlds.world import render_world, save_world

Floats = NDArray[np.float64]

TARGET = Path(__file__).resolve().parents[1] / "src" / "resight" / "probability" / "constants.json"
HITS = 30
"""First hits of each query that count: about as many as a person looks at."""
ASKING, LONERS = 40, 10
"""Photos of each world that ask: of things that others show as well, and of things that nothing else shows."""
PARTS: Mapping[int, int] = {12: 10, 40: 4, 100: 2}
"""Collections that are drawn from each world: how many photos, and how many such."""
TWINS = 0.1
"""How much a hit counts that differs from the query's thing in one word or hue. Worlds have many of these, which no
predictor here can tell from the same thing; one thing in four has them there, elsewhere they are rare."""
SHRINKING = 1e-4
"""Of the squares of the weights, against the mean logarithm of the likelihood."""


@dataclass(frozen=True)
class Kind:
    """A world to render: the arguments of `render_world`."""

    seed: int
    objects: int
    views: int
    queries: int
    look_alikes: int
    distractors: int
    size: int


WORLDS = (
    Kind(102, 10, 4, 4, 3, 80, 640),
    Kind(103, 24, 2, 2, 6, 40, 480),
    Kind(105, 5, 14, 8, 0, 40, 480),
    Kind(201, 16, 3, 3, 6, 40, 560),
)
"""Things with two photos and things with twenty: where many show the same, scores of the unrelated lie deep."""
RECIPES: Mapping[Family, tuple[str, ...]] = {
    "verified": ("sift-asmk-spatial",),
    "words": ("sift-asmk",),
    "vectors": ("sift-vlad",),
}


def main() -> None:
    """Renders, asks, fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=Path, help="keep worlds and indexes there")
    parser.add_argument("--family", action="append", choices=tuple(WEIGHED), help="fit this one; may be repeated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        room = options.worlds or Path(temporary)
        found = {name: fitted(name, room) for name in options.family or WEIGHED}
    constants = json.loads(TARGET.read_text(encoding="utf-8"))
    constants["families"] |= found
    TARGET.write_text(json.dumps(constants, indent=1) + "\n", encoding="utf-8")


def fitted(name: Family, room: Path) -> dict[str, object]:
    """The constants of a family and where they are from."""
    found = [table(recipe, kind, room) for recipe in RECIPES[name] for kind in WORLDS]
    columns = {key: np.concatenate([one[key] for one in found]) for key in found[0]}
    # A world or a part counts as much as another, however many photos it has.
    collection = np.concatenate([one["images"] + 1e6 * number for number, one in enumerate(found)])
    _, place, hits = np.unique(collection, return_inverse=True, return_counts=True)
    share = 1.0 / hits[place]
    share[columns["twin"] > 0] *= TWINS
    offset, weights = regression(np.stack([columns[key] for key in WEIGHED[name]]), columns["same"], share)
    return {
        "offset": round(offset, 4),
        "weights": {key: round(weight, 4) for key, weight in zip(WEIGHED[name], weights, strict=True)},
        "recipes": list(RECIPES[name]),
        "worlds": [asdict(kind) for kind in WORLDS],
        "parts": list(PARTS),
        "hits": len(share),
        "same": int(columns["same"].sum()),
        "twins": int(columns["twin"].sum()),
    }


def regression(predictors: Floats, same: Floats, share: Floats) -> tuple[float, list[float]]:
    """Offset and weights, none negative, of the most likely logistic regression.

    predictors: (kinds, n); same: (n,) 0 or 1; share: (n,) how much a row counts.
    """
    share = share / share.sum()

    def loss(x: Floats) -> tuple[float, Floats]:
        odds = x[0] + x[1:] @ predictors
        signed = np.where(same > 0, odds, -odds)
        slope = share * (expit(odds) - same)
        value = float(share @ np.logaddexp(0.0, -signed)) + SHRINKING * float(x[1:] @ x[1:])
        return value, np.concatenate([[slope.sum()], predictors @ slope + 2 * SHRINKING * x[1:]])

    start = np.zeros(1 + len(predictors))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(None, None), *[(0.0, None)] * len(predictors)])
    return float(best.x[0]), [float(weight) for weight in best.x[1:]]


def table(recipe: str, kind: Kind, room: Path) -> dict[str, Floats]:
    """Predictors of the first hits of every query to one world; whether they show the same thing or its twin."""
    kept = room / f"{kind.seed}-{recipe}.npz"
    if not kept.exists():
        groups, reader = opened(recipe, kind, room)
        rows = list(asked(groups, reader))
        columns = {key: np.concatenate([one[key] for one in rows]) for key in rows[0]}
        np.savez_compressed(kept, **columns)
        print(f"{recipe}, world {kind.seed}: {len(columns['same'])} hits", flush=True)
    with np.load(kept) as file:
        return dict(file)


def opened(recipe: str, kind: Kind, room: Path) -> tuple[dict[str, str], Collection]:
    """The thing that each photo of a world shows, where it is one of those that ask; and the index of the world.

    Recipes that differ in their second looks alone share an index.
    """
    folder = room / str(kind.seed)
    if not folder.exists():
        save_world(render_world(**asdict(kind)), folder)
    truth = json.loads((folder / "groundtruth.json").read_text(encoding="utf-8"))
    groups = {photo: thing for thing, photos in truth["groups"].items() for photo in photos}
    groups |= {photo: "" for photo in truth["images"] if photo not in groups}
    wanted = load_recipe(recipe)
    every = [name for names in RECIPES.values() for name in names]
    first = next(name for name in every if _same_index(name, recipe))
    path = room / f"{kind.seed}-{first}.resight"
    index = Index.open(path) if path.exists() else Index.create(path, first)
    index.add(folder / "images")
    found = index.collection
    return groups, Collection(found.snapshot, wanted, found.channels)


def _same_index(one: str, other: str) -> bool:
    a, b = load_recipe(one), load_recipe(other)
    return a.channel == b.channel and a.augmentation == b.augmentation and a.diffusion == b.diffusion


def asked(groups: Mapping[str, str], reader: Collection) -> Iterator[dict[str, Floats]]:
    """The first hits of each photo that asks a world, and of those that ask a part of it."""
    shown = [photo for photo, thing in groups.items() if thing]
    alone = [photo for photo, thing in groups.items() if not thing]
    for photo in [*shown[:: -(-len(shown) // ASKING)], *alone[:LONERS]]:
        yield judged(groups, reader, photo, frozenset(groups))
    rng = np.random.default_rng(len(groups))
    for size, rounds in PARTS.items():
        for _ in range(rounds if size < len(groups) else 0):
            part, asking = drawn(groups, size, rng)
            for photo in asking:
                yield judged(groups, reader, photo, part)


def drawn(groups: Mapping[str, str], size: int, rng: np.random.Generator) -> tuple[frozenset[str], list[str]]:
    """A part of a world: things that have one to three photos in it, among photos that are alone; and others that ask.

    Of each of these things another photo asks, and one photo of nothing in the part for every four.
    """
    things: dict[str, list[str]] = {}
    for photo, thing in groups.items():
        things.setdefault(thing or photo, []).append(photo)
    several = [photos for photos in things.values() if len(photos) > 1]
    order = [several[place] for place in rng.permutation(len(several))]
    part: list[str] = []
    asking: list[str] = []
    for photos in order[: max(2, size // 6)]:
        mixed = [photos[place] for place in rng.permutation(len(photos))]
        count = min(len(photos) - 1, int(rng.integers(1, 4)))
        part += mixed[:count]
        asking.append(mixed[count])
    rest = [photos[0] for photos in (*order[max(2, size // 6) :], *(p for p in things.values() if len(p) == 1))]
    rest = [rest[place] for place in rng.permutation(len(rest))]
    fill = max(0, size - len(part))
    return frozenset([*part, *rest[:fill]]), [*asking, *rest[fill : fill + -(-len(asking) // 4)]]


def judged(groups: Mapping[str, str], reader: Collection, photo: str, part: frozenset[str]) -> dict[str, Floats]:
    """Predictors of the first hits of one photo among those of a part of a world."""
    images = reader.snapshot.images
    allowed = np.zeros(int(images.ids[-1]) + 1, np.bool_)
    allowed[images.ids[[name in part for name in images.names]]] = True
    query = ask(reader, Query(photo))
    own = query.own | query.copies
    ranking, found = reader.examined(query.versions[0], HITS + 1, allowed, own)
    others = ~np.isin(ranking.ids, list(own))
    rows = np.flatnonzero(others)[:HITS]
    names = [reader.name_of(image) for image in ranking.ids[rows].tolist()]
    same = np.array([bool(groups[photo]) and groups[name] == groups[photo] for name in names], np.float64)
    kin = np.array([_kin(groups[photo], groups[name]) for name in names], np.float64)
    about = {"same": same, "twin": kin - kin * same, "images": np.full(len(rows), float(len(part)))}
    return {key: column[rows] for key, column in found.columns.items()} | about


def _kin(one: str, other: str) -> bool:
    """Whether two things are of one family of look-alikes, whose names differ in the last letter."""
    return one.startswith("look-alike") and one[:-1] == other[:-1]


if __name__ == "__main__":
    main()
