"""Links between the images of an index, which geometry has verified: kept with it, and following what comes and goes.

They are the derived structure `links` of a channel, in blocks: where an image is in several, the newest counts. Each
image asks for its first candidates by its words and verifies them, as a query does. What it finds depends on nothing
but the images that there are: those that came in turn are linked, once all is up to date, as if they had come at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from resight.arrays import Array, Arrays, Float32, Float64, Int64
from resight.cores import cores
from resight.kernels.soundness import finite, misshapen, shared_out
from resight.manifold.kinds import PhotoLinks
from resight.progress import Progress, Say
from resight.rerank.geometry import bounds
from resight.search.background import DEPTH, background
from resight.search.derived import Site, stamp
from resight.search.looks import WordCollection
from resight.search.ranking import Verification

BLOCK_IMAGES = 512
"""Images of a block, which is what a crash can lose."""
MANY_PHOTOS = 100
"""Photos whose linking takes so long that it is announced."""
MANY = 8
"""More blocks than these are merged into one."""
COLUMNS: Mapping[str, tuple[type[Any], tuple[int, ...]]] = {
    "place": (np.int32, ()),
    "inliers": (np.int32, ()),
    "tentative": (np.int32, ()),
    "similarity": (np.float32, ()),
    "surprise": (np.float32, ()),
    "parts": (np.float32, (2, 4)),
}
"""The columns of a link: type, and shape of one."""


@dataclass(frozen=True)
class Pair:
    """The finding of geometry on an image that asked and another.

    inliers, tentative: numbers of correspondences. parts: (2, 4) bounds of the inliers in each of the two, as x0, y0,
    x1, y1.
    """

    inliers: int
    tentative: int
    parts: Float32

    @classmethod
    def of(cls, why: Verification) -> Pair:
        """Makes a pair of its verification."""
        return cls(why.inliers, why.tentative, np.array([bounds(why.query_xy), bounds(why.image_xy)], np.float32))


@dataclass(frozen=True)
class Candidates:
    """The findings of an image.

    others: (m,) int64 ids of its candidates that were looked at, the most similar first. similarity, surprise: (m,) of
    the first look. pairs: by place among them, those that were verified.
    """

    others: Int64
    similarity: Float32
    surprise: Float64
    pairs: Mapping[int, Pair]


def find_candidates(
    image: int, collection: WordCollection, params: PhotoLinks, known: Mapping[int, Pair | None]
) -> Candidates:
    """Lets an image of a collection ask for the others.

    known: what has been found of pairs of it and another before, by the other's id; None where nothing agrees. The
    first `probe` are verified, and the rest only where one of those is as good as a link that is followed.
    """
    words = collection.words(image)
    near = collection.search(words, DEPTH)
    ordinary = background(near.scores, collection.count)
    rows = np.flatnonzero(near.ids != image)[: params.candidates]
    others, scores = near.ids[rows], near.scores[rows]
    pairs: dict[int, Pair] = {}
    looked_at = 0
    for end in (min(params.probe, len(others)), len(others)):
        asked = others[looked_at:end].tolist()
        found = collection.verify(words, [other for other in asked if other not in known])
        for place, other in enumerate(asked, start=looked_at):
            pair = known[other] if other in known else Pair.of(found[other]) if other in found else None
            if pair is not None:
                pairs[place] = pair
        looked_at = end
        if all(pair.inliers < params.min_inliers for pair in pairs.values()):
            break
    kept = slice(looked_at)
    return Candidates(others[kept], scores[kept], ordinary.surprise(scores[kept]), pairs)


def pack(found: Sequence[Candidates], ids: Int64, seen: Int64) -> Arrays:
    """Returns the arrays of a block: what images of these ids (n,) have found among images of the stamp `seen`."""
    links = [(one, place, pair) for one in found for place, pair in sorted(one.pairs.items())]
    return {
        "ids": ids,
        "seen": np.tile(seen, (len(ids), 1)),
        "offsets": _offsets([len(one.others) for one in found]),
        "others": np.concatenate([np.empty(0, np.int64), *(one.others for one in found)]),
        "link_offsets": _offsets([len(one.pairs) for one in found]),
        "place": np.array([place for _, place, _ in links], np.int32),
        "inliers": np.array([pair.inliers for _, _, pair in links], np.int32),
        "tentative": np.array([pair.tentative for _, _, pair in links], np.int32),
        "similarity": np.array([one.similarity[place] for one, place, _ in links], np.float32),
        "surprise": np.array([one.surprise[place] for one, place, _ in links], np.float32),
        "parts": np.array([pair.parts for _, _, pair in links], np.float32).reshape(-1, 2, 4),
    }


def fault(arrays: Arrays) -> tuple[str, str] | None:
    """Returns the first array that is not as `pack` makes it, with what is wrong with it."""
    if found := misshapen(arrays, {"ids": (np.int64, (None,)), "others": (np.int64, (None,))}):
        return found
    images = len(arrays["ids"])
    lists: dict[str, Any] = dict.fromkeys(("offsets", "link_offsets"), (np.int64, (images + 1,)))
    if found := misshapen(arrays, {"seen": (np.int64, (images, 2)), "place": (np.int32, (None,)), **lists}):
        return found
    links = len(arrays["place"])
    if found := misshapen(arrays, {name: (kind, (links, *shape)) for name, (kind, shape) in COLUMNS.items()}):
        return found
    for name, total in (("offsets", len(arrays["others"])), ("link_offsets", links)):
        if not shared_out(arrays[name], total):
            return name, f"does not share out {total}"
    most = np.repeat(np.diff(arrays["offsets"]), np.diff(arrays["link_offsets"]))
    if ((arrays["place"] < 0) | (arrays["place"] >= most)).any():
        return "place", "leads outside of an image's candidates"
    endless = (name for name in ("similarity", "surprise", "parts") if not finite(arrays[name]))
    return next(((name, "has numbers that are not finite") for name in endless), None)


def counted(blocks: Sequence[Arrays], live: Int64) -> Iterator[tuple[Arrays, Int64]]:
    """Yields blocks, the newest first, with the rows (m,) that count: of each live image those of the newest."""
    covered = np.empty(0, np.int64)
    for block in blocks:
        ids = np.asarray(block["ids"])
        yield block, np.flatnonzero(np.isin(ids, live) & ~np.isin(ids, covered))
        covered = np.concatenate([covered, ids])


def entries(offsets: Int64, rows: Int64) -> Int64:
    """Returns where the entries of some rows stand, one row after the other."""
    starts, counts = np.asarray(offsets)[rows], np.diff(offsets)[rows]
    return np.repeat(starts - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(counts.sum())


def merged(blocks: Sequence[Arrays], live: Int64) -> Arrays:
    """Makes one block of the live images of several, the newest first."""
    parts: list[dict[str, Array]] = []
    for block, rows in counted(blocks, live):
        links = entries(block["link_offsets"], rows)
        part = {name: np.asarray(block[name])[rows] for name in ("ids", "seen")}
        part |= {name: np.asarray(block[name])[links] for name in COLUMNS}
        part["others"] = np.asarray(block["others"])[entries(block["offsets"], rows)]
        part |= {name: np.diff(block[name])[rows] for name in ("offsets", "link_offsets")}
        parts.append(part)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return joined | {name: _offsets(joined[name]) for name in ("offsets", "link_offsets")}


@dataclass(frozen=True)
class LinkBlocks:
    """The links of images that are kept. blocks: the newest first; live: (n,) ids of the images that there are."""

    blocks: Sequence[Arrays]
    live: Int64

    @property
    def missing(self) -> int:
        """The number of images that have not asked yet."""
        return len(np.setdiff1d(self.live, _ids(self.blocks)))


@dataclass(frozen=True)
class KeptLinks:
    """The links between an index's images, as a derived structure."""

    site: Site
    params: PhotoLinks
    name: str = "links between photos"

    def stale(self, live: Int64) -> int:
        """Counts the images that have not asked among those of now; where there are none now, those that were."""
        blocks = self._blocks()
        return len(np.setdiff1d(live, _current(blocks, live)) if len(live) else _ids(blocks))

    def read(self, live: Int64) -> LinkBlocks:
        """Reads the links."""
        return LinkBlocks(self._blocks(), live)

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Lets the images ask that have come."""
        live, blocks = self.site.live(), self._blocks()
        self._ask(np.setdiff1d(live, _ids(blocks)), live, progress, say)
        if len(self._blocks()) > MANY:
            self._merge(live)

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Lets all images ask again that have asked among others; what is known of a pair is not verified again."""
        live = self.site.live()
        self._ask(np.setdiff1d(live, _current(self._blocks(), live)), live, progress, say)
        blocks = self._blocks()
        if len(blocks) > 1 or len(np.setdiff1d(_ids(blocks), live)):
            self._merge(live)

    def forget(self) -> None:
        """Deletes all links."""
        self.site.shelf.clear()

    def _blocks(self) -> list[Arrays]:
        return [one.arrays for one in self.site.shelf.read(fault)]

    def _ask(self, images: Int64, live: Int64, progress: Progress | None, say: Say | None) -> None:
        """Adds blocks of images that ask."""
        if not len(images):
            return
        if say is not None and len(images) >= MANY_PHOTOS:
            say("linking photos with others of the same thing")
        collection, seen, blocks = self.site.collection(), stamp(live), self._blocks()
        with ThreadPoolExecutor(cores()) as pool:
            for start in range(0, len(images), BLOCK_IMAGES):
                ids = images[start : start + BLOCK_IMAGES]
                known = _known(blocks, ids)
                given = [known.get(image, {}) for image in ids.tolist()]
                found: list[Candidates] = []
                for one in pool.map(find_candidates, ids.tolist(), repeat(collection), repeat(self.params), given):
                    found.append(one)
                    if progress is not None:
                        progress(start + len(found), len(images))
                self.site.shelf.put(pack(found, ids, seen))

    def _merge(self, live: Int64) -> None:
        """Puts one block with the live images in the place of all."""
        if not len(live):
            self.forget()
            return
        self.site.shelf.replace(merged(self._blocks(), live))


def _known(blocks: Sequence[Arrays], images: Int64) -> Mapping[int, Mapping[int, Pair | None]]:
    """Earlier findings of images, by their ids and those of the others."""
    found: dict[int, Mapping[int, Pair | None]] = {}
    for block, rows in counted(blocks, images):
        for row in rows.tolist():
            others = np.asarray(block["others"][block["offsets"][row] : block["offsets"][row + 1]])
            pairs: dict[int, Pair | None] = dict.fromkeys(others.tolist())
            for at in range(int(block["link_offsets"][row]), int(block["link_offsets"][row + 1])):
                pair = Pair(int(block["inliers"][at]), int(block["tentative"][at]), np.array(block["parts"][at]))
                pairs[int(others[block["place"][at]])] = pair
            found[int(block["ids"][row])] = pairs
    return found


def _current(blocks: Sequence[Arrays], live: Int64) -> Int64:
    """Ids of the images that have asked among these."""
    return np.concatenate(
        [np.empty(0, np.int64), *(block["ids"][(block["seen"] == stamp(live)).all(axis=1)] for block in blocks)]
    )


def _ids(blocks: Sequence[Arrays]) -> Int64:
    return np.concatenate([np.empty(0, np.int64), *(block["ids"] for block in blocks)])


def _offsets(counts: Sequence[int] | Int64) -> Int64:
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)
