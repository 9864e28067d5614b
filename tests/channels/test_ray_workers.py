"""Windows of photos go to workers and come back in order, each once, whatever happens to a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import collection, write
from resight.channels import ray_workers
from resight.channels.channel import Channel
from resight.channels.extraction import Extracted, Job, Known, extract
from resight.channels.fits import opened_channels
from resight.channels.ray_workers import (
    Cluster,
    Opening,
    at_once,
    extract_window,
    in_windows,
    parse_cluster,
    prefixes,
    window_of,
    with_ray,
)
from resight.errors import UsageError, WorkersError
from resight.folders.walking import Found, find_images
from resight.index.index import Index
from resight.recipe import load_recipe


@pytest.fixture
def channels(recipes: Path) -> dict[str, Channel]:
    return opened_channels(load_recipe(recipes / "match.toml"), recipes, {})


@pytest.fixture
def found(tmp_path: Path) -> list[Found]:
    (tmp_path / "photos").mkdir()
    listed = write(tmp_path / "photos", collection(20))
    (listed / "bad.png").write_bytes(b"no photo")
    return list(find_images(listed))


class Elsewhere:
    """Extracts when it is asked for the result, as late as can be, and counts what is out."""

    ahead = 2

    def __init__(self, channels: dict[str, Channel], known: Sequence[str] = ()) -> None:
        self.channels, self.known = channels, prefixes(known)
        self.out: list[Sequence[Job]] = []
        self.most, self.dropped = 0, 0

    def give(self, window: Sequence[Job]) -> Any:
        self.out.append(window)
        self.most = max(self.most, len(self.out))
        return window

    def take(self, given: Any) -> Sequence[Extracted]:
        self.out.remove(given)
        return extract_window(given, self.channels, self.known)

    def drop(self, given: Any) -> None:
        self.dropped += 1


def evidence(one: Extracted) -> tuple[object, ...]:
    kept: Any = one.evidence.get("main")
    arrays = () if kept is None else tuple(kept.features.descriptors.ravel().tolist())
    return one.found.name, one.hash, one.size, one.reason, arrays


def test_windows_give_what_one_process_gives(found: list[Found], channels: dict[str, Channel]) -> None:
    tasks = Elsewhere(channels)
    alone = [evidence(one) for one in extract(found, channels, workers=1)]
    assert [evidence(one) for one in in_windows(found, channels, None, tasks)] == alone
    assert len(alone) > 2 * window_of(1)
    assert [bool(one[-1]) for one in alone] == [not one[3] for one in alone]
    assert tasks.most == tasks.ahead
    assert (tasks.out, tasks.dropped) == ([], 0)


def test_what_nobody_waits_for_is_taken_away(found: list[Found], channels: dict[str, Channel]) -> None:
    tasks = Elsewhere(channels)
    running = in_windows(found, channels, None, tasks)
    next(running)
    running.close()
    assert tasks.dropped == len(tasks.out) == 1


class Memory:
    """What is kept of photos, by hash; what is None was thought to be there."""

    def __init__(self, kept: dict[str, Known | None]) -> None:
        self.kept = kept

    def __call__(self, key: str) -> Known | None:
        return self.kept.get(key)

    def hashes(self) -> list[str]:
        return [*self.kept]


def test_known_photos_stay_here(found: list[Found], channels: dict[str, Channel]) -> None:
    alone = list(extract(found, channels, workers=1))
    readable = [one for one in alone if not one.reason]
    known, lost = readable[0], readable[1]
    memory = Memory({known.hash: Known((7, 8), {"main": "kept"}, "a remark"), lost.hash: None})
    passed = Extracted(found[0], "passed through", (1, 1), {}, was_known=True)
    made = list(in_windows([passed, *found], channels, memory, Elsewhere(channels, memory.hashes())))
    assert made[0].hash == "passed through"
    by_name = {one.found.name: one for one in made[1:]}
    recalled = by_name[known.found.name]
    assert (recalled.size, recalled.evidence, recalled.remark) == ((7, 8), {"main": "kept"}, "a remark")
    assert recalled.was_known
    assert evidence(by_name[lost.found.name]) == evidence(lost)
    assert not by_name[lost.found.name].was_known


def test_windows_keep_together_what_is_extracted_at_once() -> None:
    assert [window_of(one) for one in (1, 3, 8, 9, 16)] == [8, 9, 8, 9, 16]
    assert prefixes(["ff" * 16, "00" * 16, "", "ff" * 16]).tolist() == [0, 2**64 - 1]


def test_a_cluster_is_named_with_what_a_task_takes() -> None:
    assert parse_cluster("ray") == Cluster("")
    assert parse_cluster("ray://head:10001?cpus=2&gpus=0.5") == Cluster("ray://head:10001", 2.0, 0.5)
    for text in ("spark", "ray://", "ray?cpus=many", "ray?cpus=-1", "ray?memory=1", "ray?cpus=nan", "ray?cpus=0"):
        with pytest.raises(UsageError, match="workers"):
            parse_cluster(text)


def test_what_is_scarce_bounds_the_tasks() -> None:
    resources = {"CPU": 64.0, "GPU": 2.0, "memory": 1e9}
    assert at_once(Cluster(""), resources) == 64
    assert at_once(Cluster("", 2.0, 0.5), resources) == 4
    assert at_once(Cluster("", 0.0, 1.0), resources) == 2
    with pytest.raises(WorkersError, match=r"ray://head:1: a task takes 1 GPU, and the workers have 0"):
        at_once(Cluster("ray://head:1", 1.0, 1.0), {"CPU": 2.0})


def test_without_ray_nothing_is_changed(tmp_path: Path, recipes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index.create(tmp_path / "x.resight", recipes / "match.toml")
    before = index.info().generation
    monkeypatch.setattr(ray_workers, "find_spec", lambda _: None)
    (tmp_path / "photos").mkdir()
    with pytest.raises(WorkersError, match=r"pip install 'resight\[ray\]'"):
        index.add(tmp_path / "photos", workers="ray")
    assert Index.open(index.path).info().generation == before


def test_nothing_is_started_for_nothing(channels: dict[str, Channel], recipes: Path) -> None:
    opening = Opening(load_recipe(recipes / "match.toml"), recipes, {})
    extraction = with_ray(Cluster("ray://nowhere:1"), opening)
    assert list(extraction([], channels)) == []


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_workers_of_ray_make_the_same_index(tmp_path: Path, recipes: Path) -> None:
    photos = write(tmp_path, {f"photos/{name}": picture for name, picture in collection(12).items()}) / "photos"
    program = "import sys, resight; resight.Index.open(sys.argv[1]).add(sys.argv[2], workers='ray')"
    made = []
    for name in ("alone", "by-workers"):
        index = Index.create(tmp_path / f"{name}.resight", recipes / "asmk.toml", fit=photos)
        if name == "alone":
            index.add(photos)
        else:
            # Ray listens on every address, so it has a network of its own, where this machine allows that.
            inside = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
            command = [sys.executable, "-c", program, str(index.path), str(photos)]
            alone = subprocess.run([*inside, "true"], capture_output=True).returncode == 0
            if not alone:
                pytest.skip("this machine gives no network namespace to start Ray in")
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            subprocess.run([*inside, *command], check=True, env=environment, capture_output=True, timeout=300)
        opened = Index.open(index.path)
        (segment,) = opened.collection.snapshot.segments
        made.append({key: np.asarray(one).tobytes() for key, one in segment.arrays("main", lambda *_: None).items()})
    assert made[0] == made[1]
