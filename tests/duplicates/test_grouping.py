"""Groups out of pairs: connected, and not chained together."""

from __future__ import annotations

import random

import pytest

from resight.duplicates.grouping import Bond, connected


def sure(*pairs: tuple[int, int]) -> list[Bond]:
    return [Bond(a, b, 10.0 - place / 10) for place, (a, b) in enumerate(pairs)]


def unsure(*pairs: tuple[int, int]) -> list[Bond]:
    return [Bond(a, b, 1.0 - place / 10, sure=False) for place, (a, b) in enumerate(pairs)]


def test_sure_bonds_join_one_after_another() -> None:
    assert connected(5, sure((0, 1), (1, 2), (3, 4))).sets() == [[0, 1, 2], [3, 4]]


def test_no_single_bond_joins_two_groups_however_sure() -> None:
    assert connected(4, sure((0, 1), (2, 3), (1, 2))).sets() == [[0, 1], [2, 3]]


def test_two_bonds_of_different_ends_join_two_groups() -> None:
    assert connected(4, [*sure((0, 1), (2, 3)), *unsure((0, 2), (1, 3))]).sets() == [[0, 1, 2, 3]]


def test_two_bonds_of_one_end_do_not() -> None:
    assert connected(4, [*sure((0, 1), (2, 3)), *unsure((0, 2), (1, 2))]).sets() == [[0, 1], [2, 3]]


def test_an_unsure_bond_joins_one_to_what_is_firm() -> None:
    assert connected(3, [*sure((0, 1)), *unsure((1, 2))]).sets() == [[0, 1, 2]]


def test_what_hangs_by_an_unsure_bond_passes_none_on() -> None:
    chain = unsure((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))
    assert connected(6, chain).sets() == [[0, 1], [2, 3], [4, 5]]


def test_a_third_that_two_of_a_pair_know_joins_it() -> None:
    assert connected(3, unsure((0, 1), (0, 2), (1, 2))).sets() == [[0, 1, 2]]


def test_the_bonds_that_joined_span_the_groups() -> None:
    forest = connected(5, sure((0, 1), (1, 2), (0, 2), (3, 4)))
    assert [(bond.a, bond.b) for bond in forest.joined] == [(0, 1), (1, 2), (3, 4)]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_bonds_come_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    pairs = {tuple(sorted(rng.sample(range(12), 2))) for _ in range(18)}
    bonds = [Bond(a, b, rng.choice([1.0, 2.0]), rng.random() < 0.5) for a, b in sorted(pairs)]
    forest = connected(12, bonds)
    rng.shuffle(bonds)
    again = connected(12, bonds)
    assert again.sets() == forest.sets()
    assert again.joined == forest.joined
