"""Searches an index for photos that show the same thing as a photo or a part of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from resight.cli.index import IndexPath
from resight.cli.output import print_json, print_table, readable, say, shown
from resight.cli.output_files import check_outputs
from resight.cli.progress import progress_bar
from resight.cli.reports import say_missing_pictures
from resight.errors import ImageError, UsageError
from resight.probability.verdict import MEANINGS

if TYPE_CHECKING:
    from resight.images import Box
    from resight.index.opened import OpenedIndex
    from resight.index.queries import Query
    from resight.index.results import Hit, Result

ErrorT = TypeVar("ErrorT", bound=Exception)

STANDARD_INPUT = "-"
"""The QUERY that stands for standard input."""
DRAWN_OR_NOT = " (--sketch or --no-sketch says which it is)"
"""What follows the sentence on a query whose lines or edges are compared."""


@dataclass(frozen=True)
class Answered:
    """A query as the person wrote it, or several together, and its result."""

    query: str
    asked: list[Query]
    result: Result


def search(
    path: IndexPath,
    queries: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY...",
            help="Photos: files, names in the index, or - for one from standard input.",
            show_default=False,
        ),
    ],
    boxes: Annotated[
        list[str] | None,
        typer.Option(
            "--box",
            metavar="x0,y0,x1,y1",
            help="Search for this part; give it once for each QUERY.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Largest number of hits.")] = 20,
    together: Annotated[bool, typer.Option("--together", help="Search with all QUERYs together.")] = False,
    by_name: Annotated[
        bool, typer.Option("--name", help="QUERYs are names in the index, even if such files exist.")
    ] = False,
    include_self: Annotated[
        bool, typer.Option("--include-self", help="Let a QUERY that is in the index find itself.")
    ] = False,
    mirror: Annotated[bool, typer.Option("--mirror", help="Search with the mirrored photo too.")] = False,
    sketch: Annotated[
        bool | None,
        typer.Option(
            "--sketch/--no-sketch",
            help="QUERYs are line drawings, or are photos; without, a recipe of edges decides and says so.",
            show_default=False,
        ),
    ] = None,
    within: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Search only names that match, such as holidays/ or '**/2019/'; may be repeated.",
            show_default=False,
        ),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="SCORE", help="Leave out hits with a lower score.", show_default=False)
    ] = None,
    min_inliers: Annotated[int, typer.Option(metavar="COUNT", min=0, help="Leave out hits with fewer inliers.")] = 0,
    min_probability: Annotated[
        float,
        typer.Option(
            "--min-probability", metavar="P", min=0.0, max=1.0, help="Leave out hits with a lower probability, 0 to 1."
        ),
    ] = 0.0,
    masks: Annotated[
        list[Path] | None,
        typer.Option(
            "--mask",
            metavar="FILE",
            help="Ignore pixels that are black in FILE; once for each QUERY, or once for all.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the hits as JSON.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the hits to an HTML page.", show_default=False),
    ] = None,
) -> None:
    """Find the photos that show the same thing, best first."""
    if as_json and html is not None:
        raise UsageError("--json and --html: choose one of them")
    parts = parse_boxes(boxes or [], len(queries))
    given = mask_of_each(masks or [], len(queries))
    sources = _sources(queries, by_name)
    from resight.index.opened import OpenedIndex
    from resight.index.queries import Query

    index = OpenedIndex.open(path)
    check_outputs({"--html": html}, [one for one in sources if isinstance(one, Path)])
    asked = [
        Query(one, box=box, mask=mask, sketch=sketch) for one, box, mask in zip(sources, parts, given, strict=True)
    ]
    wanted: dict[str, Any] = {
        "k": k,
        "include_self": include_self,
        "mirror": mirror,
        "within": within or (),
        "min_score": min_score,
        "min_inliers": min_inliers,
        "min_probability": min_probability,
    }
    found = _answered(index, queries, asked, together, wanted)
    if as_json:
        answered = list(found)
        print_json(document(path, index.recipe.name, answered))
    elif html is not None:
        answered = list(found)
        _write_hits(html, index, path, answered)
    else:
        answered = []
        for one in found:
            answered.append(one)
            if one.result.error is None:
                print_hits(one.query, one.result)
        if any(one.result.hits for one in answered):
            print(f"score: {index.recipe.score_meaning}")
    errors = [one.result.error for one in answered if one.result.error is not None]
    for error in errors:
        say(f"Error: {error}")
    if errors:
        raise typer.Exit(errors[0].exit_code)


def _answered(
    index: OpenedIndex, queries: Sequence[str], asked: list[Query], together: bool, wanted: dict[str, Any]
) -> Iterator[Answered]:
    """Yields each query with its result, or all together. Raises the error of one that is asked alone or with others.

    An error of a photo that came as bytes names standard input.
    """
    with _standard_input_by_its_name():
        if together:
            yield Answered(" + ".join(queries), asked, index.search_together(asked, **wanted))
        elif len(asked) == 1:
            yield Answered(queries[0], asked, index.search(asked[0], **wanted))
        else:
            for query, one, result in zip(queries, asked, index.search_many(asked, **wanted), strict=True):
                named = result if result.error is None else replace(result, error=_by_its_name(result.error))
                yield Answered(query, [one], named)


def _write_hits(html: Path, index: OpenedIndex, path: Path, found: Sequence[Answered]) -> None:
    """Writes the page of hits, and says where it is and which pictures are missing from it."""
    from resight.show.page import write_page
    from resight.show.results import page_query

    with progress_bar() as bar:
        sections = [page_query(index.collection, one.result, one.asked, progress=bar) for one in found]
    photos = [photo for one in sections for photo in (*one.photos, *(hit.photo for hit in one.hits))]
    note = f"{path}, by {index.recipe.name}. Score: {index.recipe.score_meaning}."
    write_page(html, sections, title="Photos that show the same thing", note=note)
    print(f"{shown(html)}: {len(found)} {'query' if len(found) == 1 else 'queries'}")
    say_missing_pictures(path, sum(photo.image is None for photo in photos), len(photos))


def parse_boxes(texts: Sequence[str], queries: int) -> list[Box | None]:
    """Returns a box for each query, or None for each where no box is given. Raises UsageError."""
    if not texts:
        return [None] * queries
    if len(texts) != queries:
        raise UsageError(f"--box was given {len(texts)} times for {queries} queries; give one for each, or none")
    return [parse_box(text) for text in texts]


def mask_of_each(masks: Sequence[Path], queries: int) -> list[Path | None]:
    """Returns a mask for each query: its own, the only one given, or None. Raises UsageError."""
    if len(masks) not in (0, 1, queries):
        raise UsageError(f"--mask was given {len(masks)} times for {queries} queries; give one, or one for each")
    return [*masks] if len(masks) == queries else [masks[0] if masks else None] * queries


def parse_box(text: str) -> Box:
    """Parses the numbers of "x0,y0,x1,y1".

    Raises UsageError; whether they are inside the photo is checked with the photo.
    """
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--box {text}: must be four numbers, x0,y0,x1,y1 in pixels") from None
    return x0, y0, x1, y1


def source(query: str, by_name: bool) -> Path | str:
    """Returns the meaning of a QUERY: the Path of an existing file, else a name in the index, as with `by_name`."""
    from resight.folders.names import Name, names_file

    if by_name:
        return Name(query)
    return Path(query) if names_file(query) else query


def _sources(queries: Sequence[str], by_name: bool) -> list[Path | str | bytes]:
    """Returns the meaning of each QUERY. Raises UsageError, and ImageError where standard input is empty."""
    if not by_name and queries.count(STANDARD_INPUT) > 1:
        raise UsageError("- is given more than once; one photo comes from standard input")
    return [
        _from_standard_input() if query == STANDARD_INPUT and not by_name else source(query, by_name)
        for query in queries
    ]


def _from_standard_input() -> bytes:
    from resight.images import MAX_BYTES

    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- is a photo from standard input, which is a terminal: write `< photo.jpg` after the command")
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if not data:
        raise ImageError("standard input", "nothing came; send the bytes of a photo")
    if len(data) > MAX_BYTES:
        raise ImageError("standard input", f"over the limit of {MAX_BYTES >> 20} MiB; send a smaller photo")
    return data


@contextmanager
def _standard_input_by_its_name() -> Iterator[None]:
    """Makes errors of a photo that came as bytes name standard input."""
    try:
        yield
    except ImageError as error:
        named = _by_its_name(error)
        if named is error:
            raise
        raise named from error


def _by_its_name(error: ErrorT) -> ErrorT | ImageError:
    if isinstance(error, ImageError) and error.path == "bytes":
        return ImageError("standard input", error.reason)
    return error


def document(path: Path, recipe: str, found: Sequence[Answered]) -> dict[str, Any]:
    """Returns all results as a JSON document; boxes are [x0, y0, x1, y1] or null, transforms 3 x 3, query to hit."""
    results = [one.result.to_dict() | {"query": readable(one.query)} for one in found]
    seconds = sum(one.result.seconds for one in found)
    return {"index": readable(path), "recipe": recipe, "results": results, "seconds": seconds}


def print_hits(query: str, result: Result) -> None:
    """Prints one query and its hits as a table: sure hits, then possible ones, then the rest, each best first."""
    part = "" if result.box is None else " (" + ",".join(f"{side:g}" for side in result.box) + ")"
    count = f"{len(result.hits)} {'hit' if len(result.hits) == 1 else 'hits'}"
    print(f"{shown(query)}{part}: {count} in {result.seconds:.2f} s")
    if result.note:
        print(result.note + (DRAWN_OR_NOT if any(one is not None for one in result.drawn) else ""))
    rows: list[Sequence[object] | str] = []
    for verdict, ranked in result.by_verdict():
        rows.append(f"--- {len(ranked)} {verdict}: {MEANINGS[verdict]}")
        rows += [
            (rank, f"{hit.score:.4f}", _inliers(hit), f"{hit.probability:.2f}", _label(hit)) for rank, hit in ranked
        ]
    if rows:
        print_table(("rank", "score", "inliers", "probability", "photo"), rows)


def _label(hit: Hit) -> str:
    """Returns what the hit is called; a frame also says how many others of its shot are hits."""
    return hit.label + (f" (and {len(hit.others)} more of this shot)" if hit.others else "")


def _inliers(hit: Hit) -> str:
    """Describes what speaks for a hit in a word or two: identical bytes, or its inliers."""
    counted = "-" if hit.inliers is None else str(hit.inliers)
    return "identical file" if hit.copy else f"{counted} mirrored" if hit.mirrored else counted
