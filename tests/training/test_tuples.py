"""The file of tuples: what is written is read again, and what is wrong in it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resight.errors import UsageError
from resight.training.tuples import TUPLES, Anchor, Photo, Positive, Tuples, read_tuples

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
TUPLES_OF_FIVE = Tuples(
    kind="verified",
    evidence="inliers",
    photos={name: Photo(f"/photos/{name}", f"hash of {name}", number // 2) for number, name in enumerate(NAMES)},
    anchors=[
        Anchor("a.jpg", (Positive("b.jpg", 30.0),), weight=0.5),
        Anchor("c.jpg", (), ("a.jpg",)),
    ],
    pool=list(NAMES),
    links=[("b.jpg", "c.jpg"), ("c.jpg", "d.jpg")],
    provenance={"recipe": "sift-asmk-links", "parameters": {"top": 3}},
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = TUPLES_OF_FIVE.write(tmp_path / "new" / "folder")
    assert file == tmp_path / "new" / "folder" / TUPLES
    for path in (file, file.parent):
        assert read_tuples(path) == TUPLES_OF_FIVE
        assert read_tuples(path).hash() == TUPLES_OF_FIVE.hash()


def test_the_text_does_not_depend_on_the_order_of_photos() -> None:
    turned = replace(TUPLES_OF_FIVE, photos=dict(reversed(TUPLES_OF_FIVE.photos.items())))
    assert turned.text() == TUPLES_OF_FIVE.text()
    assert replace(TUPLES_OF_FIVE, hops=1).hash() != TUPLES_OF_FIVE.hash()


def test_names_of_any_letters_are_kept(tmp_path: Path) -> None:
    name = 'Zürich "β" \u2028.jpg'
    tuples = replace(TUPLES_OF_FIVE, photos={**TUPLES_OF_FIVE.photos, name: Photo("%FF.jpg", "", 9)}, pool=[name])
    tuples.write(tmp_path)
    assert read_tuples(tmp_path) == tuples
    assert tuples.path_of(name, Path("/pairs")) == Path("/pairs/\udcff.jpg")
    assert tuples.path_of("a.jpg", Path("/pairs")) == Path("/photos/a.jpg")


@pytest.mark.parametrize(
    ("hops", "reached"), [(0, "a"), (1, "ab"), (2, "abc"), (3, "abcd"), (4, "abcd"), (10**15, "abcd")]
)
def test_links_and_positives_reach_as_far_as_the_hops(hops: int, reached: str) -> None:
    alone = {name: replace(photo, cluster=number) for number, (name, photo) in enumerate(TUPLES_OF_FIVE.photos.items())}
    related = replace(TUPLES_OF_FIVE, hops=hops, photos=alone).related("a.jpg")
    assert related == {f"{letter}.jpg" for letter in reached}


def test_what_is_reached_brings_its_cluster_along() -> None:
    assert replace(TUPLES_OF_FIVE, hops=0).related("a.jpg") == {"a.jpg", "b.jpg"}
    assert replace(TUPLES_OF_FIVE, hops=1).related("b.jpg") == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_what_is_related_is_so_both_ways(hops: int) -> None:
    tuples = replace(TUPLES_OF_FIVE, hops=hops)
    related = {name: tuples.related(name) for name in NAMES}
    assert all((one in related[other]) == (other in related[one]) for one in NAMES for other in NAMES)
    if hops == 1:
        assert related["d.jpg"] == {"b.jpg", "c.jpg", "d.jpg"}
    with pytest.raises(KeyError):
        tuples.related("none.jpg")


def test_a_photo_without_links_is_related_to_itself_alone() -> None:
    assert TUPLES_OF_FIVE.related("e.jpg") == {"e.jpg"}


def test_clusters_have_their_photos_in_order() -> None:
    assert TUPLES_OF_FIVE.clusters() == {0: ["a.jpg", "b.jpg"], 1: ["c.jpg", "d.jpg"], 2: ["e.jpg"]}


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    table = json.loads(TUPLES_OF_FIVE.text())
    change(table)
    return json.dumps(table)


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another version": (lambda t: t.update(version=99), "version 99"),
    "an unknown field": (lambda t: t.update(more=1), "more"),
    "an unknown field of a photo": (lambda t: t["photos"]["a.jpg"].update(colour=1), "colour"),
    "an unknown field of an anchor": (lambda t: t["anchors"][0].update(colour=1), "colour"),
    "a missing field": (lambda t: t.pop("pool"), "pool is missing"),
    "a text for a number": (lambda t: t["anchors"][0].update(weight="heavy"), "weight must be a number"),
    "a link of three": (lambda t: t["links"].append(["a.jpg", "b.jpg", "c.jpg"]), "links"),
    "an unknown anchor": (lambda t: t["anchors"][0].update(name="z.jpg"), "'z.jpg', which is not among"),
    "an unknown positive": (lambda t: t["anchors"][0]["positives"][0].update(name="z.jpg"), "'a.jpg' names 'z.jpg'"),
    "an unknown photo of the pool": (lambda t: t["pool"].append("z.jpg"), "pool names 'z.jpg'"),
    "an unknown photo of a link": (lambda t: t["links"].append(["a.jpg", "z.jpg"]), "links names 'z.jpg'"),
    "an anchor twice": (lambda t: t["anchors"].append(t["anchors"][0]), "'a.jpg' is there twice"),
    "its own positive": (lambda t: t["anchors"][0]["positives"][0].update(name="a.jpg"), "own positive"),
    "a negative that is positive": (lambda t: t["anchors"][0].update(negatives=["b.jpg"]), "both"),
    "no weight": (lambda t: t["anchors"][0].update(weight=0.0), "above 0"),
    "a weight that is no number": (lambda t: t["anchors"][0].update(weight=float("nan")), "above 0"),
    "endless evidence": (lambda t: t["anchors"][0]["positives"][0].update(evidence=float("inf")), "not finite"),
    "negative hops": (lambda t: t.update(hops=-1), "hops is -1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_a_file_is_said(case: str, tmp_path: Path) -> None:
    change, told = WRONG[case]
    (tmp_path / TUPLES).write_text(changed(change))
    with pytest.raises(UsageError) as error:
        read_tuples(tmp_path)
    assert told in str(error.value)
    assert str(tmp_path / TUPLES) in str(error.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"kind": "\\ud800"}'])
def test_what_is_no_file_of_tuples_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / TUPLES).write_bytes(data)
    with pytest.raises(UsageError, match="no training tuples"):
        read_tuples(tmp_path)


def test_a_file_that_is_missing_says_what_makes_it(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", tmp_path / TUPLES):
        with pytest.raises(UsageError, match="resight mine"):
            read_tuples(path)
