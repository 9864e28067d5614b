"""What an index leaves out because a person said so: what patterns exclude, and masks, which are no photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from resight.errors import UsageError
from resight.filesystems import is_in
from resight.folders.patterns import Patterns, same_pattern
from resight.folders.walking import escape_name, unescape_name
from resight.images import displayed, file_of_name
from resight.index.masking import mask_folder
from resight.store import Choices, Root, Snapshot


class LeftOut(NamedTuple):
    """Ids, ascending, of images that go out: those that a pattern matches, and others that are masks now."""

    by_pattern: list[int]
    masks: list[int]


def with_patterns(choices: Choices, exclude: Sequence[str] = (), include: Sequence[str] = ()) -> Choices:
    """Returns the choices with other patterns: those to exclude added, those to include gone.

    UsageError for one that cannot match, or is to go and is not there.
    """
    patterns = list(choices.excluded)
    for text in include:
        known = next((one for one in patterns if same_pattern(one, text)), None)
        if known is None:
            told = ", ".join(f'"{one}"' for one in patterns) or "none"
            raise UsageError(
                f'--include "{displayed(text)}": the index has no such pattern; it has {told}; nothing was changed'
            )
        patterns.remove(known)
    for text in exclude:
        if not any(same_pattern(one, text) for one in patterns):
            patterns.append(text)
    return replace(choices, excluded=tuple(Patterns(patterns).texts))


def images_left_out(snapshot: Snapshot, choices: Choices) -> LeftOut:
    """Returns the images that are left out by the path below their root."""
    images, patterns = snapshot.images, Patterns(choices.excluded)
    masks = {number: below for number, root in snapshot.roots.items() if (below := _masks_below(number, root, choices))}
    found = LeftOut([], [])
    if not patterns and not masks:
        return found
    prefixes = {number: len(root.prefix) for number, root in snapshot.roots.items()}
    for place, (name, root) in enumerate(zip(images.names, images.roots.tolist(), strict=True)):
        below = file_of_name(name[prefixes[root] :])
        if patterns.cover(below):
            found.by_pattern.append(int(images.ids[place]))
        elif root in masks and below.startswith(masks[root]):
            found.masks.append(int(images.ids[place]))
    return found


def _masks_below(number: int, root: Root, choices: Choices) -> str:
    """Returns the folder of masks as the start of paths below a root, "" where it is elsewhere."""
    mask = choices.masks.get(number)
    if mask is None or mask.shared:
        return ""
    folder, own = str(mask_folder(root, mask)), unescape_name(root.path)
    below = os.path.relpath(folder, own) if is_in(folder, own) and folder != own else ""
    return f"{escape_name(below)}/" if below else ""
