"""Folders that are indexed from the page, into an index that is there or one that is made for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from resight.errors import UsageError
from resight.index import Index
from resight.index.roots import root_path
from resight.recipe import DEFAULT, recipes
from resight.server.changes import counted, patiently, tell_unreadable, told_report
from resight.server.jobs import Report
from resight.server.shelf import PlannedIndex, ServedIndex, rehearse


class Shelf(Protocol):
    """What takes up an index that was made."""

    def take_up(self, planned: PlannedIndex) -> ServedIndex:
        """Serves an index that is there by now."""
        ...


@dataclass(frozen=True)
class FolderWish:
    """A folder to be indexed.

    title: what the client calls it. recipe: of an index that is made, None for the default one or that which it has.
    prefix: what goes before names, None for nothing or, beside other folders, the folder's name.
    """

    folder: Path
    title: str
    recipe: str | None = None
    prefix: str | None = None


@cache
def known_recipes() -> dict[str, dict[str, str]]:
    """Returns the recipes that ship, by name, for JSON. A client names one of these, and never a file."""
    return {one.name: {"name": one.name, "alias": one.alias, "summary": one.summary} for one in recipes()}


def index_folder(place: PlannedIndex | ServedIndex, wish: FolderWish, shelf: Shelf, report: Report) -> dict[str, Any]:
    """Indexes a folder; what is there already is not read again. Raises UsageError and what `Index.add` raises.

    Batches that are done are searched meanwhile, and stay where it is interrupted.
    """
    if isinstance(place, PlannedIndex):
        recipe = wish.recipe or DEFAULT
        report.say(f"Making the index {place.title} by the recipe {recipe}")
        patiently(lambda: Index.open_or_create(place.path, recipe, progress=report.say), report)
        served = shelf.take_up(place)
    else:
        served = place
    if wish.recipe not in (None, served.index.recipe.name):
        raise UsageError(
            f"{served.title} was made by the recipe {served.index.recipe.name} meanwhile; index the folder into it "
            "without naming a recipe"
        )
    report.say(f"Reading the folder {wish.title}")
    prefix = _prefix(served, wish)

    done = patiently(
        lambda: Index.open(served.path).add(wish.folder, prefix=prefix, progress=report, say=report.say), report
    )
    tell_unreadable(done, report)
    report.say("Preparing search")
    patiently(lambda: Index.open(served.path).prepare_search(progress=report, say=report.say), report)
    served.refresh()
    report.say("Trying a first search")
    rehearse(served)
    report.say(f"Ready: {counted(len(served.now.listing))} to search, generation {served.now.number}")
    return told_report(done)


def _prefix(served: ServedIndex, wish: FolderWish) -> str:
    """Returns what goes before the names of a folder's photos: what does already, or what keeps them apart."""
    if wish.prefix is not None:
        return wish.prefix
    roots = served.now.collection.snapshot.roots.values()
    known = [root.prefix for root in roots if root_path(root) == wish.folder]
    if known:
        return known[0]
    if not roots:
        return ""
    taken = {root.prefix for root in roots}
    # A name of a folder may have letters that no prefix has.
    title = "".join(letter if letter.isprintable() else "_" for letter in wish.title.rpartition("/")[2])
    number, free = 2, f"{title}/"
    while free in taken:
        number, free = number + 1, f"{title} ({number})/"
    return free
