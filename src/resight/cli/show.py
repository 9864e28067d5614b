"""Draws pictures: of an index in the plane, of words, of pairs and channels of photos, and of toy data."""

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
    help="Draw photos in the plane, their words, matches and channels, and the steps of diffusion.",
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
    hard: Annotated[
        bool, typer.Option("--hard", help="Mark what distance and manifold disagree about: a picture (.png).")
    ] = False,
) -> None:
    """Draw the photos of an index in the plane, similar ones together."""
    suffix = _suffix(output, (".png",) if hard else (*PAGE, ".png"))
    if hard and query is None:
        raise UsageError("--hard: distance and manifold disagree about the neighbours of a query: give --query")
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
    elif hard:
        from resight.show.hard_examples_picture import draw_hard_examples
        from resight.show.pictures import write_png

        write_png(output, draw_hard_examples(plane))
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
    every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Show one iteration of so many: in an animation, or on one sheet (.png).",
            show_default="each; on a picture the last",
        ),
    ] = None,
) -> None:
    """Draw diffusion on three curved manifolds in the plane, step by step."""
    suffix = _suffix(output, (*PAGE, ".gif", ".png"))
    if every is not None and suffix in PAGE:
        raise UsageError("--every: a page shows each iteration: write an animation (.gif) or a sheet (.png)")
    check_outputs({"--output": output}, ())
    from resight.show.diffusion import banana_toy

    toy = banana_toy(seed, queries=points or queries, neighbours=neighbours, alpha=alpha, count=count)
    if suffix in PAGE:
        from resight.show.diffusion import write_diffusion_page

        write_diffusion_page(output, toy)
    elif suffix == ".gif":
        from resight.show.diffusion_picture import write_animation

        with progress_bar() as bar:
            write_animation(output, toy, bar, every=every or 1)
    else:
        from resight.show.diffusion_picture import draw_state
        from resight.show.pictures import write_png

        if every is None:
            write_png(output, draw_state(toy, toy.count))
        else:
            from resight.show.diffusion_picture import draw_states

            write_png(output, draw_states(toy, every))
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


@app.command()
def matches(
    query: Annotated[Path, typer.Argument(metavar="QUERY", exists=True, dir_okay=False, show_default=False)],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", exists=True, dir_okay=False, show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A picture (.png).")] = Path(
        "matches.png"
    ),
    side: Annotated[int, typer.Option(min=32, max=4096, help="Long side of each photo in pixels.")] = 640,
    most: Annotated[int, typer.Option(min=1, help="Most features of a photo, and most lines.")] = 200,
) -> None:
    """Draw how two photos match: local features, tentative correspondences, inliers."""
    _suffix(output, (".png",))
    check_outputs({"--output": output}, [query, image])
    from resight.show.pair_picture import draw_stages
    from resight.show.pictures import write_png

    sheet, stages = draw_stages(query, image, side=side, most=most)
    write_png(output, sheet)
    print(f"{shown(output)}: {'; '.join(stages)}")


@app.command()
def channels(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", exists=True, dir_okay=False, show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A picture (.png).")] = Path(
        "channels.png"
    ),
    recipe: Annotated[str, typer.Option(metavar="NAME", help="The recipe whose feature maps are shown.")] = (
        "crow-mobilenet"
    ),
    count: Annotated[int, typer.Option(min=1, help="Channels to show.")] = 10,
) -> None:
    """Draw the channels of a photo that are active at the fewest places, which CroW weighs most."""
    _suffix(output, (".png",))
    check_outputs({"--output": output}, [photo])
    from resight.features.kinds import Maps
    from resight.recipe import load_recipe, recipe_folder

    found = load_recipe(recipe)
    features = found.channel[found.first_channel].features
    if not isinstance(features, Maps):
        raise UsageError(f"--recipe {recipe}: its features are no feature maps of one layer; crow-mobilenet has them")
    from resight.show.channels import sparsest_channels
    from resight.show.pictures import write_png

    drawn = sparsest_channels(photo, features, recipe_folder(recipe), count)
    write_png(output, drawn.sheet)
    print(f"{shown(output)}: {drawn.shown} of {drawn.channels:,} channels of {features.layer}")


@app.command()
def weighting(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A picture (.png).")] = Path(
        "weighting.png"
    ),
    size: Annotated[tuple[int, int], typer.Option(metavar="WIDTH HEIGHT", help="Positions of the map.")] = (32, 24),
    levels: Annotated[
        list[int] | None,
        typer.Option("--level", min=1, max=8, metavar="L", help="Levels; may be repeated.", show_default="1, 2, 3, 7"),
    ] = None,
) -> None:
    """Draw how much R-MAC counts each position of a map, by its number of levels."""
    _suffix(output, (".png",))
    check_outputs({"--output": output}, ())
    from resight.show.activations import draw_sheet
    from resight.show.pictures import write_png
    from resight.show.weighting import LEVELS, draw_weighting

    if not all(1 <= one <= 512 for one in size):
        raise UsageError(f"--size {size[0]} {size[1]}: positions of a map, 1 to 512 along each side")
    drawn = draw_weighting(*size, levels or LEVELS)
    write_png(output, draw_sheet(list(drawn.values()), list(drawn), columns=4))
    print(f"{shown(output)}: {', '.join(drawn)} on {size[0]} x {size[1]} positions")


@app.command()
def curve(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A picture (.png).")] = Path(
        "curve.png"
    ),
    points: Annotated[int, typer.Option(min=2, max=5000, help="Points on the curve.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="A different seed draws different points.")] = 0,
) -> None:
    """Draw a surface that is bent like an S, and what Isomap, MDS, spectral embedding and t-SNE make of it."""
    _suffix(output, (".png",))
    check_outputs({"--output": output}, ())
    from resight.show.activations import draw_sheet
    from resight.show.curve import draw_curve
    from resight.show.pictures import write_png

    with progress_bar() as bar:
        drawn = draw_curve(points, seed, bar)
    write_png(output, draw_sheet(list(drawn.values()), list(drawn)))
    print(f"{shown(output)}: {', '.join(drawn)} of {points} points")


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
