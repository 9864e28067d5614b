"""Which photos that are not found any more were removed, and which can only not be seen: the rule of `update`.

A photo that is not found counts as removed, unless one of these holds it back:

1. It cannot be told: the folder, or one on the way to the photo, cannot be read, or lies behind a link that is not
   followed.
2. A tree vanished: of all photos that the index knows in a folder, none is there. So it is where a disk is not mounted
   and its mount point is gone, or empty, or shows what lies below it. One photo alone that went from a folder in which
   there are others now counts as removed.
3. More than half of the photos of a root vanished, and at least `MANY`, wherever in it they were.

A photo counts as seen where a new file of its size, time and bytes has turned up anywhere: it has another name now. A
file stands for one photo alone. Of a tree that vanished, that holds only where at least half of its photos turned up: a
few that were copied tell nothing of the rest. What is held back by 2 and 3 is removed where a person names the folder,
and the rule goes on as if the photos in it had never been known.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight.errors import ImageError
from resight.filesystems import is_in
from resight.images import content_hash, displayed, file_of_name, read_bytes
from resight.index.roots import Listing, places_of, root_path
from resight.store import Root, Snapshot, file_path

MANY = 20
"""So many photos of a root must vanish before their share counts."""

Mark = tuple[int, int]
"""Size in bytes and time in nanoseconds of a file."""


@dataclass(frozen=True)
class Held:
    """Photos that are not found and that nobody said were removed.

    folder: where they were. photos: how many of them. known: how many the index has of that folder. why: what is the
    matter with the folder, as the end of a sentence. is_root: it is a whole folder of the index. removable: whether a
    person may say that they, or their masks, were removed. of_masks: the folder is that of their masks, without which
    they stay as they are, found or not.
    """

    folder: str
    photos: int
    known: int
    why: str
    is_root: bool
    removable: bool = True
    of_masks: bool = False


@dataclass(frozen=True)
class Verdict:
    """Ids of the images that were removed, and what is held back."""

    removed: Sequence[int]
    held: Sequence[Held]


class Appeared:
    """The files, of all roots, that an index does not know or not as they are now.

    Each may be a photo that vanished from its place.
    """

    def __init__(self, snapshot: Snapshot, listings: Mapping[int, Listing]) -> None:
        images = snapshot.images
        self._paths: dict[Mark, list[Path]] = {}
        for number, listing in listings.items():
            places = images.places_of(one.name for one in listing.found)
            for one, place in zip(listing.found, places, strict=True):
                mark = (one.size, one.mtime_ns)
                if place is None or (images.roots[place], images.sizes[place], images.mtimes[place]) != (number, *mark):
                    self._paths.setdefault(mark, []).append(one.path)
        self._hashes: dict[Mark, Counter[str]] = {}

    def take(self, mark: Mark, content: str) -> bool:
        """Returns whether a file of this size, time and hash has appeared; each stands for one photo alone."""
        if mark not in self._hashes:
            # Read only where size and time agree, which of scans of one format they may by chance.
            self._hashes[mark] = Counter(map(_content, self._paths.get(mark, ())))
        found = self._hashes[mark][content] > 0
        if found:
            self._hashes[mark][content] -= 1
        return found


def _content(path: Path) -> str:
    try:
        return content_hash(read_bytes(path))
    except ImageError:
        return ""


def judge(
    snapshot: Snapshot,
    number: int,
    listing: Listing,
    elsewhere: Appeared,
    meant: Collection[str] = (),
    excluded: Collection[int] = frozenset(),
) -> Verdict:
    """Applies the rule to one root.

    elsewhere: files of all roots; meant: absolute paths of folders that were emptied; excluded: ids of images that go
    out anyway and are as if they were not known.

    The listing of a root that cannot be listed is empty, with the reason as its trouble.
    """
    images, root = snapshot.images, snapshot.roots[number]
    own = [place for place in places_of(snapshot, number) if int(images.ids[place]) not in excluded]
    videos = {place: video for place in own if (video := file_of_name(name := images.names[place])) != name}
    known = [place for place in own if place not in videos]
    verdict = _judged(snapshot, number, listing, elsewhere, meant, known)
    gone, found, followed = {*verdict.removed}, {one.name for one in listing.found}, {*known}
    frames = []
    for place, video in videos.items():
        # Frames follow their video; of one that was not read to its end there are frames alone.
        if (at := images.by_name.get(video)) is not None and at in followed:
            leaves = int(images.ids[at]) in gone
        else:
            leaves = video not in found and not _may_be_there(file_path(root, video), listing)
        if leaves:
            frames.append(int(images.ids[place]))
    return Verdict([*verdict.removed, *frames], verdict.held)


def _judged(
    snapshot: Snapshot,
    number: int,
    listing: Listing,
    elsewhere: Appeared,
    meant: Collection[str],
    known: Sequence[int],
) -> Verdict:
    """Applies the rule to the files at some positions of the table."""
    images, root = snapshot.images, snapshot.roots[number]
    found = {one.name for one in listing.found}
    unseen = [place for place in known if images.names[place] not in found]
    if not unseen:
        return Verdict([], [])
    hidden = [place for place in unseen if _may_be_there(file_path(root, images.names[place]), listing)]
    apart = {*hidden}
    vanished = [place for place in unseen if place not in apart]
    told = {place for place in vanished if _is_below(file_path(root, images.names[place]), meant)}
    untold = [place for place in vanished if place not in told]
    below = {place: [*folders_above(images.names[place].removeprefix(root.prefix))] for place in known}
    totals = Counter(folder for place in known if place not in told for folder in below[place])
    turned_up = {
        place
        for place in untold
        if images.hashes[place]
        and elsewhere.take((int(images.sizes[place]), int(images.mtimes[place])), images.hashes[place])
    }
    renamed = _renamed(untold, turned_up, below, totals)
    lost = [place for place in untold if place not in renamed]
    others = {folder for name in found for folder in folders_above(name.removeprefix(root.prefix))}

    trees = vanished_trees(lost, below, totals, others)
    apart |= {place for places in trees.values() for place in places}
    lines = []
    for tree, places in trees.items():
        within = [folder for folder in below[places[0]] if len(folder) > len(tree) and totals[folder] == totals[tree]]
        named = _named(root, tree, within)
        lines.append(Held(_shown(root, named), len(places), len(places), _state(root, named, others), not named))
    rest = [place for place in lost if place not in apart]
    if len(rest) >= MANY and 2 * len(rest) > len(known) - len(told):
        lines.append(Held(_shown(root, ""), len(rest), len(known), f"has lost {len(rest)} of them at once", True))
        apart |= {*rest}
    lines += _hidden(root, [images.names[place] for place in hidden], listing)
    return Verdict([int(images.ids[place]) for place in vanished if place not in apart], lines)


def vanished_trees(
    lost: Sequence[int],
    below: Mapping[int, Sequence[str]],
    totals: Mapping[str, int],
    others: Collection[str],
) -> dict[str, list[int]]:
    """Groups lost files by the uppermost folder of which every known file is lost; other files are in no group.

    below: the folders of each, from the upper to the lower; totals: how many were known in each folder; others: folders
    in which there is something now: in one of these, a single one that is lost is no tree.
    """
    missing = Counter(folder for place in lost for folder in below[place])
    trees: dict[str, list[int]] = {}
    for place in lost:
        gone = (folder for folder in below[place] if missing[folder] == totals[folder])
        tree = next((folder for folder in gone if totals[folder] > 1 or folder not in others), None)
        if tree is not None:
            trees.setdefault(tree, []).append(place)
    return trees


def _renamed(
    vanished: Sequence[int], turned_up: Collection[int], below: Mapping[int, Sequence[str]], totals: Mapping[str, int]
) -> set[int]:
    """Tells which of the photos that turned up elsewhere count as seen.

    Photos of a tree that vanished do not count where less than half of them turned up. below: the folders of each
    photo; totals: how many photos each folder has.
    """
    missing = Counter(folder for place in vanished for folder in below[place])
    seen = Counter(folder for place in turned_up for folder in below[place])
    held = {folder for folder, count in missing.items() if count == totals[folder] and 2 * seen[folder] < count}
    return {place for place in turned_up if held.isdisjoint(below[place])}


def folders_above(name: str) -> Iterator[str]:
    """Yields the folders that a file is in, from "" for the root itself down."""
    yield ""
    end = name.find("/")
    while end >= 0:
        yield name[:end]
        end = name.find("/", end + 1)


def _may_be_there(path: Path, listing: Listing) -> bool:
    """Returns whether a file that is not in the list may be in a part that could not, or was not to be, listed."""
    if not listing.trouble and not listing.outside:
        return False
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _is_below(path: Path, folders: Collection[str]) -> bool:
    # As it is, or as it was shown, which differs where it is not UTF-8.
    return any(is_in(text, folder) for text in (str(path), displayed(path)) for folder in folders)


def _place(root: Root, folder: str) -> Path:
    return file_path(root, root.prefix + folder) if folder else root_path(root)


def _named(root: Root, tree: str, within: Sequence[str]) -> str:
    """Returns the folder to name for a tree that vanished.

    Where all of its photos were in one folder of it that is still there, such as a mount point, it is that folder.
    within: such folders, from the upper to the lower.
    """
    for folder in within:
        if not os.path.lexists(_place(root, folder)):
            break
        tree = folder
    return tree


def _shown(root: Root, folder: str) -> str:
    return displayed(_place(root, folder))


def _state(root: Root, folder: str, others: Collection[str]) -> str:
    """Returns why no photo of a folder is found."""
    path = _place(root, folder)
    if folder in others:
        return "has other photos in the place of all of them"
    if not os.path.lexists(path):
        return "is gone"
    if not path.exists():
        return "is a link to nothing"
    if not path.is_dir():
        return "is a file now"
    try:
        with os.scandir(path) as entries:
            return "is empty now" if next(entries, None) is None else "has no photo any more"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _hidden(root: Root, names: Sequence[str], listing: Listing) -> Iterator[Held]:
    """Groups the photos that are held back by the folder that hides them."""
    reasons = dict(listing.trouble)
    links = {displayed(link) for link in listing.outside}
    whys: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name in names:
        own = name.removeprefix(root.prefix)
        above = [*(_shown(root, folder) for folder in folders_above(own)), _shown(root, own)]
        folder = next((path for path in above if path in reasons or path in links), above[0])
        leads_out = "is behind a link that leads out of its root; `resight add --follow-links` follows it"
        whys[folder] = leads_out if folder in links else reasons.get(folder, "cannot be read in part")
        counts[folder] += 1
    for folder, count in counts.items():
        yield Held(folder, count, count, whys[folder], folder == _shown(root, ""), removable=False)
