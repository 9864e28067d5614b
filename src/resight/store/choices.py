"""What a person chose for an index: its folders, and what is left out of them. Every later change holds to it.

It is kept twice: in the catalogue, and in a file of its own that is written only when something of it changes. So it
outlives the catalogue, and the file of the generation as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from resight.errors import DamagedFileError, UsageError
from resight.store.disk import sealed, unsealed, write_over
from resight.store.rows import Root, check_text

_NAME = re.compile(r"choices-(\d{8,})\.json")


class MaskChoice(NamedTuple):
    """The masks of the photos of one root; one of the two is empty.

    folder: escaped path of the folder that has a mask for each photo, relative to the root where it lies in or beside
    it, so that both can be moved together. shared: base64 of the PNG file that is the mask of all of them.
    """

    folder: str = ""
    shared: str = ""


@dataclass(frozen=True)
class Choices:
    """Choices of what an index leaves out. excluded: patterns of files and folders, in the order given.

    removed: (number of root, name) of photos that were removed and stay away until they are asked for. masks: by
    number of root. frames: which frames of videos are taken, as a `Sampling` is written; by number of root, where a
    person has said so.
    """

    excluded: tuple[str, ...] = ()
    removed: frozenset[tuple[int, str]] = frozenset()
    masks: Mapping[int, MaskChoice] = field(default_factory=dict)
    frames: Mapping[int, str] = field(default_factory=dict)

    def removed_of(self, root: int) -> frozenset[str]:
        """Names of the photos of one root that were removed."""
        return frozenset(name for number, name in self.removed if number == root)


@dataclass(frozen=True)
class ChoicesFile:
    """The content of a file of choices. number: of the generation that set them; roots: by number."""

    number: int
    roots: Mapping[int, Root]
    choices: Choices


def checked_choices(choices: Choices) -> Choices:
    """The choices, if they can be stored. Raises UsageError."""
    names = (name for _, name in choices.removed)
    for text in (
        *choices.excluded,
        *names,
        *(mask.folder for mask in choices.masks.values()),
        *choices.frames.values(),
    ):
        check_text(text)
    numbers = (*choices.masks, *choices.frames, *(number for number, _ in choices.removed))
    if not all(isinstance(number, int) for number in numbers):
        raise UsageError("a root is given by its number")
    return choices


def choices_content(choices: Choices) -> dict[str, Any]:
    """Choices as JSON has them."""
    removed: dict[int, list[str]] = {}
    for number, name in sorted(choices.removed):
        removed.setdefault(number, []).append(name)
    content = {
        "excluded": list(choices.excluded),
        "removed": [[number, names] for number, names in removed.items()],
        "masks": [[number, *mask] for number, mask in sorted(choices.masks.items())],
    }
    # Left out where there is nothing, as it was before there were videos.
    return content | ({"frames": [[*one] for one in sorted(choices.frames.items())]} if choices.frames else {})


def choices_from_content(content: Any) -> Choices:
    """Choices from what `choices_content` gave. KeyError, TypeError and ValueError where it is something else."""
    excluded = tuple(content["excluded"])
    removed = frozenset((number, name) for number, names in content["removed"] for name in names)
    masks = {number: MaskChoice(folder, shared) for number, folder, shared in content["masks"]}
    frames = dict(content.get("frames", ()))
    own = (*(text for mask in masks.values() for text in mask), *frames.values())
    texts = (*excluded, *(name for _, name in removed), *own)
    numbers = (*masks, *(number for number, _ in removed), *frames)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(number, int) for number in numbers):
        raise ValueError("what is left out is not given by texts and numbers")
    return Choices(excluded, removed, masks, frames)


def choices_path(segments: Path, number: int) -> Path:
    """The file of the choices that a generation set, in the folder of segments."""
    return segments / f"choices-{number:08d}.json"


def choices_files(segments: Path) -> dict[int, Path]:
    """The files of choices that lie in the folder of segments, by the number of the generation that set them."""
    matches = ((_NAME.fullmatch(path.name), path) for path in segments.glob("choices-*.json"))
    return {int(match[1]): path for match, path in matches if match}


def write_choices(segments: Path, stated: ChoicesFile) -> None:
    """Puts the file of choices on the disk. Raises OSError."""
    content = {
        "number": stated.number,
        "roots": [[number, *root] for number, root in sorted(stated.roots.items())],
        "choices": choices_content(stated.choices),
    }
    write_over(choices_path(segments, stated.number), sealed(content))


def read_choices(path: Path) -> ChoicesFile:
    """Reads a file of choices. Raises DamagedFileError and OSError."""
    content = unsealed(path)
    try:
        stated = ChoicesFile(
            number=content["number"],
            roots={number: Root(*root) for number, *root in content["roots"]},
            choices=choices_from_content(content["choices"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        raise DamagedFileError(path, "is not a file of choices") from None
    match = _NAME.fullmatch(path.name)
    if match is None or int(match[1]) != stated.number:
        raise DamagedFileError(path, "is the file of another generation")
    return stated


def remove_choices(segments: Path, keep: int) -> None:
    """Deletes the files of all choices but those that one generation set. Raises OSError."""
    for number, path in choices_files(segments).items():
        if number != keep:
            path.unlink(missing_ok=True)
