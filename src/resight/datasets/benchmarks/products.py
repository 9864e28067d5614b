"""Stanford Online Products: photos of things for sale, a few of each."""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.text_files import Row, read_rows
from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules
from resight.errors import UsageError

COLUMNS = ("image_id", "class_id", "super_class_id", "path")


def read_products(folder: Path) -> Dataset:
    """Reads the test photos, each a query for the others of its product; the measure is Recall@1, here acc@1.

    Source: Song et al., CVPR 2016; the layout from their archive as KevinMusgrave/pytorch-metric-learning,
    src/pytorch_metric_learning/datasets/sop.py, reads it. Raises UsageError that names the file and line.
    """
    products: dict[str, int] = {}
    for row in _rows(folder / "Ebay_test.txt"):
        name = row.photo("path")
        if name in products:
            raise row.wrong(f"{name!r} is listed twice")
        products[name] = row.number("class_id")
    training = frozenset(row.photo("path") for row in _rows(folder / "Ebay_train.txt"))
    if both := training & products.keys():
        raise UsageError(f"{folder / 'Ebay_train.txt'}: {min(both)!r} is in Ebay_test.txt as well")
    alike: dict[int, set[str]] = {}
    for name, product in products.items():
        alike.setdefault(product, set()).add(name)
    queries = tuple(
        JudgedQuery(
            id=name.rpartition(".")[0],
            image=name,
            positives=frozenset(alike[product] - {name}),
            group=name.partition("/")[0].removesuffix("_final"),
        )
        for name, product in products.items()
    )
    return Dataset(
        name="sop",
        root=folder,
        images=tuple(products),
        settings={ALL: queries},
        rules=Rules(measure="acc@1"),
        allowed=training,
    )


def _rows(path: Path) -> list[Row]:
    """Returns the rows below the column names, which are the first line."""
    rows = read_rows(path, COLUMNS)
    if tuple(rows[0].cells.values()) != COLUMNS:
        raise rows[0].wrong(f"must be the names of the columns, {' '.join(COLUMNS)}")
    if len(rows) == 1:
        raise UsageError(f"{path}: names its columns and no photo")
    return rows[1:]


BENCHMARKS = (
    Benchmark(
        name="sop",
        title="Stanford Online Products, test",
        images=60502,
        queries=60502,
        source="Stanford CVGL, Deep Metric Learning via Lifted Structured Feature Embedding: "
        "https://cvgl.stanford.edu/projects/lifted_struct/",
        layout=(
            "Ebay_test.txt           image_id class_id super_class_id path, below these names\n"
            "Ebay_train.txt          the same, of the photos that are not searched\n"
            "KIND_final/NAME.JPG     as path says"
        ),
        confirmed=True,
        read=read_products,
    ),
)
