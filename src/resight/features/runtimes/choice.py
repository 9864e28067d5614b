"""Chooses the faster runtime on this machine by trying both once, and remembers the result."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from resight.cache import cache_folder
from resight.cores import cores
from resight.errors import ResightError
from resight.features.runtimes.runtime import Runtime
from resight.files import write_whole
from resight.libraries import AnyArray
from resight.versions import versions_line

_log = logging.getLogger(__name__)

_ROUNDS = 3
_SECONDS = 3.0
"""Seconds after which no further round begins."""

_chosen: dict[str, str] = {}
_lock = threading.Lock()


def fastest(
    openers: Mapping[str, Callable[[], Runtime]], batch: Callable[[Runtime], AnyArray], network: str
) -> Runtime:
    """Returns the runtime that takes the least time for a `batch` of its own, of those that can be opened.

    `network` names the network: the result is remembered for it, the processor and the versions of the libraries, in
    this process and in the cache folder. Raises the last opener's error where none opens.
    """
    key = _key(network)
    with _lock:
        known = _chosen.get(key)
        # The same network may have been opened in torch before, and without it now.
        if known not in openers:
            known = _recorded(key, openers)
        if known is not None:
            try:
                runtime = openers[known]()
            except ResightError as error:
                _log.warning("%s", error)
            else:
                _chosen[key] = known
                return runtime
        runtimes = _opened(openers)
        medians = {} if len(runtimes) == 1 else time_runtimes(runtimes, batch)
        name = min(medians, key=medians.__getitem__) if medians else next(iter(runtimes))
        _chosen[key] = name
        if medians:
            shown = ", ".join(f"{each} {1000 * seconds:.0f} ms" for each, seconds in medians.items())
            _log.info("%s: runtime %s is the faster one here (%s)", network, name, shown)
            _record(key, name, medians)
        return runtimes[name]


def time_runtimes(runtimes: Mapping[str, Runtime], batch: Callable[[Runtime], AnyArray]) -> dict[str, float]:
    """Returns the median seconds of each runtime for a batch, taking turns, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in runtimes}
    inputs = {name: batch(runtime) for name, runtime in runtimes.items()}
    begun = time.perf_counter()
    for turn in range(1 + _ROUNDS):
        if turn > 1 and time.perf_counter() - begun > _SECONDS:
            break
        for name, runtime in runtimes.items():
            start = time.perf_counter()
            runtime.run(inputs[name])
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _opened(openers: Mapping[str, Callable[[], Runtime]]) -> dict[str, Runtime]:
    runtimes: dict[str, Runtime] = {}
    failed: ResightError | None = None
    for name, opener in openers.items():
        try:
            runtimes[name] = opener()
        except ResightError as error:
            _log.warning("%s", error)
            failed = error
    if not runtimes and failed is not None:
        raise failed
    return runtimes


def _key(network: str) -> str:
    parts = [network, _processor(), f"{cores()} cores"]
    return "; ".join([*parts, versions_line(("resight", "torch", "onnxruntime", "openvino"))])


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _file(key: str) -> Path:
    return cache_folder("runtimes") / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _recorded(key: str, openers: Mapping[str, Callable[[], Runtime]]) -> str | None:
    try:
        found = json.loads(_file(key).read_text(encoding="utf-8"))
        name = found["runtime"] if found["for"] == key else None
    # Whatever is wrong with the file, the runtimes can be timed again.
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if name in openers else None


def _record(key: str, name: str, medians: Mapping[str, float]) -> None:
    file = _file(key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, (json.dumps({"for": key, "runtime": name, "seconds": medians}, indent=1) + "\n").encode())
    except OSError as error:
        _log.info("%s: which runtime is faster cannot be remembered: %s", file, error.strerror)
