"""The list of benchmarks: that it is whole, and how a wrong name is answered."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from resight.datasets import benchmarks as package
from resight.datasets import folder, groups
from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.catalogue import benchmarks, find
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import UsageError


def test_every_reader_is_listed_once() -> None:
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    expected = [one for module in modules for one in getattr(module, "BENCHMARKS", ())]
    listed = benchmarks()
    assert {one.name for one in listed} == {one.name for one in (*expected, *folder.BENCHMARKS, *groups.BENCHMARKS)}
    assert len({one.name for one in listed}) == len(listed) == len(expected) + 2


def test_every_entry_says_what_a_person_needs() -> None:
    for one in benchmarks():
        assert one.name == one.name.strip().lower()
        assert " " not in one.name
        assert one.title.strip()
        assert one.source.strip()
        assert one.layout.strip()
        assert "\t" not in one.layout
        assert all(len(line) <= 120 for line in one.layout.split("\n")), one.name
        assert callable(one.read)


@pytest.mark.parametrize("found", [pytest.param(one, id=one.name) for one in benchmarks()])
def test_an_empty_folder_is_answered_with_an_error(found: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        found.load(tmp_path / "nowhere")
    if found.name == "ukbench":  # its names are known without any file
        assert len(found.load(tmp_path).images) == found.images
    else:
        with pytest.raises(UsageError):
            found.load(tmp_path)


def test_published_counts_are_held_to(tmp_path: Path) -> None:
    (tmp_path / "annotation").mkdir()
    pairs = '{"test": {"images": ["1.jpg"], "sketches": ["1.png"]}}'
    (tmp_path / "annotation/chairs_annotation.json").write_text(pairs)
    with pytest.raises(UsageError, match="qmul-chairs has 1 database images; 97 were published"):
        find("qmul-chairs").load(tmp_path)
    with pytest.raises(UsageError, match="qmul-chairs has 1 queries; 97 were published"):
        replace(find("qmul-chairs"), images=1).load(tmp_path)


def test_two_queries_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = Dataset(
        "x", tmp_path, ("a",), {ALL: (JudgedQuery("q", "q.jpg", frozenset()), JudgedQuery("q", "q.png", frozenset()))}
    )
    with pytest.raises(UsageError, match="two queries of folder are called q"):
        replace(find("folder"), read=lambda folder: twice).load(tmp_path)


def test_a_name_is_found_however_it_is_written() -> None:
    assert find(" CUB200 ").name == "cub200"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("flickr51k", "did you mean flickr15k"), ("grops", "did you mean groups"), ("zzzz", "no such data set; `resight")],
)
def test_a_wrong_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        find(name)


def test_the_catalogue_is_light() -> None:
    """Neither network code nor compiled loops are loaded to list names."""
    program = (
        "import sys; from resight.datasets.benchmarks.catalogue import benchmarks; benchmarks(); "
        "print([name for name in ('torch', 'numba', 'faiss', 'scipy.io', 'pydantic') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
