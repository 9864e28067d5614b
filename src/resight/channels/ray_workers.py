"""Photos to evidence on the workers of a Ray cluster, in order, each once. Importing this module imports no Ray.

A window of photos is a task of Ray. A task whose worker is killed runs again, on another one, and its result is taken
once, in the order of the tasks: so rows are neither lost nor twice, and an index is what one process makes of the same
photos. Ray's data sets would do the same work, but promise no order.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

import numpy as np

from resight.arrays import UInt64
from resight.channels.channel import Channel
from resight.channels.extraction import (
    AHEAD,
    Extracted,
    Extraction,
    Job,
    Known,
    Recall,
    extract,
    finish,
    read_one,
    together,
)
from resight.errors import ResightError, UsageError, WorkersError
from resight.recipe import Recipe

ATTEMPTS = 10
"""How often a window is given to another worker because one died with it."""
WINDOW = 8
"""Photos of a task at least, so that giving it out costs little of it."""


@dataclass(frozen=True)
class Opening:
    """What a worker opens the channels of an index by: its recipe, its folder, and its fitted files by name.

    Paths of weights in the recipe are relative to the folder, and have to lead to the same files on every worker.
    """

    recipe: Recipe
    folder: Path
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Cluster:
    """The address of a cluster, empty for Ray's own choice, and what a task takes of a worker.

    cpus, gpus: of a machine, or a part of one.
    """

    address: str
    cpus: float = 1.0
    gpus: float = 0.0


def parse_cluster(text: str) -> Cluster:
    """Returns the cluster that "ray", "ray://HOST:PORT" or either with "?cpus=1&gpus=0.5" names. Raises UsageError."""
    place, _, said = text.partition("?")
    if place != "ray" and not (place.startswith("ray://") and len(place) > len("ray://")):
        raise UsageError(f'workers "{text}": say ray, or ray://HOST:PORT of a cluster')
    wanted = dict(parse_qsl(said, keep_blank_values=True))
    try:
        numbers = {key: float(value) for key, value in wanted.items()}
        if not numbers.keys() <= {"cpus", "gpus"} or any(not 0 <= one < 1e6 for one in numbers.values()):
            raise ValueError
        cluster = Cluster("" if place == "ray" else place, **numbers)
        if not cluster.cpus + cluster.gpus:
            raise ValueError
    except ValueError:
        raise UsageError(f'workers "{text}": a task takes "?cpus=NUMBER&gpus=NUMBER", not both 0') from None
    return cluster


def at_once(cluster: Cluster, resources: Mapping[str, float]) -> int:
    """Returns how many tasks a cluster of such resources, by Ray's names, works on at once.

    Raises WorkersError where it has too little for one: Ray would wait for more, and say nothing.
    """
    places = []
    for name, wanted in (("CPU", cluster.cpus), ("GPU", cluster.gpus)):
        there = resources.get(name, 0.0)
        if wanted > there:
            raise WorkersError(
                f"{cluster.address or 'ray'}: a task takes {wanted:g} {name}, and the workers have {there:g}: "
                f'ask for less after the "?", or start such a worker first'
            )
        if wanted:
            places.append(int(there / wanted))
    return min(places)


def check_ray() -> None:
    """Raises WorkersError where Ray is not installed."""
    if find_spec("ray") is None:
        raise WorkersError("workers of Ray need its package: pip install 'resight[ray]'")


def with_ray(cluster: Cluster, opening: Opening) -> Extraction:
    """Returns the extraction by a cluster, which is connected to where there is something to extract.

    Raises WorkersError then.
    """

    def extraction(
        found: Iterable[Job], channels: Mapping[str, Channel], *, recall: Recall | None = None
    ) -> Generator[Extracted, None, None]:
        jobs = iter(found)
        first = [*itertools.islice(jobs, 1)]
        if not first:
            return
        known = prefixes(() if recall is None else recall.hashes())
        with connected(cluster):
            yield from in_windows(itertools.chain(first, jobs), channels, recall, RayTasks(cluster, opening, known))

    return extraction


class Tasks(Protocol):
    """Windows of jobs that are extracted elsewhere."""

    ahead: int
    """Windows that are given out at once."""

    def give(self, window: Sequence[Job]) -> Any:
        """Gives a window out; returns what it is taken back by."""
        ...

    def take(self, given: Any) -> Sequence[Extracted]:
        """Waits for what was made of a window. WorkersError where worker after worker died with it."""
        ...

    def drop(self, given: Any) -> None:
        """Takes a window away, whose result nobody waits for."""
        ...


def in_windows(
    found: Iterable[Job], channels: Mapping[str, Channel], recall: Recall | None, tasks: Tasks
) -> Generator[Extracted, None, None]:
    """Yields what tasks make of jobs, in their order, with a bounded number of windows given out.

    A photo that a worker leaves to `recall`, because its bytes seem known, and that is not known after all, is
    extracted here.
    """
    size = window_of(together(channels))
    jobs = iter(found)
    waiting: deque[tuple[Sequence[Job], Any]] = deque()
    try:
        while window := list(itertools.islice(jobs, size)):
            waiting.append((window, tasks.give(window)))
            if len(waiting) >= tasks.ahead:
                yield from _taken(*waiting.popleft(), channels, recall, tasks)
        while waiting:
            yield from _taken(*waiting.popleft(), channels, recall, tasks)
    finally:
        for _, given in waiting:
            tasks.drop(given)


def window_of(together: int) -> int:
    """Returns the photos of a task: as many times what is extracted at once as make `WINDOW` of them."""
    return together * -(-WINDOW // together)


def _taken(
    window: Sequence[Job], given: Any, channels: Mapping[str, Channel], recall: Recall | None, tasks: Tasks
) -> Iterator[Extracted]:
    for job, one in zip(window, tasks.take(given), strict=True):
        # What the index knows was passed through, and never left this process.
        if isinstance(job, Extracted) or not one.was_known:
            yield one
            continue
        kept = None if recall is None else recall(one.hash)
        if kept is None:
            yield from extract([job], channels, workers=1)
        else:
            yield replace(one, size=kept.size, evidence=kept.evidence, remark=kept.remark)


def prefixes(hashes: Iterable[str]) -> UInt64:
    """Returns (n,) the first 64 bits of n hashes, ascending: a tenth of their size, and seldom the same of two."""
    return np.unique(np.array([int(one[:16], 16) for one in hashes if one], np.uint64))


class MayBeKnown:
    """Says of a photo that is known, by the first bits of its hash, that its evidence is there, but not which."""

    def __init__(self, known: UInt64) -> None:
        self._known = known

    def __call__(self, key: str) -> Known | None:
        """Returns empty evidence where a hash may be known."""
        (prefix,) = prefixes([key])
        at = int(np.searchsorted(self._known, prefix))
        return Known((0, 0), {}, "") if at < len(self._known) and self._known[at] == prefix else None

    def hashes(self) -> Iterable[str]:
        """Returns none: they are not whole."""
        return ()


def extract_window(window: Sequence[Job], channels: Mapping[str, Channel], known: UInt64) -> list[Extracted]:
    """Returns the evidence of the jobs of a window, in their order, as one process makes it, on one thread."""
    from resight.cores import single_threaded_products
    from resight.features.sift import single_threaded_opencv

    size, recall = together(channels), MayBeKnown(known)
    made: list[Extracted] = []
    with single_threaded_opencv(), single_threaded_products():
        for start in range(0, len(window), size):
            read = [read_one(job, channels, recall) for job in window[start : start + size]]
            made += finish(read, channels)
    return made


class RayTasks:
    """Windows as tasks of the Ray that this process is connected to."""

    def __init__(self, cluster: Cluster, opening: Opening, known: UInt64) -> None:
        import ray

        self._ray = ray
        # In a list it stays a reference, which a worker follows once and not with every task.
        self._opening, self._known = [ray.put(opening)], ray.put(known)
        remote = ray.remote(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=ATTEMPTS)
        self._work = remote(_work)
        self.ahead = AHEAD * at_once(cluster, ray.cluster_resources())

    def give(self, window: Sequence[Job]) -> Any:
        """Gives a window out."""
        return self._work.remote(self._opening, self._known, [*window])

    def take(self, given: Any) -> Sequence[Extracted]:
        """Waits for what was made of a window. Raises WorkersError, and what extraction raises."""
        from ray.exceptions import RayError, RayTaskError

        try:
            made: Sequence[Extracted] = self._ray.get(given)
        except RayTaskError as error:
            if isinstance(error.cause, ResightError):
                raise error.cause from error
            raise WorkersError(f"a worker of Ray failed: {type(error.cause).__name__}: {error.cause}") from error
        except RayError as error:
            raise WorkersError(f"workers of Ray died {ATTEMPTS} times with the same photos: {error}") from error
        return made

    def drop(self, given: Any) -> None:
        """Takes a window away from the workers."""
        self._ray.cancel(given)


def _work(opening: list[Any], known: UInt64, window: Sequence[Job]) -> list[Extracted]:
    return extract_window(window, _opened(opening[0]), known)


@lru_cache(maxsize=1)
def _opened(opening: Any) -> Mapping[str, Channel]:
    """Returns the channels that a worker opens once; opening: the reference of an `Opening`."""
    import ray

    from resight.channels.fits import opened_channels

    wanted: Opening = ray.get(opening)
    with tempfile.TemporaryDirectory(prefix="resight-") as folder:
        files = {name: Path(folder) / name for name in wanted.files}
        for name, content in wanted.files.items():
            files[name].parent.mkdir(parents=True, exist_ok=True)
            files[name].write_bytes(content)
        return opened_channels(wanted.recipe, wanted.folder, files)


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """Connects this process to a cluster, or starts one on this machine alone, and ends what it began.

    What is connected already is used, and stays so. Raises WorkersError.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    try:
        if cluster.address or os.environ.get("RAY_ADDRESS"):
            ray.init(address=cluster.address or None, **quiet)
        else:
            ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
        raise WorkersError(f"{cluster.address or 'ray'}: no cluster can be reached or started: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()
