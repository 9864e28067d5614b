"""Commands that make, change and look after an index."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resight.cli.output import print_json, readable, say, shown
from resight.cli.progress import progress_bar
from resight.cli.reports import finish
from resight.errors import ResightError, UsageError

if TYPE_CHECKING:
    from resight.index.index import AddReport, Index

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
Every = Annotated[
    float | None,
    typer.Option(
        "--every", metavar="SECONDS", help="Take a frame of a video each so many seconds.", show_default=False
    ),
]
Frames = Annotated[
    str | None,
    typer.Option("--frames", metavar="shots", help="Take a frame of each shot of a video; kept.", show_default=False),
]
Workers = Annotated[
    str,
    typer.Option(
        metavar="ray|ray://HOST:PORT",
        help='Extract on workers of Ray, which see the same paths; "?cpus=1&gpus=0.5": what a task takes.',
        show_default=False,
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 where a photo could not be read.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def index(
    photos: Folders,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="X.resight", help="The index to make.", show_default=False)
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="The method: fast, default, one of `resight recipes`, or a file.",
            show_default=False,
        ),
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
    search: Annotated[
        str,
        typer.Option(
            metavar="auto|exact|hnsw|ivf|milvus://HOST:PORT/COLLECTION",
            help="Compare all vectors, or approximately; auto: by their number; or search by an engine.",
            show_default=False,
        ),
    ] = "",
    memory: Annotated[
        float,
        typer.Option(
            metavar="GIB", min=0.0, help="Memory for search structures; half of the machine's.", show_default=False
        ),
    ] = 0.0,
    prefix: Prefix = "",
    follow_links: FollowLinks = None,
    exclude: Exclude = None,
    mask: MaskOption = None,
    every: Every = None,
    frames: Frames = None,
    workers: Workers = "",
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Index folders of photos, or go on where a run stopped."""
    from resight.folders.walking import check_prefix
    from resight.index.index import Index
    from resight.recipe import DEFAULT

    check_prefix(prefix)
    taken = taken_frames(every, frames)
    goes_on = (output / "recipe.toml").exists()
    made = Index.open_or_create(output, recipe or DEFAULT, fit=fit, search=search, memory=memory, progress=say)
    reports = _add(made, photos, prefix, follow_links, Leaving(exclude or (), mask, frames=taken), workers)
    with progress_bar() as bar:
        made.prepare_search(progress=partial(bar, "preparing search"), say=say)
    finish(output, reports, strict, as_json)
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
    every: Every = None,
    frames: Frames = None,
    workers: Workers = "",
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Add folders' new and changed photos; forget nothing."""
    from resight.index.index import Index

    leaving = Leaving(exclude or (), mask, no_mask, again, taken_frames(every, frames))
    finish(path, _add(Index.open(path), photos, prefix, follow_links, leaving, workers), strict, as_json)


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
    workers: Workers = "",
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
            workers=workers,
            progress=partial(bar, "indexing"),
            say=say,
        )
    finish(path, [report], strict, as_json)


def _old_and_new(text: str) -> tuple[str, str]:
    """Returns the two folders of OLD=NEW, where there is a "=" in a name those of which the second is there."""
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
    understood = opened.understood(names, removed=undo)
    patterns = {one.text: len(one.names) for one in understood if one.by_pattern}
    for text, count in patterns.items():
        say(f'"{text}" was taken for a pattern, which {count} {"photo matches" if count == 1 else "photos match"}')
    meant = sorted({name for one in understood for name in one.names})
    changed = 0 if dry_run else opened.restore(meant) if undo else opened.remove(meant)
    if as_json:
        print_json(
            {"index": readable(path), "restored" if undo else "removed": changed, "names": meant, "patterns": patterns}
        )
    elif dry_run:
        for name in meant:
            print(shown(name))
    elif undo:
        print(f"{shown(path)}: {changed} may come back; `resight update` reads them")
    else:
        print(f"{shown(path)}: {changed} removed; `resight remove --undo` lets them come back")


def verify(
    path: IndexPath,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild what can be rebuilt.")] = False,
    as_json: Json = False,
) -> None:
    """Check every byte of an index; exit 1 if one is wrong."""
    from resight.index.index import Index

    report = Index.check(path, repair=repair)
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
    """Merge segments, free space, make search structures anew; others may write meanwhile."""
    from resight.index.index import Index

    with progress_bar() as bar:
        Index.open(path).compact(progress=partial(bar, "preparing search"), say=say)
    print(f"{shown(path)}: compacted")


@dataclass(frozen=True)
class Leaving:
    """The options of leaving out, and of frames that are taken, when folders are added; see `Index.add`."""

    exclude: Sequence[str] = ()
    mask: Path | None = None
    no_mask: bool = False
    again: bool = False
    frames: float | Literal["shots"] | None = None


def taken_frames(every: float | None, frames: str | None) -> float | Literal["shots"] | None:
    """Returns which frames of videos are taken, None where nothing is said. Raises UsageError."""
    from resight.images.frame_sampling import Sampling

    if frames is None:
        # Checked here, before an index is made.
        return every if every is None else Sampling(every).checked().every
    if frames != "shots":
        raise UsageError(f'--frames {frames}: say "shots" to take one of each shot, or --every SECONDS')
    if every is not None:
        raise UsageError("--frames shots and --every: choose one of them")
    return "shots"


def _add(
    target: Index, photos: Sequence[Path], prefix: str, follow_links: bool | None, leaving: Leaving, workers: str
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
                frames=leaving.frames,
                workers=workers,
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


def _label(number: int, of: int) -> str:
    return "indexing" if of == 1 else f"indexing folder {number} of {of}"
