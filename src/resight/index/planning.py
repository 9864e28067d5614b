"""What is to be done for the photos of one folder: which are read, which are as they were. Nothing is written."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from resight.errors import UsageError
from resight.folders.walking import Found
from resight.images import VIDEO_SUFFIXES, decoders
from resight.index.footage import PlannedVideo, plan_videos, taken_of
from resight.index.lost_masks import lost_masks
from resight.index.roots import Listing, places_of
from resight.index.vanished import Held
from resight.store import UNREACHED, Choices, Image, Root, Snapshot


@dataclass(frozen=True)
class Plan:
    """The work to be done for one root, by its number.

    work: files to be read, with their names; unchanged: how many are as they were and could be read; replaced: ids by
    name of images that are read again; retried: those of them, by name, whose files are as they were when they could
    not be read, or not the whole of them; unreadable: (name or path, reason) of what cannot be read, as was known
    before; listing: what is in the folder; held: photos whose masks are not to be seen, which stay as they are. videos:
    those to be read; unread_videos: a line about those that cannot be read here, empty where there is none.
    """

    number: int
    root: Root
    work: Sequence[Found]
    unchanged: int
    replaced: Mapping[str, int]
    retried: Mapping[str, Image]
    unreadable: Sequence[tuple[str, str]]
    listing: Listing
    held: Sequence[Held] = ()
    videos: Sequence[PlannedVideo] = ()
    unread_videos: str = ""


def plan(
    snapshot: Snapshot,
    number: int,
    root: Root,
    listing: Listing,
    choices: Choices | None = None,
    gone: Collection[int] = frozenset(),
    emptied: Collection[str] = (),
) -> Plan:
    """Compares the files of a root with what the index knows of it.

    Raises UsageError where a name has another owner, MasksError where all masks are gone.

    choices: as they are to be, those of the index by default; gone: ids of images that give their names up; emptied:
    absolute paths of folders of masks that were emptied on purpose. A file is unchanged when its size, time and mask
    are. One that could not be read, or not the whole of it, is tried again where its bytes are not at fault, or other
    versions decode now.
    """
    check_masks_there(snapshot, number, listing)
    choices = snapshot.choices if choices is None else choices
    images = snapshot.images
    lost = lost_masks(snapshot, number, root, listing, choices.masks.get(number), emptied)
    photos, videos = _photos_and_videos(listing.found)
    work: list[Found] = []
    replaced: dict[str, int] = {}
    retried: dict[str, Image] = {}
    unreadable, waiting = list(listing.trouble), 0
    for one, place in zip(photos, images.places_of(one.name for one in photos), strict=True):
        if place is None or int(images.ids[place]) in gone:
            if one.mask is None and lost.hold(one.name, root.prefix):
                waiting += 1
            else:
                work.append(one)
        elif images.roots[place] != number:
            owner = snapshot.roots[int(images.roots[place])]
            raise UsageError(
                f"{one.name}: this name was given to a photo of {owner.path}; put a prefix before the names of "
                f"{root.path} (--as PREFIX)"
            )
        elif one.name in lost.names:
            if not images.indexed[place]:
                unreadable.append((one.name, images.reasons[place]))
        elif (images.sizes[place], images.mtimes[place], images.masks[place]) != state_of(one):
            work.append(one)
            replaced[one.name] = int(images.ids[place])
        elif images.states[place] == UNREACHED or (images.reasons[place] and images.tried_by[place] != decoders()):
            work.append(one)
            replaced[one.name] = int(images.ids[place])
            retried[one.name] = images.image(place)
        elif not images.indexed[place]:
            unreadable.append((one.name, images.reasons[place]))
    unchanged = len(photos) - len(work) - waiting - (len(unreadable) - len(listing.trouble))
    held = [one.name for one in videos if one.mask is None and lost.hold(one.name, root.prefix)]
    footage = plan_videos(snapshot, number, videos, taken_of(choices, number), gone, {*lost.names, *held})
    told = replace(listing, without_mask=listing.without_mask - len(lost.names) - waiting)
    return Plan(
        number,
        root,
        work,
        unchanged + footage.unchanged,
        replaced,
        retried | footage.retried,
        unreadable + footage.unreadable,
        told,
        lost.held,
        footage.work,
        footage.note,
    )


def _photos_and_videos(found: Sequence[Found]) -> tuple[list[Found], list[Found]]:
    """Parts the files of a root by the end of their names."""
    parts: tuple[list[Found], list[Found]] = [], []
    for one in found:
        parts[os.path.splitext(one.name)[1].lower() in VIDEO_SUFFIXES].append(one)
    return parts


def state_of(found: Found) -> tuple[int, int, str]:
    """Returns the size and time of a file and the key of its mask, by which a change is seen."""
    return found.size, found.mtime_ns, found.mask.key if found.mask is not None else ""


def check_masks_there(snapshot: Snapshot, number: int, listing: Listing) -> None:
    """MasksError where no mask is left and photos of the root have been indexed with theirs."""
    if listing.bare is not None and snapshot.images.masks.present[places_of(snapshot, number)].any():
        raise listing.bare
