"""Groups of photos from pairs of them: connected, and kept from being chained together by what is not sure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Pair = tuple[int, int]


@dataclass(frozen=True)
class Bond:
    """What joins two nodes, numbered from 0. strength: higher ones are looked at first. sure: see `connected`."""

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
        """A node that stands for the set of another."""
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
        """All sets, each ascending, by their first."""
        return sorted(sorted(members) for members in self.members.values())


def by_strength(bonds: Iterable[Bond]) -> list[Bond]:
    """The strongest first; equal ones in the order of their nodes, so that any run repeats exactly."""
    return sorted(bonds, key=lambda bond: (-bond.strength, bond.a, bond.b))


def connected(count: int, bonds: Sequence[Bond]) -> Forest:
    """Sets of nodes that are connected by sure bonds, and by others under a rule that keeps them from chaining.

    The rule: sure bonds join whatever they join. One that is not sure joins a node that is alone to one that is alone
    or that sure bonds hold; what only unsure bonds hold passes nothing on. Otherwise two sets become one by two unsure
    bonds, which touch two nodes of each set that has so many.
    """
    forest = Forest(count)
    held: set[int] = set()
    for bond in by_strength(bond for bond in bonds if bond.sure):
        held |= {bond.a, bond.b}
        if forest.root(bond.a) != forest.root(bond.b):
            forest.join(bond)
    unsure = by_strength(bond for bond in bonds if not bond.sure)
    for bond in unsure:
        if _alone_to_firm(forest, held, bond):
            forest.join(bond)
    # Each round joins sets, of which there are fewer afterwards.
    while _join_supported(forest, unsure):
        pass
    return forest


def _alone_to_firm(forest: Forest, held: set[int], bond: Bond) -> bool:
    alone = [len(forest.members[forest.root(node)]) == 1 for node in (bond.a, bond.b)]
    firm = [lonely or node in held for lonely, node in zip(alone, (bond.a, bond.b), strict=True)]
    return any(alone) and all(firm)


def _join_supported(forest: Forest, unsure: Sequence[Bond]) -> bool:
    """Joins sets that two bonds join, the strongest bonds first; whether there were any."""
    between: dict[Pair, list[Bond]] = {}
    for bond in unsure:
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
    if len(bonds) < 2:
        return False
    touched = {node for bond in bonds for node in (bond.a, bond.b)}
    return all(len(touched.intersection(forest.members[one])) >= min(2, len(forest.members[one])) for one in (a, b))
