"""Fits the codebook, whitening and the like of a recipe on the photos of any folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.output import print_json, readable, say, shown
from resight.cli.output_files import check_outputs
from resight.cli.progress import progress_bar

if TYPE_CHECKING:
    from resight.channels.fitting import FitReport


def fit(
    photos: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Photos to fit on.", exists=True, file_okay=False, show_default=False),
    ],
    recipe: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="A name from `resight recipes`, or a file.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE.npz", help="File to write.", dir_okay=False, show_default=False),
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a photo could not be read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Fit a codebook, a whitening and the like, which a recipe then names by `fit = "FILE.npz"`.

    For a recipe in which several channels are fitted, each channel gets its own file: FILE-CHANNEL.npz.
    """
    from resight.channels import fitting

    check_outputs({"--output": output}, [Path(recipe)])
    with progress_bar() as bar:
        reports = fitting.fit(recipe, photos, output, progress=partial(bar, "reading photos"), say=say)
    if as_json:
        print_json({"recipe": reports[0].recipe, "fits": [_document(report) for report in reports]})
    else:
        for report in reports:
            print(
                f"{shown(report.output)}: {report.kind} fitted on {report.photos} photos ({report.descriptors} "
                f"descriptors), {len(report.unreadable)} unreadable in {report.seconds:.1f} s"
            )
            for key, shape in report.arrays.items():
                print(f"  {key} {' x '.join(map(str, shape))}")
        for name, reason in unreadable(reports):
            say(f"unreadable: {shown(name)}: {shown(reason)}")
    if strict and unreadable(reports):
        raise typer.Exit(1)


def unreadable(reports: Sequence[FitReport]) -> list[tuple[str, str]]:
    """Returns (name, reason) of each photo that could not be used for the fit of some channel, once."""
    return list(dict.fromkeys(row for report in reports for row in report.unreadable))


def _document(report: FitReport) -> dict[str, object]:
    listed = [{"name": readable(name), "reason": readable(reason)} for name, reason in report.unreadable]
    fields = {key: value for key, value in report.__dict__.items() if key not in ("recipe", "output", "unreadable")}
    return {"output": readable(report.output), **fields, "unreadable": listed}
