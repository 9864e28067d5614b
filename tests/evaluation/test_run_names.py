"""A run is judged by the data set's own names; what is missing, unknown or ambiguous is told, with where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import UsageError
from resight.evaluation.run_names import match_run, with_missing
from resight.evaluation.runs import Run, ranked, read_run

IMAGES = ("a/one.jpg", "a/two.jpg", "b/c/two.png", "b/c/v1.5", "three.JPG", "three.jpg.jpg")


def dataset(
    queries: Sequence[str] = ("q1", "q2"), images: Sequence[str] = IMAGES, **more: Mapping[str, str]
) -> Dataset:
    asked = tuple(JudgedQuery(query, f"{query}.jpg", frozenset()) for query in queries)
    return Dataset("small", Path("photos"), tuple(images), {ALL: asked}, **more)


def run(**rankings: Sequence[str]) -> Run:
    return Run({query: ranked(names, range(len(names), 0, -1)) for query, names in rankings.items()}, source="run.json")


def names(given: Run, data: Dataset) -> dict[str, tuple[str, ...]]:
    return {query: ranking.names for query, ranking in match_run(given, data).items()}


def test_rankings_come_in_the_order_of_the_data_set() -> None:
    given = run(q2=["a/two.jpg", "distractors/x.jpg"], q1=["three.JPG"])
    matched = match_run(given, dataset())
    assert list(matched) == ["q1", "q2"]
    assert matched["q2"].names == ("a/two.jpg", "distractors/x.jpg")
    assert matched["q2"].scores.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("one.jpg", "a/one.jpg"),
        ("one", "a/one.jpg"),
        ("a/one", "a/one.jpg"),
        ("a/two", "a/two.jpg"),
        ("two.png", "b/c/two.png"),
        ("c/two", "b/c/two.png"),
        ("v1.5", "b/c/v1.5"),
        ("three", "three.JPG"),
        ("three.jpg", "three.jpg.jpg"),
        ("distractors/one", "distractors/one"),
    ],
)
def test_a_name_may_lack_suffix_and_folders_where_one_image_is_meant(short: str, full: str) -> None:
    assert names(run(q=[short]), dataset(["q"])) == {"q": (full,)}


def test_only_the_suffix_of_an_image_may_be_left_out() -> None:
    with pytest.raises(UsageError, match='there is no image "v1" in the data set'):
        names(run(q=["v1"]), dataset(["q"]))


def test_a_whole_name_is_never_taken_for_part_of_another() -> None:
    images = ("one.jpg", "a/one.jpg", "one.jpg.jpg")
    assert names(run(q=["one.jpg"]), dataset(["q"], images)) == {"q": ("one.jpg",)}


def test_a_name_that_could_mean_two_images_is_refused() -> None:
    with pytest.raises(UsageError, match=r'run.json, query "q": "two" may be "a/two.jpg" or "b/c/two.png"; write more'):
        match_run(run(p=["one"], q=["two"]), dataset(["p", "q"]))


def test_one_image_under_two_names_is_refused() -> None:
    with pytest.raises(UsageError, match=r'query "q" ranks "a/one.jpg" twice, as "one" and as "a/one.jpg"'):
        match_run(run(p=["one"], q=["one", "a/one.jpg"]), dataset(["p", "q"]))
    assert names(run(p=["one"], q=["a/one.jpg"]), dataset(["p", "q"])) == {"p": ("a/one.jpg",), "q": ("a/one.jpg",)}


def test_shots_and_their_frames_are_names() -> None:
    data = dataset(["q"], ("s1/1.jpg", "s2/1.jpg"), shots={"s1/1.jpg": "shot_1", "s2/1.jpg": "shot_2"})
    assert names(run(q=["shot_1", "s2/1.jpg"]), data) == {"q": ("shot_1", "s2/1.jpg")}


def test_unknown_names_are_told_with_the_line_and_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("q Q0 a/one.jpg 1 2 t\nq Q0 a/onne.jpg 2 1 t\n")
    with pytest.raises(
        UsageError, match=r'run.txt, line 2: there is no image "a/onne.jpg" in the data set; the nearest name is "a/one'
    ):
        match_run(read_run(path), dataset(["q"]))
    path.write_text("qq1 Q0 a/one.jpg 1 2 t\nq2 Q0 x 2 1 t\n")
    with pytest.raises(UsageError, match=r'line 1: there is no query "qq1" in the data set; the nearest name is "q1"'):
        match_run(read_run(path), dataset())


def test_unknown_names_of_json_are_told_with_the_query() -> None:
    with pytest.raises(
        UsageError, match=r'run.json, query "q2": there is no image "zzz" in the data set; the names of'
    ):
        match_run(run(q1=["one"], q2=["zzz"]), dataset())
    with pytest.raises(
        UsageError, match=r'^run.json: there is no query "zzz" in the data set; its queries are called q1, q2$'
    ):
        match_run(run(q1=["one"], zzz=["one"]), dataset())


def test_missing_queries_are_told_and_may_count_as_nothing_found() -> None:
    data = dataset([f"q{i}" for i in range(9)])
    given = run(q3=["one"])
    with pytest.raises(UsageError, match=r"run.json: 8 of 9 queries are missing: q0, q1, q2, q4, q5, …; rank every"):
        match_run(given, data)
    with pytest.raises(UsageError, match=r"run.json: 1 of 2 queries are missing: q2; rank"):
        match_run(run(q1=["one"]), dataset())
    found = names(with_missing(given, data), data)
    assert list(found) == [f"q{i}" for i in range(9)]
    assert found["q3"] == ("a/one.jpg",)
    assert all(not listed for query, listed in found.items() if query != "q3")


def test_without_a_list_of_images_every_name_is_taken() -> None:
    assert names(run(q=["one", "zzz"]), dataset(["q"], ())) == {"q": ("one", "zzz")}
    with pytest.raises(UsageError, match="no query"):
        match_run(run(x=["one"]), dataset(["q"], ()))
