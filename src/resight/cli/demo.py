"""Demonstrates resight on rendered photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.output import print_json, print_table, readable, say, shown
from resight.cli.progress import progress_bar
from resight.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resight.datasets.dataset import Dataset
    from resight.evaluation.result import EvaluationResult

FAST = "rmac-lite0"
"""The recipe to compare with, `--recipe fast`: the network alone, a third of the work of words, with nothing to fit."""
OBJECTS, LOOK_ALIKES, DISTRACTORS = 8, 3, 24
"""Size of the world: features of its photos, which each recipe extracts, take most of the time."""
SIDE = 480
"""Pixels of the long side of a photo: they take half the time of 640."""
HITS = 8
"""Hits of a query on the page."""


def demo(
    seed: Annotated[int, typer.Option(min=0, help="A different seed renders different photos.")] = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="A new folder for photos, index and page.")
    ] = Path("resight-demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Render a small world of photos and search it.

    Evaluates the fast recipe and the default one on each challenge, and writes a page of hits.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UsageError(f"{output}: exists already; name a new folder with --output")
    from resight.recipe import DEFAULT
    from resight.worlds.world import render_world, save_world

    say("rendering a world of photos")
    world = render_world(seed, objects=OBJECTS, look_alikes=LOOK_ALIKES, distractors=DISTRACTORS, size=SIDE)
    save_world(world, output / "world")
    demonstrate(output, (FAST, DEFAULT), as_json)


def demonstrate(output: Path, recipes: Sequence[str], as_json: bool) -> None:
    """Evaluates recipes on the world below `output`; keeps the last one's index, and puts its hits on the page."""
    from resight.datasets.folder import read_folder
    from resight.evaluation.protocols import evaluate

    photos, kept, page = output / "world", output / "world.resight", output / "page.html"
    dataset = read_folder(photos)
    results = []
    with progress_bar() as bar:
        for recipe in recipes:
            say(f"indexing {len(dataset.images)} photos by {recipe}, and asking {len(dataset.queries)} queries")
            at = kept if recipe == recipes[-1] else None
            results.append(evaluate(recipe, dataset, at=at, progress=bar, say=say))
    _write_demo_page(page, kept, dataset)
    if as_json:
        paths = {"photos": photos / "images", "index": kept, "page": page}
        print_json(
            {**{what: readable(path) for what, path in paths.items()}, "results": [r.to_dict() for r in results]}
        )
        return
    _print_comparison(results)
    print(f"photos: {shown(photos / 'images')}")
    print(f"index:  {shown(kept)}")
    print(f"page:   {shown(page)} (open it in a browser: hits with their matched points)")
    query = dataset.query_path(dataset.queries[0].image)
    print(f"try:    resight search {shown(kept)} {shown(query)} --html hits.html")


def _print_comparison(results: Sequence[EvaluationResult]) -> None:
    """Prints the mAP of each recipe on each challenge and on all queries."""
    first = results[0]
    rows: list[tuple[str, ...]] = []
    groups = [one.groups() for one in results]
    for challenge in groups[0]:
        count = sum(query.group == challenge for query in first.queries)
        rows.append((challenge, str(count), *(f"{means[challenge]['AP']:.3f}" for means in groups)))
    rows.append(("all", str(len(first.queries)), *(f"{one.mean()['AP']:.3f}" for one in results)))
    print(f"mean average precision on {first.protocol.database} photos")
    print_table(("challenge", "queries", *(one.recipe for one in results), ""), [(*row, "") for row in rows])


def _write_demo_page(page: Path, kept: Path, dataset: Dataset) -> None:
    """Writes a page with the first query of each challenge, its hits marked by the ground truth."""
    from resight.index.index import Index
    from resight.index.queries import Query
    from resight.show.page import write_page
    from resight.show.results import page_query

    index = Index.open(kept)
    first = {query.group: query for query in reversed(dataset.queries)}
    sections = []
    for challenge, judged in sorted(first.items(), key=lambda item: item[0] or ""):
        query = Query(dataset.query_path(judged.image), box=judged.box)
        section = page_query(index.collection, index.search(query, k=HITS), [query], judged.mark)
        sections.append(replace(section, title=f"{challenge or 'query'}: {judged.image}"))
    note = (
        f"One query for each challenge, searched by {index.recipe.name}. Junk shows the same thing in another"
        " challenge; it counts neither as right nor as wrong."
    )
    write_page(page, sections, title="resight demo", note=note)
