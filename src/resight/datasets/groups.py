"""Reads photos in one folder per group: every photo is a query for the others of its folder."""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks.benchmark import OWN, Benchmark
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.errors import ImageError, UsageError
from resight.folders.walking import find_images


def read_groups(folder: Path) -> Dataset:
    """Reads all photos below `folder` as the database; the top folder of a photo is its group.

    A photo that is alone in its group, or in none, has nothing to find and is not a query.

    Raises UsageError where no group has two photos, or all photos are in one group; ImageError for a broken link.
    """
    images = tuple(found.name for found in find_images(folder, _refuse))
    members: dict[str, list[str]] = {}
    for name in images:
        group, slash, _ = name.partition("/")
        if slash:
            members.setdefault(group, []).append(name)
    together = {group: frozenset(names) for group, names in members.items() if len(names) > 1}
    if not together:
        raise UsageError(f"{folder}: no folder in it has two photos or more; the photos of a group are in one folder")
    if len(together) == 1 and len(*together.values()) == len(images):
        raise UsageError(f"{folder}: all photos are in one group, {min(together)}; there is nothing to tell apart")
    queries = tuple(
        JudgedQuery(id=name, image=name, positives=names - {name}, group=group)
        for group, names in together.items()
        for name in members[group]
    )
    return Dataset(folder.resolve().name, folder, images, {ALL: queries})


def _refuse(error: ImageError) -> None:
    raise error


BENCHMARKS = (
    Benchmark(
        name="groups",
        title="A folder of your own with a folder per group",
        images=None,
        queries=None,
        source=OWN,
        layout=(
            "GROUP/...   the photos of one thing, two or more; each is a query for the others\n"
            "photos that are in no folder, or alone in theirs, are searched but are no queries"
        ),
        confirmed=True,
        read=read_groups,
    ),
)
