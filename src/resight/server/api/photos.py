"""Photos and thumbnails of an index."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from resight.server.api.types import ImageName, IndexId, Side
from resight.server.photos import Region, jpeg, read_photo
from resight.server.service import Service, client_of

KEEP = {"Cache-Control": "private, max-age=300"}
"""Seconds that a browser shows a picture without asking whether it is as it was."""
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}}


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.get("/v1/indexes/{index}/photo", tags=["photos"], responses=_JPEG, response_class=Response)
    async def show_photo(
        index: IndexId,
        name: ImageName,
        request: Request,
        region: Annotated[str | None, Query(max_length=64, description="x,y,w,h in pixels, as in IIIF.")] = None,
        size: Annotated[int | None, Query(ge=16, le=20_000, description="Long side in pixels, at most.")] = None,
    ) -> Response:
        """A photo, upright, or a part of it."""
        now = service.index(index).now
        now.listing.place(name)
        part = None if region is None else Region.parse(region)

        def read() -> bytes:
            photo = read_photo(now, name, size if part is None else None)
            return jpeg(photo.pixels if part is None else part.of(photo), size)

        return Response(await service.pictures.run(client_of(request), read), media_type="image/jpeg", headers=KEEP)

    @router.get("/v1/indexes/{index}/thumbnail", tags=["photos"], responses=_JPEG, response_class=Response)
    async def show_thumbnail(index: IndexId, name: ImageName, request: Request, size: Side = 240) -> Response:
        """A small picture of a photo, of at least this size where the photo has it."""
        now = service.index(index).now
        tag = f'"{service.thumbnails.tag(now, name, size)}"'
        headers = {**KEEP, "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        data = await service.pictures.run(client_of(request), lambda: service.thumbnails.get(now, name, size))
        return Response(data, media_type="image/jpeg", headers=headers)
