"""All that the service holds while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from starlette.requests import Request

from resight.errors import ResightError
from resight.index.roots import folders_of
from resight.progress import Progress
from resight.server.embedded import read_embedded
from resight.server.faults import Refusal, not_found
from resight.server.guard import has_token, headers_of
from resight.server.jobs import Jobs
from resight.server.made import Made
from resight.server.metrics import Metrics
from resight.server.photo_folders import PhotoFolders
from resight.server.places import Places
from resight.server.searches import KeptSearches
from resight.server.settings import Settings
from resight.server.shelf import PlannedIndex, ServedIndex, refresh_all, rehearse
from resight.server.thumbnails import Thumbnails
from resight.server.workers import Workers

LOOK = 1.0
"""Seconds between two looks for what other processes have written."""
PICTURES_WAITING = 256
PICTURES_PER_CLIENT = 64
CHANGES_WAITING = 16
"""Changes that wait, each with the files of the photos that were sent."""


class Service:
    """Indexes, and what is made of them, under the limits of the settings."""

    def __init__(
        self,
        indexes: Mapping[str, ServedIndex],
        settings: Settings,
        *,
        embedded: bool = False,
        planned: Sequence[PlannedIndex] = (),
        folders: PhotoFolders | None = None,
    ) -> None:
        """embedded: whether what the photos' files hold in words counts among their metadata.

        planned: indexes that are not there yet; folders: those that may be indexed through the service.
        """
        # Both are replaced and never changed, so that whoever goes through them sees one state.
        self.indexes: Mapping[str, ServedIndex] = dict(indexes)
        self.planned: Mapping[str, PlannedIndex] = {one.id: one for one in planned}
        self.settings, self._embedded, self.folders = settings, embedded, folders or PhotoFolders([])
        self._taking_up = threading.Lock()
        self.searches, self.metrics = KeptSearches(), Metrics()
        self.thumbnails = Thumbnails(settings.cache / "thumbnails")
        self.changes, self.making, self.grouping = Jobs("changes", CHANGES_WAITING), Jobs("making"), Jobs("grouping")
        # Groups of a large collection take minutes, for which the plane, metadata and first searches do not wait.
        self.made, self.grouped = Made(self.making), Made(self.grouping)
        # Those whose photos arrive: their bodies are on the disk until they are answered.
        self.arrivals = Places(settings.waiting, settings.per_client)
        self.workers = Workers("searches", settings.at_once, settings.waiting, settings.per_client, settings.seconds)
        # Pictures have threads of their own, so that a page of them does not wait for searches.
        self.pictures = Workers("pictures", settings.at_once, PICTURES_WAITING, PICTURES_PER_CLIENT, settings.seconds)

    def index(self, key: str) -> ServedIndex:
        """Returns an index. Raises Refusal."""
        if key not in self.indexes:
            raise not_found("There is no index of this name here.", "Take one of /v1/indexes.")
        return self.indexes[key]

    def place(self, key: str) -> ServedIndex | PlannedIndex:
        """Returns an index that is there, or is to be made. Raises Refusal."""
        planned = self.planned.get(key)
        return self.index(key) if planned is None else planned

    def take_up(self, planned: PlannedIndex) -> ServedIndex:
        """Serves an index that was planned and is there now. Raises what opening raises."""
        with self._taking_up:
            if planned.id not in self.indexes:
                served = planned.open()
                self.indexes = {**self.indexes, planned.id: served}
                self.planned = {key: one for key, one in self.planned.items() if key != planned.id}
                self._read_embedded(served)
            return self.indexes[planned.id]

    def check_roots(self, served: ServedIndex) -> None:
        """Raises UsageError where a folder of an index has become a link out of what may be indexed."""
        self.folders.check_stay(path for path, _ in folders_of(served.now.collection.snapshot))

    def may_write(self, request: Request) -> bool:
        """Returns whether a request has the token."""
        return has_token(headers_of(request.scope), self.settings.token)

    def may_read(self, request: Request) -> bool:
        """Returns whether a request may be told of photos."""
        return not self.settings.reads_need_token or self.may_write(request)

    def check_write(self, request: Request) -> None:
        """Raises Refusal for a request that may not change anything."""
        if self.settings.token is None:
            raise Refusal(
                403,
                "read-only",
                "The service was started without a token, so that nothing can be changed through it.",
                "Start it with a token: put one into RESIGHT_TOKEN.",
            )
        if not self.may_write(request):
            raise Refusal(
                401,
                "token",
                "Changes need the token of the service.",
                "Enter the token that who runs the service has given you.",
                {"WWW-Authenticate": "Bearer"},
            )

    def check_token(self, given: str) -> None:
        """Raises Refusal where this is not the token."""
        if not has_token({b"authorization": f"Bearer {given}"}, self.settings.token):
            raise Refusal(401, "token", "This is not the token of the service.", "Look at how it was started.")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Looks for what other processes write, until the service is stopped."""
        for served in self.indexes.values():
            self.making.start("first search", partial(_rehearsed, served))
            self._read_embedded(served)
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
            self.workers.close()
            self.pictures.close()
            await asyncio.to_thread(self._stop_jobs)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await asyncio.to_thread(self._take_up_all)
            for served in await asyncio.to_thread(refresh_all, list(self.indexes.values())):
                self._read_embedded(served)

    def _take_up_all(self) -> None:
        """Serves planned indexes that another process has made."""
        for planned in self.planned.values():
            if planned.path.exists():
                # It may be half made, or no index at all: then it is planned as before.
                with contextlib.suppress(ResightError):
                    self.take_up(planned)

    def _read_embedded(self, served: ServedIndex) -> None:
        if self._embedded:
            folder = self.settings.cache / "metadata"
            self.making.start("metadata", lambda progress: read_embedded(served, folder, progress))

    def _stop_jobs(self) -> None:
        for jobs in (self.making, self.grouping, self.changes):
            jobs.close()


def _rehearsed(served: ServedIndex, progress: Progress) -> None:
    """Does `rehearse` as a job, which has no steps."""
    rehearse(served)


def client_of(request: Request) -> str:
    """Returns the address that asks."""
    return request.client.host if request.client is not None else "unknown"
