"""Draws pictures: of an index in the plane, and of diffusion on toy data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.index import IndexPath
from resight.cli.output import readable, say, shown
from resight.cli.output_files import check_outputs
from resight.cli.progress import progress_bar
from resight.cli.search import source
from resight.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

app = typer.Typer(
    help="Draw the photos of an index, or the steps of diffusion, in the plane.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PAGE = (".html", ".htm")


@app.command()
def embedding(
    path: IndexPath,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A page (.html) or a picture (.png).")
    ] = Path("embedding.html"),
    method: Annotated[str, typer.Option(metavar="NAME", help="isomap, mds, spectral or tsne.")] = "isomap",
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random choices.")] = 0,
    most: Annotated[int, typer.Option(min=1, help="Most photos to show; of more, a random sample.")] = 1000,
    query: Annotated[
        str | None,
        typer.Option(metavar="QUERY", help="Mark the neighbours of this photo: a file or a name.", show_default=False),
    ] = None,
    by_name: Annotated[
        bool, typer.Option("--name", help="The query is a name in the index, even if such a file exists.")
    ] = False,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is black in it is left out of the query.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    neighbours: Annotated[int, typer.Option(min=1, help="Number of neighbours to mark, of each kind.")] = 10,
    groups: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON with the group of each name.", show_default="the first folder of the name"
        ),
    ] = None,
) -> None:
    """Draw the photos of an index in the plane, similar ones together."""
    suffix = _suffix(output, (*PAGE, ".png"))
    asked = None if query is None else source(query, by_name)
    if mask is not None and query is None:
        raise UsageError("--mask: it is laid over the query, and there is none: give --query")
    check_outputs({"--output": output}, [one for one in (groups, asked) if isinstance(one, Path)])
    from resight.index.index import Index
    from resight.index.queries import Query
    from resight.manifold.embedding import METHODS
    from resight.show.embedding import plane_of
    from resight.show.embedding_page import describe

    named = next((one for one in METHODS if one == method), None)
    if named is None:
        raise UsageError(f"--method {method}: one of {', '.join(METHODS)}")
    index = Index.open(path)
    given = None if groups is None else _groups(groups, index.collection.snapshot.images.names)
    with progress_bar() as bar:
        plane = plane_of(
            index.collection,
            method=named,
            seed=seed,
            most=most,
            query=None if asked is None else Query(asked, mask=mask),
            neighbours=neighbours,
            groups=given,
            progress=bar,
        )
    if suffix in PAGE:
        from resight.show.embedding_page import write_embedding_page

        write_embedding_page(output, plane, title=f"{readable(path.name)}, by {index.recipe.name}")
    else:
        from resight.show.embedding_picture import draw_embedding
        from resight.show.pictures import write_png

        write_png(output, draw_embedding(plane))
    print(f"{shown(output)}: {describe(plane)}")


@app.command()
def diffusion(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A page (.html), an animation (.gif), or the last state (.png)."
        ),
    ] = Path("diffusion.html"),
    queries: Annotated[int, typer.Option(min=1, help="Number of query points, drawn at random.")] = 1,
    points: Annotated[
        list[int] | None,
        typer.Option("--point", metavar="NUMBER", help="Use this point as query instead; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="A different seed draws different points.")] = 0,
    neighbours: Annotated[int, typer.Option("-k", min=1, help="Nearest neighbours of each point in the graph.")] = 10,
    alpha: Annotated[float, typer.Option(help="alpha in f <- alpha S f + (1 - alpha) y, below 1.")] = 0.99,
    count: Annotated[int, typer.Option("--iterations", min=1, max=1000, help="Number of iterations to show.")] = 30,
) -> None:
    """Draw diffusion on three curved manifolds in the plane, step by step."""
    suffix = _suffix(output, (*PAGE, ".gif", ".png"))
    check_outputs({"--output": output}, ())
    from resight.show.diffusion import banana_toy

    toy = banana_toy(seed, queries=points or queries, neighbours=neighbours, alpha=alpha, count=count)
    if suffix in PAGE:
        from resight.show.diffusion import write_diffusion_page

        write_diffusion_page(output, toy)
    elif suffix == ".gif":
        from resight.show.diffusion_picture import write_animation

        with progress_bar() as bar:
            write_animation(output, toy, bar)
    else:
        from resight.show.diffusion_picture import draw_state
        from resight.show.pictures import write_png

        write_png(output, draw_state(toy, toy.count))
    asked = ", ".join(map(str, toy.queries))
    print(f"{shown(output)}: {toy.count} iterations on {len(toy.points)} points, query points {asked}")


@app.command()
def words(
    path: IndexPath,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A photo of the index.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A picture (.png).")] = Path(
        "words.png"
    ),
    query: Annotated[
        str | None,
        typer.Option(metavar="QUERY", help="Show the words shared with it: a file or a name.", show_default=False),
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="x0,y0,x1,y1", help="The part of the query that is meant.", show_default=False)
    ] = None,
    by_name: Annotated[
        bool, typer.Option("--name", help="The query is a name in the index, even if such a file exists.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, help="Most shared words to draw.")] = 20,
) -> None:
    """Draw the words of a photo where they are, how much each counts, and those that a query shares with it."""
    _suffix(output, (".png",))
    asked = None if query is None else source(query, by_name)
    if box is not None and query is None:
        raise UsageError("--box: it is a part of the query, and there is none: give --query")
    check_outputs({"--output": output}, [asked] if isinstance(asked, Path) else ())
    from resight.cli.search import parse_box
    from resight.index.index import Index
    from resight.index.queries import Query
    from resight.show.activations import draw_sheet
    from resight.show.pictures import write_png
    from resight.show.word_pictures import word_pictures

    given = None if asked is None else Query(asked, box=None if box is None else parse_box(box))
    pictures = word_pictures(Index.open(path).collection, name, given, most)
    write_png(output, draw_sheet(list(pictures.values()), list(pictures), columns=2))
    print(f"{shown(output)}: {', '.join(pictures)}")


def _suffix(output: Path, known: Sequence[str]) -> str:
    """Returns the suffix of the file to write. Raises UsageError."""
    suffix = output.suffix.lower()
    if suffix not in known:
        raise UsageError(f"--output {output}: the name must end with one of {', '.join(known)}")
    return suffix


def _groups(path: Path, names: Sequence[str]) -> Mapping[str, str]:
    """Reads the group of each name from a JSON file {name: group}. Raises UsageError where no name is in the index."""
    from resight.datasets.json_files import read_json

    document = read_json(path)
    if not isinstance(document, dict) or not all(isinstance(group, str) for group in document.values()):
        raise UsageError(f"{path}: it must be one JSON object that maps each name to the text of its group")
    unknown = set(document) - set(names)
    if len(unknown) == len(document):
        raise UsageError(f"{path}: none of its {len(document)} names is in the index; names are paths below its folder")
    if unknown:
        say(f"Remark: {len(unknown)} names of {path} are not in the index, such as {min(unknown)}")
    return document
