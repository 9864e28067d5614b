"""The folders that an index takes photos from: what is in them, where they have moved, which lie in one another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from resight.errors import ImageError, UsageError
from resight.filesystems import is_in
from resight.folders.patterns import Patterns
from resight.folders.walking import SUFFIXES, Found, escape_name, find_images, unescape_name
from resight.images import VIDEO_SUFFIXES, content_hash, displayed, read_bytes
from resight.index.masking import MasksError, with_masks
from resight.store import MaskChoice, Root, Snapshot, file_path, file_size, index_around, picture_path, sample

TAKEN = SUFFIXES | VIDEO_SUFFIXES
"""Ends of the names of files that an index takes, in small letters."""


@dataclass(frozen=True)
class Listing:
    """The photos and videos in the folder of a root.

    found: files with the names that they get. trouble: (path, reason) of what cannot be read. outside: links that lead
    out of the folder and were left out. left_out: how many files were left out because of their ending, by that;
    stayed_away: how many because they had been removed; without_mask: photos without a mask, where each has its own;
    bare: the error that it is where some of them had masks before, as there is no mask in their folder; swallowed:
    images that lie in the folder of masks and are the mask of no photo.
    """

    found: Sequence[Found]
    trouble: Sequence[tuple[str, str]]
    outside: Sequence[Path]
    left_out: Counter[str] = field(default_factory=Counter)
    stayed_away: int = 0
    without_mask: int = 0
    bare: MasksError | None = None
    swallowed: Sequence[Found] = ()


def root_of(snapshot: Snapshot, folder: Path, prefix: str, follow_links: bool | None) -> tuple[int, Root]:
    """Returns the root with this folder and prefix and its number, the next free one where it is new.

    follow_links: as the root is to be from now on; None leaves it, and does not follow where the root is new.
    """
    path = escape_name(os.path.realpath(folder))
    for number, root in snapshot.roots.items():
        if (root.path, root.prefix) == (path, prefix):
            return number, root if follow_links is None else root._replace(follow_links=follow_links)
    return max(snapshot.roots, default=0) + 1, Root(path, prefix, follow_links=bool(follow_links))


def root_path(root: Root) -> Path:
    """Returns where the photos of a root are."""
    return Path(unescape_name(root.path))


def folders_of(snapshot: Snapshot) -> list[tuple[Path, str]]:
    """Returns the folders that photos were taken from, and what the names of each begin with."""
    return [(root_path(root), root.prefix) for root in snapshot.roots.values()]


def check_no_index(folder: Path) -> None:
    """Raises UsageError for the folder of an index, or one in it: what lies there are no photos of a person."""
    if (index := index_around(Path(os.path.realpath(folder)))) is not None:
        what = "is an index" if index == Path(os.path.realpath(folder)) else f"lies in the index {displayed(index)}"
        raise UsageError(f"{displayed(folder)}: {what}; name a folder of photos, and the index beside it")


def list_root(
    root: Root, excluded: Patterns, removed: Collection[str] = (), only: Collection[str] | None = None
) -> Listing:
    """Lists the files of a root that nobody wants left out, without masks.

    removed: names that stay away; only: names below the root that count. Raises UsageError where it cannot be listed.
    """
    trouble: list[tuple[str, str]] = []
    left_out: Counter[str] = Counter()
    outside: list[Path] = []
    found = find_images(
        root_path(root),
        on_error=lambda error: trouble.append((error.path, error.reason)),
        follow_links=root.follow_links,
        on_outside=outside.append,
        excluded=excluded,
        on_left_out=lambda ending: left_out.update((ending,)),
        suffixes=TAKEN,
    )
    named = [replace(one, name=root.prefix + one.name) for one in found if only is None or one.name in only]
    kept = [one for one in named if one.name not in removed]
    return Listing(kept, trouble, outside, left_out, len(named) - len(kept))


def with_own_masks(listing: Listing, root: Root, choice: MaskChoice | None) -> Listing:
    """Returns the listing with the masks of its files, which are no photos themselves.

    Raises MasksError where they are not there.
    """
    masked = with_masks(listing.found, root, choice)
    return replace(
        listing, found=masked.found, without_mask=masked.without, bare=masked.bare, swallowed=masked.swallowed
    )


def places_of(snapshot: Snapshot, number: int) -> list[int]:
    """Returns positions in the table of the images of a root."""
    return np.flatnonzero(snapshot.images.roots == number).tolist()


def moved_roots(snapshot: Snapshot, old: str | Path, new: str | Path) -> dict[int, Root]:
    """Returns the roots at and below the folder `old` as they are when it has become `new`, by number.

    Raises UsageError where no folder of the index is there, or `new` has none of the photos of one of them.
    """
    before = {os.path.realpath(old), os.path.abspath(old), unescape_name(str(old))}
    moved = {
        number: root._replace(path=escape_name(os.path.normpath(os.path.join(os.path.realpath(new), below))))
        for number, root in snapshot.roots.items()
        for below in [_below(root, before)]
        if below is not None
    }
    if not moved:
        folders = ", ".join(sorted({displayed(root_path(root)) for root in snapshot.roots.values()})) or "none"
        raise UsageError(f"{displayed(old)}: not a folder of the index, whose folders are: {folders}")
    for number, root in moved.items():
        places = places_of(snapshot, number)
        if not root_path(root).is_dir():
            raise UsageError(f"{displayed(root_path(root))}: there is no such folder; nothing was changed")
        if places and not _of_known_size(snapshot, root, places):
            raise UsageError(
                f"{displayed(root_path(root))}: has none of the {len(places)} photos of "
                f"{displayed(root_path(snapshot.roots[number]))}; nothing was changed"
            )
    _check_apart({**snapshot.roots, **moved})
    return moved


def recognised(snapshot: Snapshot, folder: Path, prefix: str) -> int | None:
    """Returns the number of a root that is gone and whose photos are in `folder` now, if there is one.

    A root counts where it has no photo any more, more than half of its photos are in `folder` by name and size, and a
    few of them by their bytes. prefix: of the names, where only a root of that prefix is meant.
    """
    for number, root in snapshot.roots.items():
        if (prefix and root.prefix != prefix) or not _is_deserted(root):
            continue
        places = places_of(snapshot, number)
        same = _of_known_size(snapshot, root._replace(path=escape_name(os.path.realpath(folder))), places)
        if 2 * len(same) > len(places) and _of_known_bytes(snapshot, folder, root, same):
            return number
    return None


def overlapping(snapshot: Snapshot, root: Root) -> str:
    """Returns a line about a root of the index that has photos in common with a new one; empty where there is none."""
    path, folder = unescape_name(root.path), displayed(root_path(root))
    for number, one in snapshot.roots.items():
        other, count = unescape_name(one.path), len(places_of(snapshot, number))
        if not count:
            continue
        if is_in(path, other):
            return (
                f"{folder} lies in {displayed(other)}, which is in the index already, so that its photos will be in it "
                "twice; to have them once, run `resight update` in place of this, which takes all that is new there"
            )
        if is_in(other, path):
            return (
                f"{folder} contains {displayed(other)}, which is in the index already, so that {count} photos will be "
                f"in it twice; to have them once, add the other folders below {folder} one by one, or make a new index"
            )
    return ""


def outside_line(root: Root, links: Sequence[Path]) -> str:
    """Returns a line about the links that lead out of a root."""
    those = "1 link leads" if len(links) == 1 else f"{len(links)} links lead"
    were, them = ("was", "it") if len(links) == 1 else ("were", "them")
    return (
        f"{those} out of {displayed(root_path(root))} and {were} left out ({displayed(links[0])}"
        f"{'' if len(links) == 1 else ', ...'}); --follow-links follows {them}"
    )


def _below(root: Root, folders: Collection[str]) -> str | None:
    path = unescape_name(root.path)
    return next((os.path.relpath(path, folder) for folder in folders if is_in(path, folder)), None)


def _check_apart(roots: Mapping[int, Root]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for number, root in roots.items():
        if seen.setdefault((root.path, root.prefix), number) != number:
            raise UsageError(f"{displayed(root_path(root))}: is in the index already; nothing was changed")


def _is_deserted(root: Root) -> bool:
    """Returns whether a root is gone, or there is no photo in it; one that cannot be read is neither."""
    if not root_path(root).is_dir():
        return True
    try:
        found = find_images(root_path(root), lambda error: None, follow_links=root.follow_links, suffixes=TAKEN)
        return next(found, None) is None
    except UsageError:
        return False


def _of_known_size(snapshot: Snapshot, root: Root, places: Sequence[int]) -> list[int]:
    images = snapshot.images
    return [place for place in places if file_size(file_path(root, images.names[place])) == images.sizes[place]]


def _of_known_bytes(snapshot: Snapshot, folder: Path, root: Root, places: Sequence[int]) -> bool:
    """Returns whether some photos, evenly over all, have the bytes that the index knows in another folder."""
    images, there = snapshot.images, root._replace(path=escape_name(os.path.realpath(folder)))
    compared = [*sample([place for place in places if images.hashes[place]])]
    try:
        return bool(compared) and all(
            content_hash(read_bytes(picture_path(there, images.names[place]))) == images.hashes[place]
            for place in compared
        )
    except ImageError:
        return False
