"""Removing photos by name, and letting them come back: what that makes of the choices of an index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from resight.errors import UsageError
from resight.folders.selection import Meant, names_meant
from resight.images import displayed, file_of_name
from resight.index.roots import folders_of, root_path
from resight.store import Choices, Snapshot


def meant_images(snapshot: Snapshot, asked: Iterable[str | Path]) -> list[Meant]:
    """Returns the photos of the index that some names, paths, folders and patterns mean.

    Raises UsageError where one means none.
    """
    where = "in the index, so nothing was removed"
    gone = {name: "it was removed before" for _, name in snapshot.choices.removed}
    return names_meant(snapshot.images.names, asked, folders_of(snapshot), where, gone)


def meant_removals(snapshot: Snapshot, asked: Iterable[str | Path]) -> list[Meant]:
    """Returns those photos that such texts mean among the removed ones that stay away."""
    known = sorted({name for _, name in snapshot.choices.removed})
    live = dict.fromkeys(snapshot.images.names, "it is in the index")
    return names_meant(known, asked, folders_of(snapshot), "among the photos that were removed", live)


def names_of(meant: Sequence[Meant]) -> list[str]:
    """Returns all names that are meant, sorted, each once."""
    return sorted({name for one in meant for name in one.names})


def with_removed(snapshot: Snapshot, names: Sequence[str]) -> tuple[list[int], Choices]:
    """Returns ids of the images of some names, and the choices by which they stay away.

    A video stays away whole: no frame of it is remembered by itself.
    """
    images, choices, meant = snapshot.images, snapshot.choices, {*names}
    places = {name: images.by_name[name] for name in names}
    keys = (
        (int(images.roots[place]), name)
        for name, place in places.items()
        if (video := file_of_name(name)) == name or video not in meant
    )
    return [int(images.ids[place]) for place in places.values()], replace(choices, removed=choices.removed.union(keys))


def with_restored(snapshot: Snapshot, names: Sequence[str]) -> tuple[list[int], Choices]:
    """Returns the choices by which removed photos of some names may come back, and ids of what is to be read again.

    These are the rows of videos of which frames come back. Raises UsageError where another has a name now.
    """
    images, wanted = snapshot.images, set(names)
    for name in names:
        if (place := images.by_name.get(name)) is not None:
            folder = displayed(root_path(snapshot.roots[int(images.roots[place])]))
            raise UsageError(f"{name}: this name is that of a photo of {folder} now; nothing was changed")
    choices = snapshot.choices
    places = {images.by_name.get(video) for name in names if (video := file_of_name(name)) != name}
    again = sorted(int(images.ids[place]) for place in places if place is not None)
    return again, replace(choices, removed=frozenset(one for one in choices.removed if one[1] not in wanted))
