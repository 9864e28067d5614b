"""Small collections of images made of visual words: things seen under a similarity, among clutter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resight.forks import WorkerPool
from resight.index.views import Once
from resight.rerank.kinds import Spatial
from resight.rerank.spatial import verify_many
from resight.search.inverted import Block, InvertedFile, PostingRows
from resight.search.ranking import Ranking, Verification
from resight.words.evidence import ImageWords, WordVector
from resight.words.kinds import Bow
from resight.words.postings import build_postings

WORDS = 400
SIZE = (600, 400)


@dataclass(frozen=True)
class Thing:
    """n features of a planar thing: words (n,), xy (n, 2) in SIZE, scale (n,), angle (n,)."""

    words: NDArray[np.int32]
    xy: NDArray[np.float64]
    scale: NDArray[np.float64]
    angle: NDArray[np.float64]

    def part(self, kept: slice) -> Thing:
        return Thing(self.words[kept], self.xy[kept], self.scale[kept], self.angle[kept])


def thing(rng: np.random.Generator, n: int, first: int = 0, last: int = WORDS) -> Thing:
    """Features with different words of [first, last)."""
    words = rng.permutation(np.arange(first, last))[:n].astype(np.int32)
    return Thing(words, rng.uniform((50, 50), (550, 350), (n, 2)), np.exp(rng.normal(1, 0.4, n)), rng.uniform(0, 6, n))


def similarity(turn: float, zoom: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    """(3, 3) transform about the centre of an image."""
    c, s = zoom * np.cos(turn), zoom * np.sin(turn)
    centre = np.array(SIZE) / 2
    linear = np.array([[c, -s], [s, c]])
    full = np.eye(3)
    full[:2, :2], full[:2, 2] = linear, centre + shift - linear @ centre
    return full


def seen(what: Thing, transform: NDArray[np.float64] | None = None, clutter: Thing | None = None) -> ImageWords:
    """What a photo of a thing shows of it, and clutter where it is."""
    transform = np.eye(3) if transform is None else transform
    zoom, turn = np.hypot(transform[0, 0], transform[1, 0]), np.arctan2(transform[1, 0], transform[0, 0])
    xy = what.xy @ transform[:2, :2].T + transform[:2, 2]
    words, scale, angle = what.words, what.scale * zoom, what.angle + turn
    if clutter is not None:
        words, xy = np.concatenate([words, clutter.words]), np.concatenate([xy, clutter.xy])
        scale, angle = np.concatenate([scale, clutter.scale]), np.concatenate([angle, clutter.angle])
    inside = ((xy >= 0) & (xy <= SIZE)).all(axis=1)
    words, xy, scale, angle = words[inside], xy[inside], scale[inside], angle[inside]
    order = np.argsort(words, kind="stable")
    columns = (xy[order].astype(np.float32), scale[order].astype(np.float32), angle[order].astype(np.float32))
    return ImageWords(words[order].astype(np.int32), np.arange(len(order), dtype=np.int32), *columns, SIZE)


class Bags:
    """The `BagCollection` of a list of images, whose ids are their places; counts what is asked."""

    allowed: NDArray[np.bool_] | None = None

    def __init__(self, images: list[ImageWords], method: Bow | None = None, spatial: Spatial | None = None) -> None:
        self.images = images
        self.spatial = spatial or Spatial()
        self.once = Once()
        self.workers = WorkerPool(2)
        lists = build_postings(images, WORDS, "bow")
        blocks = [Block(lists, np.arange(len(images)), np.ones(len(images), bool))]
        self.file = InvertedFile(PostingRows(blocks, method or Bow(size=WORDS), codebook_size=WORDS))
        self.searches: list[object] = []

    @property
    def count(self) -> int:
        return len(self.images) if self.allowed is None else int(self.allowed.sum())

    @property
    def reach(self) -> int:
        return self.spatial.top

    def words(self, image: int) -> ImageWords:
        return self.images[image]

    def verify(self, query: ImageWords, images: Sequence[int]) -> dict[int, Verification]:
        return verify_many(query, images, self.words, self.spatial, self.workers)

    def word_vector(self, words: ImageWords) -> WordVector:
        return self.file.rows.vector(words)

    def search(self, query: ImageWords | WordVector, k: int) -> Ranking:
        self.searches.append(query)
        return self.file.search(query, k, self.allowed)

    def dense(self, vector: WordVector) -> NDArray[np.float64]:
        """(WORDS,) the vector with its zeros."""
        full = np.zeros(WORDS)
        full[vector.words] = vector.values
        return full

    def unit(self, words: ImageWords) -> NDArray[np.float64]:
        """(WORDS,) normalised tf-idf vector, from the definition."""
        frequency = np.array([sum(w in image.words for image in self.images) for w in range(WORDS)])
        idf = np.log(len(self.images) / np.maximum(frequency, 1)) * (frequency > 0)
        full = np.bincount(words.words, minlength=WORDS) * idf
        return full / max(np.linalg.norm(full), 1e-300)
