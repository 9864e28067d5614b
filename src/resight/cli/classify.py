"""Learns a linear classifier of descriptors in some styles of pictures, and judges it in another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from resight.cli.output import print_json, print_table, readable, shown
from resight.cli.progress import progress_bar


def classify(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Images in DOMAIN/CLASS, such as photo/dog, as PACS has them.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ],
    recipe: Annotated[
        list[str],
        typer.Option(metavar="NAME|PATH", help="Whose descriptors; given twice, both joined.", show_default=False),
    ],
    one_to_one: Annotated[
        bool, typer.Option("--one-to-one", help="Learn in one domain instead of all others.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Judge descriptors by a linear classifier that never saw the style of the pictures it is judged on."""
    from resight.evaluation.classifying import classify as classified
    from resight.evaluation.domains import mean_accuracy

    with progress_bar() as bar:
        found = classified(folder, recipe, one_to_one=one_to_one, progress=partial(bar, "describing"))
    mean = mean_accuracy(found)
    if as_json:
        rows = [
            {"domain": one.domain, "learned": list(one.learned), "accuracy": one.accuracy, "images": one.images}
            for one in found
        ]
        print_json({"folder": readable(folder), "recipes": recipe, "domains": rows, "mean": mean})
        return
    print(f"{shown(folder)}: {' and '.join(recipe)}")
    rows_shown = [(one.domain, " ".join(one.learned), f"{100 * one.accuracy:.1f}", one.images) for one in found]
    print_table(("domain", "learned in", "accuracy", "images"), rows_shown)
    print(f"mean {100 * mean:.1f}")
