"""Mined pairs and negatives against ground truth that mining does not see: how many of them are right.

    cd PHOTOS && python .../benchmarks/keep.py mining -- covers scenes products --distractors distractors --at FOLDER

All photos of the sets, queries too, are one collection, indexed in the folder of --at by a recipe of words, one of a
network, and for ranked lists one that fuses both. Of two figures together the first is a share, the second of how many.
A pair counts for the set of its anchor; pairs that the ground truth calls junk count for nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resight.arrays import Float32, Mask
from resight.datasets.folder import photo_root, read_folder
from resight.index.collection import Collection
from resight.index.index import Index
from resight.training.mining.indexed import Photos, photo_links, readable_photos, word_channel
from resight.training.mining.kinds import Manifold, Ranks, Verified
from resight.training.mining.pairs import Links, clusters_of, pure_pairs
from resight.training.mining.verified import SURE, verified_anchors
from resight.training.tuples import Tuples

WORDS, NETWORK, FUSED = "sift-asmk-links", "rmac-lite0", "sift-lite0-links"
KINDS = ("verified", "manifold", "ranks")
NEGATIVES = 5
GRAPHS = ((10, 10), (10, 30), (30, 50), (50, 50))


@dataclass(frozen=True)
class Truth:
    """Which photos show the same thing: the group of each by name, its set, and pairs that nobody can judge."""

    group: Mapping[str, int]
    set_of: Mapping[str, str]
    unclear: frozenset[frozenset[str]]

    def judge(self, one: str, other: str) -> bool | None:
        """True where two photos show the same thing, None where that is not clear."""
        if frozenset((one, other)) in self.unclear:
            return None
        return one in self.group and self.group.get(one) == self.group.get(other)

    def shares(self, pairs: Iterable[tuple[str, str]], *, same: bool) -> dict[str, list[float]]:
        """By set of the first photo, which share of pairs shows the same thing, or not, and of how many."""
        judged: dict[str, list[bool]] = {name: [] for name in dict.fromkeys(self.set_of.values())}
        for one, other in pairs:
            right = self.judge(one, other)
            if one in self.set_of and right is not None:
                judged[self.set_of[one]].append(right is same)
        return {
            name: [round(float(np.mean(own)), 3) if own else float("nan"), len(own)] for name, own in judged.items()
        }


def truth_of(folders: Sequence[Path]) -> Truth:
    """The truth of several data sets: a query and its positives show one thing."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    set_of: dict[str, str] = {}
    unclear: set[frozenset[str]] = set()
    for folder in folders:
        for query in read_folder(folder).queries:
            for name in (query.image, *query.positives):
                set_of[name] = folder.name
                root[find(name)] = find(query.image)
            unclear |= {frozenset((query.image, name)) for name in query.junk if name != query.image}
    numbers: dict[str, int] = {}
    group = {name: numbers.setdefault(find(name), len(numbers)) for name in set_of}
    return Truth(group, set_of, frozenset(unclear))


def indexed(at: Path, recipe: str, folders: Sequence[Path]) -> Index:
    """The index of all photos of some folders by a recipe; links that came in turn are brought up to date."""
    index = Index.open_or_create(at / f"{recipe}.resight", recipe)
    for folder in folders:
        index.add(photo_root(folder))
    index.update()
    return index


def verified(truth: Truth, photos: Photos, links: Links) -> Mapping[str, Any]:
    """Purity of pairs by rule, each pair from both sides."""
    rules = {f"{least} inliers": links.inliers >= least for least in (8, 20, 50, 100)}
    rules |= {
        "mutual within the top 3": pure_pairs(links, min_inliers=20, top=3, share=1.0),
        "0.7 of the best": pure_pairs(links, min_inliers=20, top=0, share=0.7),
        "either": pure_pairs(links, min_inliers=20, top=3, share=0.7),
    }
    return {name: truth.shares(named(photos, links, kept), same=True) for name, kept in rules.items()}


def named(photos: Photos, links: Links, kept: Mask) -> list[tuple[str, str]]:
    """Pairs by name, from both sides."""
    pairs = [(photos.names[a], photos.names[b]) for a, b in zip(links.a[kept], links.b[kept], strict=True)]
    return pairs + [(b, a) for a, b in pairs]


def clusters(truth: Truth, photos: Photos, links: Links) -> Mapping[str, Any]:
    """Purity of the pairs within clusters, and the largest cluster: ours, and connected components."""
    pure = pure_pairs(links, min_inliers=20, top=3, share=0.7)
    found = {"ours": clusters_of(links, pure, SURE)}
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    for name, kept in (("components of pure pairs", pure), ("components at 30 inliers", links.inliers >= 30)):
        matrix = csr_array((np.ones(kept.sum()), (links.a[kept], links.b[kept])), shape=(links.count, links.count))
        found[name] = connected_components(matrix, directed=False)[1]
    table = {}
    for name, cluster in found.items():
        members: dict[int, list[str]] = {}
        for row, number in enumerate(cluster.tolist()):
            members.setdefault(number, []).append(photos.names[row])
        inside = [(a, b) for own in members.values() for a in own for b in own if a != b]
        table[name] = {
            "right": truth.shares(inside, same=True),
            "several": sum(len(own) > 1 for own in members.values()),
            "largest": max(map(len, members.values())),
        }
    return table


def hard_negatives(truth: Truth, photos: Photos, links: Links, x: Float32) -> Mapping[str, Any]:
    """Share of hard negatives by a network that show the same thing, by what is kept from being one."""
    pairs = pure_pairs(links, min_inliers=20, top=3, share=0.7)
    anchors = verified_anchors(photos.names, links, pairs, 10, 0.0)
    own = photos.table(clusters_of(links, pairs, SURE))
    single = photos.table(range(len(photos.names)))
    joined = [(photos.names[a], photos.names[b]) for a, b in zip(links.a, links.b, strict=True)]
    every = Tuples("verified", "inliers", own, anchors, photos.names, joined)
    rules = {
        "nearest": replace(every, photos=single, links=(), hops=0),
        "not in a cluster with a positive": replace(every, links=(), hops=1),
        "nor with a link": replace(every, hops=1),
        "nor with a link of a link": every,
    }
    row_of = {name: row for row, name in enumerate(photos.names)}
    return {
        name: truth.shares(
            ((anchor.name, other) for anchor in anchors for other in hardest(tuples, anchor.name, row_of, x)), same=True
        )
        for name, tuples in rules.items()
    }


def hardest(tuples: Tuples, name: str, row_of: Mapping[str, int], x: Float32) -> list[str]:
    """The nearest photos that may be negatives, at most one of a cluster."""
    related, taken = tuples.related(name), {tuples.photos[name].cluster}
    found: list[str] = []
    names = list(row_of)
    for row in np.argsort(-(x @ x[row_of[name]]), kind="stable").tolist():
        other = names[row]
        if other not in related and tuples.photos[other].cluster not in taken:
            taken.add(tuples.photos[other].cluster)
            found.append(other)
        if len(found) == NEGATIVES:
            break
    return found


def manifold(truth: Truth, collection: Collection, *, negatives: int) -> Mapping[str, Any]:
    """Purity of M less E and of E less M by graph and number of the nearest; all photos are anchors."""
    table = {}
    for graph, nearest in GRAPHS:
        params = Manifold(
            graph=graph, nearest=nearest, negatives=negatives or nearest, anchors="all", most_anchors=10**6
        )
        anchors = params.mine(collection).tuples.anchors
        table[f"graph {graph}, {nearest} nearest"] = {
            "M less E": truth.shares(((a.name, p.name) for a in anchors for p in a.positives), same=True),
            "E less M": truth.shares(((a.name, n) for a in anchors for n in a.negatives), same=False),
        }
    return table


def ranks(truth: Truth, collection: Collection, low: float) -> Mapping[str, Any]:
    """Purity of the positives and negatives of ranked lists."""
    anchors = Ranks(low=low).mine(collection).tuples.anchors
    return {
        "anchors": len(anchors),
        "with negatives": sum(bool(anchor.negatives) for anchor in anchors),
        "positives": truth.shares(((a.name, p.name) for a in anchors for p in a.positives), same=True),
        "negatives": truth.shares(((a.name, n) for a in anchors for n in a.negatives), same=False),
    }


def by_geometry(truth: Truth, at: Path, folders: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """Figures of `verified`, with hard negatives by a network."""
    collection, network = (indexed(at, recipe, folders).collection for recipe in (WORDS, NETWORK))
    photos, channel = readable_photos(collection), word_channel(collection, "")
    assert channel is not None
    links = photo_links(collection, photos, channel, Verified())
    yield "photos", len(photos.names)
    yield "links", len(links)
    yield "verified: right", verified(truth, photos, links)
    yield "clusters", clusters(truth, photos, links)
    ids, vectors = network.vector_view("main").vectors()
    x = np.zeros((len(photos.names), vectors.shape[1]), np.float32)
    row_of = {name: row for row, name in enumerate(photos.names)}
    for image, vector in zip(ids.tolist(), np.asarray(vectors), strict=True):
        if (name := network.name_of(image)) in row_of:
            x[row_of[name]] = vector
    yield "hard negatives: the same thing", hard_negatives(truth, photos, links, x)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--at", type=Path, required=True, help="folder of the indexes")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    given = parser.parse_args()
    truth = truth_of(given.sets)
    folders = [*given.sets, *([given.distractors] if given.distractors is not None else [])]
    report: dict[str, Any] = {}
    if "verified" in given.kinds:
        report |= by_geometry(truth, given.at, folders)
    if "manifold" in given.kinds:
        network = indexed(given.at, NETWORK, folders).collection
        report["manifold: right, as many negatives"] = manifold(truth, network, negatives=0)
        report["manifold: right, negatives of all"] = manifold(truth, network, negatives=10_000)
    if "ranks" in given.kinds:
        fused = indexed(given.at, FUSED, folders).collection
        report["ranks: right"] = {f"low {low}": ranks(truth, fused, low) for low in (0.5, 0.25)}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
