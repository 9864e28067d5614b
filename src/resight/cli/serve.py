"""Serves indexes over HTTP, with the page that people search on."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from resight.cli.output import say
from resight.errors import UsageError

PORT = 8480
TOKEN = "RESIGHT_TOKEN"


def serve(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="X.resight...", help="The indexes.", show_default=False)
    ] = None,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen at; any but this machine's own opens it to others."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = PORT,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve a rendered world, made once: no photos are needed.")
    ] = False,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Photos in it may be indexed from the page, by those with the token; may be repeated.",
            show_default=False,
        ),
    ] = None,
    metadata: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.csv", help="A table with a row for each name; may be repeated.", show_default=False),
    ] = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Show what the photos' files say: EXIF, IPTC, XMP.")
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help=f"Holds the token that changes need; or set {TOKEN}.", show_default="no changes"
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Looking needs the token too.")] = False,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--host-name", metavar="NAME", help="A name it is called by; may be repeated.", show_default=False
        ),
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="URL", help="A page elsewhere that may use it.", show_default=False),
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(min=1, max=256, help="Searches at once.", show_default="one for each core")
    ] = None,
    max_mib: Annotated[int, typer.Option("--max-upload", min=1, max=4096, help="MiB of one request.")] = 64,
    max_megapixels: Annotated[int, typer.Option(min=1, max=100, help="Megapixels of a photo that is sent.")] = 64,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds that an answer may take.")] = 60.0,
) -> None:
    """Serve indexes and a page to search them, to this machine alone."""
    if demo == bool(paths):
        raise UsageError("name the indexes to serve, or --demo, not both" if demo else "name an index, or try --demo")
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise UsageError("serving needs FastAPI, which is not installed: pip install 'resight[serve]'") from None
    from resight.cores import cores
    from resight.server.photo_folders import PhotoFolders
    from resight.server.running import Listening, run
    from resight.server.service import Service
    from resight.server.settings import Settings
    from resight.server.shelf import plan_shelf

    given = [_place(path) for path in paths or []]
    folders = PhotoFolders([*(one.photos for one in given if one.photos is not None), *(photos or [])])
    token = _token(token_file)
    if folders and token is None:
        token = secrets.token_urlsafe(18)
        say(f"changes need this token, made for this run: {token}")
    settings = Settings(
        hosts=frozenset(names or ()),
        origins=frozenset(origin.rstrip("/") for origin in origins or ()),
        token=token,
        reads_need_token=private,
        upload_bytes=max_mib << 20,
        upload_pixels=max_megapixels * 10**6,
        at_once=at_once or cores(),
        seconds=seconds,
    )
    with ExitStack() as stack:
        if demo:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="resight-demo-")))
            given = [_Place(_demo(folder))]
        meant = plan_shelf([one.index for one in given], metadata or [])
        # Where folders may be indexed, an index may be made later.
        planned = [one for one in meant if folders and not os.path.lexists(one.path)]
        for one in planned:
            _check_can_be_made(one.path)
        indexes = {one.id: one.open() for one in meant if one not in planned}
        service = Service(indexes, settings, embedded=embedded, planned=planned, folders=folders)
        run(service, Listening(host, port, open_page), say)


@dataclass(frozen=True)
class _Place:
    """An index, and the folder of photos that was named instead of it."""

    index: Path
    photos: Path | None = None


def _place(path: Path) -> _Place:
    """Returns what a path of the command line means: an index, or photos whose index is beside them."""
    from resight.folders.walking import INDEX_SUFFIX

    real = path.resolve()
    is_index = path.suffix.lower() == INDEX_SUFFIX or (path / "catalog.sqlite").exists()
    if is_index or not path.is_dir() or not real.name:
        return _Place(path)
    return _Place(real.with_name(real.name + INDEX_SUFFIX), real)


def _check_can_be_made(index: Path) -> None:
    """Raises UsageError where no index can be made at a path."""
    folder = index.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{index}: no index can be made there, as {folder} is no folder that can be written; name an index "
            "elsewhere, and the photos with --photos FOLDER"
        )


def _token(file: Path | None) -> str | None:
    """Returns the token of a file or of the environment, out of sight of other users. Raises UsageError."""
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: the token cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not text:
        raise UsageError(f"{file}: the file of the token is empty")
    return text


def _demo(folder: Path) -> Path:
    """Returns the index of a small rendered world, which may be changed while it is served."""
    from functools import partial

    from resight.cache import cache_folder
    from resight.cli.progress import progress_bar
    from resight.server.demo import demo_index

    with progress_bar() as bar:
        return demo_index(cache_folder("demo"), folder, say, partial(bar, "indexing"))
