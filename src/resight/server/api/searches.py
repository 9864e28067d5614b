"""Searches, and what is asked of them afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from resight.index import Hit
from resight.server.answers import hits_json, search_json
from resight.server.api.types import ImageName, IndexId, SearchId, Side
from resight.server.evidence import evidence_of, heat, read_query, registered, webp
from resight.server.faults import Refusal, refusal_of
from resight.server.photos import jpeg, png
from resight.server.requests import MOST_HITS, SearchRequest
from resight.server.searches import KeptSearch
from resight.server.searching import deepened, search
from resight.server.service import Service, client_of
from resight.server.shelf import ServedIndex
from resight.server.uploads import Sent, read_uploads, sent_files

NDJSON = "application/x-ndjson"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["request"],
                    "properties": {
                        "request": {"type": "string", "description": "A SearchRequest as JSON."},
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/SearchRequest"}},
        },
    }
}


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.post("/v1/indexes/{index}/searches", tags=["searches"], openapi_extra=_BODY)
    async def start_search(index: IndexId, request: Request) -> Response:
        """Searches with photos that are sent, photos of the index, or both.

        With `Accept: application/x-ndjson` the first ranking comes as a line of its own, before the verified one.
        """
        served = service.index(index)
        asked, files = await _read(request, service)
        if NDJSON in request.headers.get("accept", ""):
            lines = _stages(service, served, asked, files, client_of(request))
            return StreamingResponse(lines, media_type=NDJSON, headers={"X-Accel-Buffering": "no"})
        try:
            kept = await service.workers.run(
                client_of(request),
                lambda: search(served, asked, read_uploads(files, service.settings), service.searches.get),
            )
        finally:
            _close(files)
        service.searches.keep(kept)
        return Response(_json(search_json(kept, asked.offset, asked.k)), media_type="application/json")

    @router.get("/v1/searches/{search}", tags=["searches"])
    async def show_search(
        search: SearchId,
        request: Request,
        offset: Annotated[int, Query(ge=0, lt=MOST_HITS)] = 0,
        k: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        """The answer of a search again, or a further page of it."""
        kept = service.searches.get(search)
        if offset + k > len(kept.hits) and kept.more:
            wanted = min(offset + k, MOST_HITS)
            kept = await service.workers.run(client_of(request), lambda: deepened(kept, wanted))
            service.searches.keep(kept)
        return search_json(kept, offset, k)

    @router.get("/v1/searches/{search}/query", tags=["searches"], response_class=Response)
    async def show_query(
        search: SearchId, request: Request, i: Annotated[int, Query(ge=0, le=10_000)] = 0, size: Side = 1600
    ) -> Response:
        """A photo that was asked with, upright."""
        kept = service.searches.get(search)
        data = await service.pictures.run(client_of(request), lambda: jpeg(read_query(kept, i, size).pixels, size))
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=1800"})

    @router.get("/v1/searches/{search}/evidence", tags=["searches"])
    async def show_evidence(search: SearchId, name: ImageName, request: Request) -> dict[str, Any]:
        """Why a photo is a hit: putative and verified matches, the transform, and features."""
        kept = service.searches.get(search)
        return await service.pictures.run(client_of(request), lambda: evidence_of(kept, name))

    @router.get("/v1/searches/{search}/registered", tags=["searches"], response_class=Response)
    async def show_registered(search: SearchId, name: ImageName, request: Request, size: Side = 1000) -> Response:
        """The query laid onto a hit, as large as the hit at this size: WebP, transparent where it does not reach."""
        kept = service.searches.get(search)
        data = await service.pictures.run(client_of(request), lambda: webp(registered(kept, name, size)))
        return Response(data, media_type="image/webp", headers={"Cache-Control": "private, max-age=1800"})

    @router.get("/v1/searches/{search}/heat", tags=["searches"], response_class=Response)
    async def show_heat(search: SearchId, name: ImageName, request: Request, size: Side = 1000) -> Response:
        """Where a hit is like the query, as PNG; where evidence says so ("heat"): by pooled feature maps."""
        kept = service.searches.get(search)
        data = await service.workers.run(client_of(request), lambda: png(heat(kept, name, size)))
        return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=1800"})


async def _read(request: Request, service: Service) -> tuple[SearchRequest, Sequence[Sent]]:
    """Returns the request and the files of a body, which is a form or JSON alone. Raises Refusal.

    The files lie on the disk where they are large; they are read by the thread that searches, and then to be closed.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        return _parsed(await request.body()), []
    if kind != "multipart/form-data":
        raise Refusal(
            415,
            "request",
            "A search is sent as a form or as JSON.",
            "Send multipart/form-data with `request` and `file`.",
        )
    form = await request.form(max_files=service.settings.files, max_fields=16, max_part_size=1 << 20)
    try:
        text = form.get("request")
        if not isinstance(text, str):
            raise Refusal(422, "request", "The form has no `request`.", "Send the JSON of the search as `request`.")
        parts = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
        return _parsed(text.encode("utf-8", "surrogatepass")), sent_files(parts, service.settings)
    except BaseException:
        await form.close()
        raise


def _close(files: Sequence[Sent]) -> None:
    for file in files:
        file.close()


def _parsed(text: bytes) -> SearchRequest:
    try:
        return SearchRequest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Refusal(
            422,
            "request",
            f"The search cannot be understood: {f'{place}: ' if place else ''}{first['msg']}.",
            "See SearchRequest at /docs.",
        ) from None


async def _stages(
    service: Service, served: ServedIndex, asked: SearchRequest, files: Sequence[Sent], client: str
) -> AsyncIterator[bytes]:
    """Yields a line when the first ranking is there, and one with the whole answer, or with the error."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(line: bytes | None) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    def first(hits: Sequence[Hit]) -> None:
        tell(_json({"stage": "first", "hits": hits_json(served, hits, asked.offset)}) + b"\n")

    async def answer() -> KeptSearch:
        try:
            return await service.workers.run(
                client,
                lambda: search(served, asked, read_uploads(files, service.settings), service.searches.get, first),
            )
        finally:
            lines.put_nowait(None)

    task = asyncio.create_task(answer())
    try:
        while (line := await lines.get()) is not None:
            yield line
        kept = await task
        service.searches.keep(kept)
        yield _json({"stage": "verified", **search_json(kept, asked.offset, asked.k)}) + b"\n"
    except Exception as error:
        yield _json(refusal_of(error).body) + b"\n"
    finally:
        task.cancel()
        _close(files)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
