"""Serves indexes over HTTP, with the page that people search on."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
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
    from resight.server.running import Listening, run
    from resight.server.service import Service
    from resight.server.settings import Settings
    from resight.server.shelf import shelve

    settings = Settings(
        hosts=frozenset(names or ()),
        origins=frozenset(origin.rstrip("/") for origin in origins or ()),
        token=_token(token_file),
        reads_need_token=private,
        upload_bytes=max_mib << 20,
        upload_pixels=max_megapixels * 10**6,
        at_once=at_once or cores(),
        seconds=seconds,
    )
    with ExitStack() as stack:
        if demo:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="resight-demo-")))
            paths = [_demo(folder)]
        service = Service(shelve(paths or [], metadata or []), settings, embedded=embedded)
        run(service, Listening(host, port, open_page), say)


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
