"""Shows what resight does, on photos that are made up on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.evaluate import print_result
from resight.cli.output import say, shown
from resight.cli.progress import progress_bar
from resight.cli.recipes import default_recipe
from resight.errors import UsageError

PLAIN = "sift-bow"


def demo(
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes another world.")] = 0,
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A new folder for the photos, the index and the page.")
    ] = Path("resight-demo"),
) -> None:
    """Make up a small world of photos and search it.

    Renders the photos, judges a plain recipe and the default one on each challenge, and writes a page of hits.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UsageError(f"{output}: exists already; name a new folder with --output")
    from resight.evaluation.folder import read_folder
    from resight.evaluation.protocols import evaluate_recipe
    from resight.index import Index
    from resight.show.page import write_page
    from resight.worlds.world import render_world, save_world

    world, kept, page = output / "world", output / "world.resight", output / "page.html"
    say("rendering a world of photos")
    save_world(render_world(seed), world)
    dataset = read_folder(world)
    with progress_bar() as bar:
        plain = evaluate_recipe(PLAIN, dataset, progress=bar)
        best = evaluate_recipe(default_recipe(), dataset, at=kept, progress=bar)
    print_result(plain)
    print_result(best)
    index = Index.open(kept)
    first = {query.challenge: query for query in reversed(dataset.queries)}
    results = [index.search(dataset.path(query.image), box=query.box, k=8) for query in first.values()]
    write_page(page, index, results)
    print(f"photos: {shown(world / 'images')}")
    print(f"index:  {shown(kept)}")
    print(f"page:   {shown(page)}")
