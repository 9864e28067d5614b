"""Compares searches through the service with the same searches called in this process, by 1, 4 and 16 clients in turns.

python benchmarks/serving.py X.resight PHOTOS --searches 64 --json benchmarks/results/serving.json

A client is a thread that asks one photo of PHOTOS after the other, by its bytes: of the service over a kept connection
to this machine, or of the index, which all threads share. Both read the same bytes and give the same hits, which is
checked. What the service costs is the ratio of the times of both ways in each round, of which the median is told. The
ratio of the processor times, of the service and its clients together to the index called, is told beside it: other work
on the machine changes it less. Linux alone tells the time of another process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx

import resight
from resight.folders.walking import find_images

CLIENTS = (1, 4, 16)
ROUNDS = 4
K = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("photos", type=Path, help="folder of the photos to ask with")
    parser.add_argument("--searches", type=int, default=64, help="searches of each way in each round")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    photos = [one.path.read_bytes() for one in find_images(given.photos)]
    service, address = started(given.index)
    try:
        figures = compared(resight.Index.open(given.index), address, service.pid, photos, given.searches)
    finally:
        service.terminate()
        service.wait(30)
    print(json.dumps(figures, indent=1))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def started(index: Path) -> tuple[subprocess.Popen[str], str]:
    """Starts the service in a process of its own; returns it and the address of its searches."""
    command = [sys.executable, "-m", "resight", "serve", str(index), "--port", "0", "--at-once", str(os.cpu_count())]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://\S+/", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            (key,) = [one["id"] for one in httpx.get(f"{found[0]}v1/indexes").json()]
            return process, f"{found[0]}v1/indexes/{key}/searches"
    raise SystemExit("the service did not start")


def processor_seconds(process: int) -> float:
    """Returns the processor time of this process and another one."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compared(
    index: resight.Index, address: str, process: int, photos: Sequence[bytes], searches: int
) -> dict[str, Any]:
    """Returns the times of both ways by number of clients. process: that of the service."""

    def called(photo: bytes) -> list[str]:
        return [str(hit.name) for hit in index.search(photo, k=K)]

    connections = threading.local()

    def served(photo: bytes) -> list[str]:
        if not hasattr(connections, "client"):
            connections.client = httpx.Client(timeout=600)
        form = {"request": json.dumps({"queries": [{"file": 0}], "k": K})}
        answer = connections.client.post(address, data=form, files={"file": ("photo", photo)})
        answer.raise_for_status()
        return [hit["name"] for hit in answer.json()["hits"]]

    ways: dict[str, Callable[[bytes], list[str]]] = {"called": called, "served": served}
    asked = [photos[number % len(photos)] for number in range(searches)]
    for photo in photos[:8]:
        if called(photo) != served(photo):
            raise SystemExit("the service answers with other hits than the index")
    figures: dict[str, Any] = {"index": index.recipe.name, "photos": len(index), "cores": os.cpu_count()}
    for clients in CLIENTS:
        totals: dict[str, list[float]] = {way: [] for way in ways}
        each: dict[str, list[float]] = {way: [] for way in ways}
        used: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(ROUNDS):
            for way in list(ways) if number % 2 else list(ways)[::-1]:
                before = processor_seconds(process)
                total, times = timed(ways[way], asked, clients)
                used[way].append(processor_seconds(process) - before)
                totals[way].append(total)
                each[way] += times
        ratios = [served / called for served, called in zip(totals["served"], totals["called"], strict=True)]
        figures[f"{clients} clients"] = {
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(one, 3) for one in ratios],
            "ratio of processor times": round(sum(used["served"]) / sum(used["called"]), 3),
            **{
                way: {
                    "searches a second": round(searches / statistics.median(totals[way]), 2),
                    "99th percentile, ms": round(1000 * statistics.quantiles(each[way], n=100)[98], 1),
                }
                for way in ways
            },
        }
    return figures


def timed(ask: Callable[[bytes], list[str]], photos: Sequence[bytes], clients: int) -> tuple[float, list[float]]:
    """Returns the seconds of all searches by several clients at once, and those of each."""

    def one(photo: bytes) -> float:
        start = time.perf_counter()
        ask(photo)
        return time.perf_counter() - start

    with ThreadPoolExecutor(clients) as pool:
        start = time.perf_counter()
        times = list(pool.map(one, photos))
        return time.perf_counter() - start, times


if __name__ == "__main__":
    main()
