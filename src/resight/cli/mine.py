"""Mines training tuples from an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.index import IndexPath
from resight.cli.key_values import key_values
from resight.cli.output import print_fields, print_json, readable, say, shown
from resight.cli.progress import progress_bar


def mine(
    path: IndexPath,
    by: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="What tells photos of the same thing: verified, views, sfm, manifold, ranks, places or classes.",
        ),
    ] = "verified",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="The folder to make.", show_default=False),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A parameter of the kind; may be repeated.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Find photos that show the same thing, without labels, for `resight train`.

    Writes tuples.json, and report.html, which shows some of them. Without -o only the figures are told.
    """
    from resight.training.mining.mined import figures_of
    from resight.training.mining.miner import mine

    with progress_bar() as bar:
        mined = mine(path, by, output, parameters=key_values(parameters or []), progress=bar)
    figures = figures_of(mined)
    if as_json:
        told = None if output is None else readable(output)
        by_key = {label.replace(",", "").replace(" ", "_"): value for label, value in figures.items()}
        print_json({"kind": by, "output": told, "hash": mined.tuples.hash(), "figures": by_key, "notes": mined.notes})
        return
    for note in mined.notes:
        say(f"Remark: {note}")
    print_fields([(f"{label}:", value) for label, value in figures.items()])
    if output is not None:
        print(f"{shown(output)}: tuples.json, and report.html to look at them")
