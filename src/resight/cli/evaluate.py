"""Evaluates a recipe, or the run of any system, on photos with ground truth."""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.info import fitted_text
from resight.cli.output import print_fields, print_table, say, shown
from resight.cli.output_files import check_outputs
from resight.cli.progress import progress_bar
from resight.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from resight.datasets.dataset import Dataset, JudgedQuery
    from resight.evaluation.figures import Figures
    from resight.evaluation.judging import Scored
    from resight.evaluation.protocols import Keep
    from resight.evaluation.result import EvaluationResult
    from resight.evaluation.runs import Scores

GROUPS_SHOWN = 20
"""With more groups than this, only the JSON document has them."""
COLUMNS = {
    "AP": ("AP", "P@1", "P@5", "P@10", "mP@5", "mP@10"),
    "N-S": ("N-S", "AP", "P@1"),
    "acc@1": ("acc@1", "acc@2", "acc@4", "acc@8", "acc@10", "AP"),
}
"""Figures of the table, by the measure of the benchmark."""


def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Photos with ground truth: see `resight datasets`.", show_default=False),
    ] = None,
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="Data set in FOLDER: see `resight datasets`.")
    ] = "folder",
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="A name from `resight recipes`, or a file.", show_default=False),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Evaluate this TREC or JSON run of any system, not a recipe."),
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ground truth of the run as TREC qrels, instead of FOLDER."),
    ] = None,
    distractors: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="More photos to search; all of them count as wrong.", exists=True, file_okay=False
        ),
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Fit the recipe's codebook, whitening and the like on these photos.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(metavar="INDEX", help="Keep the index here; photos already in it are not read again."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the result to this file, as JSON.", dir_okay=False),
    ] = None,
    save_run: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rankings as a TREC run.", dir_okay=False)
    ] = None,
    save_qrels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the ground truth as TREC qrels, one file per setting.", dir_okay=False
        ),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Count queries missing in the run as finding nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Evaluate a recipe, or the run of another system, on photos with ground truth."""
    if recipe is None and run is None and save_qrels is None:
        raise UsageError("name the --recipe to judge, or the --run of another system")
    _check_choices(folder, recipe, run, qrels)
    _check_options(
        recipe is not None,
        "--recipe",
        {"--distractors": distractors, "--fit": fit, "--index": index, "--save-run": save_run},
    )
    _check_options(run is not None, "--run", {"--allow-missing": allow_missing})
    _check_options(recipe is not None or run is not None, "--recipe or --run", {"--output": output, "--json": as_json})
    given = [path for path in (run, qrels, folder and folder / "groundtruth.json") if path is not None]
    check_outputs({"--output": output, "--save-run": save_run, "--save-qrels": save_qrels}, given)
    data = _read(folder, dataset, qrels)
    if save_qrels is not None:
        _write_qrels(save_qrels, data)
    if run is not None:
        result = judge_run(run, data, allow_missing)
    elif recipe is not None:
        result = _judge_recipe(recipe, data, distractors, fit, index, save_run)
    else:
        return
    if as_json:
        print(result.to_json(), end="")
    else:
        print_result(result)
    if output is not None:
        result.write(output)


def _check_choices(folder: Path | None, recipe: str | None, run: Path | None, qrels: Path | None) -> None:
    if (folder is None) == (qrels is None):
        raise UsageError("name either the FOLDER with the ground truth, or --qrels FILE")
    if recipe is not None and run is not None:
        raise UsageError("--recipe and --run exclude each other: judge one of them")
    if qrels is not None and run is None:
        raise UsageError("--qrels judges a run: name it with --run FILE")


def _check_options(usable: bool, needed: str, options: Mapping[str, Path | bool | None]) -> None:
    """Refuses options that would be ignored because the option that they need was not given."""
    for option, value in options.items():
        if value and not usable:
            raise UsageError(f"{option} goes with {needed}")


def _read(folder: Path | None, dataset: str, qrels: Path | None) -> Dataset:
    if qrels is not None:
        from resight.datasets.qrels import read_qrels

        return read_qrels(qrels)
    from resight.datasets.benchmarks.catalogue import find

    assert folder is not None, "checked with the choices"
    return find(dataset).load(folder)


def _judge_recipe(
    recipe: str, data: Dataset, distractors: Path | None, fit: Path | None, index: Path | None, save_run: Path | None
) -> EvaluationResult:
    from resight.evaluation.protocols import evaluate
    from resight.evaluation.runs import writing_run

    with ExitStack() as stack:
        keep: Keep | None = None
        if save_run is not None:
            add = stack.enter_context(writing_run(save_run, Path(recipe).stem or "resight"))
            keep = partial(_add_ranking, add)
        bar = stack.enter_context(progress_bar())
        return evaluate(recipe, data, distractors=distractors, fit=fit, at=index, progress=bar, say=say, keep=keep)


def _add_ranking(add: Callable[[str, Sequence[str], Scores], None], query: JudgedQuery, ranking: Scored) -> None:
    add(query.id, *ranking)


def judge_run(path: Path, data: Dataset, allow_missing: bool) -> EvaluationResult:
    """Evaluates the run in a file; warnings about missing parts, which lower its figures, go to standard error."""
    from resight.datasets.dataset import DISTRACTORS
    from resight.evaluation.protocols import evaluate_rankings
    from resight.evaluation.run_names import match_run, with_missing
    from resight.evaluation.runs import read_run

    run = read_run(path)
    missing = sum(query.id not in run.rankings for query in data.queries)
    if allow_missing and missing:
        say(f"Note: {missing} of {len(data.queries)} queries are missing and count as queries that found nothing.")
    if data.distractor_count and not any(
        name.startswith(DISTRACTORS) for ranking in run.rankings.values() for name in ranking.names
    ):
        say(f"Note: the run has none of the {data.distractor_count:,} distractors; was it made without them?")
    matched = match_run(with_missing(run, data) if allow_missing else run, data)
    return evaluate_rankings(data, matched, system=path.stem)


def _write_qrels(path: Path, data: Dataset) -> None:
    """Writes one file, or one for each setting with its name before the suffix."""
    from resight.datasets.qrels import write_qrels

    for setting in data.settings:
        own = path if len(data.settings) == 1 else path.with_name(f"{path.stem}-{setting}{path.suffix}")
        write_qrels(own, data, setting)


def print_result(result: EvaluationResult) -> None:
    """Prints the figures and the evaluation protocol; photos that could not be read go to standard error."""
    protocol = result.protocol
    from resight.evaluation.figures import mean_name

    depth = f", the first {protocol.depth} hits" if protocol.depth is not None else ""
    # A qrels file does not say how many images were searched.
    searched = f" {protocol.database} images and {protocol.distractors} distractors," if protocol.database else ""
    print(
        f"{shown(result.recipe)} on {shown(result.dataset)}: {protocol.queries} queries,{searched}"
        f" {protocol.ap} AP{depth}"
    )
    columns = COLUMNS[protocol.measure]
    rows = []
    for setting in result.settings:
        named = "" if len(result.settings) == 1 else f"{setting}: "
        parts: dict[str, Figures] = {}
        groups = result.groups(setting)
        if 1 < len(groups) <= GROUPS_SHOWN:
            parts |= groups
        parts |= {f"{size} boxes": mean for size, mean in result.sizes(setting).items()}
        rows += [_row(named + part, mean, columns, "") for part, mean in parts.items()]
        low, high = result.interval(setting)
        counted = sum(query.positives > 0 for query in result.settings[setting])
        asked = "all queries" if counted == protocol.queries else f"{counted} queries with positives"
        rows.append(_row(named + asked, result.mean(setting), columns, f"[{_figure(low)}, {_figure(high)}]"))
    measure = mean_name(protocol.measure)
    print_table(("", *map(mean_name, columns), f"95 % interval of {measure}"), rows)
    costs = result.costs
    seconds = result.search_seconds
    measured = [
        ("index", costs.index_seconds, "s"),
        ("search", None if seconds is None else seconds * 1000, "ms a query"),
        ("bytes", costs.bytes_per_image, "an image"),
        ("words", costs.words_per_image, "an image"),
        ("bytes", costs.bytes_per_feature, "a feature"),
    ]
    print_fields([(label, f"{value:.1f} {unit}") for label, value, unit in measured if value is not None])
    print_fields([(f"made with, {name}", fitted_text(**one.model_dump())) for name, one in result.made.items()])
    for one in result.unreadable:
        say(f"unreadable: {shown(one.image)}: {shown(one.reason)}")


def _row(name: str, mean: Figures, columns: tuple[str, ...], interval: str) -> tuple[str, ...]:
    return (shown(name), *(_figure(mean[column]) for column in columns), interval)


def _figure(value: float) -> str:
    """Formats a figure with four digits; "-" where no query has positives."""
    return f"{value:.4f}" if math.isfinite(value) else "-"
