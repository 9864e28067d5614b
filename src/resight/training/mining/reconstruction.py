"""Structure from motion from keypoints and matches that there are: models with cameras and the points they share.

Schönberger and Frahm: Structure-from-motion revisited, CVPR 2016, by pycolmap.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from resight.arrays import Float32, Float64, Int64
from resight.errors import UsageError
from resight.progress import Progress

SMALLEST = 3
"""Photos of a model, at least: two have no third to confirm their geometry."""
LARGEST = 500
"""Photos that are mapped together, at most."""
ENOUGH = 0.9
"""Share of a component in one model with which no other attempt is made."""


@dataclass(frozen=True)
class PairMatches:
    """Features that two photos share. one < other: the photos; rows: (m, 2) int64, of a feature of each."""

    one: int
    other: int
    rows: Int64

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Model:
    """A reconstruction of one thing: cameras and points of its own frame.

    images: (n,) int64 photos, ascending. centres: (n, 3) float64 of their cameras. points: for each photo the (m,)
    int64 points that it sees, ascending; numbers mean something within the model alone. zooms: for each photo (m,)
    float64, how large each point appears in it: focal length over depth, in long sides of the photo.
    """

    images: Int64
    centres: Float64
    points: Sequence[Int64]
    zooms: Sequence[Float64]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Attempt:
    """An attempt: the rules by which a model is begun and extended.

    focal: first guess of the focal length, in long sides. shared: photos of one size share a camera. start, resection:
    inliers of the first pair and of every other photo, at least; ratio: of inliers of such a photo. angle: between the
    rays of the first pair, in degrees; least_angle: of every point.
    """

    focal: float
    shared: bool
    start: int
    resection: int
    ratio: float
    angle: float
    least_angle: float


ATTEMPTS = (
    Attempt(focal=1.2, shared=False, start=30, resection=10, ratio=0.25, angle=16.0, least_angle=1.5),
    Attempt(focal=0.85, shared=False, start=15, resection=8, ratio=0.15, angle=8.0, least_angle=1.0),
    Attempt(focal=0.85, shared=True, start=15, resection=6, ratio=0.1, angle=4.0, least_angle=0.25),
)
"""Tried in turn, until one model has `ENOUGH` of the photos: COLMAP's guess of the focal length with less evidence
than its defaults ask for; the wider lens of a phone, with less again; and one camera for all, with which a walk down a
street works, whose photos share little but what lies straight ahead. The last two were chosen on two groups of real
photos that they were then measured on; docs/mine.md tells what each gives."""


def reconstruct(
    keypoints: Sequence[Float32],
    matches: Sequence[PairMatches],
    sizes: Sequence[tuple[int, int]],
    *,
    largest: int = LARGEST,
    attempts: Sequence[Attempt] = ATTEMPTS,
    progress: Progress | None = None,
) -> list[Model]:
    """Returns models of what photos show, the largest first; photos that none has could not be placed.

    keypoints: for each photo (m, 2) positions in pixels. matches: verified ones of pairs of photos. sizes: (width,
    height). largest: see `parts`. progress: is told the photos that are done, and their number. A photo may be in
    several models. Each part is mapped by itself, with each of a few attempts at most, one thread and a fixed seed, so
    that the same input gives the same models. Raises UsageError where pycolmap is missing.

    Notes: the mapping takes matches as they are, without another estimate of the geometry of two views.
    """
    require_pycolmap()
    models: list[Model] = []
    mapped = [part for part in parts(len(keypoints), matches, largest) if len(part[0]) >= SMALLEST]
    done, total = 0, sum(len(photos) for photos, _ in mapped)
    for photos, own in mapped:
        best: list[Model] = []
        for attempt in attempts:
            found = _mapped(sorted(photos), keypoints, own, sizes, attempt)
            if _quality(found) > _quality(best):
                best = found
            if best and len(best[0]) >= ENOUGH * len(photos):
                break
        models += best
        done += len(photos)
        if progress is not None:
            progress(done, total)
    return sorted(models, key=lambda model: (-len(model), model.images.tolist()))


def parts(
    count: int, matches: Sequence[PairMatches], largest: int
) -> list[tuple[frozenset[int], Sequence[PairMatches]]]:
    """Returns the connected components of photos with their pairs, those of more than `largest` photos taken apart.

    The weaker half of the pairs of such a component is left out, and again, until its parts are small enough: mapping
    takes more than the square of its photos, and it is weak pairs that join what is not one thing.
    """
    found: list[tuple[frozenset[int], Sequence[PairMatches]]] = []
    joined = components(count, matches)
    number = {photo: place for place, photos in enumerate(joined) for photo in photos}
    pairs: list[list[PairMatches]] = [[] for _ in joined]
    for pair in matches:
        pairs[number[pair.one]].append(pair)
    for photos, own in zip(joined, pairs, strict=True):
        if len(photos) <= largest:
            found.append((photos, own))
            continue
        strongest = sorted(own, key=lambda pair: (-len(pair), pair.one, pair.other))[: len(own) // 2]
        kept = sorted(strongest, key=lambda pair: (pair.one, pair.other))
        found += [part for part in parts(count, kept, largest) if part[0] <= photos]
    return found


def components(count: int, matches: Sequence[PairMatches]) -> list[frozenset[int]]:
    """Returns the connected components of photos that matches join, by their first photo; single ones count too."""
    ends = np.array([(pair.one, pair.other) for pair in matches], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    number, labels = connected_components(graph, directed=False)
    order = np.argsort(labels, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(labels, minlength=number))[:-1])
    return sorted((frozenset(part.tolist()) for part in parts if len(part)), key=min)


def require_pycolmap() -> None:
    """Raises UsageError with the command to install pycolmap where it is missing."""
    if find_spec("pycolmap") is None:
        raise UsageError(
            "structure from motion needs pycolmap, which is not installed: pip install 'resight[train]'; "
            "mining by verified does without"
        )


def _quality(models: Sequence[Model]) -> tuple[int, int, int]:
    """Returns what of two results is the better one: photos of the largest model, photos of all, and their points."""
    if not models:
        return 0, 0, 0
    placed = np.unique(np.concatenate([model.images for model in models]))
    return len(models[0]), len(placed), sum(len(points) for model in models for points in model.points)


def _mapped(
    photos: Sequence[int],
    keypoints: Sequence[Float32],
    matches: Sequence[PairMatches],
    sizes: Sequence[tuple[int, int]],
    attempt: Attempt,
) -> list[Model]:
    """Returns the models that pycolmap makes of some photos, the largest first."""
    import pycolmap

    # COLMAP tells of each step, and calls it an error where nothing can be mapped.
    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = pycolmap.Database.open(folder / "database.db")
        try:
            _fill(database, photos, keypoints, matches, sizes, attempt)
        finally:
            database.close()
        (folder / "models").mkdir()
        found = pycolmap.incremental_mapping(
            folder / "database.db", folder, folder / "models", _options(attempt, least=min(map(len, matches)))
        )
        models = [model for one in found.values() for model in _models(one, sizes)]
    return sorted(models, key=lambda model: (-len(model), model.images.tolist()))


def _fill(
    database: Any,
    photos: Sequence[int],
    keypoints: Sequence[Float32],
    matches: Sequence[PairMatches],
    sizes: Sequence[tuple[int, int]],
    attempt: Attempt,
) -> None:
    """Writes photos and matches; photo i has the number i + 1, as numbers begin with 1 there."""
    import pycolmap

    cameras: dict[object, int] = {}
    for photo in photos:
        width, height = sizes[photo]
        key = (width, height) if attempt.shared else photo
        if key not in cameras:
            cameras[key] = photo + 1
            focal = attempt.focal * max(width, height)
            model = pycolmap.CameraModelId.SIMPLE_RADIAL
            camera = pycolmap.Camera.create_from_model_id(photo + 1, model, focal, width, height)
            database.write_camera(camera, use_camera_id=True)
        image = pycolmap.Image(name=f"{photo:09d}", camera_id=cameras[key], image_id=photo + 1)
        database.write_image(image, use_image_id=True)
        database.write_keypoints(photo + 1, np.ascontiguousarray(keypoints[photo], np.float32))
    for pair in matches:
        rows = np.ascontiguousarray(pair.rows, np.uint32)
        geometry = pycolmap.TwoViewGeometry(
            config=pycolmap.TwoViewGeometryConfiguration.UNCALIBRATED, inlier_matches=rows
        )
        database.write_matches(pair.one + 1, pair.other + 1, rows)
        database.write_two_view_geometry(pair.one + 1, pair.other + 1, geometry)


def _options(attempt: Attempt, least: int) -> Any:
    """Returns options that are bounded and repeat. least: matches of a pair; none is left out."""
    import pycolmap

    options = pycolmap.IncrementalPipelineOptions()
    options.min_num_matches = least
    options.min_model_size = SMALLEST
    options.random_seed, options.num_threads = 0, 1
    options.extract_colors = False
    # It places what shares no points with the model, at minutes a photo.
    options.structure_less_registration_fallback = False
    options.ba_global_max_num_iterations, options.ba_local_max_num_iterations = 30, 15
    options.ba_global_max_refinements = 2
    options.mapper.init_min_num_inliers = attempt.start
    options.mapper.init_min_tri_angle = attempt.angle
    # Down a street all motion is forward.
    options.mapper.init_max_forward_motion = 1.0
    options.mapper.abs_pose_min_num_inliers = attempt.resection
    options.mapper.abs_pose_min_inlier_ratio = attempt.ratio
    options.mapper.filter_min_tri_angle = options.triangulation.min_angle = attempt.least_angle
    # Few photos of a thing see most points twice only.
    options.triangulation.ignore_two_view_tracks = False
    return options


def _models(found: Any, sizes: Sequence[tuple[int, int]]) -> Iterator[Model]:
    """Yields a reconstruction, if it has enough photos with points."""
    seen = [_seen(found, number, sizes) for number in sorted(found.reg_image_ids())]
    placed = [one for one in seen if len(one[2])]
    if len(placed) >= SMALLEST:
        photos, centres, points, zooms = zip(*placed, strict=True)
        yield Model(np.array(photos, np.int64), np.array(centres, np.float64), points, zooms)


def _seen(found: Any, number: int, sizes: Sequence[tuple[int, int]]) -> tuple[int, Float64, Int64, Float64]:
    """Returns photo, centre, points and zooms of an image of a reconstruction."""
    image = found.image(number)
    pose = image.cam_from_world()
    points = np.unique([row.point3D_id for row in image.get_observation_points2D()]).astype(np.int64)
    where = np.array([found.point3D(point).xyz for point in points.tolist()], np.float64).reshape(-1, 3)
    depths = (where @ pose.rotation.matrix().T + pose.translation)[:, 2]
    zooms = image.camera.mean_focal_length() / np.maximum(depths, np.finfo(np.float64).tiny) / max(sizes[number - 1])
    return number - 1, np.asarray(image.projection_center(), np.float64), points, zooms
