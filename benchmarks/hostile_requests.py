"""Sends a service requests that mean no good, and counts what it does: answers, memory, and whether it still searches.

python benchmarks/hostile_requests.py X.resight --requests 10000 --json benchmarks/results/hostile_requests.json

Tricks with paths and names, wrong Host and Origin, bombs, truncated and mislabelled images, forms and JSON that are
broken, large headers, and bodies that come slowly or never, drawn by seed and sent by several clients. A trick with a
path or a name that is answered with a picture or the text of a file counts as served, which must never be. An answer of
5xx counts as a failure unless it is 503, which says that there is no room.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import socket
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2 as httpx
from PIL import Image
from serving import started

CLIENTS = 8
SLOW = 64
"""Connections that send a little and then nothing, while all else goes on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    service, searches = started(given.index)
    try:
        figures = attacked(service.pid, searches, given.requests, given.seed)
    finally:
        service.terminate()
        figures["stopped with"] = service.wait(60)
    print(json.dumps(figures, indent=1))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def attacked(process: int, searches: str, requests: int, seed: int) -> dict[str, Any]:
    """Returns what the service answered, and how large it grew."""
    parts = urlsplit(searches)
    base = f"{parts.scheme}://{parts.netloc}"
    index = searches.rsplit("/", 1)[0]
    known = httpx.get(f"{index}/images?limit=5", timeout=600).json()["images"][0]["name"]
    tricks = Tricks(base, index, known)
    before = memory(process)
    largest, statuses, faults = before, Counter[str](), Counter[str]()
    slow = [slowly(parts.hostname or "", parts.port or 80) for _ in range(SLOW)]
    start = time.perf_counter()
    with (
        httpx.Client(timeout=120, limits=httpx.Limits(max_connections=CLIENTS)) as client,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):

        def one(number: int) -> tuple[str, str]:
            return tricks.play(client, random.Random(f"{seed}-{number}"))

        for number, (kind, outcome) in enumerate(pool.map(one, range(requests))):
            statuses[f"{kind}: {outcome}"] += 1
            if outcome.startswith("5") and outcome != "503":
                faults[f"{kind}: {outcome}"] += 1
            if number % 50 == 0:
                largest = max(largest, memory(process))
    seconds = time.perf_counter() - start
    for connection in slow:
        connection.close()
    answer = httpx.post(searches, json={"queries": [{"name": known}], "k": 3}, timeout=120)
    return {
        "requests": requests,
        "seconds": round(seconds, 1),
        "server errors": dict(faults),
        "answers by kind": dict(sorted(statuses.items())),
        "MiB before": before >> 20,
        "MiB at most": largest >> 20,
        "searches afterwards": answer.status_code == 200 and bool(answer.json()["hits"]),
    }


class Tricks:
    """Ways to ask for what must not be had."""

    def __init__(self, base: str, index: str, known: str) -> None:
        self.base, self.index, self.known = base, index, known
        self.kinds: list[Callable[[httpx.Client, random.Random], httpx.Response]] = [
            self.path,
            self.name,
            self.host,
            self.origin,
            self.image,
            self.form,
            self.document,
            self.header,
            self.numbers,
        ]

    def play(self, client: httpx.Client, rng: random.Random) -> tuple[str, str]:
        """Plays one of them; returns its name and how it was answered."""
        kind = rng.choice(self.kinds)
        try:
            answer = kind(client, rng)
        except httpx.InvalidURL:
            return kind.__name__, "never sent"
        except httpx.HTTPError as error:
            return kind.__name__, type(error).__name__
        if answer.status_code == 200 and kind in (self.path, self.name):
            shown = answer.headers.get("content-type", "")
            if shown.startswith("image/") or "root:" in answer.text or "import " in answer.text:
                return kind.__name__, "599 SERVED"
        return kind.__name__, str(answer.status_code)

    def path(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Climbs out of the page's folder."""
        climb = rng.choice(("../", "..%2f", "%2e%2e/", "%252e%252e%252f", "..\\", "..%5c", "....//", "/", "%00/"))
        goal = rng.choice(("etc/passwd", "settings.py", "app.py", "proc/self/environ", "secret.jpg"))
        before = rng.choice(("/page/", "/", "/v1/", "/page/index.html/", f"{self.index[len(self.base) :]}/"))
        return client.send(client.build_request("GET", self.base + before + climb * rng.randint(1, 9) + goal))

    def name(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Names files that are in no index."""
        climb = rng.choice(("../", "..\\", "..%2f", "./../", "\0", "file:///", "//", "\u2025/", "..;/"))
        goal = rng.choice(("etc/passwd", "secret.jpg", "recipe.toml", "catalog.sqlite", "proc/self/mem", "dev/zero"))
        name = rng.choice(("", "/", self.known + "/")) + climb * rng.randint(1, 6) + goal
        for _ in range(rng.randint(1, 2)):
            name = quote(name, safe="")
        what = rng.choice(("photo", "thumbnail"))
        return client.get(f"{self.index}/{what}?name={name}")

    def host(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Calls the service by the name of another."""
        host = rng.choice(("evil.example", "127.0.0.1.evil.example", "", "a" * 3000, "localhost@evil.example", "[::"))
        return client.get(f"{self.base}/v1/indexes", headers={"Host": host})

    def origin(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Asks as a page elsewhere would."""
        origin = rng.choice(("http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://[", "x" * 2000))
        method = rng.choice(("GET", "POST", "DELETE", "OPTIONS", "PUT", "TRACE", "PATCH", "HEAD"))
        return client.request(method, f"{self.index}/images", headers={"Origin": origin})

    def image(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Sends what is no photo, or a photo that is a trap."""
        data = rng.choice((bomb, truncated, mislabelled, scrambled))(rng)
        return client.post(
            f"{self.index}/searches",
            data={"request": json.dumps({"queries": [{"file": 0}], "k": 3})},
            files={"file": (rng.choice(("a.jpg", "../../x", "\0", "a" * 1000)), data)},
        )

    def form(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Sends a form that is broken, or has far too many parts."""
        kind = rng.choice(
            ("multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300)
        )
        part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n'
        body = rng.choice((part * rng.randint(1, 500), part[: rng.randrange(60)], b"--x--", b"", rng.randbytes(2000)))
        return client.post(f"{self.index}/searches", content=body, headers={"Content-Type": kind})

    def document(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Sends JSON that is deep, wrong or no JSON."""
        wrong: list[Any] = [None, [], {}, -1, 1e308, "x" * 5000, [[0]], True, {"a": {"b": []}}]
        request: dict[str, Any] = {"queries": [{"name": self.known}]}
        request[rng.choice(("queries", "k", "offset", "right", "text", "metadata", "folder", "x"))] = rng.choice(wrong)
        bodies = (b"[" * 100_000, b'{"queries":', json.dumps(request).encode(), b"\xff\xfe", b"NaN", b'"\\ud800"')
        headers = {"Content-Type": "application/json"}
        return client.post(f"{self.index}/searches", content=rng.choice(bodies), headers=headers)

    def header(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Sends large and strange headers."""
        headers = rng.choice(
            (
                {"Cookie": "resight_token=" + "x" * rng.randint(1, 200_000)},
                {"Authorization": "Bearer " + "\\" * 5000},
                {"If-None-Match": '"' * 9000},
                {"Content-Length": "9" * 25},
                {f"X-{number}": "y" * 500 for number in range(200)},
                {"Accept": "application/x-ndjson" * 500},
                {"X-Forwarded-For": "1.2.3.4, evil", "X-Forwarded-Proto": "javascript"},
            )
        )
        return client.get(f"{self.index}/images?limit=1", headers=headers)

    def numbers(self, client: httpx.Client, rng: random.Random) -> httpx.Response:
        """Asks for sizes, regions and pages that cannot be."""
        number = rng.choice(("-1", "0", "1e9", "99999999999999999999", "NaN", "٣", "", "0x10"))
        known = quote(self.known, safe="")
        path = rng.choice(
            (
                f"photo?name={known}&size={number}",
                f"photo?name={known}&region={number},{number},{number},5",
                f"thumbnail?name={known}&size={number}",
                f"images?limit={number}",
                f"images?after={number}&text={number}",
            )
        )
        return client.get(f"{self.index}/{path}")


def bomb(rng: random.Random) -> bytes:
    """Returns a PNG that says that it is very large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = rng.choice((5_000, 7_900, 30_000, 2**31 - 1))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def written(rng: random.Random, form: str = "JPEG") -> bytes:
    """Returns the file of a noisy photo."""
    image = Image.effect_noise((160, 120), rng.randint(20, 90)).convert("RGB")
    data = io.BytesIO()
    image.save(data, form)
    return data.getvalue()


def truncated(rng: random.Random) -> bytes:
    """Returns the beginning of a photo."""
    data = written(rng, rng.choice(("JPEG", "PNG", "WEBP", "TIFF", "GIF")))
    return data[: rng.randrange(len(data))]


def mislabelled(rng: random.Random) -> bytes:
    """Returns what is no photo, or has the first bytes of another format."""
    first = rng.choice(
        (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"BM", b"\0\0\0\x18ftypheic", b"<svg>")
    )
    return first + rng.randbytes(rng.randint(0, 4000))


def scrambled(rng: random.Random) -> bytes:
    """Returns a photo in which some bytes are others."""
    data = bytearray(written(rng, rng.choice(("JPEG", "PNG", "WEBP", "TIFF", "GIF"))))
    for _ in range(rng.randint(1, 40)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def slowly(host: str, port: int) -> socket.socket:
    """Returns a connection that has sent a part of a request."""
    connection = socket.create_connection((host, port), timeout=10)
    connection.sendall(b"POST /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n")
    return connection


def memory(process: int) -> int:
    """Returns the bytes of memory that a process holds."""
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
