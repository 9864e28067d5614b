"""Plans of the changes that make an index equal to its folders again, within the rule of `vanished`."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight.errors import UsageError
from resight.filesystems import is_in
from resight.folders.patterns import Patterns
from resight.images import displayed
from resight.index.masking import MasksError, mask_folder
from resight.index.planning import Plan, check_masks_there, plan
from resight.index.roots import Listing, list_root, places_of, root_path, with_own_masks
from resight.index.vanished import Appeared, Held, judge
from resight.store import Choices, Root, Snapshot


@dataclass(frozen=True)
class Update:
    """Work to be done for all roots. removed: ids of images whose files are gone; held: what is not taken for it."""

    plans: Sequence[Plan]
    removed: Sequence[int]
    held: Sequence[Held]


def plan_update(
    snapshot: Snapshot,
    removed: Collection[str | Path] = (),
    choices: Choices | None = None,
    excluded: Collection[int] = frozenset(),
) -> Update:
    """Plans the changes that make the index equal to its folders, within the rule of `vanished`.

    removed: folders whose vanished photos, or vanished masks, were removed on purpose. choices: as they are to be,
    those of the index by default; excluded: ids of the images that go out with them.
    A root whose masks cannot be read is left alone: its photos stay, with the masks that they had.
    Raises UsageError where one of `removed` is in no folder of the index, or a name has two owners.
    """
    choices = snapshot.choices if choices is None else choices
    meant = _meant(snapshot, choices, removed)
    excluded = frozenset(excluded)
    listings: dict[int, Listing] = {}
    held: list[Held] = []
    kept: list[Plan] = []
    for number, root in snapshot.roots.items():
        try:
            listing = with_own_masks(_listed(number, root, choices), root, choices.masks.get(number))
            check_masks_there(snapshot, number, listing)
            listings[number] = listing
        except MasksError as error:
            ids = frozenset(snapshot.images.ids[places_of(snapshot, number)].tolist()) - excluded
            held.append(Held(error.folder, len(ids), len(ids), error.why, False, removable=False, of_masks=True))
            kept.append(Plan(number, root, [], len(ids), {}, {}, [], Listing([], [], [])))
    elsewhere = Appeared(snapshot, listings)
    verdicts = [judge(snapshot, number, listing, elsewhere, meant, excluded) for number, listing in listings.items()]
    gone = {image for verdict in verdicts for image in verdict.removed}
    leaving = gone | excluded
    plans = [
        plan(snapshot, number, snapshot.roots[number], listing, choices, leaving, meant)
        for number, listing in listings.items()
    ]
    held = [one for verdict in verdicts for one in verdict.held] + held
    return Update([*plans, *kept], sorted(gone), held)


def _listed(number: int, root: Root, choices: Choices) -> Listing:
    """Returns the files of a root; none where it is gone or cannot be read, which is its trouble."""
    try:
        return list_root(root, Patterns(choices.excluded), choices.removed_of(number))
    except UsageError:
        path = root_path(root)
        return Listing([], [(displayed(path), "cannot be read")] if path.is_dir() else [], [])


def _meant(snapshot: Snapshot, choices: Choices, removed: Collection[str | Path]) -> frozenset[str]:
    """Returns the folders as absolute paths."""
    folders = [root_path(root) for root in snapshot.roots.values()]
    folders += [mask_folder(snapshot.roots[number], mask) for number, mask in choices.masks.items() if mask.folder]
    paths = [*map(str, folders), *map(displayed, folders)]
    for folder in removed:
        absolute = os.path.abspath(folder)
        if not any(is_in(absolute, path) or is_in(path, absolute) for path in paths):
            raise UsageError(f"{displayed(folder)}: in no folder of the index; nothing was changed")
    return frozenset(map(os.path.abspath, removed))
