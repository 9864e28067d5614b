"""The application: routes, checks and what runs beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from resight.errors import ResightError
from resight.server.api import add_routes
from resight.server.faults import Refusal, answer_fault
from resight.server.guard import Guard
from resight.server.service import Service
from resight.versions import __version__


def create_app(service: Service) -> FastAPI:
    """Returns the ASGI application of a service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="resight",
        summary="Finds the photos that show the same thing, and shows why.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    for kind in (Refusal, ResightError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer_fault)
    app.state.service = service
    add_routes(app, service)
    app.add_middleware(Guard, settings=service.settings, metrics=service.metrics, arrivals=service.arrivals)
    return app
