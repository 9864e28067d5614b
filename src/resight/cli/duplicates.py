"""Lists the photos of an index that are there more than once, or that show the same thing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resight.cli.index import IndexPath
from resight.cli.output import print_json, print_table, readable, say, shown
from resight.cli.output_files import check_outputs
from resight.cli.progress import progress_bar
from resight.cli.reports import say_missing_pictures
from resight.errors import StorageError, UsageError

if TYPE_CHECKING:
    from resight.duplicates.report import DuplicateGroup, DuplicateLink, DuplicatePhoto, Duplicates

COLUMNS = (
    "group", "kind", "picture", "photo", "keep", "largest", "oldest", "width", "height", "bytes", "modified",
    "copy_of", "near_to", "same_thing_as", "inliers", "share", "coverage", "sure",
)  # fmt: skip
NAMES = {"copies": "copies", "near": "near-copies", "same": "the same thing"}
UNSURE = ", unsure: a pair of them may only look alike"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters of a cell that a spreadsheet runs."""


def duplicates(
    path: IndexPath,
    kind: Annotated[
        str,
        typer.Option(metavar="KIND", help="The loosest that counts: copies, near (the same picture), or same (thing)."),
    ] = "same",
    within: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Only photos that match, such as holidays/ or '**/2019/'; may be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the groups as JSON.")] = False,
    table: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table, a photo a row.", show_default=False)
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the groups to a page that a browser shows.", show_default=False),
    ] = None,
) -> None:
    """List photos that are there more than once, or that show the same thing; nothing is deleted."""
    from resight.duplicates.verdict import KINDS
    from resight.index.index import Index

    asked = next((one for one in KINDS if one == kind), None)
    if asked is None:
        raise UsageError(f"--kind {kind}: one of {', '.join(KINDS)}")
    if as_json and (table is not None or html is not None):
        raise UsageError("--json and a file: choose one of them")
    index = Index.open(path)
    check_outputs({"--csv": table, "--html": html}, [])
    with progress_bar() as bar:
        found = index.duplicates(asked, within=within or (), progress=partial(bar, "comparing"))
        if html is not None:
            from resight.show.duplicates import write_duplicates_page

            write_duplicates_page(html, index.collection, found, note=f"{path}, by {index.recipe.name}", progress=bar)
    if table is not None:
        write_csv(table, found)
    if as_json:
        print_json(document(path, index.recipe.name, found))
        return
    print(f"{shown(path)}: {summary(found)}")
    for written in (table, html):
        if written is not None:
            print(f"{shown(written)}: {len(found.groups)} {'group' if len(found.groups) == 1 else 'groups'}")
    if html is not None:
        names = [photo.name for group in found.groups for photo in group.photos]
        by_name, file_of = index.collection.snapshot.images.by_name, index.collection.file_of
        say_missing_pictures(path, sum(file_of(by_name[name]) is None for name in names), len(names))
    if table is None and html is None:
        for number, group in enumerate(found.groups, start=1):
            print_group(number, group)
    if found.unreadable:
        say(f"Remark: {found.unreadable} photos could not be read when they were indexed, and are in no group")
    if found.without_evidence:
        say(f"Remark: {found.without_evidence} photos have nothing that could be matched: only copies of them are told")


def summary(found: Duplicates) -> str:
    """Returns the number of groups of each kind in one line."""
    counts = [(NAMES[kind], sum(group.kind == kind for group in found.groups)) for kind in NAMES]
    told = ", ".join(f"{count} of {name}" for name, count in counts if count)
    total = f"{len(found.groups)} {'group' if len(found.groups) == 1 else 'groups'}"
    unsure = sum(not group.sure for group in found.groups)
    told += f", {unsure} unsure" if unsure else ""
    return f"{total}{f' ({told})' if told else ''} among {found.photos} photos in {found.seconds:.1f} s"


def print_group(number: int, group: DuplicateGroup) -> None:
    """One group as a table, the photo to keep first."""
    pictures = f", {group.pictures} pictures" if group.pictures > 1 else ""
    print(f"\n{number}: {len(group.photos)} photos, {NAMES[group.kind]}{pictures}{'' if group.sure else UNSURE}")
    reasons = group.reasons()
    rows = [
        (
            photo.picture,
            "keep" if photo.keep else "",
            f"{photo.width}x{photo.height}",
            photo.bytes,
            photo.date[:10],
            photo.name + (f"  ({why})" if (why := reason(photo, reasons.get(photo.name))) else ""),
        )
        for photo in group.photos
    ]
    print_table(("picture", "", "size", "bytes", "modified", "photo"), rows)


def reason(photo: DuplicatePhoto, link: DuplicateLink | None) -> str:
    """The reason why a photo is in its group, in a few words; empty for the one that others are compared with."""
    if photo.copy_of is not None:
        return f"same bytes as {photo.copy_of}"
    if link is None:
        return ""
    other = link.first if link.second == photo.name else link.second
    what = "near-copy of" if link.kind == "near" else "same thing as"
    return f"{what} {other}, {link.inliers} inliers" + ("" if link.sure else ", unsure")


def document(path: Path, recipe: str, found: Duplicates) -> dict[str, Any]:
    """Returns the JSON document."""
    return {"index": readable(path), "recipe": recipe, **found.to_dict()}


def write_csv(path: Path, found: Duplicates) -> None:
    """Writes a row for each photo of each group, whole or not at all. Raises StorageError."""
    from resight.files import write_whole

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number, group in enumerate(found.groups, start=1):
        writer.writerows(csv_rows(number, group))
    try:
        write_whole(path, text.getvalue().encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise StorageError(f"--csv {path}: {error.strerror}; choose another place") from error


def csv_rows(number: int, group: DuplicateGroup) -> list[Sequence[object]]:
    """Returns the cells of a group's photos, in the order of `COLUMNS`."""
    reasons = group.reasons()
    rows: list[Sequence[object]] = []
    for photo in group.photos:
        link = reasons.get(photo.name)
        other = "" if link is None else link.first if link.second == photo.name else link.second
        mine = 0 if link is None or link.first == photo.name else 1
        evidence: tuple[object, ...] = ("", "", "", "")
        if link is not None:
            sure = "yes" if link.sure else "no"
            evidence = link.inliers, f"{link.share:.3f}", f"{link.coverage[mine]:.3f}", sure
        near = link is not None and link.kind == "near"
        flags = ("yes" if flag else "" for flag in (photo.keep, photo.largest, photo.oldest))
        rows.append(
            (
                number,
                group.kind,
                photo.picture,
                cell(photo.name),
                *flags,
                photo.width,
                photo.height,
                photo.bytes,
                photo.date,
                cell(photo.copy_of or ""),
                cell(other if near else ""),
                cell("" if near else other),
                *evidence,
            )
        )
    return rows


def cell(text: str) -> str:
    """Text that a spreadsheet takes for text: an apostrophe stands before what it would run as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
