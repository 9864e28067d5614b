"""Counts for Prometheus, in its text format: requests, their times, and what the service holds."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the histogram of times in seconds."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Counts since the start. Safe to share between threads."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request that was answered. route: its pattern, never what a client wrote."""
        # A client may write any word for a method, and each would be kept.
        method = method if method in METHODS else "other"
        with self._lock:
            self._requests[method, route, status] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]
            self._buckets[route, next((one for one in BUCKETS if seconds <= one), float("inf"))] += 1

    def text(self, gauges: Mapping[str, Mapping[str, float]]) -> str:
        """Returns everything as text. gauges: values by label, by name; those without a label have "" for one."""
        with self._lock:
            requests, buckets, seconds = self._requests.copy(), self._buckets.copy(), dict(self._seconds)
        lines = ["# HELP resight_requests_total Requests that were answered.", "# TYPE resight_requests_total counter"]
        for (method, route, status), count in sorted(requests.items()):
            lines.append(f'resight_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}')
        lines += [
            "# HELP resight_request_seconds Seconds from the first byte of a request to the last of its answer.",
            "# TYPE resight_request_seconds histogram",
        ]
        for route in sorted(seconds):
            total = 0
            for end in (*BUCKETS, float("inf")):
                total += buckets[route, end]
                shown = "+Inf" if end == float("inf") else f"{end:g}"
                lines.append(f'resight_request_seconds_bucket{{route="{route}",le="{shown}"}} {total}')
            lines.append(f'resight_request_seconds_sum{{route="{route}"}} {seconds[route]:.6f}')
            lines.append(f'resight_request_seconds_count{{route="{route}"}} {total}')
        for name, values in gauges.items():
            lines.append(f"# TYPE {name} gauge")
            for label, value in values.items():
                lines.append(f'{name}{{index="{label}"}} {value:g}' if label else f"{name} {value:g}")
        return "\n".join(lines) + "\n"
