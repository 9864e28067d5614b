"""Lists the data sets that recipes can be evaluated on, and the files of each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resight.cli.output import print_fields, print_json, print_table, say, shown

if TYPE_CHECKING:
    from resight.datasets.benchmarks.benchmark import Benchmark


_LAYOUTS = {
    True: "confirmed: taken from an authority, which the reader's code names",
    False: "unconfirmed: inferred where no authority was found",
}


def datasets(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Describe this data set in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the data sets for evaluation, their sources, and the layout that their folders must have.

    Nothing is downloaded: fetch the photos from where their authors publish them.
    """
    from resight.datasets.benchmarks.catalogue import benchmarks, find

    if name is not None:
        _print_one(find(name), as_json)
        return
    if as_json:
        print_json({"datasets": [_described(one) for one in benchmarks()]})
        return
    rows = [
        (one.name, _count(one.images), _count(one.extra), _count(one.queries), _confirmed(one), one.title)
        for one in benchmarks()
    ]
    print_table(("data set", "images", "distractors", "queries", "layout", "what it is"), rows)
    say("Nothing is downloaded. `resight datasets NAME` shows the source of a data set and the files expected.")


def _print_one(one: Benchmark, as_json: bool) -> None:
    from resight.datasets.benchmarks.benchmark import OWN

    if as_json:
        print_json(_described(one))
        return
    published = one.source != OWN
    extra = [("distractors", one.extra)] if one.extra is not None else []
    layout = [("layout", _LAYOUTS[one.confirmed])] if published else []
    print_fields(
        [
            ("data set", one.name),
            ("what it is", one.title),
            ("images", _count(one.images)),
            ("queries", _count(one.queries)),
            *extra,
            ("published at" if published else "source", one.source),
            *layout,
            ("read by", _reader(one)),
            ("run", f"resight evaluate FOLDER --dataset {one.name} --recipe RECIPE"),
        ]
    )
    print("\nFOLDER/")
    for line in one.layout.split("\n"):
        print(f"  {shown(line)}")
    if published:
        say("Nothing is downloaded: put the published files into FOLDER yourself.")


def _described(one: Benchmark) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "images": one.images,
        "queries": one.queries,
        "distractors": one.extra,
        "source": one.source,
        "layout": one.layout.split("\n"),
        "confirmed": one.confirmed,
        "reader": _reader(one),
    }


def _confirmed(one: Benchmark) -> str:
    return "confirmed" if one.confirmed else "unconfirmed"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _reader(one: Benchmark) -> str:
    """Returns the full name of the function that reads the data set, without any further arguments."""
    function = one.read.func if isinstance(one.read, partial) else one.read
    return f"{function.__module__}.{function.__name__}"
