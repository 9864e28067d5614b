"""Groups of duplicates in one generation of an index."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resight.duplicates.agreement import Agreement
from resight.duplicates.grouping import Bond, Pair, connected
from resight.duplicates.pictures import pictures
from resight.duplicates.report import DuplicateGroup, DuplicateLink, DuplicatePhoto, Duplicates
from resight.duplicates.verdict import KINDS, Kind, is_near, verdict
from resight.duplicates.walk import walk
from resight.errors import UsageError
from resight.folders.selection import names_within
from resight.index.collection import Collection
from resight.progress import Progress
from resight.recipe import Recipe


def find_duplicates(
    collection: Collection, kind: Kind = "same", within: Sequence[str] = (), progress: Progress | None = None
) -> Duplicates:
    """Returns groups of photos: with the same bytes, of the same picture, or of the same thing; no photo is decoded.

    kind: the loosest that counts, "copies", "near" or "same". within: patterns, of which a name must match one if there
    are any; see `names_within`. `progress` is called with (photos done, photos). Raises
    UsageError for another kind, where a pattern matches no name, and where copies are not enough and the recipe has no
    words with positions, which distinguish a picture from another one of the same thing.
    """
    if kind not in KINDS:
        raise UsageError(f"kind is {kind!r}; it is one of {', '.join(KINDS)}")
    channel = None if kind == "copies" else channel_of_words(collection.recipe)
    start = time.perf_counter()
    images = collection.snapshot.images
    part = names_within(images.names, within) if within else np.ones(len(images), np.bool_)
    readable = np.flatnonzero(images.indexed & part).tolist()
    table = _Table(collection, [members for _, members in sorted(_by_content(collection, readable).items())])
    found: Mapping[Pair, Agreement] = {}
    verified = without = 0
    if channel is not None and readable:
        without = _without_evidence(collection, channel, images.ids[readable])
        ids = [int(images.ids[place]) for place in table.firsts]
        counts = is_near if kind == "near" else lambda known: verdict(known) is not None
        view = collection.word_view(channel)
        walked = walk(
            view.searcher, view.live.list_lengths(), view.words, ids, collection.recipe.verification, counts, progress
        )
        found, verified = walked.found, walked.verified
    groups = _grouped(table, found, kind)
    order = {one: place for place, one in enumerate(KINDS)}
    groups.sort(key=lambda group: (order[group.kind], min(photo.name for photo in group.photos)))
    return Duplicates(
        kind=kind,
        groups=tuple(groups),
        photos=len(readable),
        unreadable=int((images.unreadable & part).sum()),
        without_evidence=without,
        verified=verified,
        seconds=time.perf_counter() - start,
    )


def channel_of_words(recipe: Recipe) -> str:
    """Returns the first channel of words. Raises UsageError where a recipe has none."""
    for name, channel in recipe.channel.items():
        if channel.words is not None:
            return name
    raise UsageError(
        f'an index by "{recipe.name}" keeps no words with positions, which tell a picture from another of the same '
        'thing: ask for copies alone (--kind copies), or index the photos by "sift-asmk-links"'
    )


@dataclass(frozen=True)
class _Table:
    """The photos of an index by content. copies: the places of each content, the first name first, by that name."""

    collection: Collection
    copies: Sequence[Sequence[int]]

    @property
    def firsts(self) -> list[int]:
        return [members[0] for members in self.copies]

    def name(self, number: int) -> str:
        return self.collection.snapshot.images.names[self.copies[number][0]]

    def size(self, number: int) -> tuple[int, int]:
        images, place = self.collection.snapshot.images, self.copies[number][0]
        return int(images.widths[place]), int(images.heights[place])


def _by_content(collection: Collection, places: Sequence[int]) -> dict[str, list[int]]:
    """Places of the table by the first name of their content, in the order of names."""
    # All at once, which is several times faster than one by one.
    names, hashes = list(collection.snapshot.images.names), list(collection.snapshot.images.hashes)
    first: dict[str, str] = {}
    found: dict[str, list[int]] = {}
    for place in sorted(places, key=names.__getitem__):
        found.setdefault(first.setdefault(hashes[place], names[place]), []).append(place)
    return found


def _without_evidence(collection: Collection, name: str, ids: NDArray[np.int64]) -> int:
    """Returns the number of images without features."""
    features_of = collection.channels[name].features_of
    return sum(int((features_of(rows.arrays)[np.isin(rows.ids, ids)] == 0).sum()) for rows in collection.rows(name))


def _grouped(table: _Table, found: Mapping[Pair, Agreement], loosest: Kind) -> list[DuplicateGroup]:
    count = len(table.copies)
    near = {pair: known for pair, known in found.items() if is_near(known)}
    same_picture = pictures([table.size(number) for number in range(count)], near)
    sets = same_picture.sets()
    set_of = {number: place for place, members in enumerate(sets) for number in members}
    best: dict[Pair, tuple[Bond, Pair]] = {}
    for (a, b), known in found.items() if loosest == "same" else ():
        judged = verdict(known)
        ends = min(set_of[a], set_of[b]), max(set_of[a], set_of[b])
        if judged is None or ends[0] == ends[1]:
            continue
        bond = Bond(*ends, -known.chance, judged.sure)
        if ends not in best or (bond.sure, bond.strength) > (best[ends][0].sure, best[ends][0].strength):
            best[ends] = bond, (a, b)
    together = connected(len(sets), [bond for bond, _ in best.values()])
    chosen = [(bond.a, bond.b) for bond in same_picture.joined]
    chosen += [best[bond.a, bond.b][1] for bond in together.joined]
    groups = []
    for members in together.sets():
        parts = [sets[place] for place in members]
        if len(parts) == 1 and sum(len(table.copies[number]) for number in parts[0]) == 1:
            continue
        inside = {number for part in parts for number in part}
        links = tuple(_link(table, pair, found[pair]) for pair in chosen if pair[0] in inside)
        kind: Kind = "same" if len(parts) > 1 else "near" if len(parts[0]) > 1 else "copies"
        photos = tuple(photo for number, part in enumerate(parts, start=1) for photo in _photos(table, number, part))
        groups.append(DuplicateGroup(kind, photos, tuple(sorted(links, key=lambda link: link.chance))))
    return groups


def _link(table: _Table, pair: Pair, known: Agreement) -> DuplicateLink:
    judged = verdict(known)
    assert judged is not None, "only what says something joins"
    return DuplicateLink(
        first=table.name(pair[0]),
        second=table.name(pair[1]),
        kind=judged.kind,
        inliers=known.inliers,
        transform=known.transform.tolist(),
        share=known.share,
        coverage=known.coverage,
        residual=known.residual,
        chance=known.chance,
        sure=judged.sure,
    )


def _photos(table: _Table, picture: int, numbers: Sequence[int]) -> list[DuplicatePhoto]:
    """Returns the photos of one picture, the one to keep first."""
    images = table.collection.snapshot.images
    first = {place: number for number in numbers for place in table.copies[number]}

    def pixels(place: int) -> int:
        return int(images.widths[place]) * int(images.heights[place])

    most, earliest = max(map(pixels, first)), min(int(images.mtimes[place]) for place in first)
    order = sorted(
        first,
        key=lambda place: (-pixels(place), -images.sizes[place], images.mtimes[place], images.names[place]),
    )
    rows = [
        DuplicatePhoto(
            name=images.names[place],
            picture=picture,
            copy_of=None if place == table.copies[first[place]][0] else table.name(first[place]),
            width=int(images.widths[place]),
            height=int(images.heights[place]),
            bytes=int(images.sizes[place]),
            modified=int(images.mtimes[place]),
            keep=place == order[0],
            largest=pixels(place) == most,
            oldest=int(images.mtimes[place]) == earliest,
        )
        for place in first
    ]
    return sorted(rows, key=lambda photo: (not photo.keep, photo.name))
