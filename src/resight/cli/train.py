"""Trains a network on tuples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.output import print_json, readable, say, shown
from resight.cli.progress import progress_bar


def train(
    tuples: Annotated[
        Path,
        typer.Argument(
            metavar="TUPLES", help="Folder or file that `resight mine` wrote.", exists=True, show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the product.", show_default=False)
    ],
    recipe: Annotated[str, typer.Option(metavar="NAME|PATH", help="A training recipe, by name or file.")] = "small",
    photos: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the photos are now, if they have moved.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a network on photos without labels; the folder has a recipe for `resight index`.

    Running the same command again goes on where it was interrupted.
    """
    from resight.training import training

    with progress_bar() as bar:
        report = training.train(
            tuples,
            output,
            recipe=recipe,
            photos=photos,
            progress=bar,
            on_step=lambda step: bar("training", step.done, step.total),
            say=say,
        )
    if as_json:
        print_json({"output": readable(report.folder), **report.document})
        return
    for what, score in (("before", report.before), ("after", report.after)):
        print(f"{what}: mAP {score.real:.3f} of held-out photos, {score.rendered:.3f} of rendered views of them")
    print(f"{shown(report.recipe)}: ready for `resight index PHOTOS --recipe {shown(report.recipe)}`")
