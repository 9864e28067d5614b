"""The state of the service, for those who run it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from resight.server.service import Service


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.get("/health", tags=["state"])
    def show_health(request: Request) -> dict[str, Any]:
        """Whether the service answers, and, for those who may look at photos, from what."""
        if not service.may_read(request):
            return {"status": "ok"}
        indexes = {
            key: {"images": len(served.now.listing), "generation": served.now.number}
            for key, served in service.indexes.items()
        }
        return {"status": "ok", "indexes": indexes}

    @router.get("/metrics", tags=["state"], response_class=Response)
    def show_metrics() -> Response:
        """Counts in the text format of Prometheus."""
        gauges = {
            "resight_images": {key: float(len(served.now.listing)) for key, served in service.indexes.items()},
            "resight_generation": {key: float(served.now.number) for key, served in service.indexes.items()},
            "resight_searches_under_way": {"": float(service.workers.load)},
            "resight_pictures_under_way": {"": float(service.pictures.load)},
            "resight_searches_kept": {"": float(len(service.searches))},
        }
        return Response(service.metrics.text(gauges), media_type="text/plain; version=0.0.4; charset=utf-8")
