"""UKBench (Nistér and Stewénius, CVPR 2006): 2,550 objects, four photos each; every photo is a query."""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules

_OBJECTS = 2550
_VIEWS = 4

LAYOUT = "full/ukbench00000.jpg to full/ukbench10199.jpg"


def read_ukbench(folder: Path) -> Dataset:
    """Lists the 10,200 photos of the benchmark, whether they exist in the folder or not.

    Source: the authors' page, "Recognition Benchmark Images" (vis.uky.edu/~stewe/ukbench): sets of four in the order of
    the file names, and the measure, which counts the query itself; jonathanhexner/sim-bench, docs/DATASETS.md: the
    names.

    Notes: The benchmark grew: the paper's figures are for its first 6,376 and 1,400 photos, later ones for all.
    """
    images = tuple(f"ukbench{number:05}.jpg" for number in range(_OBJECTS * _VIEWS))
    queries = []
    for first in range(0, len(images), _VIEWS):
        same = images[first : first + _VIEWS]
        positives = frozenset(same)
        queries += [JudgedQuery(id=Path(image).stem, image=image, positives=positives) for image in same]
    return Dataset(
        name="ukbench", root=folder / "full", images=images, settings={ALL: tuple(queries)}, rules=Rules(measure="N-S")
    )


BENCHMARKS = (
    Benchmark(
        name="ukbench",
        title="UKBench: 2,550 objects in four photos each",
        images=_OBJECTS * _VIEWS,
        queries=_OBJECTS * _VIEWS,
        source="Recognition Benchmark Images, vis.uky.edu/~stewe/ukbench; now at archive.org/details/ukbench",
        layout=LAYOUT,
        confirmed=True,
        read=read_ukbench,
    ),
)
