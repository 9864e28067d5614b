"""The anchors on a page: which are drawn, and which photos would be their hard negatives."""

from __future__ import annotations

from dataclasses import replace

from resight.training.mining.drawn import drawn_anchors, likely_negatives
from resight.training.tuples import Anchor, Photo, Positive, Tuples

CLUSTERS = {"a": 0, "b": 0, "c": 1, "d": 2, "e": 2, "f": 3, "g": 4}
ANCHORS = [
    Anchor("a", (Positive("b", 30.0),)),
    Anchor("b", (Positive("a", 30.0),), weight=0.5),
    Anchor("d", (Positive("e", 12.0),)),
    Anchor("f"),
]
TUPLES = Tuples(
    kind="verified",
    evidence="inliers",
    photos={name: Photo(name, "", cluster) for name, cluster in CLUSTERS.items()},
    anchors=ANCHORS,
    pool=["a", "c", "d", "e", "f"],
    links=[("a", "c")],
)


def test_hard_negatives_are_the_first_that_may_be_one_of_a_cluster() -> None:
    found, apart = likely_negatives(TUPLES, ANCHORS[0], ["b", "c", "e", "d", "g", "f"], 5)
    # b is a positive, c is linked, d is in the cluster of e, and g is not in the pool.
    assert found == ["e", "f"]
    assert apart == ["c"]


def test_only_what_comes_before_the_last_negative_is_kept_apart() -> None:
    assert likely_negatives(TUPLES, ANCHORS[0], ["e", "c"], 1) == (["e"], [])
    assert likely_negatives(TUPLES, ANCHORS[0], ["c", "e"], 1) == (["e"], ["c"])


def test_negatives_that_were_mined_are_shown_as_they_are() -> None:
    anchor = replace(ANCHORS[0], negatives=("f", "d", "e"))
    assert likely_negatives(TUPLES, anchor, ["c", "e"], 2) == (["f", "d"], ["c"])


def test_the_weakest_evidence_comes_first_and_nothing_twice() -> None:
    weak, others = drawn_anchors(TUPLES, 2, 10)
    assert [anchor.name for anchor in weak] == ["d", "a"]
    assert [anchor.name for anchor in others] == ["b", "f"]
    assert drawn_anchors(TUPLES, 2, 1) == drawn_anchors(TUPLES, 2, 1)
    assert drawn_anchors(replace(TUPLES, anchors=ANCHORS[:1]), 5, 5) == (ANCHORS[:1], [])
