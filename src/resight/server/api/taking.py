"""Photos to take away: the hits of a search, or those of a tray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from resight.server.answers import hits_json, photo_json
from resight.server.api.types import IndexId, SearchId
from resight.server.photos import Region
from resight.server.requests import LONGEST_NAME, TrayRequest
from resight.server.service import Service, client_of
from resight.server.shelf import ServedIndex
from resight.server.taking import archive, as_csv, as_json, table

Format = Literal["csv", "json", "zip"]
BLOCK = 1 << 18
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json", "zip": "application/zip"}


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.get("/v1/searches/{search}/hits", tags=["take away"], response_class=Response)
    async def take_hits(
        search: SearchId,
        request: Request,
        format: Format = "csv",
        names: Annotated[list[str] | None, Query(max_length=1000, description="Of these hits alone.")] = None,
    ) -> Response:
        """Hits of a search as a table, as JSON, or with their files."""
        kept = service.searches.get(search)
        ranked = (
            list(enumerate(kept.hits))
            if names is None
            else [(rank - 1, hit) for name in names for rank, hit in [kept.ranked(name[:LONGEST_NAME])]]
        )
        photos = [row for rank, hit in ranked for row in hits_json(kept.served, [hit], rank)]
        return await _taken(service, request, kept.served, photos, format, "hits")

    @router.post("/v1/indexes/{index}/tray", tags=["take away"], response_class=Response)
    async def take_tray(index: IndexId, tray: TrayRequest, request: Request) -> Response:
        """Photos that were collected, with regions (x,y,w,h), as a table, as JSON, or with their files."""
        served = service.index(index)
        now = served.now
        regions = {name: str(Region.parse(region)) for name, region in tray.regions.items()}
        photos = [{**photo_json(served, now, name), "region": regions.get(name)} for name in dict.fromkeys(tray.names)]
        return await _taken(service, request, served, photos, tray.format, "photos")


async def _taken(
    service: Service,
    request: Request,
    served: ServedIndex,
    photos: Sequence[dict[str, Any]],
    form: str,
    title: str,
) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{title}.{form}"'}
    if form == "json":
        document = {"index": served.id, "recipe": served.index.recipe.name, title: photos}
        return Response(as_json(document), media_type=_TYPES[form], headers=headers)
    listed = as_csv(table(photos))
    if form == "csv":
        return Response(listed, media_type=_TYPES[form], headers=headers)
    names = [str(photo["name"]) for photo in photos]
    file = await service.pictures.run(client_of(request), lambda: archive(served.now, names, listed))
    return StreamingResponse(_blocks(file), media_type=_TYPES[form], headers=headers)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yields a file in parts, and closes it."""
    read: Callable[[], bytes] = lambda: file.read(BLOCK)  # noqa: E731
    with file:
        yield from iter(read, b"")
