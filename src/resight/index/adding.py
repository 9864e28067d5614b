"""What adding a folder does to an index: its root, its masks, what is left out, what is read. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from resight.errors import UsageError
from resight.folders.patterns import Patterns
from resight.images import displayed, file_of_name
from resight.images.frame_sampling import Sampling
from resight.index.exclusion import images_left_out, with_patterns
from resight.index.masking import BESIDE, check_masks_only, mask_choice
from resight.index.planning import Plan, plan
from resight.index.roots import (
    Listing,
    check_no_index,
    list_root,
    moved_roots,
    overlapping,
    places_of,
    recognised,
    root_of,
    root_path,
    with_own_masks,
)
from resight.store import Choices, Root, Snapshot


@dataclass(frozen=True)
class Wish:
    """The wishes of a person for a folder that is added; see `Index.add`."""

    prefix: str = ""
    only: frozenset[str] | None = None
    follow_links: bool | None = None
    exclude: Sequence[str] = ()
    again: bool = False
    mask: Path | None = None
    no_mask: bool = False
    frames: Sampling | None = None


@dataclass(frozen=True)
class Addition:
    """Changes to be made.

    roots, choices: as they are from now on; notes: lines for a person; warning: one for the log, empty where there is
    nothing to warn of.
    """

    plan: Plan
    roots: Mapping[int, Root]
    choices: Choices
    notes: Sequence[str]
    warning: str


def plan_addition(snapshot: Snapshot, folder: Path, wish: Wish) -> Addition:
    """Plans the adding of a folder. Raises UsageError, as `Index.add` does."""
    check_no_index(folder)
    mask = None if wish.mask is None else mask_choice(wish.mask, folder)
    number, root = root_of(snapshot, folder, wish.prefix, wish.follow_links)
    roots: dict[int, Root] = {}
    notes: list[str] = []
    if number not in snapshot.roots:
        former = recognised(snapshot, folder, wish.prefix)
        if former is not None:
            old = snapshot.roots[former]
            roots = moved_roots(snapshot, root_path(old), folder)
            count = sum(len(places_of(snapshot, one)) for one in roots)
            notes.append(
                f"{displayed(folder)} has the photos of {displayed(root_path(old))}, which is gone: {count} photos are "
                "taken for moved and keep their names"
            )
            snapshot = replace(snapshot, roots={**snapshot.roots, **roots})
            number, root = root_of(snapshot, folder, old.prefix, wish.follow_links)
        elif line := overlapping(snapshot, root):
            notes.append(line)
    choices = with_patterns(snapshot.choices, wish.exclude)
    masks = {one: of for one, of in choices.masks.items() if one != number or not wish.no_mask}
    choices = replace(choices, masks=masks if mask is None else {**masks, number: mask})
    if wish.frames is not None:
        choices = replace(choices, frames={**choices.frames, number: str(wish.frames)})
    removed = frozenset[str]() if wish.again else choices.removed_of(number)
    listing = list_root(root, Patterns(choices.excluded), removed, wish.only)
    if wish.again:
        there = {one.name for one in listing.found}
        back = (one for one in choices.removed if one[0] == number and file_of_name(one[1]) in there)
        choices = replace(choices, removed=choices.removed.difference(back))
    warning = _warning(folder, listing, wish.only)
    listing = with_own_masks(listing, root, choices.masks.get(number))
    if mask is not None and not mask.shared and mask.folder != BESIDE:
        check_masks_only(listing.swallowed, listing.found, root, mask)
    planned = plan(snapshot, number, root, listing, choices)
    if planned.unread_videos:
        notes.append(planned.unread_videos)
    if wish.exclude and (matched := len(images_left_out(snapshot, choices).by_pattern)):
        notes.append(f"{matched} photos of the index match a pattern; `resight update` takes them out")
    return Addition(planned, {**roots, number: root}, choices, notes, warning)


def _warning(folder: Path, listing: Listing, only: frozenset[str] | None) -> str:
    """Returns a warning where not all that was asked for is there."""
    if only is None:
        return "" if listing.found else f"{displayed(folder)}: there is no photo in it"
    if not only:
        return f"{displayed(folder)}: nothing is taken from it, as no name was asked for"
    missing = len(only) - len(listing.found) - listing.stayed_away
    if not missing:
        return ""
    return (
        f"{displayed(folder)}: {missing} of the {len(only)} names that were asked for are no photos in it; each is the "
        'path below the folder, such as "2019/0.jpg"'
    )


def check_wish(wish: Wish) -> None:
    """Raises UsageError where a person says two things at once."""
    if wish.mask is not None and wish.no_mask:
        raise UsageError("mask and no_mask: choose one of them")
