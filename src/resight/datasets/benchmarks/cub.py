"""CUB-200-2011: birds of 200 species; retrieval is evaluated on the second hundred."""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.text_files import read_rows
from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules
from resight.errors import UsageError

TRAINING_CLASSES = 100
"""Classes 1 to 100 are for training, the others are queries and database."""


def read_cub(folder: Path) -> Dataset:
    """Reads the photos of classes 101 to 200, each a query for the others of its class; Recall@1 is acc@1 here.

    Source: Wah et al., technical report CNS-TR-2011-001; the layout from the README of the archive, the split into
    halves from Song et al., CVPR 2016, and gtolias/mom, py/cub2011.py. Raises UsageError that names the file and line.
    """
    names: dict[int, str] = {}
    for row in read_rows(folder / "images.txt", ("image_id", "image_name")):
        number = row.number("image_id")
        if number in names:
            raise row.wrong(f"image {number} is listed twice")
        names[number] = row.photo("image_name")
    labels = folder / "image_class_labels.txt"
    classes: dict[int, int] = {}
    for row in read_rows(labels, ("image_id", "class_id")):
        number = row.number("image_id")
        if number not in names:
            raise row.wrong(f"image {number} is not in {folder / 'images.txt'}")
        if number in classes:
            raise row.wrong(f"image {number} has a class already")
        classes[number] = row.number("class_id")
    if missing := names.keys() - classes.keys():
        raise UsageError(f"{labels}: no class of image {min(missing)}, {names[min(missing)]}")
    images = {number: name for number, name in names.items() if classes[number] > TRAINING_CLASSES}
    if len({*names.values()}) < len(names):
        raise UsageError(f"{folder / 'images.txt'}: a photo is listed under two numbers")
    if not images:
        raise UsageError(f"{labels}: no image is of a class above {TRAINING_CLASSES}; there is nothing to ask")
    alike: dict[int, set[str]] = {}
    for number, name in images.items():
        alike.setdefault(classes[number], set()).add(name)
    queries = tuple(
        JudgedQuery(
            id=name.rpartition(".")[0],
            image=name,
            positives=frozenset(alike[classes[number]] - {name}),
            group=name.partition("/")[0],
        )
        for number, name in images.items()
    )
    return Dataset(
        name="cub200",
        root=folder / "images",
        images=tuple(images.values()),
        settings={ALL: queries},
        rules=Rules(measure="acc@1"),
        allowed=frozenset(names.values()),
    )


BENCHMARKS = (
    Benchmark(
        name="cub200",
        title="Caltech-UCSD Birds-200-2011, classes 101 to 200",
        images=5924,
        queries=5924,
        source="Perona Lab, CUB-200-2011: https://www.vision.caltech.edu/datasets/cub_200_2011/",
        layout=(
            "images.txt               IMAGE_ID CLASS/NAME.jpg\n"
            "image_class_labels.txt   IMAGE_ID CLASS_ID\n"
            "images/CLASS/NAME.jpg"
        ),
        confirmed=True,
        read=read_cub,
    ),
)
