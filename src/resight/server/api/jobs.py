"""The progress of jobs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from resight.server.api.types import JobId
from resight.server.faults import not_found
from resight.server.jobs import Job
from resight.server.service import Service


def add(router: APIRouter, service: Service) -> None:
    """Adds the addresses."""

    @router.get("/v1/jobs/{job}", tags=["jobs"])
    def show_job(job: JobId) -> dict[str, Any]:
        """Tells how far a job is, and what came of it."""
        return _found(service, job).to_dict()

    @router.delete("/v1/jobs/{job}", tags=["jobs"], status_code=202)
    def stop_job(job: JobId, request: Request) -> dict[str, Any]:
        """Stops a change at its next step; what is done until then stays."""
        service.check_write(request)
        found = service.changes.find(job)
        if found is None:
            raise not_found("There is no such change, or it is long over.", "Take one that is under way.")
        found.is_stopped = True
        return found.to_dict()


def _found(service: Service, key: str) -> Job:
    for jobs in (service.changes, service.making, service.grouping):
        if (job := jobs.find(key)) is not None:
            return job
    raise not_found("There is no such job, or it is long over.", "Start the work again.")
