"""The page: files of the package, and no other."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import FastAPI, Response
from starlette.responses import RedirectResponse

from resight.server.faults import not_found

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
"""Types of the files that the page may have."""


def page_files() -> dict[str, bytes]:
    """Returns the page's files by their path below it. They are read once: no address can lead to another file."""
    found: dict[str, bytes] = {}
    _collect(resources.files("resight.server") / "page", "", found)
    return found


def add(app: FastAPI) -> None:
    """Adds the addresses."""
    files = page_files()

    @app.get("/", include_in_schema=False)
    def show_page() -> Response:
        if "index.html" not in files:
            return RedirectResponse("/docs")
        return _file(files, "index.html")

    @app.get("/page/{path:path}", include_in_schema=False)
    def show_file(path: str) -> Response:
        return _file(files, path)

    @app.get("/favicon.ico", include_in_schema=False)
    def show_icon() -> Response:
        return _file(files, "icon.svg") if "icon.svg" in files else Response(status_code=204)


def _file(files: dict[str, bytes], path: str) -> Response:
    if path not in files:
        raise not_found("The page has no such file.", "Open / for the page.")
    kind = TYPES[path[path.rindex(".") :]]
    # Asked again each time: another version of the package may be installed under the same address.
    return Response(files[path], media_type=kind, headers={"Cache-Control": "no-cache"})


def _collect(folder: Traversable, path: str, found: dict[str, bytes]) -> None:
    if not folder.is_dir():
        return
    for one in folder.iterdir():
        if one.is_dir():
            _collect(one, f"{path}{one.name}/", found)
        elif any(one.name.endswith(ending) for ending in TYPES):
            found[path + one.name] = one.read_bytes()
