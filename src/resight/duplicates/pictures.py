"""Which photos are one picture: near-copies of each other that all still show most of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from resight.duplicates.agreement import Agreement, Size
from resight.duplicates.grouping import Bond, Forest, Pair, by_strength
from resight.duplicates.verdict import still_fits


def pictures(sizes: Sequence[Size], near: Mapping[Pair, Agreement]) -> Forest:
    """Sets of photos of one picture. sizes: (width, height) of each photo; near: near-copies, the lower number first.

    The rule against chains: two sets become one where the transforms along their pairs, one after another, still put
    most of the first photo of one set and of the first of the other into each other. So the frames of a film, of which
    each is all but the next, make pictures that each stay near their first.
    """
    forest = Forest(len(sizes))
    to_first = [np.eye(3) for _ in sizes]
    for bond in by_strength(Bond(a, b, -known.chance) for (a, b), known in near.items()):
        a, b = forest.root(bond.a), forest.root(bond.b)
        if a == b:
            continue
        along = to_first[bond.b] @ near[bond.a, bond.b].transform @ np.linalg.inv(to_first[bond.a])
        if not still_fits(along, (sizes[a], sizes[b])):
            continue
        moved, step = (b, np.linalg.inv(along)) if a < b else (a, along)
        for node in forest.members[moved]:
            to_first[node] = step @ to_first[node]
        forest.join(bond)
    return forest
