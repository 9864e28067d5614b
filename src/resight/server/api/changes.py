"""Changes of an index, which need the token."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse

from resight.server.api.types import IndexId
from resight.server.changes import add_photos, check_removed, remove_photos, restore_photos, update
from resight.server.faults import Refusal
from resight.server.guard import COOKIE
from resight.server.jobs import Report
from resight.server.requests import Login, Names
from resight.server.service import Service, client_of
from resight.server.uploads import sent_files, sorted_uploads

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.post("/v1/indexes/{index}/images", tags=["changes"], status_code=202, openapi_extra=_BODY)
    async def add_images(index: IndexId, request: Request) -> Response:
        """Adds photos that are sent, under "uploads/"; returns a job, whose result lists those that are refused."""
        service.check_write(request)
        served = service.index(index)
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise Refusal(415, "request", "Photos are sent as a form.", "Send multipart/form-data with `file`.")
        form = await request.form(max_files=service.settings.files, max_fields=16, max_part_size=1 << 20)
        try:
            parts = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
            if not parts:
                raise Refusal(422, "request", "The form has no photo.", "Send each photo as a part `file`.")
            sent = sent_files(parts, service.settings)
            photos, refused = await service.pictures.run(
                client_of(request), lambda: sorted_uploads(sent, service.settings)
            )
            # The job closes their files, which are read when its turn has come.
            job = service.changes.start("add", lambda report: add_photos(served, photos, refused, report), index)
        except BaseException:
            await form.close()
            raise
        return JSONResponse(job.to_dict(), 202)

    @router.delete("/v1/indexes/{index}/images", tags=["changes"], status_code=202)
    def remove_images(index: IndexId, names: Names, request: Request) -> Response:
        """Removes photos from the index, whose files stay; returns a job."""
        service.check_write(request)
        served = service.index(index)
        for name in names.names:
            served.now.listing.place(name)
        job = service.changes.start("remove", lambda report: remove_photos(served, names.names, report), index)
        return JSONResponse(job.to_dict(), 202)

    @router.post("/v1/indexes/{index}/restore", tags=["changes"], status_code=202)
    def restore_images(index: IndexId, names: Names, request: Request) -> Response:
        """Takes photos that were removed back into the index; returns a job."""
        service.check_write(request)
        served = service.index(index)
        check_removed(served, names.names)

        def work(report: Report) -> Any:
            service.check_roots(served)
            return restore_photos(served, names.names, report)

        job = service.changes.start("restore", work, index)
        return JSONResponse(job.to_dict(), 202)

    @router.post("/v1/indexes/{index}/update", tags=["changes"], status_code=202)
    def update_index(index: IndexId, request: Request) -> Response:
        """Makes the index equal to its folders again; returns a job."""
        service.check_write(request)
        served = service.index(index)

        def work(report: Report) -> Any:
            service.check_roots(served)
            return update(served, report)

        job = service.changes.start("update", work, index)
        return JSONResponse(job.to_dict(), 202)

    @router.post("/v1/session", tags=["changes"])
    def log_in(login: Login, request: Request) -> Response:
        """Keeps the token in a cookie that no script and no other site can read or send."""
        service.check_token(login.token)
        response = JSONResponse({"writable": True})
        response.set_cookie(
            COOKIE, login.token, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
        )
        return response

    @router.delete("/v1/session", tags=["changes"])
    def log_out() -> Response:
        """Lets go of the token."""
        response = JSONResponse({"writable": False})
        response.delete_cookie(COOKIE, path="/")
        return response
