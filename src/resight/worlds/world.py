"""Small photo-like collections with exact ground truth: the content of each photo, its position, and its difficulty."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.random import Generator, SeedSequence

from resight.arrays import Float64, Pixels
from resight.errors import StorageError, UsageError
from resight.worlds.lettering import FLAVOURS
from resight.worlds.photography import Exposure, bad_focus, developed, expose, harsh_light, plain_exposure, seen_again
from resight.worlds.scenes import Pose, photograph
from resight.worlds.stock import Stock, stock_up
from resight.worlds.things import KINDS, MAKERS, Thing, package

Challenge = Literal[
    "viewpoint", "scale", "rotation", "light", "occlusion", "blur", "low_resolution", "clutter", "look_alike"
]
CHALLENGES: tuple[Challenge, ...] = get_args(Challenge)


@dataclass(frozen=True)
class View:
    """One photo of a thing.

    thing: its name; front: (3, 3) homography from pixels of the thing's front to pixels of the photo; visible: (n, 2)
    polygon of the front within the frame (things in front of it are not cut out); share: part of the front that is in
    the frame and not hidden; challenge: the difficulty of the photo, or None.
    """

    thing: str
    front: Float64
    visible: Float64
    share: float
    challenge: Challenge | None


@dataclass(frozen=True)
class WorldQuery:
    """A query photo, the photos that show the same thing plainly, and those that count as neither right nor wrong."""

    image: str
    challenge: Challenge
    positives: tuple[str, ...]
    junk: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """Photos with their ground truth.

    files: name to JPEG; images: name to (H, W, 3) uint8 RGB, the pixels of these files; views: name to the view of the
    photo, distractors have none; queries; groups: thing to the names of its photos.
    """

    files: Mapping[str, bytes]
    images: Mapping[str, Pixels]
    views: Mapping[str, View]
    queries: tuple[WorldQuery, ...]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def homographies(self) -> dict[tuple[str, str], Float64]:
        """Homographies (3, 3) for each ordered pair of photos of one thing, from its front in the first to the second.

        Exact, in pixels of the upright original with centres at +0.5.
        """
        pairs = {}
        for names in self.groups.values():
            for a in names:
                back = np.linalg.inv(self.views[a].front)
                for b in names:
                    if a != b:
                        there = self.views[b].front @ back
                        pairs[a, b] = there / there[2, 2]
        return pairs


@dataclass(frozen=True)
class _Task:
    """One photo to take."""

    name: str
    thing: str | None
    challenge: Challenge | None
    seed: SeedSequence


def render_world(
    seed: int,
    *,
    objects: int = 24,
    views: int = 3,
    queries: int = 3,
    look_alikes: int = 6,
    distractors: int = 40,
    size: int = 640,
    workers: int = 2,
) -> World:
    """Renders a collection of photos with exact ground truth; the same for the same arguments, whatever the workers.

    objects: number of things; views: plain photos of each; queries: photos of each that are hard in one way, with
    challenges in turn; look_alikes: further packages that differ from one of the objects in one word or in the hue of a
    part, with as many plain photos and one query each; distractors: photos of other things; size: long side of the
    photos in pixels.

    The positives of a query are the plain photos of its thing; the other hard photos of it, and the query itself, are
    junk.

    Raises UsageError where a number is out of range.
    """
    for name, value, least in (
        ("objects", objects, 1),
        ("views", views, 1),
        ("queries", queries, 0),
        ("look_alikes", look_alikes, 0),
        ("distractors", distractors, 0),
        ("size", size, 160),
        ("workers", workers, 1),
    ):
        if value < least:
            raise UsageError(f"{name} is {value}, but a world needs at least {least}")
    shared, of_things, of_twins, of_photos = SeedSequence(seed).spawn(4)
    with ThreadPoolExecutor(workers) as pool:
        stock = stock_up(shared, pool)
        kinds = [KINDS[i % len(KINDS)] for i in range(objects)]
        makers = [
            (f"{kind}-{i:02d}", kind, s)
            for i, (kind, s) in enumerate(zip(kinds, of_things.spawn(objects), strict=True))
        ]
        made = pool.map(lambda entry: MAKERS[entry[1]](np.random.default_rng(entry[2]), stock), makers)
        things = dict(zip((name for name, _, _ in makers), made, strict=True))
        ways = {name: _dealt(i, queries) for i, name in enumerate(things)}
        things.update(_twins(stock, look_alikes, of_twins, ways))
        tasks = _tasks(ways, views, distractors, of_photos)
        taken = list(pool.map(lambda task: _take(task, things, stock, size), tasks))
    return _world(tasks, taken)


def _dealt(turn: int, queries: int) -> list[Challenge]:
    """Returns the challenges of one thing: the next ones in turn, without `look_alike`, which belongs to packages."""
    ways = [way for way in CHALLENGES if way != "look_alike"]
    return [ways[(turn * queries + i) % len(ways)] for i in range(queries)]


def _twins(stock: Stock, count: int, seeds: SeedSequence, ways: dict[str, list[Challenge]]) -> dict[str, Thing]:
    """Makes families of three packages: one, one of another flavour, one of another hue; `ways` is extended."""
    twins: dict[str, Thing] = {}
    for index, seed in enumerate(seeds.spawn((count + 2) // 3)):
        pick = np.random.default_rng(seed.spawn(1)[0])
        first, second = (FLAVOURS[i] for i in pick.choice(len(FLAVOURS), 2, replace=False))
        for variant, (flavour, colour) in enumerate(((first, 0), (second, 0), (first, 140))):
            if len(twins) < count:
                name = f"look-alike-{index:02d}{'abc'[variant]}"
                twins[name] = package(np.random.default_rng(seed), stock, flavour=flavour, colour=colour)
                ways[name] = ["look_alike"]
    return twins


def _tasks(ways: dict[str, list[Challenge]], views: int, distractors: int, seeds: SeedSequence) -> list[_Task]:
    wanted: list[tuple[str, str | None, Challenge | None]] = []
    for thing, challenges in ways.items():
        wanted += [(f"{thing}_{view + 1}.jpg", thing, None) for view in range(views)]
        wanted += [(f"{thing}_{way}_{i + 1}.jpg", thing, way) for i, way in enumerate(challenges)]
    wanted += [(f"other-{i:03d}.jpg", None, None) for i in range(distractors)]
    return [_Task(*entry, seed) for entry, seed in zip(wanted, seeds.spawn(len(wanted)), strict=True)]


def _pose_and_exposure(rng: Generator, challenge: Challenge | None) -> tuple[Pose, Exposure]:
    """Draws an ordinary pose and exposure, made hard in the given way."""
    yaw, pitch, roll = np.radians(rng.uniform((-18, -10, -5), (18, 10, 5)))
    aim = (float(rng.uniform(-0.08, 0.08)), float(rng.uniform(-0.08, 0.08)))
    pose = Pose(float(yaw), float(pitch), float(roll), float(rng.uniform(0.6, 0.9)), aim, int(rng.integers(3, 7)))
    exposure = plain_exposure(rng)
    side = float(rng.choice((-1.0, 1.0)))
    if challenge == "viewpoint":
        pose = replace(pose, yaw=side * float(np.radians(rng.uniform(42, 55))), fraction=float(rng.uniform(0.6, 0.8)))
    elif challenge == "scale":
        pose = replace(pose, fraction=float(rng.uniform(0.24, 0.32)), around=8)
    elif challenge == "rotation":
        pose = replace(pose, roll=side * float(np.radians(rng.uniform(40, 180))))
    elif challenge == "light":
        exposure = harsh_light(rng)
    elif challenge == "occlusion":
        pose = replace(pose, hidden=float(rng.uniform(0.45, 0.6)))
    elif challenge == "blur":
        exposure = bad_focus(rng)
    elif challenge == "clutter":
        corner = (side * float(rng.uniform(0.15, 0.28)), float(rng.uniform(-0.25, 0.25)))
        pose = replace(pose, fraction=float(rng.uniform(0.36, 0.44)), aim=corner, around=20)
    return pose, exposure


def _take(task: _Task, things: Mapping[str, Thing], stock: Stock, size: int) -> tuple[bytes, Pixels, View | None]:
    """Takes one photo: its file, the pixels of that file, and its view."""
    rng = np.random.default_rng(task.seed)
    thing = MAKERS[KINDS[int(rng.integers(len(KINDS)))]](rng, stock) if task.thing is None else things[task.thing]
    short = size * 3 // 4
    width, height = (size, short) if rng.random() < 0.6 else (short, size)
    pose, exposure = _pose_and_exposure(rng, task.challenge)
    shot = photograph(rng, stock, thing, pose, width, height)
    pixels, front, visible = expose(rng, shot.pixels, exposure), shot.front, shot.visible
    if task.challenge == "low_resolution":
        small = (width * 3 // 10, height * 3 // 10)
        shrink = np.diag([small[0] / width, small[1] / height, 1.0])
        pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
        front, visible = shrink @ front, visible * np.diag(shrink)[:2]
    data = developed(pixels, exposure.quality)
    if task.thing is None:
        return data, seen_again(data), None
    return data, seen_again(data), View(task.thing, front, visible, shot.share, task.challenge)


def _world(tasks: list[_Task], taken: list[tuple[bytes, Pixels, View | None]]) -> World:
    files = {task.name: data for task, (data, _, _) in zip(tasks, taken, strict=True)}
    images = {task.name: pixels for task, (_, pixels, _) in zip(tasks, taken, strict=True)}
    views = {task.name: view for task, (_, _, view) in zip(tasks, taken, strict=True) if view is not None}
    groups: dict[str, tuple[str, ...]] = {}
    for name, view in views.items():
        groups[view.thing] = (*groups.get(view.thing, ()), name)
    queries = []
    for name, view in views.items():
        if view.challenge is not None:
            same = groups[view.thing]
            positives = tuple(other for other in same if views[other].challenge is None)
            junk = tuple(other for other in same if views[other].challenge is not None)
            queries.append(WorldQuery(name, view.challenge, positives, junk))
    return World(files, images, views, tuple(queries), groups)


def save_world(world: World, folder: str | os.PathLike[str]) -> Path:
    """Writes `images/*.jpg` and `groundtruth.json` into a new folder, which appears whole or not at all.

    The JSON has `images` (all of them, sorted), `queries` (`image`, `positives`, `junk`, `challenge`) and `groups`.

    Raises UsageError where the folder already has something in it, StorageError where the disk refuses.
    """
    target = Path(folder)
    truth = {
        "images": sorted(world.files),
        "queries": [
            {"image": q.image, "positives": list(q.positives), "junk": list(q.junk), "challenge": q.challenge}
            for q in world.queries
        ],
        "groups": {thing: list(names) for thing, names in world.groups.items()},
    }
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not an empty folder: name a new one")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as staging:
            whole = Path(staging) / "world"
            (whole / "images").mkdir(parents=True)
            for name, data in world.files.items():
                _write(whole / "images" / name, data)
            _write(whole / "groundtruth.json", json.dumps(truth, indent=1).encode())
            os.replace(whole, target)
    except OSError as error:
        raise StorageError(
            f"{target}: the world could not be written ({error.strerror}); free space or name another folder"
        ) from error
    return target


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
