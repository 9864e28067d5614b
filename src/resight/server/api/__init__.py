"""Addresses of the service: each file adds those of one kind of thing."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from resight.server.api import changes, description, folders, indexes, jobs, page, photos, searches, state, taking
from resight.server.service import Service


def add_routes(app: FastAPI, service: Service) -> None:
    """Adds every address."""
    settings = service.settings
    # The guard has refused what is larger already: what it does not see is refused by the framework.
    router = APIRouter(
        max_body_size=settings.body_bytes,
        form_limits={"max_files": settings.files, "max_fields": 16, "max_part_size": 1 << 20},
    )
    for part in (indexes, photos, searches, taking, changes, folders, jobs, state):
        part.add(router, service)
    app.include_router(router)
    description.add(app)
    page.add(app)
