"""The state of the service, for those who run it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from resight.server.service import Service


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.get("/health", tags=["state"])
    def show_health(request: Request) -> dict[str, Any]:
        """Tells whether the service answers, and, for those who may look at photos, from what.

        The status is "degraded" where an index is gone ("gone") or cannot be opened ("unreadable"); searches are still
        answered from what was there, so that this is no error of HTTP.
        """
        states = {key: served.state for key, served in service.indexes.items()}
        status = "ok" if all(state == "ok" for state in states.values()) else "degraded"
        if not service.may_read(request):
            return {"status": status}
        indexes = {
            key: {"state": states[key], "images": len(now.listing), "generation": now.number}
            for key, now in ((key, served.now) for key, served in service.indexes.items())
        }
        return {"status": status, "indexes": indexes}

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
