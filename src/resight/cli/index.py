"""Commands that make, change and look after an index."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resight.cli.output import print_fields, print_json, readable, say, shown
from resight.cli.progress import progress_bar
from resight.errors import ResightError

if TYPE_CHECKING:
    from resight.index.index import AddReport, Index
    from resight.index.vanished import Held

_HELD_SHOWN = 20
"""Most folders that are told one by one when something is wrong with many."""

IndexPath = Annotated[Path, typer.Argument(metavar="X.resight", help="The index.", show_default=False)]
Folders = Annotated[
    list[Path],
    typer.Argument(metavar="PHOTOS...", help="Folders of photos.", exists=True, file_okay=False, show_default=False),
]
Prefix = Annotated[
    str, typer.Option("--as", metavar="PREFIX", help="Put this folder before the photos' names.", show_default=False)
]
FollowLinks = Annotated[
    bool | None,
    typer.Option(
        "--follow-links/--no-follow-links",
        help="Follow links that lead out of the folder, now and at every update.",
        show_default=False,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="PATTERN", help='Leave out "#recycle", "*.gif", "2019/": kept.', show_default=False
    ),
]
MaskOption = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        metavar="FILE|FOLDER",
        help="Leave out what is black in it: one image for all photos, or NAME.png for each; kept.",
        exists=True,
        show_default=False,
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 where a photo could not be read.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ENDINGS = 12
"""Most endings of files that are told apart where left out ones are counted for a person."""


def index(
    photos: Folders,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="X.resight", help="The index to make.", show_default=False)
    ],
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="The method: see `resight recipes`, or a file.", show_default=False),
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Photos to fit the recipe's codebook and the like on.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    prefix: Prefix = "",
    follow_links: FollowLinks = None,
    exclude: Exclude = None,
    mask: MaskOption = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Index folders of photos, or go on where a run stopped."""
    from resight.folders.walking import check_prefix
    from resight.index.index import Index
    from resight.recipe import DEFAULT

    check_prefix(prefix)
    goes_on = (output / "recipe.toml").exists()
    made = Index.create(output, recipe or DEFAULT, fit=fit, progress=say)
    reports = _add(made, photos, prefix, follow_links, Leaving(exclude or (), mask))
    _finish(output, reports, strict, as_json)
    if not goes_on:
        _rehearse(made)


def add(
    path: IndexPath,
    photos: Folders,
    prefix: Prefix = "",
    follow_links: FollowLinks = None,
    exclude: Exclude = None,
    again: Annotated[bool, typer.Option("--again", help="Take photos that were removed, too.")] = False,
    mask: MaskOption = None,
    no_mask: Annotated[bool, typer.Option("--no-mask", help="These folders have no mask any more.")] = False,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Add folders' new and changed photos; forget nothing."""
    from resight.index.index import Index

    leaving = Leaving(exclude or (), mask, no_mask, again)
    _finish(path, _add(Index.open(path), photos, prefix, follow_links, leaving), strict, as_json)


def update(
    path: IndexPath,
    roots: Annotated[
        list[str] | None,
        typer.Option("--root", metavar="OLD=NEW", help="The folder OLD is NEW now.", show_default=False),
    ] = None,
    removed: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="What is gone from here was removed on purpose.", show_default=False),
    ] = None,
    exclude: Exclude = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="PATTERN", help="Take a pattern of --exclude back.", show_default=False),
    ] = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Make the index equal to its folders again; exit 1 if a folder vanished."""
    from resight.index.index import Index

    opened = Index.open(path)
    for text in roots or []:
        old, new = _old_and_new(text)
        say(f"{new} has the {opened.move_root(old, new)} photos of {old} now")
    with progress_bar() as bar:
        report = opened.update(
            removed=removed or (),
            exclude=exclude or (),
            include=include or (),
            progress=partial(bar, "indexing"),
            say=say,
        )
    _finish(path, [report], strict, as_json)


def _old_and_new(text: str) -> tuple[str, str]:
    """The two folders of OLD=NEW, where there is a "=" in a name those of which the second is there."""
    from resight.errors import UsageError

    cuts = [(text[:at], text[at + 1 :]) for at, letter in enumerate(text) if letter == "="]
    named = [(old, new) for old, new in cuts if old and new]
    if not named:
        raise UsageError(f"--root {text}: say which folder is which: --root OLD=NEW")
    return next(((old, new) for old, new in named if Path(new).is_dir()), named[0])


def remove(
    path: IndexPath,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help='Names as a search prints them, folders "2019/", patterns.')
    ],
    undo: Annotated[bool, typer.Option("--undo", help="Let removed photos come back at the next update.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print which photos that are.")] = False,
    as_json: Json = False,
) -> None:
    """Remove photos, which stay away; the files stay."""
    from resight.index.index import Index

    opened = Index.open(path)
    meant = opened.named(names, removed=undo)
    changed = 0 if dry_run else opened.restore(meant) if undo else opened.remove(meant)
    if as_json:
        print_json({"index": readable(path), "restored" if undo else "removed": changed, "names": meant})
    elif dry_run:
        for name in meant:
            print(shown(name))
    elif undo:
        print(f"{shown(path)}: {changed} may come back; `resight update` reads them")
    else:
        print(f"{shown(path)}: {changed} removed; `resight remove --undo` lets them come back")


def info(path: IndexPath, as_json: Json = False) -> None:
    """Show what an index holds and how it was made."""
    from resight.index.index import Index

    fields = Index.open(path).info().to_dict()
    if as_json:
        print_json({"index": readable(path), **fields})
    else:
        print_fields([row for key, value in fields.items() for row in _rows(key.replace("_", " "), value)])


def _rows(label: str, value: Any) -> list[tuple[str, object]]:
    """A field as it is printed: a line for each folder, and no more decimals than say something."""
    if label in ("without evidence", "remarks"):
        return [(label, _listed(value))]
    if label == "excluded":
        return [(label, pattern) for pattern in value]
    if label == "stale":
        return [(label, f"{count} photos in {name}: run `resight update`") for name, count in value.items()]
    if label == "masks":
        return [("mask", f"{one['mask']} of {one['path']}") for one in value]
    if isinstance(value, list):
        return [("folder", _folder_text(root)) for root in value]
    if isinstance(value, dict):
        # One channel holds what the whole index does, which is printed above.
        return [(f"  {name}", _counted(**counts)) for name, counts in value.items()] if len(value) > 1 else []
    if isinstance(value, float):
        return [(label, f"{value:.1f}")]
    return [(label, "-" if value is None else value)]


def _counted(features: int, words: int) -> str:
    """What one channel holds, in words."""
    return f"{features} features" + (f", {words} words" if words else "")


def _listed(found: Sequence[str | dict[str, str]]) -> str:
    """How many there are, and the first of them."""
    texts = [one if isinstance(one, str) else f"{one['name']}: {one['remark']}" for one in found[:_NAMES_SHOWN]]
    more = f" and {len(found) - _NAMES_SHOWN} more" if len(found) > _NAMES_SHOWN else ""
    return f"{len(found)} ({'; '.join(texts)}{more})" if found else "0"


def _folder_text(root: dict[str, Any]) -> str:
    prefix = f" as {root['prefix']}" if root["prefix"] else ""
    return str(root["path"]) + prefix + (" with the links that lead out of it" if root["follow_links"] else "")


def verify(
    path: IndexPath,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild what can be rebuilt.")] = False,
    as_json: Json = False,
) -> None:
    """Check every byte of an index; exit 1 if one is wrong."""
    from resight.index.index import Index

    report = Index.check(path, mend=repair)
    if as_json:
        print_json(
            {
                "index": readable(path),
                "problems": [readable(line) for line in report.problems],
                "repaired": [readable(line) for line in report.repaired],
                "remarks": [readable(line) for line in report.remarks],
            }
        )
    else:
        for line in report.repaired:
            print(f"repaired: {shown(line)}")
        for line in report.problems:
            print(f"problem: {shown(line)}")
        for line in report.remarks:
            print(f"remark: {shown(line)}")
        if not report.problems:
            print(f"{shown(path)}: everything is as it was written")
    if report.problems:
        raise typer.Exit(1)


def compact(path: IndexPath) -> None:
    """Merge segments and free the space of removed photos."""
    from resight.index.index import Index

    Index.open(path).compact()
    print(f"{shown(path)}: compacted")


_NAMES_SHOWN = 20
"""Most names that are listed where there may be very many of them; --json lists all."""


def _without_evidence_line(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    photos = "1 photo has" if len(names) == 1 else f"{len(names)} photos have"
    listed = ", ".join(map(shown, names[:_NAMES_SHOWN]))
    return f"{photos} nothing to be found by, such as pictures of one colour: {listed}{more}"


@dataclass(frozen=True)
class Leaving:
    """What is said about leaving out when folders are added; see `Index.add`."""

    exclude: Sequence[str] = ()
    mask: Path | None = None
    no_mask: bool = False
    again: bool = False


def _add(
    target: Index, photos: Sequence[Path], prefix: str, follow_links: bool | None, leaving: Leaving
) -> list[AddReport]:
    with progress_bar() as bar:
        return [
            target.add(
                root,
                prefix=prefix,
                follow_links=follow_links,
                exclude=leaving.exclude,
                again=leaving.again,
                mask=leaving.mask,
                no_mask=leaving.no_mask,
                progress=partial(bar, _label(i, len(photos))),
                say=say,
            )
            for i, root in enumerate(photos, start=1)
        ]


def _rehearse(made: Index) -> None:
    """Asks a new index one of its photos, so that what a search compiles here is compiled."""
    from resight.folders.names import Name

    # A photo that has vanished meanwhile, or the like, is no fault of the index.
    with suppress(ResightError):
        images = made.collection.snapshot.images
        first = next((name for name, known in zip(images.names, images.indexed.tolist(), strict=True) if known), None)
        if first is not None:
            made.search(Name(first), k=1, include_self=True)


def _held_line(path: Path, held: Held) -> str:
    photos = "1 photo" if held.known == 1 else f"{held.known} photos"
    if held.of_masks:
        return (
            f"held back: the folder of masks {held.folder}, of {photos}, {held.why}: the photos stay as they are. "
            "Bring it back, or name another, or do without: `resight add` has --mask and --no-mask"
        )
    line = f"held back: the folder {held.folder} of {photos} {held.why}: nothing was removed from it. "
    if not held.removable:
        return f"{line}Make it readable, and update again"
    command, folder = f"resight update {shlex.quote(str(path))}", shlex.quote(held.folder)
    moved = f"say where it is now, `{command} --root {folder}=NEW`, or " if held.is_root else "say "
    return f"{line}Bring it back, or {moved}that its photos were removed on purpose, `{command} --removed {folder}`"


def _label(number: int, of: int) -> str:
    return "indexing" if of == 1 else f"indexing folder {number} of {of}"


def _finish(path: Path, reports: Sequence[AddReport], strict: bool, as_json: bool) -> None:
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
    seconds = sum(report.seconds for report in reports)
    left_out = sum((report.left_out for report in reports), Counter[str]())
    others = {
        key: sum(getattr(report, key) for report in reports) for key in ("excluded", "stayed_away", "without_mask")
    }
    if as_json:
        print_json(
            {
                "index": readable(path),
                **counts,
                "recalled": sum(report.recalled for report in reports),
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
        for line in _left_out_lines(left_out, **others):
            print(line)
        for name, reason in unreadable:
            say(f"unreadable: {shown(name)}: {shown(reason)}")
        for name, remark in remarks:
            say(f"read in part: {shown(name)}: {shown(remark)}")
        if without:
            say(_without_evidence_line(without))
    for one in held[:_HELD_SHOWN]:
        say(_held_line(path, one))
    if len(held) > _HELD_SHOWN:
        say(f"and {len(held) - _HELD_SHOWN} more folders; --json lists them")
    if held or (unreadable and strict):
        raise typer.Exit(1)


def _left_out_lines(left_out: Counter[str], excluded: int, stayed_away: int, without_mask: int) -> Iterator[str]:
    """What an index does not have, a line for each reason."""
    if excluded:
        yield f"taken out by a pattern: {excluded}"
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
