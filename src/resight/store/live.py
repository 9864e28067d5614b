"""What a change of an index may touch: names that are free, and images that are there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from resight.errors import UsageError
from resight.store.columns import Rows
from resight.store.keys import SoughtTexts


def check_names(parts: Iterable[Rows], removed: Collection[int], names: Sequence[str], gone: Collection[int]) -> None:
    """Raises UsageError where a name would be that of two live images.

    parts: rows of all segments; removed: ids of those that are not live; names: of new images; gone: ids that go out
    at the same time.
    """
    asked, seen = SoughtTexts.of(names), set[str]()
    taken = {
        names[place]
        for part in parts
        for place, row in asked.rows_in(part.name_order, part.names)
        if int(part.ids[row]) not in removed and int(part.ids[row]) not in gone
    }
    for name in names:
        if name in seen or name in taken:
            raise UsageError(f"{name}: this name is in the index already; give one of the folders a prefix (--as)")
        seen.add(name)


def check_live(parts: Iterable[Rows], removed: Collection[int], ids: Sequence[int]) -> None:
    """Raises UsageError where one of some ids is that of no live image. parts and removed: as for `check_names`."""
    if not ids:
        return
    asked = np.array(ids, np.int64)
    found = {image for part in parts for image in part.ids[np.isin(part.ids, asked)].tolist()}
    for image in ids:
        if image not in found or image in removed:
            raise UsageError(f"image {image} is not in the index, so it cannot be removed")
