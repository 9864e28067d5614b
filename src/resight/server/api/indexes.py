"""Indexes, their photos as lists, their plane and their groups."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse

from resight.server.answers import Access, index_json, photo_json
from resight.server.api.types import After, Folder, IndexId, Text
from resight.server.faults import Refusal
from resight.server.listing import Filter
from resight.server.made import GroupKind, check_places, group_rows, groups, plane
from resight.server.service import Service
from resight.server.taking import as_csv

FIELD = "field."
"""Before the name of a field of the metadata by which a list is filtered."""


def access_of(service: Service, request: Request) -> Access:
    """Returns what a client may do."""
    return Access(service.may_write(request), service.settings.token is not None, bool(service.folders))


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.get("/v1/indexes", tags=["indexes"])
    def list_indexes(request: Request) -> list[dict[str, Any]]:
        """The indexes that can be searched."""
        access = access_of(service, request)
        return [index_json(served, access, service.changes.under_way(key)) for key, served in service.indexes.items()]

    @router.get("/v1/indexes/{index}", tags=["indexes"])
    def show_index(index: IndexId, request: Request) -> dict[str, Any]:
        """One index, with its folders and the fields of its metadata."""
        served = service.index(index)
        listing = served.now.listing
        return {
            **index_json(served, access_of(service, request), service.changes.under_way(index)),
            "folders": [{"path": path, "images": count} for path, count in listing.folders],
            "metadata": {"fields": served.metadata.fields},
            "bytes": served.bytes,
            "uploads": {"files": service.settings.files, "bytes": service.settings.upload_bytes},
        }

    @router.get("/v1/indexes/{index}/images", tags=["indexes"])
    def list_images(
        index: IndexId,
        request: Request,
        folder: Folder = "",
        text: Text = "",
        after: After = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        """Photos by name, in pages; `field.NAME=VALUE` filters by a field of the metadata."""
        served = service.index(index)
        fields = {
            key.removeprefix(FIELD): value for key, value in request.query_params.items() if key.startswith(FIELD)
        }
        if len(fields) > 20:
            raise Refusal(422, "request", "More than 20 fields are filtered by.", "Leave some out.")
        wanted = Filter(folder, text, fields)
        now = served.now
        names, last, total = now.listing.page(wanted, served.metadata, after, limit)
        return {"images": [photo_json(served, now, name) for name in names], "next": last, "total": total}

    @router.get("/v1/indexes/{index}/embedding", tags=["indexes"])
    def show_embedding(index: IndexId) -> Response:
        """Photos in the plane, similar ones together; 202 and a job while that is computed."""
        served = service.index(index)
        check_places(served)
        now = served.now
        value, job = service.made.get(
            "embedding", ("embedding", served.id, now.key), lambda progress: plane(now, progress)
        )
        return JSONResponse(value) if job is None else JSONResponse(job.to_dict(), 202)

    @router.get("/v1/indexes/{index}/groups", tags=["indexes"])
    def show_groups(index: IndexId, kind: GroupKind = "near", format: Literal["json", "csv"] = "json") -> Response:
        """Groups of copies ("exact"), near-copies ("near") or photos of one thing ("same"); 202 and a job meanwhile."""
        served = service.index(index)
        now = served.now
        value, job = service.grouped.get(
            f"groups ({kind})", ("groups", kind, served.id, now.key), lambda progress: groups(now, kind, progress)
        )
        if job is not None:
            return JSONResponse(job.to_dict(), 202)
        if format == "csv":
            return Response(
                as_csv(group_rows(value)),
                media_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="groups-{kind}.csv"'},
            )
        return JSONResponse(value)
