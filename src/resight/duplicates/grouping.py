"""Groups of photos from pairs of them: connected, and kept from being chained together by what is not sure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Pair = tuple[int, int]


@dataclass(frozen=True)
class Bond:
    """A bond of two nodes, numbered from 0. strength: higher ones are looked at first. sure: see `connected`."""

    a: int
    b: int
    strength: float
    sure: bool = True


class Forest:
    """Sets of nodes that grow together, and the bonds that joined them."""

    def __init__(self, count: int) -> None:
        self._root = list(range(count))
        self.members: dict[int, list[int]] = {node: [node] for node in range(count)}
        self.joined: list[Bond] = []

    def root(self, node: int) -> int:
        """Returns a node that stands for the set of another."""
        while self._root[node] != node:
            self._root[node] = self._root[self._root[node]]
            node = self._root[node]
        return node

    def join(self, bond: Bond) -> None:
        """Makes one set of the sets of both ends."""
        a, b = sorted((self.root(bond.a), self.root(bond.b)))
        self._root[b] = a
        self.members[a] += self.members.pop(b)
        self.joined.append(bond)

    def sets(self) -> list[list[int]]:
        """Returns all sets, each ascending, by their first."""
        return sorted(sorted(members) for members in self.members.values())


def by_strength(bonds: Iterable[Bond]) -> list[Bond]:
    """The strongest first; equal ones in the order of their nodes, so that any run repeats exactly."""
    return sorted(bonds, key=lambda bond: (-bond.strength, bond.a, bond.b))


def connected(count: int, bonds: Sequence[Bond]) -> Forest:
    """Sets of nodes that bonds connect, under a rule that keeps sets from being chained together.

    The rule: the strongest bonds first, sure ones before others, a bond joins a node that is alone to whatever it is
    bound to, but an unsure one only to a node that is alone too or that has a sure bond: what hangs by an unsure bond
    passes no unsure one on. Two sets of several nodes become one by no single bond, however sure: it takes two, which
    touch two nodes of each set. So the desk that two books were photographed on does not make one group of them.
    """
    forest = Forest(count)
    firm = {node for bond in bonds if bond.sure for node in (bond.a, bond.b)}
    ordered = by_strength(bond for bond in bonds if bond.sure) + by_strength(bond for bond in bonds if not bond.sure)
    for bond in ordered:
        if _joins_one(forest, firm, bond):
            forest.join(bond)
    # Each round joins sets, of which there are fewer afterwards.
    while _join_supported(forest, ordered):
        pass
    return forest


def _joins_one(forest: Forest, firm: set[int], bond: Bond) -> bool:
    if forest.root(bond.a) == forest.root(bond.b):
        return False
    alone = [len(forest.members[forest.root(node)]) == 1 for node in (bond.a, bond.b)]
    holds = [lonely or node in firm for lonely, node in zip(alone, (bond.a, bond.b), strict=True)]
    return any(alone) and (bond.sure or all(holds))


def _join_supported(forest: Forest, ordered: Sequence[Bond]) -> bool:
    """Joins sets that two bonds join, the first bonds first; whether there were any."""
    between: dict[Pair, list[Bond]] = {}
    for bond in ordered:
        a, b = sorted((forest.root(bond.a), forest.root(bond.b)))
        if a != b:
            between.setdefault((a, b), []).append(bond)
    done = False
    for (a, b), bonds in between.items():
        if (forest.root(a), forest.root(b)) == (a, b) and _supported(forest, a, b, bonds):
            forest.join(bonds[0])
            done = True
    return done


def _supported(forest: Forest, a: int, b: int, bonds: Sequence[Bond]) -> bool:
    touched = {node for bond in bonds for node in (bond.a, bond.b)}
    several = [len(touched.intersection(forest.members[one])) >= min(2, len(forest.members[one])) for one in (a, b)]
    return len(bonds) > 1 and all(several)
