"""Which photos lost their masks because a part of the folder of masks cannot be seen: they stay as they are.

The rule is that of `vanished.py`, for masks in the place of photos. A photo that was indexed with a mask and has none
now counts as one whose mask a person took away, unless a tree of masks vanished (of all photos in a folder that had a
mask none has one), or more than half of the masks of a root vanished at once, and at least `MANY`. So neither a disk
of masks that is not mounted below others that are, nor another disk in its place, shows what was masked.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight.filesystems import is_in
from resight.folders.walking import unescape_name
from resight.images import displayed
from resight.index.masking import mask_folder
from resight.index.roots import Listing, places_of
from resight.index.vanished import MANY, Held, folders_above, vanished_trees
from resight.store import MaskChoice, Root, Snapshot


@dataclass(frozen=True)
class LostMasks:
    """Photos that stay with the masks that they had, and what is said of them.

    names: of these photos. trees: folders, "" for the root itself, as the start of names below the root, in which no
    new photo is taken either: its mask would be with the lost ones.
    """

    names: frozenset[str] = frozenset()
    trees: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()

    def hold(self, name: str, prefix: str) -> bool:
        """Returns whether a new photo waits until the masks are there again."""
        below = name.removeprefix(prefix)
        return any(not tree or below.startswith(f"{tree}/") for tree in self.trees)


def lost_masks(
    snapshot: Snapshot,
    number: int,
    root: Root,
    listing: Listing,
    choice: MaskChoice | None,
    meant: Collection[str] = (),
) -> LostMasks:
    """Applies the rule to the photos of one root that are there.

    meant: absolute paths of folders of masks that were emptied on purpose. Where a person has just named other masks,
    those alone count.
    """
    if choice is None or choice.shared or choice != snapshot.choices.masks.get(number):
        return LostMasks()
    images, folder = snapshot.images, mask_folder(root, choice)
    masked = {one.name for one in listing.found if one.mask is not None}
    there = {one.name for one in listing.found}
    known = [place for place in places_of(snapshot, number) if images.masks[place] and images.names[place] in there]
    gone = [place for place in known if images.names[place] not in masked]

    def below(place: int) -> str:
        return images.names[place].removeprefix(root.prefix)

    told = {
        place for place in gone if any(is_in(str(folder / unescape_name(below(place))), one) for one in map(str, meant))
    }
    lost = [place for place in gone if place not in told]
    if not lost:
        return LostMasks()
    above = {place: [*folders_above(below(place))] for place in known}
    totals = Counter(one for place in known if place not in told for one in above[place])
    others = {one for name in masked for one in folders_above(name.removeprefix(root.prefix))}
    trees = vanished_trees(lost, above, totals, others)
    held = [
        Held(displayed(folder / unescape_name(tree)), len(places), len(places), _state(folder, tree), False, True, True)
        for tree, places in trees.items()
    ]
    apart = {place for places in trees.values() for place in places}
    rest = [place for place in lost if place not in apart]
    if len(rest) >= MANY and 2 * len(rest) > len(known) - len(told):
        why = f"has lost the masks of {len(rest)} of them at once"
        held.append(Held(displayed(folder), len(rest), len(known), why, False, True, True))
        apart |= {*rest}
    return LostMasks(_names(images.names, apart), tuple(trees), tuple(held))


def _names(names: Sequence[str], places: Collection[int]) -> frozenset[str]:
    return frozenset(names[place] for place in places)


def _state(folder: Path, tree: str) -> str:
    path = folder / unescape_name(tree)
    if not os.path.lexists(path):
        return "is gone"
    if not path.is_dir():
        return "is no folder any more"
    return "has no mask of any of them any more"
