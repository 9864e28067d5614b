"""QMUL sketches of single shoes, chairs and handbags, each with one matching photo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules
from resight.datasets.json_files import read_json
from resight.errors import UsageError
from resight.folders.walking import escape_name, is_below


def read_shoes(folder: Path) -> Dataset:
    """Reads the test pairs of QMUL-Shoe: sketch i should find photo i; the measures are acc@1 and acc@10.

    Source: Yu et al., Sketch Me That Shoe, CVPR 2016; the layout from the authors' programs, seuliufeng/DeepSBIR,
    tools/sbir_demo.py, and yuqian1023/Deep_SBIR_tf, sbir_util/smts_api.py and triplet_sbir_test.py. Raises UsageError
    that names the file and key.
    """
    return _read(folder, "shoes")


def read_chairs(folder: Path) -> Dataset:
    """Reads the test pairs of QMUL-Chair; source and errors as for `read_shoes`."""
    return _read(folder, "chairs")


def read_handbags(folder: Path) -> Dataset:
    """Reads the test pairs of QMUL-Handbag, in the layout of the shoes; errors as for `read_shoes`.

    Source: Song et al., Deep Spatial-Semantic Attention, ICCV 2017, for the pairs.

    Notes: the layout is inferred. The handbags_annotation.json of yuqian1023/Deep_SBIR_tf is a placeholder: it lists
    the 115 pairs of the shoes.
    """
    return _read(folder, "handbags")


def _read(folder: Path, category: str) -> Dataset:
    source = folder / "annotation" / f"{category}_annotation.json"
    document = read_json(source)
    test = document.get("test") if isinstance(document, dict) else None
    if not isinstance(test, dict):
        raise UsageError(f'{source}: test: must be an object with "images" and "sketches"')
    photos, sketches = (_names(source, test, key) for key in ("images", "sketches"))
    if len(photos) != len(sketches):
        raise UsageError(f"{source}: test.sketches: {len(sketches)} for {len(photos)} photos; they go in pairs")
    queries = tuple(
        JudgedQuery(id=sketch.rpartition(".")[0], image=sketch, positives=frozenset({photo}))
        for sketch, photo in zip(sketches, photos, strict=True)
    )
    return Dataset(
        name=f"qmul-{category}",
        root=folder / "test" / "images",
        images=photos,
        settings={ALL: queries},
        rules=Rules(measure="acc@1"),
        query_root=folder / "test" / "sketches",
        allowed=frozenset(),
    )


def _names(source: Path, test: dict[str, Any], key: str) -> tuple[str, ...]:
    names = test.get(key)
    if not (isinstance(names, list) and names):
        raise UsageError(f"{source}: test.{key}: must be a list of names")
    for position, name in enumerate(names):
        if not (isinstance(name, str) and is_below(name)):
            raise UsageError(f"{source}: test.{key}[{position}]: must be the name of a file, not {json.dumps(name)}")
        if names.index(name) < position:
            raise UsageError(f"{source}: test.{key}[{position}]: {name!r} is listed twice")
    return tuple(map(escape_name, names))


def _layout(category: str) -> str:
    return (
        f'annotation/{category}_annotation.json   {{"test": {{"images": [NAME, ...], "sketches": [NAME, ...]}}}}\n'
        "test/images/NAME.jpg\n"
        "test/sketches/NAME.png"
    )


_SHOE = "QMUL SketchX, Sketch Me That Shoe: http://www.eecs.qmul.ac.uk/~qian/Project_cvpr16.html"

BENCHMARKS = (
    Benchmark(
        name="qmul-shoes",
        title="QMUL-Shoe: sketches to photos, test",
        images=115,
        queries=115,
        source=_SHOE,
        layout=_layout("shoes"),
        confirmed=True,
        read=read_shoes,
    ),
    Benchmark(
        name="qmul-chairs",
        title="QMUL-Chair: sketches to photos, test",
        images=97,
        queries=97,
        source=_SHOE,
        layout=_layout("chairs"),
        confirmed=True,
        read=read_chairs,
    ),
    Benchmark(
        name="qmul-handbags",
        title="QMUL-Handbag: sketches to photos, test",
        images=168,
        queries=168,
        source="QMUL SketchX, Deep Spatial-Semantic Attention for Fine-grained Sketch-based Image Retrieval: "
        "http://www.eecs.qmul.ac.uk/~js327/Project_pages/Project_iccv2017.html",
        layout=_layout("handbags"),
        confirmed=False,
        read=read_handbags,
    ),
)
