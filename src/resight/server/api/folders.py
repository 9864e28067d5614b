"""Folders of the machine that are indexed, and indexes that are made for them; all of it needs the token."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from resight.errors import UsageError
from resight.folders.walking import check_prefix
from resight.recipe import ALIASES
from resight.server.answers import planned_json
from resight.server.api.indexes import access_of
from resight.server.api.types import IndexId
from resight.server.faults import Refusal
from resight.server.indexing import FolderWish, index_folder, known_recipes
from resight.server.jobs import Report
from resight.server.requests import LONGEST_NAME, FolderRequest
from resight.server.service import Service
from resight.server.shelf import PlannedIndex

FolderPath = Annotated[str, Query(max_length=LONGEST_NAME, description="A folder, as this address names it.")]


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.get("/v1/planned", tags=["indexes"])
    def list_planned(request: Request) -> list[dict[str, Any]]:
        """The indexes that the service was started with and that are not there yet."""
        access = access_of(service, request)
        return [planned_json(one, access, service.changes.under_way(key)) for key, one in service.planned.items()]

    @router.get("/v1/recipes", tags=["indexes"])
    def list_recipes() -> list[dict[str, str]]:
        """The recipes by which an index can be made."""
        return [*known_recipes().values()]

    @router.get("/v1/folders", tags=["changes"])
    def list_folders(request: Request, path: FolderPath = "") -> dict[str, Any]:
        """Folders of this machine that may be indexed: those the service was started with, and what is in one."""
        service.check_write(request)
        return service.folders.listed(path)

    @router.post("/v1/indexes/{index}/folders", tags=["changes"], status_code=202)
    def add_folder(index: IndexId, wanted: FolderRequest, request: Request) -> Response:
        """Indexes a folder, and makes the index where it is not there yet; returns a job."""
        service.check_write(request)
        place = service.place(index)
        service.folders.find(wanted.folder)
        if wanted.recipe is not None and not isinstance(place, PlannedIndex):
            raise Refusal(422, "request", "The index has a recipe already.", "Leave the recipe out.")
        recipe = None if wanted.recipe is None else ALIASES.get(wanted.recipe, wanted.recipe)
        if recipe is not None and recipe not in known_recipes():
            raise Refusal(422, "request", "There is no recipe of this name.", "Take one of /v1/recipes.")
        try:
            prefix = None if wanted.prefix is None else check_prefix(wanted.prefix)
        except UsageError as error:
            raise Refusal(422, "request", f"{error}.", "Take another prefix, or leave it out.") from None

        def work(report: Report) -> Any:
            # Looked up again: while it waited, a link may have taken the folder's place.
            wish = FolderWish(service.folders.find(wanted.folder), wanted.folder, recipe, prefix)
            return index_folder(service.place(index), wish, service, report)

        job = service.changes.start("index", work, index)
        return JSONResponse(job.to_dict(), 202)
