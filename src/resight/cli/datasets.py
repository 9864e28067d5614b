"""Lists the data sets that recipes can be evaluated on, and which files each consists of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resight.cli.output import print_fields, print_json, print_table, say, shown

if TYPE_CHECKING:
    from resight.datasets.benchmarks.benchmark import Benchmark


_LAYOUTS = {
    True: "confirmed: read from an authority, which the code of the reader names",
    False: "unconfirmed: inferred, as far as no authority was found",
}


def datasets(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Tell all about this one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the data sets that can be evaluated, where they come from and how their folders must look.

    Nothing is downloaded: the photos are for you to fetch, from where their authors publish them.
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
    say("Nothing is downloaded. `resight datasets NAME` tells where one is published and which files are expected.")


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
        say("Nothing is downloaded: FOLDER is for you to fill with what is published.")


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
    """The function that reads it, by its full name; what else it is given is left out."""
    function = one.read.func if isinstance(one.read, partial) else one.read
    return f"{function.__module__}.{function.__name__}"
