"""Compares results of `resight evaluate` on one data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.output import print_json, print_table, readable, say, shown
from resight.cli.output_files import check_outputs
from resight.cli.progress import progress_bar
from resight.errors import UsageError

if TYPE_CHECKING:
    from resight.evaluation.comparison import Comparison
    from resight.evaluation.result import EvaluationResult

MOST_ROWS = 30
"""Rows of a table that are printed; a data set can have hundreds of groups."""


def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...",
            help="Files from `resight evaluate --output`; the first is the baseline.",
            show_default=False,
        ),
    ],
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with the hits of each query.", show_default=False),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a plot, as SVG.", show_default=False)] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the photos, if they have moved.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    measure: Annotated[
        str | None, typer.Option(metavar="NAME", help="For example mAP, P@10, R@100.", show_default="the benchmark's")
    ] = None,
    setting: Annotated[
        str | None, typer.Option(metavar="NAME", help="For example easy, medium, hard.", show_default="all of them")
    ] = None,
    queries: Annotated[int, typer.Option(min=0, help="Number of queries on the page, the worst first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare results: their means, and how reliably and on which queries they differ."""
    from resight.evaluation import comparison as comparing
    from resight.evaluation.result import EvaluationResult

    check_outputs({"--html": html, "--plot": plot}, files)
    results = [EvaluationResult.read(path) for path in files]
    named = names(files, results)
    # By their files, because a result that cannot be compared is a file to replace.
    comparing.check_comparable({str(path): result for path, result in zip(files, results, strict=True)}, setting)
    compared = comparing.compare(dict(zip(named, results, strict=True)), measure=measure, setting=setting)
    if as_json:
        document = compared.to_dict()
        for one, path in zip(document["results"], files, strict=True):
            one["file"] = readable(path)
        print_json(document)
    else:
        print_comparison(compared)
    if plot is not None:
        from resight.show.plots import write_plot
        from resight.show.summary import comparison_plot

        say(f"plot: {write_plot(plot, comparison_plot(compared))}")
    if html is not None:
        from resight.show.comparison import write_comparison

        with progress_bar() as bar:
            page = write_comparison(html, compared, photos=photos, queries=queries, progress=bar)
        say(f"page: {page}")


def names(files: Sequence[Path], results: Sequence[EvaluationResult]) -> list[str]:
    """Returns the display name of each result: its recipe, and its file too where another has the same recipe.

    Raises UsageError where one file is given twice.
    """
    real = [path.resolve() for path in files]
    for path, where in zip(files, real, strict=True):
        if real.count(where) > 1:
            raise UsageError(f"{path}: given twice; compare different results")
    recipes = [result.recipe for result in results]
    short = [path.name for path in files]
    paths = short if len(set(short)) == len(short) else [str(path) for path in real]
    named = [
        recipe if recipes.count(recipe) == 1 else f"{recipe} ({readable(path)})"
        for recipe, path in zip(recipes, paths, strict=True)
    ]
    # The name of one recipe may equal that of another with its file.
    return named if len(set(named)) == len(named) else [readable(path) for path in real]


def print_comparison(compared: Comparison) -> None:
    """Prints the tables; notes on how to read them, and on their limits, go to standard error."""
    from resight.show.summary import cost_table, notes, part_table, setting_tables, subject

    print(f"{shown(compared.baseline.dataset)}: {shown(subject(compared))}")
    tables = [*setting_tables(compared), part_table(compared, "size"), part_table(compared, "group")]
    for table in (*tables, cost_table(compared)):
        if table is None:
            continue
        print(f"\n{shown(table.title)}")
        # The empty column keeps the last one with numbers from being taken for text.
        print_table((*table.columns, ""), [(*row, "") for row in table.rows[:MOST_ROWS]])
        if len(table.rows) > MOST_ROWS:
            print(f"  and {len(table.rows) - MOST_ROWS} more; --json and --html list all of them")
    for note in notes(compared):
        say(note)
