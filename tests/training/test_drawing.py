"""The tuples of a step are a function of seed, epoch and step, and never of what was drawn before."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from resight.errors import UsageError
from resight.training.drawing import check_teachable, draw_step, steps_of
from resight.training.kinds import TrainingRecipe
from resight.training.material import AnchorRow, Material


def recipe(**tables: object) -> TrainingRecipe:
    return TrainingRecipe.model_validate({"name": "some", "descriptor": "rmac-lite0", **tables})


def material(anchors: list[AnchorRow], count: int = 20) -> Material:
    return Material(anchors, np.arange(count), np.arange(count), [frozenset([row]) for row in range(count)])


PAIRS = [AnchorRow(row, (row + 10,), (), 1.0) for row in range(10)]


def test_the_same_step_is_drawn_again_and_another_is_not() -> None:
    one = recipe(drawing={"anchors": 4}, lasting={"steps": 5})
    assert draw_step(material(PAIRS), one, 1, 3) == draw_step(material(PAIRS), one, 1, 3)
    others = [(1, 4), (2, 3)]
    assert all(draw_step(material(PAIRS), one, *other) != draw_step(material(PAIRS), one, 1, 3) for other in others)


def test_half_of_the_pairs_are_rendered() -> None:
    step = draw_step(material(PAIRS), recipe(drawing={"anchors": 4, "views": 0.5}), 0, 0)
    looks = [(anchor.look, positive.look) for anchor, (positive,) in zip(step.anchors, step.positives, strict=True)]
    assert looks == [("mild", "strong")] * 2 + [("mild", "mild")] * 2
    for anchor, (positive,) in zip(step.anchors, step.positives, strict=True):
        assert positive.photo == anchor.photo + (10 if positive.look == "mild" else 0)
    assert len({one.seed for one in step.images}) == len(step.images) == 8


def test_without_real_positives_all_are_rendered() -> None:
    alone = [AnchorRow(row, (), (), 1.0) for row in range(5)]
    step = draw_step(material(alone), recipe(drawing={"anchors": 4, "views": 0.25}), 0, 0)
    assert {positive.look for (positive,) in step.positives} == {"strong"}
    with pytest.raises(UsageError, match="no anchor of the tuples has a positive"):
        check_teachable(material(alone), recipe(drawing={"anchors": 4, "views": 0.0}))


LOSSES: list[dict[str, object]] = [
    {"loss": {"kind": "info-nce"}},
    {"loss": {"kind": "classification"}},
    {"loss": {"kind": "contrastive"}, "drawing": {"negatives": 2}},
]


@pytest.mark.parametrize("tables", LOSSES)
def test_photos_of_one_cluster_teach_nothing(tables: dict[str, object]) -> None:
    several = material(PAIRS)
    check_teachable(several, recipe(**tables))
    with pytest.raises(UsageError, match="all photos are of one cluster"):
        check_teachable(replace(several, clusters=np.zeros(20, np.int64)), recipe(**tables))


@pytest.mark.parametrize("epochs", [0, 1])
def test_too_few_photos_are_refused(epochs: int) -> None:
    alone = [AnchorRow(row, (), (), 1.0) for row in range(4)]
    own = recipe(lasting={"epochs": epochs})
    check_teachable(replace(material(alone), pool=np.arange(4)), own)
    for count, told in ((3, "there are only 3 photos to learn from"), (1, "there is only 1 photo to learn from")):
        with pytest.raises(UsageError, match=told):
            check_teachable(replace(material(alone[:count]), pool=np.arange(count)), own)


def test_negatives_of_a_tuple_may_be_of_the_pool_alone() -> None:
    clusters = np.repeat([0, 1], [15, 5])
    by_tuples = recipe(loss={"kind": "triplet"}, drawing={"negatives": 1})
    check_teachable(replace(material(PAIRS), clusters=clusters), by_tuples)
    with pytest.raises(UsageError, match="all photos are of one cluster"):
        check_teachable(replace(material(PAIRS), clusters=clusters), recipe())


def test_an_epoch_without_steps_shows_every_anchor_once() -> None:
    one = recipe(drawing={"anchors": 2, "views": 0.0})
    assert steps_of(material(PAIRS), one) == 5
    seen = [anchor.photo for step in range(5) for anchor in draw_step(material(PAIRS), one, 0, step).anchors]
    assert sorted(seen) == list(range(10))
    assert steps_of(material(PAIRS), recipe(drawing={"anchors": 2}, lasting={"anchors": 6})) == 3


def test_an_anchor_is_drawn_by_its_weight() -> None:
    weighted = [AnchorRow(0, (10,), (), 9.0), *(AnchorRow(row, (row + 10,), (), 1.0) for row in range(1, 10))]
    one = recipe(drawing={"anchors": 1, "views": 0.0}, lasting={"steps": 900})
    counts = Counter(draw_step(material(weighted), one, 0, step).anchors[0].photo for step in range(900))
    assert 380 < counts[0] < 520
    assert all(counts[row] > 20 for row in range(1, 10))


def test_negatives_are_those_mined_unless_the_tuples_have_some() -> None:
    anchors = [AnchorRow(0, (10,), (5, 6, 7), 1.0), AnchorRow(1, (11,), (), 1.0)]
    one = recipe(drawing={"anchors": 2, "views": 0.0, "negatives": 2}, loss={"kind": "contrastive"})
    step = draw_step(material(anchors), one, 0, 0, {0: np.array([8, 9]), 1: np.array([3])})
    found = {anchor.photo: [n.photo for n in own] for anchor, own in zip(step.anchors, step.negatives, strict=True)}
    assert found.keys() == {0, 1}
    assert set(found[0]) < {5, 6, 7}
    assert len(found[0]) == 2
    assert found[1] == [3]


def test_all_negatives_of_a_tuple_are_drawn_in_the_course_of_steps() -> None:
    anchors = [AnchorRow(0, (10,), (5, 6, 7, 8), 1.0)]
    tables = {"drawing": {"anchors": 1, "views": 0.0, "negatives": 2}, "loss": {"kind": "contrastive"}}
    one = recipe(**tables)
    drawn = [[n.photo for n in draw_step(material(anchors), one, 0, step).negatives[0]] for step in range(40)]
    assert {photo for own in drawn for photo in own} == {5, 6, 7, 8}
    # 5 and 6 are of one cluster, and so are 7 and 8.
    grouped = replace(material(anchors), clusters=np.array([*range(5), 50, 50, 51, 51, *range(9, 20)]))
    drawn = [[n.photo for n in draw_step(grouped, one, 0, step).negatives[0]] for step in range(40)]
    assert {photo for own in drawn for photo in own} == {5, 6, 7, 8}
    assert all(len({photo < 7 for photo in own}) == 2 for own in drawn)


def test_the_nearest_positive_is_taken_where_it_is_asked_for() -> None:
    many = [AnchorRow(0, (10, 11, 12), (), 1.0)]
    one = recipe(drawing={"anchors": 1, "views": 0.0, "positive": "nearest"})
    assert draw_step(material(many), one, 0, 0, nearest={0: 12}).positives[0][0].photo == 12
    first = recipe(drawing={"anchors": 1, "views": 0.0, "positive": "first"})
    assert draw_step(material(many), first, 0, 0).positives[0][0].photo == 10
    several = recipe(
        drawing={"anchors": 1, "views": 0.0, "negatives": 1}, loss={"kind": "weak-triplet", "positives": 2}
    )
    assert len({each.photo for each in draw_step(material(many), several, 0, 0).positives[0]}) == 2
