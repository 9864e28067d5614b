"""Reports of changes to an index, as text or JSON, and how a command ends that held something back."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from resight.cli.output import print_json, readable, say, shown

if TYPE_CHECKING:
    from resight.index.report import AddReport
    from resight.index.vanished import Held

HELD_SHOWN = 20
"""Most folders that are told one by one when something is wrong with many."""
ENDINGS = 12
"""Most endings of files that are told apart where left out ones are counted for a person."""
NAMES_SHOWN = 20
"""Most names that are listed where there may be very many of them; --json lists all."""


def finish(path: Path, reports: Sequence[AddReport], strict: bool, as_json: bool) -> None:
    """Prints what several runs did together, and fails where photos were held back.

    A photo that could not be read fails the command only when strict.
    """
    held = [one for report in reports for one in report.held]
    unreadable = [row for report in reports for row in report.unreadable]
    remarks = [row for report in reports for row in report.remarks]
    without = [name for report in reports for name in report.without_evidence]
    counts = {
        key: sum(getattr(report, key) for report in reports) for key in ("added", "changed", "unchanged", "removed")
    }
    recalled = sum(report.recalled for report in reports)
    videos = sum(report.videos for report in reports)
    seconds = sum(report.seconds for report in reports)
    left_out = sum((report.left_out for report in reports), Counter[str]())
    others = {
        key: sum(getattr(report, key) for report in reports)
        for key in ("excluded", "became_masks", "stayed_away", "without_mask")
    }
    if as_json:
        print_json(
            {
                "index": readable(path),
                **counts,
                "videos": videos,
                "recalled": recalled,
                "unreadable": [{"name": name, "reason": reason} for name, reason in unreadable],
                "without_evidence": without,
                "remarks": [{"name": name, "remark": remark} for name, remark in remarks],
                "held": [{**asdict(one), "folder": readable(one.folder), "why": readable(one.why)} for one in held],
                "notes": [readable(note) for report in reports for note in report.notes],
                "left_out": dict(left_out.most_common()),
                **others,
                "seconds": seconds,
            }
        )
    else:
        done = ", ".join(f"{count} {key}" for key, count in counts.items() if count or key != "removed")
        fresh = counts["added"] + counts["changed"]
        rate = f" ({fresh / seconds:.1f} photos/s)" if fresh and seconds > 0 else ""
        print(f"{shown(path)}: {done}, {len(unreadable)} unreadable in {seconds:.1f} s{rate}")
        if videos:
            print(f"videos read, whose frames are counted as photos: {videos}")
        if recalled:
            print(f"not decoded, because the index knew their bytes: {recalled}")
        for line in _left_out_lines(left_out, **others):
            print(line)
        for name, reason in unreadable:
            say(f"unreadable: {shown(name)}: {shown(reason)}")
        for name, remark in remarks:
            say(f"read in part: {shown(name)}: {shown(remark)}")
        if without:
            say(_without_evidence_line(without))
    for one in held[:HELD_SHOWN]:
        say(_held_line(path, one))
    if len(held) > HELD_SHOWN:
        say(f"and {len(held) - HELD_SHOWN} more folders; --json lists them")
    if held or (unreadable and strict):
        raise typer.Exit(1)


def _left_out_lines(
    left_out: Counter[str], excluded: int, became_masks: int, stayed_away: int, without_mask: int
) -> Iterator[str]:
    """Returns the photos that an index left out, a line for each reason."""
    if excluded:
        yield f"taken out by a pattern: {excluded}"
    if became_masks:
        yield f"taken out as masks, which are no photos: {became_masks}"
    if stayed_away:
        yield f"removed before, so not taken: {stayed_away}; `resight add --again` takes them"
    if left_out:
        # Those without an ending come last.
        counts = sorted(left_out.items(), key=lambda one: (not one[0], -one[1], one[0]))
        told = [f"{count} {shown(ending)}" if ending else f"{count} without an ending" for ending, count in counts]
        more = [f"{sum(count for _, count in counts[ENDINGS:])} others"] if len(told) > ENDINGS else []
        yield f"left out: {', '.join(told[:ENDINGS] + more)}"
    if without_mask:
        yield f"without a mask: {without_mask}"


def say_missing_pictures(path: Path, missing: int, photos: int) -> None:
    """Says that a page lacks pictures, and how they come back; nothing where it has all."""
    if missing:
        say(
            f"Remark: {missing} of {photos} pictures are missing from the page, as their files are gone, have changed "
            f"or cannot be read; `resight update {shlex.quote(str(path))} --root OLD=NEW` says where a folder is now"
        )


def _held_line(path: Path, held: Held) -> str:
    photos = "1 photo" if held.known == 1 else f"{held.known} photos"
    if held.of_masks:
        line = (
            f"held back: the folder of masks {held.folder}, of {photos}, {held.why}: the photos stay as they are. "
            "Bring it back, or name another, or do without: `resight add` has --mask and --no-mask"
        )
        command = f"resight update {shlex.quote(str(path))} --removed {shlex.quote(held.folder)}"
        return f"{line}; or say that these masks were removed on purpose, `{command}`" if held.removable else line
    line = f"held back: the folder {held.folder} of {photos} {held.why}: nothing was removed from it. "
    if not held.removable:
        return f"{line}Make it readable, and update again"
    command, folder = f"resight update {shlex.quote(str(path))}", shlex.quote(held.folder)
    moved = f"say where it is now, `{command} --root {folder}=NEW`, or " if held.is_root else "say "
    return f"{line}Bring it back, or {moved}that its photos were removed on purpose, `{command} --removed {folder}`"


def _without_evidence_line(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    photos = "1 photo has" if len(names) == 1 else f"{len(names)} photos have"
    listed = ", ".join(map(shown, names[:NAMES_SHOWN]))
    return f"{photos} nothing to be found by, such as pictures of one colour: {listed}{more}"
