"""Every query is asked of the whole database, and only the judging knows the ground truth."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from resight.datasets import photos
from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules
from resight.errors import ImageError, UsageError
from resight.evaluation.judging import Scored
from resight.evaluation.protocols import evaluate, evaluate_index, evaluate_rankings
from resight.images import Box
from resight.index.contents import FittedSize
from resight.index.queries import Query


@dataclass
class Hit:
    name: str
    score: float


@dataclass
class Result:
    hits: list[Hit]
    seconds: float = 0.25
    error: ImageError | UsageError | None = None


@dataclass
class Scripted:
    """Answers each query with a given ranking and keeps what it was asked."""

    rankings: dict[str, list[str]]
    asked: list[tuple[Path, Box | None, int, bool]] = field(default_factory=list)
    together: list[list[tuple[str, Box | None]]] = field(default_factory=list)
    wrong: tuple[str, ...] = ()

    def search_many(self, queries: Iterable[Query], *, k: int, include_self: bool) -> Iterator[Result]:
        for query in queries:
            photo = query.source
            assert isinstance(photo, Path)
            self.asked.append((photo, query.box, k, include_self))
            if photo.name in self.wrong:
                yield Result([], error=UsageError(f"{photo.name}: the box lies outside the image"))
            elif photo.name not in self.rankings:
                yield Result([], error=ImageError(str(photo), "the file is empty"))
            else:
                yield Result([Hit(name, -float(place)) for place, name in enumerate(self.rankings[photo.name])])

    def search_together(self, queries: Sequence[Query], *, k: int, include_self: bool) -> Result:
        self.together.append([(Path(str(query.source)).name, query.box) for query in queries])
        (found,) = self.search_many([Query(Path(str(queries[0].source)))], k=k, include_self=include_self)
        if found.error is not None:
            raise found.error
        return found


def dataset(*queries: JudgedQuery) -> Dataset:
    return Dataset("ours", Path("photos"), ("a", "b", "c"), {ALL: queries})


def query(image: str, positives: str, junk: str = "", box: Box | None = None) -> JudgedQuery:
    return JudgedQuery(image, image, frozenset(positives), frozenset(junk), box)


def test_all_of_database_and_distractors_is_asked_for() -> None:
    box = (0.0, 0.0, 4.0, 4.0)
    index = Scripted({"q": ["a", "distractors/x", "b", "c"]})
    result = evaluate_index(index, dataset(query("q", "ab", box=box)), recipe="r", distractors=7)
    assert index.asked == [(Path("photos/q"), box, 10, True)]
    assert result.protocol.database == 3
    assert result.protocol.distractors == 7
    assert result.protocol.crop == "box"
    assert not result.protocol.reranking_saw_ground_truth
    assert result.mean()["AP"] == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)
    assert (result.queries[0].positives, result.queries[0].ranks) == (2, (0, 2))
    assert "numpy" in result.versions


def test_junk_is_taken_out_and_a_query_never_counts_against_itself() -> None:
    index = Scripted({"a": ["a", "b", "c"]})
    assert evaluate_index(index, dataset(query("a", "c", "ab")), recipe="r").mean()["AP"] == 1.0
    assert evaluate_index(index, dataset(query("a", "c", "b")), recipe="r").mean()["AP"] == 1.0


def test_a_query_that_the_ground_truth_wants_found_is_counted() -> None:
    result = evaluate_index(Scripted({"a": ["a", "b", "c"]}), dataset(query("a", "ac")), recipe="r")
    assert result.mean()["AP"] == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)


def test_an_unreadable_query_finds_nothing_and_is_listed() -> None:
    index = Scripted({"q": ["a"]})
    result = evaluate_index(index, dataset(query("q", "a"), query("bad", "a")), recipe="r")
    assert [one["AP"] for one in result.figures(ALL)] == [1.0, 0.0]
    assert [(one.image, one.reason) for one in result.unreadable] == [("bad", "the file is empty")]


def test_a_query_that_is_wrong_ends_the_evaluation() -> None:
    with pytest.raises(UsageError, match="the box lies outside the image"):
        evaluate_index(Scripted({"q": ["a"]}, wrong=("bad",)), dataset(query("q", "a"), query("bad", "a")), recipe="r")


def test_seconds_are_those_of_the_searches() -> None:
    result = evaluate_index(Scripted({"q": ["a"]}), dataset(query("q", "a"), query("bad", "a")), recipe="r")
    assert [one.seconds for one in result.queries] == [0.25, 0.25]
    assert result.search_seconds == 0.25


def test_an_index_with_other_photos_is_refused() -> None:
    with pytest.raises(UsageError, match="stranger: in the index but not in photos"):
        evaluate_index(Scripted({"q": ["stranger"]}), dataset(query("q", "a")), recipe="r")


def test_progress_ends_complete() -> None:
    told: list[tuple[str, int, int]] = []
    queries = (query("q", "a"), query("r", "b"))
    evaluate_index(
        Scripted({"q": [], "r": []}), dataset(*queries), recipe="r", progress=lambda *state: told.append(state)
    )
    assert told == [("searching", 0, 2), ("searching", 1, 2), ("searching", 2, 2)]


class Recorder(Scripted):
    """Plays the index that `evaluate` makes: keeps what was added and from where."""

    recipe = SimpleNamespace(name="sift-bow", seed=7, augmentation=None)

    def __init__(self) -> None:
        super().__init__({"q": ["a", "distractors/a", "b"]})
        self.created: list[tuple[Path, str, Path | None]] = []
        self.added: list[tuple[Path, str, Collection[str] | None]] = []
        self.roots: list[dict[str, str]] = []
        self.others = 0
        self.fitted_on: list[str] = []

    def open_or_create(self, path: Path, recipe: str, *, fit: Path | None, progress: object) -> Recorder:
        self.created.append((path, recipe, fit))
        path.mkdir()
        return self

    def fit_together(self, found: object, source: str, *, say: object) -> None:
        self.fitted_on.append(source)

    def add(
        self,
        folder: Path,
        prefix: str = "",
        only: Collection[str] | None = None,
        follow_links: bool | None = None,
        progress: object = None,
        say: object = None,
    ) -> SimpleNamespace:
        self.added.append((folder, prefix, only))
        return SimpleNamespace(added=2, changed=0, unchanged=0, unreadable=[(f"{prefix}c", "the file is empty")])

    def info(self) -> SimpleNamespace:
        return SimpleNamespace(
            stale={},
            roots=self.roots,
            images=2 * len({prefix for _, prefix, _ in self.added}) + self.others,
            bytes_per_image=100.0,
            words_per_image=None,
            bytes_per_feature=16.0,
            fitted={"main": FittedSize("words", 1505, 16_384)},
        )


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder, module = Recorder(), ModuleType("resight.index.index")
    module.Index = recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "resight.index.index", module)
    monkeypatch.setattr(photos, "check_photos", lambda *_, **__: None)
    return recorder


def test_only_the_database_is_indexed_and_distractors_keep_apart(recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    queries = (query("q", "ab"),)
    result = evaluate("sift-bow", dataset(*queries), distractors=tmp_path, fit=tmp_path)
    assert recorder.added == [
        (Path("photos"), "", frozenset("abc")),
        (tmp_path / "images", "distractors/", None),
    ]
    assert [options for _, *options in recorder.created] == [["sift-bow", tmp_path]]
    assert recorder.fitted_on == [f"photos and {tmp_path}"]
    assert recorder.asked[0][2] == 5
    assert (result.recipe, result.protocol.distractors, result.seed) == ("sift-bow", 2, 7)
    assert [one.image for one in result.unreadable] == ["c", "distractors/c"]
    assert result.to_dict()["made"] == {"main": {"what": "words", "size": 1505, "asked": 16_384}}
    costs = result.costs
    assert (costs.bytes_per_image, costs.words_per_image, costs.bytes_per_feature) == (100.0, None, 16.0)
    assert costs.index_seconds is not None
    assert result.recipe_text is not None
    assert 'name = "sift-bow"' in result.recipe_text


def test_the_index_is_gone_afterwards_unless_it_was_given_a_place(recorder: Recorder, tmp_path: Path) -> None:
    queries = (query("q", "a"),)
    evaluate("sift-bow", dataset(*queries))
    evaluate("sift-bow", dataset(*queries), at=tmp_path / "kept.resight")
    (temporary, *_), (kept, *_) = recorder.created
    assert not temporary.parent.exists()
    assert kept == tmp_path / "kept.resight"
    assert kept.exists()


def test_a_ranking_is_had_once_and_judged_under_every_setting() -> None:
    easy, hard = query("q", "a", "b"), query("q", "b", "a")
    index = Scripted({"q": ["a", "c", "b"]})
    given = Dataset("ours", Path("photos"), ("a", "b", "c"), {"easy": (easy,), "hard": (hard,)}, main="hard")
    result = evaluate_index(index, given, recipe="r")
    assert len(index.asked) == 1
    assert [result.settings[name][0].ranks for name in ("easy", "hard")] == [(0,), (1,)]
    assert result.queries == result.settings["hard"]
    assert result.mean("easy")["AP"] == 1.0


def test_photos_of_one_thing_are_asked_together() -> None:
    index = Scripted({"q": ["a"]})
    box = (0.0, 0.0, 2.0, 2.0)
    evaluate_index(index, dataset(JudgedQuery("t", "q", frozenset("a"), more=(("r", box),))), recipe="r")
    assert index.together == [[("q", None), ("r", box)]]


def test_frames_are_pooled_by_shot() -> None:
    given = Dataset(
        "ours",
        Path("photos"),
        ("a", "b", "c"),
        {ALL: (query("q", ""),)},
        shots={"a": "s1", "b": "s2", "c": "s1"},
        query_root=Path("topics"),
    )
    wanted = JudgedQuery("q", "q", frozenset({"s1"}))
    result = evaluate_index(Scripted({"q": ["b", "c", "a"]}), replace(given, settings={ALL: (wanted,)}), recipe="r")
    assert result.queries[0].ranks == (1,)
    assert [hit.name for hit in result.queries[0].hits] == ["s2", "s1"]
    assert result.protocol.retrieved == "shots"


def test_the_rankings_are_handed_on_as_they_are_counted() -> None:
    kept: dict[str, Scored] = {}
    evaluate_index(
        Scripted({"q": ["a", "b"]}),
        dataset(query("q", "a")),
        recipe="r",
        keep=lambda asked, ranking: kept.update({asked.id: ranking}),
    )
    names, scores = kept["q"]
    assert (list(names), list(scores)) == (["a", "b"], [0.0, -1.0])


def test_the_rankings_of_another_system_are_judged_the_same() -> None:
    given = dataset(query("q", "a", "b"), query("r", "c"))
    rankings = {"q": (["b", "c", "a"], [3.0, 2.0, 1.0]), "r": (["a"], [1.0])}
    ours = evaluate_index(Scripted({name: names for name, (names, _) in rankings.items()}), given, recipe="r")
    given = replace(given, distractor_count=7)
    theirs = evaluate_rankings(given, dict(reversed(rankings.items())), system="theirs")
    assert [one.ranks for one in theirs.queries] == [one.ranks for one in ours.queries] == [(1,), ()]
    assert theirs.recipe == "theirs"
    assert (ours.protocol.distractors, theirs.protocol.distractors) == (0, 7)
    assert theirs.search_seconds is None


def test_distractors_of_before_are_refused_before_anything_is_indexed(recorder: Recorder, tmp_path: Path) -> None:
    given = dataset(query("q", "ab"))
    own = {"path": str(Path("photos").resolve()), "prefix": ""}
    recorder.roots = [own, {"path": str(tmp_path.resolve()), "prefix": "distractors/"}]
    evaluate("sift-bow", given, distractors=tmp_path, at=tmp_path / "index")
    recorder.added.clear()
    (tmp_path / "other").mkdir()
    for distractors in (None, tmp_path / "other"):
        with pytest.raises(UsageError, match=f"index2: holds photos of {tmp_path.resolve()}, which this"):
            evaluate("sift-bow", given, distractors=distractors, at=tmp_path / "index2")
        (tmp_path / "index2").rmdir()
    assert recorder.added == []


def test_photos_that_the_index_holds_though_they_are_gone_are_refused(recorder: Recorder, tmp_path: Path) -> None:
    recorder.others = 3
    with pytest.raises(
        UsageError, match="index: holds 3 photos that this evaluation does not search, or that are gone"
    ):
        evaluate("sift-bow", dataset(query("q", "ab")), at=tmp_path / "index")


def test_a_query_without_a_ranking_is_named() -> None:
    given = dataset(query("q", "a"), query("r", "c"))
    with pytest.raises(UsageError, match="theirs: no ranking of query r"):
        evaluate_rankings(given, {"q": (["a"], [1.0])}, system="theirs")


def test_the_rules_of_the_benchmark_are_in_the_protocol() -> None:
    rules = Rules(measure="N-S", ap="rectangle", depth=2)
    result = evaluate_index(Scripted({"q": ["a"]}), replace(dataset(query("q", "a")), rules=rules), recipe="r")
    assert (result.protocol.measure, result.protocol.ap, result.protocol.depth) == ("N-S", "rectangle", 2)
