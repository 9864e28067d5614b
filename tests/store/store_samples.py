"""Small indexes for the tests of the store, and all that a reader can see of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.store import UNREACHED, UNREADABLE, VIDEO, Batch, Choices, Image, MaskChoice, Root, Store

RECIPE = "[channel.words.features]\nkind = 'sift'\n"
FITTED = {"words/codebook.npz": bytes(range(256)) * 3, "cnn/whitening.npz": b"w" * 100}
CHOICES = Choices(
    ("*.gif", "#recycle"),
    frozenset({(1, "c.jpg"), (2, "e\u0301.jpg")}),
    {1: MaskChoice("/masks"), 2: MaskChoice("", "iVBO")},
)
ROOTS = {1: Root("/photos", ""), 2: Root("/more", "more")}


def anything(arrays: Mapping[str, NDArray[Any]], images: int) -> None:
    """The check of a layout that allows whatever there is."""


def image(name: str, seed: int = 0) -> Image:
    if name.startswith("bad"):
        return Image(1, name, 10, 5, "00", 0, 0, UNREADABLE, "truncated file", "pillow-0")
    if name.startswith("film"):
        return Image(1, name, 10, 5, "11", 0, 0, VIDEO)
    if name.startswith("lost"):
        return Image(1, name, 10, 5, "", 0, 0, UNREACHED, "permission denied", "pillow-0")
    return Image(1, name, 4000 + seed, 1_700_000_000_123_456_789 + seed, f"{seed:032x}", 640, 480)


def batch(*names: str, seed: int = 0) -> Batch:
    """Two channels: an empty array, a matrix large enough to be mapped, and a row that tells the image."""
    rng = np.random.default_rng([seed, len(names)])
    told = np.array([sum(name.encode()) + seed for name in names], np.int64)
    words = {"told": told, "none": np.zeros((0, 4), np.float32), "bits": rng.integers(0, 255, (9000, 8), np.uint8)}
    return Batch([image(name, seed) for name in names], {"words": words, "cnn": {"told": told}})


def create(path: Path) -> Store:
    return Store.create(path, RECIPE, FITTED, created_by="resight 0")


def merged(store: Store) -> tuple[list[int], list[int], dict[str, dict[str, np.ndarray]]]:
    """What merging all segments asks for: their numbers, the ids and the arrays."""
    snapshot = store.snapshot(lambda: {"words": anything})
    parts = {segment.number: segment.arrays("words", anything)["told"] for segment in snapshot.segments}
    images = snapshot.images
    told = np.array([parts[int(s)][int(r)] for s, r in zip(images.segments, images.rows, strict=True)], np.int64)
    ids = [int(id_) for id_ in images.ids]
    return [segment.number for segment in snapshot.segments], ids, {"words": {"told": told}, "cnn": {"told": told}}


def base(path: Path) -> Store:
    store = create(path)
    with store.writing():
        store.commit(batch("b.jpg", "a.jpg", "bad.jpg"), roots=ROOTS)
        store.commit(batch("c.jpg", "d.jpg", seed=1))
        store.commit(removed=[4], choices=CHOICES)
    return store


def id_of(store: Store, name: str) -> int:
    images = store.snapshot().images
    return int(images.ids[images.by_name[name]])


def steps() -> Sequence[Callable[[Store], object]]:
    """One change of each kind, to follow `base`; each is one commit."""
    return (
        lambda store: store.commit(batch("e.jpg", "bad2.jpg", seed=2)),
        lambda store: store.commit(batch("a.jpg", seed=3), removed=[id_of(store, "a.jpg"), id_of(store, "b.jpg")]),
        lambda store: store.commit(roots={2: Root("/moved", "more")}),
        lambda store: store.replace_segments(*merged(store)),
        lambda store: store.add_fitted({"edges/mean.npz": b"m" * 50}),
        lambda store: store.commit(batch("f.jpg", seed=4)),
        lambda store: store.commit(choices=replace(CHOICES, excluded=("2019/",), removed=frozenset())),
    )


def contents(path: Path) -> dict[str, Any]:
    """Everything that a reader sees, as plain values that compare with ==."""
    store = Store.open(path, read_only=True)
    snapshot = store.snapshot(lambda: dict.fromkeys(["words", "cnn"], anything))
    images = snapshot.images
    parts = {segment.number: segment for segment in snapshot.segments}
    told = [
        [int(parts[int(s)].arrays(channel, anything)["told"][int(r)]) for channel in ("words", "cnn")]
        for s, r in zip(images.segments, images.rows, strict=True)
    ]
    return {
        "generation": snapshot.generation,
        "next_image": snapshot.next_image,
        "roots": dict(snapshot.roots),
        "choices": snapshot.choices,
        "images": {int(id_): images.image(position) for position, id_ in enumerate(images.ids)},
        "added": images.added.tolist(),
        "told": told,
        "recipe": store.recipe(),
        "fitted": {name: path.read_bytes() for name, path in store.fitted().items()},
    }
