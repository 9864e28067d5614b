"""Flickr15k: sketches of 33 shapes, each of which should find photos of its shape."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.matlab import MatlabFile, open_matlab
from resight.datasets.benchmarks.text_files import read_rows
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import UsageError
from resight.folders.walking import escape_name, is_below

USERS = 10
"""Number of people, each of whom sketched every class once."""

LIST = "groundtruth"
MATLAB = "gnd_flickr15k_sketch.mat"


def read_flickr15k(folder: Path) -> Dataset:
    """Reads the sketches, each a query for the photos of its class; the database is the list of the ground truth.

    Two layouts are read: the authors' list of classes and photos, with sketch N of a person for class N; or the file
    with which Deep Shape Matching was evaluated.

    Source: Hu and Collomosse, CVIU 2013; their layout from jjkislele/SketchTriplet, flickr15k_dataset.py, and
    TuBui/Triplet_Loss_SBIR, extract_feat_batch.py; the other from filipradenovic/cnnimageretrieval,
    utils/configdataset.m, utils/compute_map.m and utils/download_test_sketch.m. Raises UsageError that names the file
    and the line or variable.

    Notes: average precision is the trapezoid of Radenovic et al., ECCV 2018, for both.
    """
    if (folder / MATLAB).is_file():
        return _read_matlab(folder)
    if not (folder / LIST).is_file():
        raise UsageError(f"{folder}: neither {LIST} nor {MATLAB} is there; one of them is the ground truth")
    classes: dict[int, list[str]] = {}
    listed: set[str] = set()
    for row in read_rows(folder / LIST, ("class", "photo")):
        name = row.photo("photo")
        if name in listed:
            raise row.wrong(f"{name!r} is listed twice")
        listed.add(name)
        classes.setdefault(row.number("class"), []).append(name)
    positives = {number: frozenset(names) for number, names in classes.items()}
    queries = tuple(
        JudgedQuery(
            id=f"{user}/{number}", image=f"{user}/{number}.png", positives=positives[number], group=_folder(names)
        )
        for user in range(1, USERS + 1)
        for number, names in sorted(classes.items())
    )
    return Dataset(
        name="flickr15k",
        root=folder / "images" / "source",
        images=tuple(name for names in classes.values() for name in names),
        settings={ALL: queries},
        query_root=folder / "330sketches",
    )


def _read_matlab(folder: Path) -> Dataset:
    """Reads the layout with photos and sketches below jpg/; positives of a sketch are positions in `imlist`, from 1."""
    file = open_matlab(folder / MATLAB, ("imlist", "qimlist", "gnd"))
    photos, sketches, found = file.texts("imlist"), file.texts("qimlist"), file.records("gnd")
    if len(found) != len(sketches):
        raise file.wrong("gnd", f"has {len(found)} entries for {len(sketches)} sketches")
    images = _names(file, "imlist", photos, ".jpg")
    asking = _names(file, "qimlist", sketches, ".png")
    queries = []
    for number, (image, record) in enumerate(zip(asking, found, strict=True), start=1):
        positions = record.get("ok", [0])
        if not all(one in range(1, len(images) + 1) for one in positions):
            raise file.wrong(f"gnd({number}).ok", f"must be positions in imlist, 1 to {len(images)}")
        names = [images[int(one) - 1] for one in positions]
        queries.append(
            JudgedQuery(id=os.path.splitext(image)[0], image=image, positives=frozenset(names), group=_folder(names))
        )
    root = folder / "jpg"
    return Dataset("flickr15k", root, images, {ALL: tuple(queries)}, query_root=root)


def _names(file: MatlabFile, variable: str, values: list[str], suffix: str) -> tuple[str, ...]:
    """Returns the escaped names of files; in the MAT-file they have no suffix."""
    seen: set[str] = set()
    for number, value in enumerate(values, start=1):
        if not is_below(value + suffix):
            raise file.wrong(f"{variable}{{{number}}}", f"{value!r} is not the path of a file below jpg/")
        if value in seen:
            raise file.wrong(f"{variable}{{{number}}}", f"{value!r} is listed twice")
        seen.add(value)
    return tuple(escape_name(value + suffix) for value in values)


def _folder(names: Iterable[str]) -> str | None:
    """Returns the folder of all photos of a class; None where they are in several."""
    folders = {name.rpartition("/")[0] for name in names}
    return folders.pop() or None if len(folders) == 1 else None


BENCHMARKS = (
    Benchmark(
        name="flickr15k",
        title="Flickr15k: sketches to photos of the same shape",
        images=14660,
        queries=330,
        source="Hu and Collomosse, A Performance Evaluation of Gradient Field HOG Descriptor: "
        "http://personal.ee.surrey.ac.uk/Personal/R.Hu/SBIR.html",
        layout=(
            f"{LIST}                      CLASS SHAPE/NAME.jpg, a line each photo\n"
            "images/source/SHAPE/NAME.jpg\n"
            "330sketches/PERSON/CLASS.png     PERSON 1 to 10, CLASS 1 to 33\n"
            "or, in the layout of Deep Shape Matching,\n"
            f"{MATLAB}         imlist, qimlist, gnd.ok\n"
            "jpg/NAME.jpg, jpg/NAME.png       the photos of imlist, the sketches of qimlist"
        ),
        confirmed=True,
        read=read_flickr15k,
    ),
)
