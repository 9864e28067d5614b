"""Shoes, chairs and handbags in miniature: which photo a sketch is of, and what is wrong with the annotation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from resight.datasets.benchmarks.fgsbir import read_chairs, read_handbags, read_shoes
from resight.datasets.dataset import Dataset, JudgedQuery
from resight.errors import UsageError

PAIRS = {"images": ["305.jpg", "306.jpg"], "sketches": ["305.png", "306b.png"]}


def write(folder: Path, document: object, category: str = "shoes") -> Path:
    (folder / "annotation").mkdir()
    (folder / "annotation" / f"{category}_annotation.json").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize(
    ("category", "read"), [("shoes", read_shoes), ("chairs", read_chairs), ("handbags", read_handbags)]
)
def test_sketches_and_photos_go_in_pairs(tmp_path: Path, category: str, read: Callable[[Path], Dataset]) -> None:
    training = {"images": ["1.jpg"], "sketches": ["1.png"], "triplets": [[[0, 0]]]}
    dataset = read(write(tmp_path, {"train": training, "test": PAIRS}, category))
    assert dataset.name == f"qmul-{category}"
    assert dataset.images == ("305.jpg", "306.jpg")
    assert dataset.queries == (
        JudgedQuery("305", "305.png", frozenset({"305.jpg"})),
        JudgedQuery("306b", "306b.png", frozenset({"306.jpg"})),
    )
    assert dataset.path("305.jpg") == tmp_path / "test" / "images" / "305.jpg"
    assert dataset.query_path("305.png") == tmp_path / "test" / "sketches" / "305.png"
    assert dataset.rules.measure == "acc@1"
    assert dataset.allowed == frozenset()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], r'test: must be an object with "images" and "sketches"'),
        ({"test": PAIRS["images"]}, r'test: must be an object with "images" and "sketches"'),
        ({"test": {**PAIRS, "images": "305.jpg"}}, r"test\.images: must be a list of names"),
        ({"test": {"images": ["305.jpg"]}}, r"test\.sketches: must be a list of names"),
        ({"test": {"images": [], "sketches": []}}, r"test\.images: must be a list of names"),
        ({"test": {**PAIRS, "images": ["305.jpg", 3]}}, r"test\.images\[1\]: must be the name of a file, not 3"),
        ({"test": {**PAIRS, "images": ["../1.jpg", "2.jpg"]}}, r"test\.images\[0\]: must be the name of a file"),
        ({"test": {**PAIRS, "sketches": ["1.png", "1.png"]}}, r"test\.sketches\[1\]: '1\.png' is listed twice"),
        ({"test": {**PAIRS, "sketches": ["1.png"]}}, r"test\.sketches: 1 for 2 photos; they go in pairs"),
    ],
)
def test_a_mistake_is_told_by_file_and_key(tmp_path: Path, document: object, message: str) -> None:
    with pytest.raises(UsageError, match=r"annotation/shoes_annotation\.json: " + message):
        read_shoes(write(tmp_path, document))


def test_an_annotation_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"annotation/chairs_annotation\.json: no such file"):
        read_chairs(tmp_path)
    write(tmp_path, {"test": PAIRS, "scale": float("nan")}, "chairs")
    with pytest.raises(UsageError, match=r"chairs_annotation\.json: not JSON \(NaN is no number\)"):
        read_chairs(tmp_path)
