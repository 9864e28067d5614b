"""Arguments of the wrong type: what is clear is taken, the rest is refused by the name of the argument."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import collection, names, write
from resight.errors import UsageError
from resight.index.index import Index
from resight.index.queries import Query

pytestmark = pytest.mark.usefixtures("unsynced")

PHOTOS = collection(2)
QUERY = PHOTOS["00-0.png"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, recipes: Path) -> Index:
    folder = write(tmp_path_factory.mktemp("arguments") / "photos", PHOTOS)
    index = Index.create(folder.parent / "x.resight", recipes / "verified.toml")
    index.add(folder)
    return index


@pytest.mark.parametrize("k", [2, np.int64(2), np.uint8(2), np.array(2), 2.0])
def test_whole_numbers_of_any_kind_count(index: Index, k: Any) -> None:
    assert len(index.search(QUERY, k=k).hits) == 2


@pytest.mark.parametrize(
    "box", [[20, 20, 180, 130], (20, 20, 180, 130), np.array([20, 20, 180, 130]), iter((20, 20, 180, 130))]
)
def test_a_box_is_any_four_numbers(index: Index, box: Any) -> None:
    found = index.search(QUERY, box=box)
    assert found.box == (20.0, 20.0, 180.0, 130.0)
    assert all(type(side) is float for side in found.box)


@pytest.mark.parametrize("progress", [lambda done, total: None, lambda *told: None, print, max])
def test_what_can_be_called_with_two_numbers_is_told_of_progress(index: Index, progress: Any) -> None:
    assert index.update(progress=progress).unchanged == len(PHOTOS)


def test_grey_photos_and_lists_are_photos(index: Index) -> None:
    grey = QUERY[..., 1]
    expected = names(index.search(np.stack([grey] * 3, axis=-1)))
    assert expected[0] == "00-0.png"
    for query in (grey, grey[..., None], grey.tolist(), np.asfortranarray(grey)):
        assert names(index.search(query)) == expected
    assert names(index.search(QUERY.tolist())) == names(index.search(QUERY))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda index: index.search(QUERY, k=1.5), "k is 1.5: give a whole number, 1 or more"),
        (lambda index: index.search(QUERY, k="3"), "k is '3': give a whole number"),
        (lambda index: index.search(QUERY, k=True), "k is True: give a whole number"),
        (lambda index: index.search(QUERY, k=np.True_), "k is True: give a whole number"),
        (lambda index: index.search(QUERY, k=None), "k is None: give a whole number"),
        (lambda index: index.search(QUERY, k=float("nan")), "k is nan: give a whole number"),
        (lambda index: index.search(QUERY, k=[3]), r"k is \[3\]: give a whole number"),
        (lambda index: index.search(QUERY, k=0), "k is 0: give a whole number"),
        (lambda index: index.search(QUERY, box=5), r"box is 5: give four numbers, \(x0, y0, x1, y1\)"),
        (lambda index: index.search(QUERY, box="0,0,9,9"), "box is '0,0,9,9': give four numbers"),
        (lambda index: index.search(QUERY, box=["0", "0", "9", "9"]), "box is .*: give four numbers"),
        (lambda index: index.search(QUERY, box=[0, 0, 9, None]), "box is a list: give four numbers"),
        (lambda index: index.search(QUERY, box=np.zeros((2, 2))), "box is .*: give four numbers"),
        (lambda index: index.search(QUERY, box=np.float64(3)), "box is .*: give four numbers"),
        (lambda index: index.search(QUERY, box=[1, 2, 3]), "a box has four numbers"),
        (lambda index: index.search(QUERY, box={0, 1, 50, 60}), "box is a set: give four numbers"),
        (lambda index: index.search(QUERY, box=dict.fromkeys((0, 1, 50, 60))), "box is a dict: give four numbers"),
        (lambda index: index.search(QUERY, include_self="no"), "include_self is 'no': give True or False"),
        (lambda index: index.search(QUERY, mirror=1), "mirror is 1: give True or False"),
        (lambda index: index.search(QUERY, min_score="high"), "min_score is 'high': give a finite number"),
        (lambda index: index.search(QUERY, min_score=float("nan")), "min_score is nan: give a finite number"),
        (lambda index: index.search(QUERY, min_inliers=-1), "min_inliers is -1: give a whole number, 0 or more"),
        (lambda index: index.search(QUERY, within=3), "within is 3: give a list of texts"),
        (lambda index: index.search(QUERY, within=[3]), "within has 3 in it: give a list of texts"),
        (lambda index: index.search(None), "the query is a NoneType: give a path or name"),
        (lambda index: index.search(3), "the query is a int: give a path or name"),
        (lambda index: index.search(["00-0.png", "00-1.png"]), "with all by search_together"),
        (lambda index: index.search([[1, 2], [3]]), "rows differ in length"),
        (lambda index: index.search([[0.5, 0.25]]), r"array of float64 \(1, 2\); it must be uint8 \(H, W, 3\) RGB"),
        (lambda index: index.search([[256, 0]]), r"array of int64 \(1, 2\); it must be uint8"),
        (lambda index: index.search(QUERY.astype(np.float32) / 255), "array of float32 .*; it must be uint8"),
        (lambda index: index.search_together("00-0.png"), "queries are a str: give a list of queries"),
        (lambda index: index.search_together(5), "queries are a int: give a list of queries"),
        (lambda index: index.search_together([("00-0.png", None)]), r"a part of a photo is Query\(photo, box=...\)"),
        (lambda index: Query("00-0.png", box=5), "box is 5: give four numbers"),
        (lambda index: Query(None), "the query is a NoneType"),
        (lambda index: Query(QUERY, mask=5), "the mask is a int"),
        (lambda index: index.search(Query(QUERY), box=(0, 0, 5, 5)), "give the box to Query"),
        (lambda index: index.search(Query(QUERY), mask=np.ones((3, 3))), "give the mask to Query"),
        (lambda index: index.search_many("00-0.png"), "queries are a str: give a list of queries"),
        (lambda index: index.search_many(Query("00-0.png")), "queries are a Query: give a list of queries"),
        (
            lambda index: index.search_many(np.zeros((30, 40, 4), np.uint8)),
            r"an array \(30, 40, 4\), which is one photo",
        ),
        (lambda index: index.search_many(QUERY), r"queries are an array \(.*, 3\), which is one photo: give a list"),
        (lambda index: index.search_together(QUERY[..., 0]), "which is one photo"),
        (lambda index: index.search_many([QUERY], k=0), "k is 0: give a whole number"),
        (lambda index: index.search_many([QUERY], within="none/"), "none/"),
        (lambda index: list(index.search_many([None])), "the query is a NoneType"),
        (lambda index: index.search_together([None]), "the query is a NoneType"),
        (lambda index: index.search_together(["00-0.png"], k="3"), "k is '3'"),
        (lambda index: index.explain(QUERY, "00-0.png", count=1.5), "count is 1.5"),
        (lambda index: index.add(5), "folder is 5: give a path"),
        (lambda index: index.add(""), "folder is '': give a path"),
        (lambda index: index.add(["photos"]), r"folder is \['photos'\]: give a path"),
        (lambda index: index.add(".", prefix=5), "prefix is 5: give a text"),
        (lambda index: index.add(".", only=5), "only is 5: give a list of texts"),
        (lambda index: index.add(".", progress=5), "progress is 5: give a function, or None"),
        (lambda index: index.add(".", say="loud"), "say is 'loud': give a function, or None"),
        (lambda index: index.update(progress=5), "progress is 5: give a function, or None"),
        (lambda index: index.add(".", progress=lambda: 0), r"cannot be called as progress\(done, total\)"),
        (lambda index: index.update(progress=lambda one: 0), r"cannot be called as progress\(done, total\)"),
        (lambda index: index.update(say=lambda: 0), r"cannot be called as say\(line\)"),
        (lambda index: index.duplicates(progress=lambda one: 0), r"cannot be called as progress\(done, total\)"),
        (lambda index: Index.create(index.path, progress=lambda a, b: 0), r"cannot be called as progress\(line\)"),
        (lambda index: Index.create("x" * 5000), "path is 'x*...: it is longer than a file system takes"),
        (lambda index: Index.create("a/" * 2100 + "b"), "it is longer than a file system takes"),
        (lambda index: Index.create("x\0y"), "a path has no zero byte in it"),
        (lambda index: Index.create("x\ud800"), "it is no path that a file system has"),
        (lambda index: Index.open("x\0y"), "a path has no zero byte in it"),
        (lambda index: index.add("x\0y"), "folder is .*: a path has no zero byte in it"),
        (lambda index: index.add("x" * 5000), "folder is .*: it is longer than a file system takes"),
        (lambda index: index.add(".", mask="x\0y"), "mask is .*: a path has no zero byte in it"),
        (lambda index: index.move_root("x\0y", "."), "old is .*: a path has no zero byte in it"),
        (lambda index: index.search("x" * 5000), "neither a file nor the name of an indexed photo"),
        (lambda index: index.remove("x" * 5000), "not in the index, so nothing was removed"),
        (lambda index: index.remove("x\0y*"), "pattern"),
        (lambda index: index.update(removed=["x\0y"]), "in no folder of the index"),
        (lambda index: index.update(removed=["x\ud800"]), r"x\\ud800: in no folder of the index"),
        (lambda index: index.remove("x\ud800"), r"x\\ud800: not in the index, so nothing was removed"),
        (lambda index: index.search("x\ud800"), r"x\\ud800: neither a file nor the name of an indexed photo"),
        (lambda index: index.search(QUERY, within="x\ud800"), r'matches "x\\ud800"'),
        (lambda index: index.update(include="x\ud800"), r'--include "x\\ud800": the index has no such pattern'),
        (lambda index: index.remove(5), "names is 5: give a list of texts"),
        (lambda index: index.remove(b"00-0.png"), "names is a bytes: give a list of texts"),
        (lambda index: index.remove(["00-0.png", 5]), "names has 5 in it: give a list of texts"),
        (lambda index: Index.create(5), "path is 5: give a path"),
        (lambda index: Index.create(index.path, recipe=5), "recipe is 5: give a path"),
        (lambda index: Index.create(index.path, fit=5), "fit is 5: give a path"),
        (lambda index: Index.create(index.path, progress=5), "progress is 5: give a function"),
        (lambda index: Index.open(None), "path is None: give a path"),
        (lambda index: Index.open(b"x"), "path is a bytes: give a path"),
        (lambda index: Index.open(index.path, read_only="yes"), "read_only is 'yes': give True or False"),
        (lambda index: Index.check(5), "path is 5: give a path"),
        (lambda index: Index.check(index.path, repair="yes"), "repair is 'yes': give True or False"),
        (lambda index: index.verify(repair="yes"), "repair is 'yes': give True or False"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_name_of_the_argument(
    index: Index, call: Callable[[Index], object], said: str
) -> None:
    before = index.collection.snapshot.generation
    with pytest.raises(UsageError, match=said):
        call(index)
    index.refresh()
    assert index.collection.snapshot.generation == before


def test_several_queries_come_from_anything_that_can_be_gone_through(index: Index) -> None:
    expected = names(index.search_together(["00-0.png", "01-0.png"]))
    assert set(expected) >= {"00-1.png", "01-1.png"}
    assert names(index.search_together(name for name in ("00-0.png", "01-0.png"))) == expected
    assert names(index.search_together((Query("00-0.png"), "01-0.png"))) == expected
    part = index.search_together([Query(QUERY, box=[20, 20, 180, 130])], k=1)
    assert names(part) == names(index.search(QUERY, box=(20, 20, 180, 130), k=1))


def test_names_to_remove_come_from_anything_and_one_text_is_one_name(tmp_path: Path, recipes: Path) -> None:
    photos = {f"{n}.png": QUERY for n in range(6)}
    folder = write(tmp_path / "photos", photos)
    index = Index.create(tmp_path / "x", recipes / "vlad.toml")
    index.add(folder, only=(name for name in photos))
    assert index.remove(name for name in ("0.png", "1.png")) == 2
    assert index.remove("2.png") == 1
    assert index.remove([folder / "3.png", "./4.png"]) == 2
    assert list(index.collection.snapshot.images.names) == ["5.png"]
    assert index.remove(np.array(["5.png"])) == 1
    assert index.remove([]) == 0


@pytest.mark.parametrize("mask", [5, [1], b"x", object()])
def test_a_mask_that_is_none_is_refused(mask: Any, index: Index) -> None:
    with pytest.raises(UsageError, match="the mask is a"):
        index.search(QUERY, mask=mask)


@pytest.mark.parametrize("share", [95, -0.1, float("nan"), "0.5", None])
def test_a_probability_that_is_none_is_refused(share: Any, index: Index) -> None:
    with pytest.raises(UsageError, match="min_probability"):
        index.search(QUERY, min_probability=share)


def test_a_mask_and_none_contradict_each_other(index: Index, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    with pytest.raises(UsageError, match="choose one of them"):
        index.add(tmp_path / "more", mask=tmp_path / "m.png", no_mask=True)
