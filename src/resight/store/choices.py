"""What a person wants left out of an index: it is kept with the index, so that every later change holds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class MaskChoice(NamedTuple):
    """The masks of the photos of one root; one of the two is empty.

    folder: escaped path of the folder that has a mask for each photo, relative to the root where it lies in or beside
    it, so that both can be moved together. shared: base64 of the PNG file that is the mask of all of them.
    """

    folder: str = ""
    shared: str = ""


@dataclass(frozen=True)
class Choices:
    """What is left out. excluded: patterns of files and folders, in the order in which they were given.

    removed: names of photos that were removed and stay away until they are asked for. masks: by number of root.
    """

    excluded: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()
    masks: Mapping[int, MaskChoice] = field(default_factory=dict)


def choices_content(choices: Choices) -> dict[str, Any]:
    """Choices as JSON has them."""
    return {
        "excluded": list(choices.excluded),
        "removed": sorted(choices.removed),
        "masks": [[number, *mask] for number, mask in sorted(choices.masks.items())],
    }


def choices_from_content(content: Any) -> Choices:
    """Choices from what `choices_content` gave. KeyError, TypeError and ValueError where it is something else."""
    excluded, removed = tuple(content["excluded"]), frozenset(content["removed"])
    masks = {number: MaskChoice(folder, shared) for number, folder, shared in content["masks"]}
    texts = (*excluded, *removed, *(text for mask in masks.values() for text in mask))
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(number, int) for number in masks):
        raise ValueError("what is left out is not given by texts and numbers")
    return Choices(excluded, removed, masks)
