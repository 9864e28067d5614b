"""Sends a service the largest photos that it takes, from several clients at once, and tells how much memory that takes.

python benchmarks/large_uploads.py X.resight --requests 16 --clients 8 --json benchmarks/results/large_uploads.json

The photos are JPEGs of 63 megapixels with noise, near the limit of bytes of a request. Each is searched with by a box,
for which it is decoded at full size. A request that is refused because there is no room (503, 429) is sent again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import httpx2 as httpx
import numpy as np
from serving import started

SIDE = 7_900


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    photo = large_photo()
    service, searches = started(given.index)
    try:
        figures = sent(service.pid, searches, photo, given.requests, given.clients)
    finally:
        service.terminate()
        service.wait(60)
    print(json.dumps(figures, indent=1))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def large_photo() -> bytes:
    """Returns a JPEG of SIDE x SIDE pixels."""
    small = np.random.default_rng(0).integers(0, 256, (SIDE // 10, SIDE // 10, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))[1].tobytes()


def sent(process: int, searches: str, photo: bytes, requests: int, clients: int) -> dict[str, Any]:
    """Returns the statuses, and the most memory that the service held before and after."""
    form = {"request": json.dumps({"queries": [{"file": 0, "box": [100, 100, 900, 900]}], "k": 5})}
    statuses = Counter[int]()

    def ask(_: int) -> None:
        with httpx.Client(timeout=900) as client:
            for pause in range(1, 100):
                answer = client.post(searches, data=form, files={"file": ("photo", photo)})
                statuses[answer.status_code] += 1
                if answer.status_code not in (429, 503):
                    return
                time.sleep(pause)

    index = searches.rsplit("/", 1)[0]
    known = httpx.get(f"{index}/images?limit=1", timeout=900).json()["images"][0]["name"]
    httpx.post(searches, json={"queries": [{"name": known}], "k": 5}, timeout=900)
    before = most(process)
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, range(requests)))
    return {
        "requests": requests,
        "clients": clients,
        "MB of a photo": round(len(photo) / 1e6, 1),
        "statuses": dict(statuses),
        "MB at most before": round(before / 1e6),
        "MB at most after": round(most(process) / 1e6),
    }


def most(process: int) -> int:
    """Returns the most bytes of memory that a process has held."""
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


if __name__ == "__main__":
    main()
