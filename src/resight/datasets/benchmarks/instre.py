"""INSTRE (Wang and Jiang, TOMM 2015) in its two common protocols."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.matlab import MatlabFile, open_matlab
from resight.datasets.benchmarks.text_files import read_rows
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import UsageError
from resight.folders.walking import escape_name, find_images, is_below, unescape_name
from resight.images import Box, displayed

_TRUTH = "gnd_instre.mat"
_PARTS = ("INSTRE-S1", "INSTRE-S2")
_PAIRS = "INSTRE-M"

LAYOUT = f"""\
{_TRUTH}: imlist, qimlist and gnd with the positives (from 1) and the box of each query
INSTRE-S1/CLASS/*.jpg, INSTRE-S2/CLASS/*.jpg, INSTRE-M/CLASS/*.jpg"""
LAYOUT_S = """\
INSTRE-S1/CLASS/*.jpg, INSTRE-S2/CLASS/*.jpg: the database, every photo of which is a query
*.txt beside each: the boxes of the object, "x y width height" a line"""


def read_instre(folder: Path) -> Dataset:
    """Reads INSTRE in the protocol of Iscen et al.: 1,250 boxes, five for each of 250 classes, 27,293 other photos.

    Raises UsageError, naming the query, where gnd_instre.mat is missing, damaged or of another form.

    Source: Iscen et al., Efficient diffusion on region manifolds, CVPR 2017; their gnd_instre.mat as
    aosokin/os2d (os2d/data/dataset.py), facebookresearch/vissl (vissl/utils/instance_retrieval_utils/data_util.py) and
    imatge-upc/salbow (src/datasets/instre_utils.py, with the AP of Oxford5k) read it.

    Notes: A box is taken as x0, y0, x1, y1, as os2d states; some programs read width and height instead, which would
    make some boxes empty, and empty boxes are refused. Of the two fields of `gnd` the positives are the first.
    """
    truth = open_matlab(folder / _TRUTH, ("imlist", "qimlist", "gnd"))
    images, asked, records = _names(truth, "imlist"), _names(truth, "qimlist"), truth.records("gnd")
    if len(records) != len(asked):
        raise truth.wrong("gnd", f"{len(records)} entries, but qimlist has {len(asked)} names")
    queries = []
    for number, (image, record) in enumerate(zip(asked, records, strict=True), 1):
        where = f"gnd({number}), of {image}"
        if len(record) != 2:
            raise truth.wrong(where, f"{len(record)} fields; expected the positives and the box")
        indices, box = record.values()
        if not all(1 <= index <= len(images) and index == int(index) for index in indices):
            raise truth.wrong(where, f"positives that are no numbers from 1 to {len(images)}, the length of imlist")
        positives = frozenset(images[int(index) - 1] for index in indices)
        queries.append(_query(image, _checked(box, f"{displayed(truth.path)}: {where}"), positives))
    return Dataset(
        name="instre",
        root=folder,
        images=tuple(images),
        settings={ALL: tuple(queries)},
        allowed=frozenset(asked),
    )


def read_instre_s(folder: Path) -> Dataset:
    """Reads INSTRE-S1 and INSTRE-S2: 23,070 photos of 200 single objects, each a query for the others of its object.

    Raises UsageError where a part is missing or a file of boxes has another form.

    Source: the authors' page, "INSTRE" (123.57.42.89/instre/home.html): the parts and their counts;
    SetaSouto/torchsight, torchsight/datasets/instre.py: folders and files of boxes.

    Notes: The authors' protocol could not be found, so this one is not confirmed: the query is the first box of each
    photo, the positives are the rest of its class, and the AP is that of Oxford5k. The "23 thousand images of 200
    instances" often called INSTRE-S1 are S1 and S2 together: S1 has 11,011 images of 100.
    """
    for part in _PARTS:
        if not (folder / part).is_dir():
            raise UsageError(f"{displayed(folder / part)}: no such folder; INSTRE has {' and '.join(_PARTS)}")
    names = [found.name for found in find_images(folder)]
    images = tuple(name for name in names if name.startswith(tuple(f"{part}/" for part in _PARTS)))
    classes = defaultdict(set)
    for name in images:
        classes[_class(name)].add(name)
    queries = tuple(
        _query(name, _first_box(folder / unescape_name(name)), frozenset(classes[_class(name)] - {name}))
        for name in images
    )
    return Dataset(
        name="instre-s",
        root=folder,
        images=images,
        settings={ALL: queries},
        allowed=frozenset(name for name in names if name.startswith(f"{_PAIRS}/")),
    )


def _names(truth: MatlabFile, variable: str) -> list[str]:
    """Returns the photos that a variable lists, each once."""
    names = truth.texts(variable)
    for name, count in Counter(names).items():
        if count > 1:
            raise truth.wrong(variable, f"{name} is listed {count} times")
        if not is_below(name):
            raise truth.wrong(variable, f"{name} is not the path of a file below the folder")
    return [escape_name(name) for name in names]


def _class(name: str) -> str:
    return str(PurePosixPath(name).parent)


def _query(image: str, box: Box, positives: frozenset[str]) -> JudgedQuery:
    return JudgedQuery(
        id=str(PurePosixPath(image).with_suffix("")),
        image=image,
        positives=positives,
        box=box,
        group=_class(image),
    )


def _first_box(photo: Path) -> Box:
    """Returns the first box in the file beside a photo."""
    row = read_rows(photo.with_suffix(".txt"), ["x", "y", "width", "height"])[0]
    x, y, width, height = (row.number(column) for column in row.cells)
    return _checked([x, y, x + width, y + height], row.where)


def _checked(box: list[float], where: str) -> Box:
    match [float(value) for value in box]:
        case [x0, y0, x1, y1] if x0 < x1 and y0 < y1:
            return x0, y0, x1, y1
    raise UsageError(f"{where}: box {box}; expected x0, y0, x1, y1 with x0 < x1 and y0 < y1")


BENCHMARKS = (
    Benchmark(
        name="instre",
        title="INSTRE, all of it, protocol of Iscen et al. 2017",
        images=27293,
        queries=1250,
        source="INSTRE, 123.57.42.89/instre/home.html; gnd_instre.mat from cmp.felk.cvut.cz/~iscenahm/code.html",
        layout=LAYOUT,
        confirmed=True,
        read=read_instre,
    ),
    Benchmark(
        name="instre-s",
        title="INSTRE-S1 and S2, single objects, each photo a query for the others",
        images=23070,
        queries=23070,
        source="INSTRE, 123.57.42.89/instre/home.html",
        layout=LAYOUT_S,
        confirmed=False,
        read=read_instre_s,
    ),
)
