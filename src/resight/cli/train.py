"""Trains a network on tuples."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.key_values import key_values
from resight.cli.output import print_json, readable, say, shown
from resight.cli.progress import progress_bar

if TYPE_CHECKING:
    from resight.training.course import StepReport


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
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A key of the recipe, as lasting.epochs=3; may be repeated.",
            show_default=False,
        ),
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write logs for TensorBoard too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a network on photos without labels; the folder has a recipe for `resight index`.

    Running the same command again goes on where it was interrupted.
    """
    from resight.training import training
    from resight.training.begun import has_begun
    from resight.training.launched import launched

    loss = ""

    def stepped(step: StepReport) -> None:
        nonlocal loss
        loss = f"loss {step.loss:.3f}, {step.rate:.0f} images/s"
        bar("training", step.done, step.total)

    try:
        with progress_bar(lambda: loss) as bar:
            report = training.train(
                tuples,
                output,
                recipe=recipe,
                photos=photos,
                progress=bar,
                changes=key_values(changes or []),
                tensorboard=tensorboard,
                on_step=stepped,
                say=say,
            )
    except KeyboardInterrupt:
        if has_begun(output):
            raise
        raise KeyboardInterrupt("Training had not begun yet, and nothing is kept.") from None
    if not launched(os.environ).is_first:
        return
    if as_json:
        print_json({"output": readable(report.folder), **report.document})
        return
    scores = {"before": report.before, "whitening alone": report.untrained, "after": report.after}
    if "learned" not in report.document["validation"]["untrained_by_whitening"]:
        # Both are the network as it was with the same whitening.
        del scores["whitening alone"]
    for what, score in scores.items():
        named = (("held-out photos", score.real), ("rendered views of them", score.rendered))
        told = [f"{value:.3f} of {kind}" for kind, value in named if math.isfinite(value)]
        print(f"{what}: mAP {', '.join(told)}" if told else f"{what}: nothing was held out to judge by")
    if report.gained is False and report.document["curve"]:
        print("training gained nothing here: use the recipe that it began with, or train longer or on more photos")
    print(f"{shown(report.recipe)}: ready for `resight index PHOTOS --recipe {shown(report.recipe)}`")
