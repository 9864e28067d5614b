"""Things with the lines that a person would draw of them."""

from __future__ import annotations

import numpy as np

from resight.features.edges.detector import edge_strengths
from resight.worlds.drawable import SIDE, drawn_by_hand, family, member, photo_of, sheet_of, strokes_of


def distance_to_edges(hand: float) -> float:
    """Mean distance of a drawing's lines to the edges of the photo, in pixels, over some things."""
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        thing = member(family(rng), rng)
        edges = np.argwhere(edge_strengths(photo_of(thing, rng), suppression=1.0) > 0.1)
        lines = np.argwhere(drawn_by_hand(thing, rng, hand))[::5]
        found.append(float(np.sqrt(((lines[:, None] - edges[None]) ** 2).sum(axis=2)).min(axis=1).mean()))
    return float(np.mean(found))


def test_a_hand_that_makes_no_mistakes_draws_where_edges_are_and_another_strays() -> None:
    exact = distance_to_edges(0.0)
    assert exact < 0.05 * SIDE
    assert distance_to_edges(2.0) > 1.2 * exact


def test_the_same_seed_makes_the_same_thing_and_members_differ() -> None:
    first, second = (member(family(np.random.default_rng(3)), np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first[0].outline, second[0].outline)
    other = member(family(np.random.default_rng(3)), np.random.default_rng(5))
    assert np.abs(first[0].outline - other[0].outline).max() > 0.01


def test_what_a_later_part_hides_is_not_drawn() -> None:
    thing = member(family(np.random.default_rng(0)), np.random.default_rng(0))
    twice = strokes_of((thing[0], thing[0]))[0]
    # Points on the border of the outline fall on either side of it.
    assert sum(len(line) for line in twice) < 1.3 * len(thing[0].outline)


def test_a_sheet_is_dark_on_white() -> None:
    lines = np.zeros((SIDE, SIDE), np.float32)
    lines[100, 20:200] = 1
    sheet = sheet_of(lines)
    assert sheet.shape == (SIDE, SIDE, 3)
    assert sheet[100, 50].tolist() == [0, 0, 0]
    assert sheet[10, 10].tolist() == [255, 255, 255]
