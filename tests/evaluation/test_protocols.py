"""Every query is asked of the whole database, and only the judging knows the ground truth."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from resight.errors import ImageError, UsageError
from resight.evaluation.folder import Dataset, Query
from resight.evaluation.protocols import evaluate, evaluate_recipe
from resight.images import Box


@dataclass
class Hit:
    name: str


@dataclass
class Result:
    hits: list[Hit]


@dataclass
class Scripted:
    """Answers each query with a given ranking and keeps what it was asked."""

    rankings: dict[str, list[str]]
    asked: list[tuple[Path, Box | None, int, bool]] = field(default_factory=list)

    def search(self, query: Path, *, box: Box | None, k: int, include_self: bool) -> Result:
        self.asked.append((query, box, k, include_self))
        if query.name not in self.rankings:
            raise ImageError(str(query), "the file is empty")
        return Result([Hit(name) for name in self.rankings[query.name]])


def dataset(*queries: Query) -> Dataset:
    return Dataset(Path("photos"), ("a", "b", "c"), queries)


def test_all_of_database_and_distractors_is_asked_for() -> None:
    box = (0.0, 0.0, 4.0, 4.0)
    index = Scripted({"q": ["a", "distractors/x", "b", "c"]})
    result = evaluate(index, dataset(Query("q", frozenset("ab"), box=box)), recipe="r", distractors=7)
    assert index.asked == [(Path("photos/q"), box, 10, True)]
    assert result.protocol.database == 3
    assert result.protocol.distractors == 7
    assert result.protocol.crop == "box"
    assert not result.protocol.reranking_saw_ground_truth
    assert result.mean.ap == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)
    assert (result.queries[0].positives, result.queries[0].found) == (2, 2)
    assert "numpy" in result.versions


def test_junk_is_taken_out_and_a_query_never_counts_against_itself() -> None:
    index = Scripted({"a": ["a", "b", "c"]})
    assert evaluate(index, dataset(Query("a", frozenset("c"), frozenset("ab"))), recipe="r").mean.ap == 1.0
    assert evaluate(index, dataset(Query("a", frozenset("c"), frozenset("b"))), recipe="r").mean.ap == 1.0


def test_a_query_that_the_ground_truth_wants_found_is_counted() -> None:
    result = evaluate(Scripted({"a": ["a", "b", "c"]}), dataset(Query("a", frozenset("ac"))), recipe="r")
    assert result.mean.ap == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)


def test_an_unreadable_query_finds_nothing_and_is_listed() -> None:
    index = Scripted({"q": ["a"]})
    result = evaluate(index, dataset(Query("q", frozenset("a")), Query("bad", frozenset("a"))), recipe="r")
    assert [one.metrics.ap for one in result.queries] == [1.0, 0.0]
    assert result.unreadable == (("bad", "the file is empty"),)


def test_an_index_with_other_photos_is_refused() -> None:
    with pytest.raises(UsageError, match="stranger: in the index but not in photos"):
        evaluate(Scripted({"q": ["stranger"]}), dataset(Query("q", frozenset("a"))), recipe="r")


def test_progress_ends_complete() -> None:
    told: list[tuple[str, int, int]] = []
    queries = (Query("q", frozenset("a")), Query("q", frozenset("b")))
    evaluate(Scripted({"q": []}), dataset(*queries), recipe="r", progress=lambda *state: told.append(state))
    assert told == [("searching", 0, 2), ("searching", 1, 2), ("searching", 2, 2)]


class Recorder(Scripted):
    """Plays the index that `evaluate_recipe` makes: keeps what was added and from where."""

    recipe = SimpleNamespace(name="sift-bow")

    def __init__(self) -> None:
        super().__init__({"q": ["a", "distractors/a", "b"]})
        self.created: list[tuple[Path, str, Path | None]] = []
        self.added: list[tuple[Path, str, Collection[str] | None]] = []

    def create(self, path: Path, recipe: str, *, fit: Path | None, progress: object) -> Recorder:
        self.created.append((path, recipe, fit))
        path.mkdir()
        return self

    def add(
        self,
        folder: Path,
        prefix: str = "",
        only: Collection[str] | None = None,
        progress: object = None,
        say: object = None,
    ) -> SimpleNamespace:
        self.added.append((folder, prefix, only))
        return SimpleNamespace(added=2, changed=0, unchanged=0, unreadable=[(f"{prefix}c", "the file is empty")])

    def info(self) -> SimpleNamespace:
        return SimpleNamespace(bytes_per_image=100.0, words_per_image=None, bytes_per_feature=16.0)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder, module = Recorder(), ModuleType("resight.index")
    module.Index = recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "resight.index", module)
    return recorder


def test_only_the_database_is_indexed_and_distractors_keep_apart(recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    queries = (Query("q", frozenset("ab")),)
    result = evaluate_recipe("sift-bow", dataset(*queries), distractors=tmp_path, fit=tmp_path)
    assert recorder.added == [
        (Path("photos"), "", frozenset("abc")),
        (tmp_path / "images", "distractors/", None),
    ]
    assert [options for _, *options in recorder.created] == [["sift-bow", tmp_path]]
    assert recorder.asked[0][2] == 5
    assert (result.recipe, result.protocol.distractors) == ("sift-bow", 2)
    assert result.unreadable == (("c", "the file is empty"), ("distractors/c", "the file is empty"))
    assert (result.bytes_per_image, result.words_per_image, result.bytes_per_feature) == (100.0, None, 16.0)
    assert result.index_seconds is not None


def test_the_index_is_gone_afterwards_unless_it_was_given_a_place(recorder: Recorder, tmp_path: Path) -> None:
    queries = (Query("q", frozenset("a")),)
    evaluate_recipe("sift-bow", dataset(*queries))
    evaluate_recipe("sift-bow", dataset(*queries), at=tmp_path / "kept.resight")
    (temporary, *_), (kept, *_) = recorder.created
    assert not temporary.parent.exists()
    assert kept == tmp_path / "kept.resight"
    assert kept.exists()
