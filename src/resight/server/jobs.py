"""Work that takes longer than a request: done one after the other, with its progress to be asked for."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from resight.server.faults import busy, refusal_of

MOST = 200
"""Jobs that are remembered after their end."""
LINES = 500
"""Lines of the log of a job; what comes behind them is left out."""

State = Literal["waiting", "running", "done", "failed"]
_log = logging.getLogger(__name__)


@dataclass
class Job:
    """One job. done, total: of its progress; message: what it does or did; error: as clients are told it.

    about: the index that it changes; log: lines with the seconds from its start; is_stopped: whether a person wants it
    to end.
    """

    what: str
    about: str = ""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    state: State = "waiting"
    done: int = 0
    total: int = 0
    message: str = ""
    log: list[tuple[float, str]] = field(default_factory=list)
    result: Any = None
    error: dict[str, Any] | None = None
    is_stopped: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in ("done", "failed")

    def to_dict(self) -> dict[str, Any]:
        """Returns the job for JSON."""
        return {
            "job": self.id,
            "what": self.what,
            "about": self.about,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "message": self.message,
            "log": [{"seconds": seconds, "text": text} for seconds, text in self.log],
            "result": self.result,
            **(self.error or {}),
        }


class Report:
    """What a job tells its progress to, as a function of (done, total), and lines of its log."""

    def __init__(self, job: Job, is_stopped: Callable[[], bool]) -> None:
        self._job, self._is_stopped, self._begun = job, is_stopped, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Takes the progress. Raises KeyboardInterrupt where the service or the job is stopped."""
        self._job.done, self._job.total = done, total
        if self._job.is_stopped or self._is_stopped():
            raise KeyboardInterrupt

    def say(self, line: str) -> None:
        """Takes a line of the log."""
        self._job.message = line
        if len(self._job.log) < LINES:
            self._job.log.append((round(time.monotonic() - self._begun, 1), line))


Work = Callable[[Report], Any]
"""Gets what to tell its progress to, and returns the result of the job."""


class Jobs:
    """Jobs that run one after the other on a thread of their own. Safe to share between threads."""

    def __init__(self, name: str, most_waiting: int | None = None) -> None:
        """most_waiting: jobs that wait, at most; each holds what it is to be done with."""
        self._most_waiting = most_waiting
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, what: str, work: Work, about: str = "") -> Job:
        """Starts a job, when those before it are done. Raises Refusal where too many wait already."""
        job = Job(what, about)
        with self._lock:
            waiting = sum(one.state == "waiting" for one in self._jobs.values())
            if self._most_waiting is not None and waiting >= self._most_waiting:
                raise busy(f"{waiting} changes wait already.")
            self._jobs[job.id] = job
            ended = [key for key, one in self._jobs.items() if one.has_ended]
            for key in ended[: max(0, len(self._jobs) - MOST)]:
                del self._jobs[key]
        self._pool.submit(self._run, job, work)
        return job

    def find(self, key: str) -> Job | None:
        """Returns a job, None where there is none or it is long over."""
        with self._lock:
            return self._jobs.get(key)

    def under_way(self, about: str) -> Job | None:
        """Returns the first job about an index that waits or runs, None where there is none."""
        with self._lock:
            return next((job for job in self._jobs.values() if job.about == about and not job.has_ended), None)

    def close(self) -> None:
        """Drops what waits; a job that runs is stopped at its next step, which leaves an index usable."""
        self._stopped = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Job, work: Work) -> None:
        job.state = "running"
        report = Report(job, lambda: self._stopped)
        try:
            report(0, 0)  # It may have been stopped while it waited.
            job.result = work(report)
            job.state = "done"
        except KeyboardInterrupt:
            who = "The service was stopped" if self._stopped else "Stopped"
            job.message, job.state = f"{who}: what was done until then stays.", "failed"
        except Exception as error:
            refusal = refusal_of(error)
            _log.warning("job %s failed: %s", job.what, error)
            job.error, job.message, job.state = refusal.body, refusal.message, "failed"
