"""Asks an index for the photos that show what a photo, or a part of it, shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resight.cli.index import IndexPath
from resight.cli.output import print_json, print_table, readable, shown
from resight.cli.output_files import check_outputs
from resight.cli.progress import progress_bar
from resight.errors import UsageError
from resight.probability.verdict import MEANINGS

if TYPE_CHECKING:
    from resight.images import Box
    from resight.results import Result


@dataclass(frozen=True)
class Answered:
    """What was asked, as the person wrote it and as the index understood it, and the answer."""

    query: str
    sources: list[tuple[Path | str, Box | None]]
    result: Result


def search(
    path: IndexPath,
    queries: Annotated[
        list[str],
        typer.Argument(metavar="QUERY...", help="Photos: files, or names in the index.", show_default=False),
    ],
    boxes: Annotated[
        list[str] | None,
        typer.Option(
            "--box", metavar="x0,y0,x1,y1", help="Search for this part; once for each QUERY.", show_default=False
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits at most.")] = 20,
    together: Annotated[bool, typer.Option("--together", help="Ask with all QUERYs at once.")] = False,
    by_name: Annotated[
        bool, typer.Option("--name", help="QUERYs are names in the index, even where there is such a file.")
    ] = False,
    include_self: Annotated[
        bool, typer.Option("--include-self", help="Let a QUERY that is in the index find itself.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the hits as JSON.")] = False,
    min_probability: Annotated[
        float,
        typer.Option(
            "--min-probability", metavar="P", min=0.0, max=1.0, help="Leave out hits that are less probable, 0 to 1."
        ),
    ] = 0.0,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the hits to a page that a browser shows.", show_default=False),
    ] = None,
) -> None:
    """Find the photos that show the same thing, best first."""
    if as_json and html is not None:
        raise UsageError("--json and --html: choose one of them")
    asked = list(zip(queries, parse_boxes(boxes or [], len(queries)), strict=True))
    sources = [(source(query, by_name), box) for query, box in asked]
    from resight.index import Index

    index = Index.open(path)
    check_outputs({"--html": html}, [query for query, _ in sources if isinstance(query, Path)])
    if together:
        title = " + ".join(queries)
        found = [Answered(title, sources, index.search_together(sources, k=k, include_self=include_self))]
    else:
        found = [
            Answered(query, [one], index.search(one[0], box=one[1], k=k, include_self=include_self))
            for query, one in zip(queries, sources, strict=True)
        ]
    found = [replace(one, result=one.result.at_least(min_probability)) for one in found]
    if as_json:
        print_json(document(path, index.recipe.name, found))
    elif html is not None:
        from resight.show.page import write_page
        from resight.show.results import page_query

        with progress_bar() as bar:
            sections = [page_query(index.reader, one.result, one.sources, progress=bar) for one in found]
        note = f"{path}, by {index.recipe.name}. Score: {index.recipe.score_meaning}."
        write_page(html, sections, title="Photos that show the same thing", note=note)
        print(f"{shown(html)}: {len(found)} {'query' if len(found) == 1 else 'queries'}")
    else:
        for one in found:
            print_hits(one.query, one.result)
        if any(one.result.hits for one in found):
            print(f"score: {index.recipe.score_meaning}")


def parse_boxes(texts: Sequence[str], queries: int) -> list[Box | None]:
    """A box for each query, or None for each where no box is given. Raises UsageError."""
    if not texts:
        return [None] * queries
    if len(texts) != queries:
        raise UsageError(f"--box was given {len(texts)} times for {queries} queries; give one for each, or none")
    return [parse_box(text) for text in texts]


def parse_box(text: str) -> Box:
    """The numbers of "x0,y0,x1,y1". Raises UsageError; whether they are inside the photo is checked with the photo."""
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--box {text}: must be four numbers, x0,y0,x1,y1 in pixels") from None
    return x0, y0, x1, y1


def source(query: str, by_name: bool) -> Path | str:
    """What a QUERY means: a Path to a file, or a str that is a name in the index. An existing file wins."""
    return query if by_name or not Path(query).exists() else Path(query)


def document(path: Path, recipe: str, found: Sequence[Answered]) -> dict[str, Any]:
    """The JSON document of all results; boxes are [x0, y0, x1, y1] or null, transforms 3 x 3 from query to hit."""
    results = [
        {
            "query": readable(one.query),
            "box": one.result.box,
            "hits": [
                {
                    "name": hit.name,
                    "score": float(hit.score),
                    "probability": round(hit.probability, 4),
                    "verdict": hit.verdict,
                    "inliers": hit.inliers,
                    "transform": hit.transform,
                    "box": hit.box,
                }
                for hit in one.result.hits
            ],
        }
        for one in found
    ]
    seconds = sum(one.result.seconds for one in found)
    return {"index": readable(path), "recipe": recipe, "results": results, "seconds": seconds}


def print_hits(query: str, result: Result) -> None:
    """One query and its hits as a table: what is sure, then what is possible, then the rest, each best first."""
    part = "" if result.box is None else " (" + ",".join(f"{side:g}" for side in result.box) + ")"
    count = f"{len(result.hits)} {'hit' if len(result.hits) == 1 else 'hits'}"
    print(f"{shown(query)}{part}: {count} in {result.seconds:.2f} s")
    rows: list[Sequence[object] | str] = []
    for verdict, ranked in result.by_verdict():
        rows.append(f"--- {len(ranked)} {verdict}: {MEANINGS[verdict]}")
        rows += [
            (rank, f"{hit.score:.4f}", "-" if hit.inliers is None else hit.inliers, f"{hit.probability:.2f}", hit.name)
            for rank, hit in ranked
        ]
    if rows:
        print_table(("rank", "score", "inliers", "probability", "photo"), rows)
