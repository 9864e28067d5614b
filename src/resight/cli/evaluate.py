"""Judges a recipe on a folder of photos with ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.output import print_fields, print_table, say, shown
from resight.cli.progress import progress_bar

if TYPE_CHECKING:
    from resight.evaluation.result import EvaluationResult


def evaluate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Has images/ and groundtruth.json.", show_default=False)
    ],
    recipe: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="The method: see `resight recipes`, or a file.", show_default=False),
    ],
    distractors: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="More photos to search, all of them wrong.", exists=True, file_okay=False),
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Photos to fit the recipe's codebook and the like on.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the result to this file, as JSON.", dir_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Judge a recipe on photos with ground truth."""
    from resight.evaluation.folder import read_folder
    from resight.evaluation.protocols import evaluate_recipe

    dataset = read_folder(folder)
    with progress_bar() as bar:
        result = evaluate_recipe(recipe, dataset, distractors=distractors, fit=fit, progress=bar, say=say)
    if as_json:
        print(result.to_json(), end="")
    else:
        print_result(result)
    if output is not None:
        result.write(output)


def print_result(result: EvaluationResult) -> None:
    """Figures and the protocol that they were had by; photos that could not be read go to standard error."""
    protocol = result.protocol
    print(
        f"{shown(result.recipe)}: {protocol.queries} queries, {protocol.database} images"
        f" and {protocol.distractors} distractors, {protocol.ap} AP"
    )
    means = {**result.challenges, "all queries": result.mean}
    columns = list(result.mean.to_dict(ap="mAP"))
    rows = [(name, *(f"{value:.4f}" for value in mean.to_dict(ap="mAP").values())) for name, mean in means.items()]
    print_table(("", *columns), rows)
    measured = [
        ("index", result.index_seconds, "s"),
        ("search", result.search_seconds * 1000, "ms a query"),
        ("bytes", result.bytes_per_image, "an image"),
        ("words", result.words_per_image, "an image"),
        ("bytes", result.bytes_per_feature, "a feature"),
    ]
    print_fields([(label, f"{value:.1f} {unit}") for label, value, unit in measured if value is not None])
    for name, reason in result.unreadable:
        say(f"unreadable: {shown(name)}: {shown(reason)}")
