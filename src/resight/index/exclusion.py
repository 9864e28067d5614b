"""What an index leaves out because a person said so: excluded by a pattern, or removed and not asked for again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from resight.errors import UsageError
from resight.folders.names import find_name, suggestion
from resight.folders.patterns import Patterns, is_pattern
from resight.folders.walking import escape_name
from resight.images import displayed
from resight.index.masking import mask_folder
from resight.store import Choices, Root, Snapshot


def chosen(choices: Choices, exclude: Sequence[str] = (), include: Sequence[str] = ()) -> Choices:
    """The choices with other patterns: those to exclude added, those to include gone.

    UsageError for one that cannot match, or is to go and is not there.
    """
    patterns = list(choices.excluded)
    for text in include:
        if text not in patterns:
            known = ", ".join(f'"{one}"' for one in patterns) or "none"
            raise UsageError(f'--include "{text}": the index has no such pattern; it has {known}; nothing was changed')
        patterns.remove(text)
    patterns += [text for text in dict.fromkeys(exclude) if text not in patterns]
    return replace(choices, excluded=tuple(Patterns(patterns).texts))


def excluded_images(snapshot: Snapshot, choices: Choices) -> list[int]:
    """Ids, ascending, of the images that patterns exclude by the path below their root, or that are masks now."""
    images, patterns = snapshot.images, Patterns(choices.excluded)
    masks = {number: below for number, root in snapshot.roots.items() if (below := _masks_below(number, root, choices))}
    if not patterns and not masks:
        return []
    prefixes = {number: len(root.prefix) for number, root in snapshot.roots.items()}
    found = []
    for place, (name, root) in enumerate(zip(images.names, images.roots.tolist(), strict=True)):
        below = name[prefixes[root] :]
        if patterns.cover(below) or (root in masks and below.startswith(masks[root])):
            found.append(int(images.ids[place]))
    return found


def named(
    names: Sequence[str], asked: Iterable[str | Path], folders: Sequence[tuple[Path, str]], where: str
) -> list[str]:
    """The names, sorted, that some names, paths of files, folders ("2019/") and patterns mean.

    A name that is there means itself, whatever is in it. folders: those of the photos, each with the prefix of its
    names. where: the end of an error, "in the index, so nothing was removed". UsageError where one means
    none.
    """
    found: set[str] = set()
    by_name = {name: place for place, name in enumerate(names)}
    for given in asked:
        place = find_name(given, by_name, folders)
        inside = [names[place]] if place is not None else _inside(str(given), names)
        if not inside:
            text = displayed(given)
            folder = f'; for the folder write "{text}/"' if any(name.startswith(f"{text}/") for name in names) else ""
            raise UsageError(f"{text}: not {where}{folder or suggestion(given, names)}")
        found.update(inside)
    return sorted(found)


def _inside(text: str, names: Sequence[str]) -> list[str]:
    """The names in a folder, or that a pattern covers."""
    if text.endswith("/") and any(name.startswith(text) for name in names):
        return [name for name in names if name.startswith(text)]
    if is_pattern(text) or (text.endswith("/") and text.strip("/")):
        patterns = Patterns([text])
        return [name for name in names if patterns.cover(name)]
    return []


def _masks_below(number: int, root: Root, choices: Choices) -> str:
    """The folder of masks as the start of paths below a root, "" where it is elsewhere."""
    mask = choices.masks.get(number)
    if mask is None or mask.shared:
        return ""
    folder = escape_name(str(mask_folder(root, mask)))
    return folder.removeprefix(f"{root.path}/") + "/" if folder.startswith(f"{root.path}/") else ""
