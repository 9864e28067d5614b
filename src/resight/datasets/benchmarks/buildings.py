"""The common part of Oxford Buildings and Paris: landmarks with five queries each, and two kinds of ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resight.datasets.benchmarks.ground_truth_files import (
    find_ground_truth,
    ground_truth_paths,
    read_ground_truth,
)
from resight.datasets.benchmarks.labels import LabelledQuery
from resight.datasets.benchmarks.landmark_files import find_landmark_files, read_landmark_files
from resight.datasets.benchmarks.photo_names import PhotoNames, find_photo_names
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import UsageError

QUERIES_PER_LANDMARK = 5


@dataclass(frozen=True)
class Buildings:
    """The properties of one such data set.

    landmarks: in the order of the queries in gnd_NAME.*; photo_folders: possible folders of the photos, the first that
    exists is used; corrupt: photos that were published but cannot be read, and belong to no database.
    """

    name: str
    landmarks: tuple[str, ...]
    photo_folders: tuple[str, ...] = ("jpg",)
    corrupt: frozenset[str] = frozenset()

    def landmark(self, position: int) -> str:
        """Returns the landmark of a query of gnd_NAME.*, from its position among the queries, from 0."""
        return self.landmarks[position // QUERIES_PER_LANDMARK]

    def photos(self, folder: Path) -> PhotoNames:
        """Returns the photos of the data set in a folder."""
        roots = [folder / name for name in self.photo_folders]
        return find_photo_names(next((root for root in roots if root.is_dir()), roots[0]))


def read_buildings(folder: Path, buildings: Buildings) -> Dataset:
    """Reads the data set by gnd_NAME.pkl, else gnd_NAME.json, else LANDMARK_N_query.txt and so on. Raises UsageError.

    Where the ground truth does not list the database, it consists of the photos in the folder, without the corrupt
    ones.
    """
    photos = buildings.photos(folder)
    if (path := find_ground_truth(folder, buildings.name)) is not None:
        images, labelled, positive = _by_index(path, buildings)
    elif (source := find_landmark_files(folder)) is not None:
        images, labelled, positive = _by_landmark(source, photos, buildings)
    else:
        first, second = ground_truth_paths(folder, buildings.name)
        raise UsageError(
            f"{folder}: no ground truth of {buildings.name}: neither {first.name} nor {second.name} is there, nor "
            "LANDMARK_N_query.txt, there or in a folder in it"
        )
    queries = tuple(
        JudgedQuery(
            id=name,
            image=photos[query.image],
            positives=frozenset(photos[one] for one in query.names(*positive)),
            junk=frozenset(photos[one] for one in query.names("junk")),
            box=query.box,
            group=name.rpartition("_")[0],
        )
        for name, query in labelled.items()
    )
    return Dataset(
        name=buildings.name,
        root=photos.root,
        images=tuple(photos[name] for name in images),
        settings={ALL: queries},
        allowed=frozenset(photos[name] for name in buildings.corrupt),
    )


def _by_index(path: Path, buildings: Buildings) -> tuple[tuple[str, ...], dict[str, LabelledQuery], tuple[str, ...]]:
    truth = read_ground_truth(path, ("ok", "junk"))
    most = QUERIES_PER_LANDMARK * len(buildings.landmarks)
    if len(truth.queries) > most:
        raise UsageError(f"{path}: gnd has {len(truth.queries)} queries; {buildings.name} has {most}")
    labelled = {
        f"{buildings.landmark(position)}_{position % QUERIES_PER_LANDMARK + 1}": query
        for position, query in enumerate(truth.queries)
    }
    return truth.images, labelled, ("ok",)


def _by_landmark(
    source: Path, photos: PhotoNames, buildings: Buildings
) -> tuple[tuple[str, ...], dict[str, LabelledQuery], tuple[str, ...]]:
    if not photos.present:
        listing = ground_truth_paths(source, buildings.name)[0].name
        raise UsageError(
            f"{photos.root}: no photos there; the ground truth in {source} does not list the database of "
            f"{buildings.name}, so that is what this folder holds (with {listing} it could do without)"
        )
    images = tuple(name for name in photos.present if name not in buildings.corrupt)
    database = frozenset(images)
    labelled = {
        name: LabelledQuery(
            query.image,
            query.box,
            {label: names - buildings.corrupt for label, names in query.labels.items()},
            query.where,
        )
        for name, query in read_landmark_files(source).items()
    }
    for where, named in _mentioned(source, labelled):
        if missing := named - database:
            raise UsageError(f"{where}: {min(missing)}: there is no such photo below {photos.root}")
    return images, labelled, ("good", "ok")


def _mentioned(source: Path, labelled: dict[str, LabelledQuery]) -> Iterator[tuple[str, frozenset[str]]]:
    for name, query in labelled.items():
        yield query.where, frozenset({query.image})
        for label, names in query.labels.items():
            yield str(source / f"{name}_{label}.txt"), names
