"""What each kind of change makes of a generation: the next one, and the rows of its new segment. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resight.errors import UsageError
from resight.store.choices import Choices, checked_choices
from resight.store.columns import Rows
from resight.store.generations import Generation
from resight.store.places import kept_root
from resight.store.rows import Image, Root, checked_root
from resight.store.segments import ChannelArrays


@dataclass(frozen=True)
class Batch:
    """New images and their arrays by channel. The store relates no length of an array to the number of images."""

    images: Sequence[Image]
    arrays: ChannelArrays


@dataclass(frozen=True)
class Change:
    """The next generation, what is left out from it on, and the rows of the segment that it adds, if any."""

    after: Generation
    choices: Choices
    rows: Rows


def with_batch(
    before: Generation,
    known: Choices,
    index: Path,
    images: Sequence[Image],
    gone: Sequence[int],
    roots: Mapping[int, Root],
    choices: Choices | None,
) -> Change | None:
    """Images added, others gone, roots and choices set; None where that changes nothing.

    known: the choices so far. Raises UsageError for a root that is not there, and what cannot be stored.
    """
    kept = {number: kept_root(checked_root(root), index) for number, root in roots.items()}
    all_roots = {**before.roots, **kept}
    # What has not changed is neither checked nor written again: there may be very many removed names.
    has_chosen = (choices is not None and choices != known) or all_roots != before.roots
    chosen = known if choices is None or choices == known else checked_choices(choices)
    if not images and not gone and not has_chosen:
        return None
    unknown = {image.root for image in images} - all_roots.keys()
    if unknown:
        raise UsageError(f"root {min(unknown)} of an added image is not in the index: give it with the batch")
    number = before.number + 1
    order = sorted(range(len(images)), key=lambda row: images[row].name)
    ids = [0] * len(images)
    for rank, row in enumerate(order):
        ids[row] = before.next_image + rank
    after = replace(
        before,
        number=number,
        next_image=before.next_image + len(images),
        segments={**before.segments, number: len(images)} if images else before.segments,
        removed={**before.removed, **dict.fromkeys(gone, number)},
        roots=all_roots,
        chosen=number if has_chosen else before.chosen,
    )
    return Change(after, chosen, Rows.of(ids, [number] * len(images), images))


def with_merged(
    before: Generation,
    known: Choices,
    replaced: Sequence[int],
    ids: Sequence[int],
    rows: Mapping[int, Rows],
) -> Change | None:
    """One segment in the place of several; None where `ids` are not all live images of those.

    rows: of the replaced segments, as far as they are there.
    """
    parts = [*rows.values()]
    live = [part.live(before.removed) for part in parts]
    alive = [image for part, here in zip(parts, live, strict=True) for image in part.ids[here].tolist()]
    dead = {image for part, here in zip(parts, live, strict=True) for image in part.ids[~here].tolist()}
    if not set(replaced) <= before.segments.keys() or sorted(ids) != sorted(alive):
        return None
    number = before.number + 1
    kept = {segment: size for segment, size in before.segments.items() if segment not in replaced}
    after = replace(
        before,
        number=number,
        segments={**kept, number: len(ids)} if ids else kept,
        removed={image: when for image, when in before.removed.items() if image not in dead},
    )
    return Change(after, known, Rows.chosen(parts, np.array(ids, np.int64)))
