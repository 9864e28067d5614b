"""Small parts: places for work, kept searches, jobs, tokens, addresses; and the service as a process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2 as httpx
import pytest

from resight.errors import UsageError
from resight.index.identity import Identity
from resight.server.faults import Refusal
from resight.server.guard import SMALL, Guard, has_token
from resight.server.jobs import Jobs
from resight.server.metrics import Metrics
from resight.server.places import Places
from resight.server.running import is_loopback, warnings
from resight.server.searches import MOST, SECONDS, KeptSearch, KeptSearches
from resight.server.settings import Settings
from resight.server.workers import Workers
from server_samples import TOKEN


def refused(status: int, workers: Workers, client: str) -> None:
    with pytest.raises(Refusal) as caught:
        asyncio.run(workers.run(client, lambda: None))
    assert caught.value.status_code == status
    assert caught.value.headers
    assert caught.value.headers["Retry-After"]


def test_places_for_work_are_counted() -> None:
    workers = Workers("test", at_once=1, waiting=2, per_client=2, seconds=30)
    go = threading.Event()

    async def crowd() -> list[Any]:
        first = [asyncio.create_task(workers.run("a", go.wait)) for _ in range(2)]
        await asyncio.sleep(0.01)
        await asyncio.to_thread(refused, 429, workers, "a")
        third = asyncio.create_task(workers.run("b", go.wait))
        await asyncio.sleep(0.01)
        await asyncio.to_thread(refused, 503, workers, "c")
        assert workers.load == 3
        go.set()
        return await asyncio.gather(*first, third)

    assert asyncio.run(crowd()) == [True, True, True]
    assert workers.load == 0
    assert asyncio.run(workers.run("a", lambda: 7)) == 7
    workers.close()


def test_work_that_takes_too_long_keeps_its_place_until_it_ends() -> None:
    workers = Workers("test", at_once=1, waiting=0, per_client=1, seconds=0.05)
    go = threading.Event()
    with pytest.raises(Refusal, match="longer than") as caught:
        asyncio.run(workers.run("a", go.wait))
    assert caught.value.status_code == 503
    refused(503, workers, "b")
    go.set()
    while workers.load:
        time.sleep(0.001)
    assert asyncio.run(workers.run("b", lambda: 7)) == 7
    workers.close()


def test_work_that_waits_too_long_is_dropped() -> None:
    workers = Workers("test", at_once=1, waiting=1, per_client=1, seconds=0.05)
    go, done = threading.Event(), []

    async def crowd() -> None:
        first = asyncio.create_task(workers.run("a", go.wait))
        await asyncio.sleep(0.01)
        with pytest.raises(Refusal, match="longer than"):
            await workers.run("b", lambda: done.append(1))
        with pytest.raises(Refusal, match="longer than"):
            await first

    asyncio.run(crowd())
    go.set()
    while workers.load:
        time.sleep(0.001)
    workers.close()
    assert done == []


def test_an_error_of_the_work_is_raised_as_it_is() -> None:
    workers = Workers("test", at_once=1, waiting=0, per_client=1, seconds=5)

    def fail() -> None:
        raise TimeoutError("of the work itself")

    with pytest.raises(TimeoutError, match="of the work itself"):
        asyncio.run(workers.run("a", fail))
    workers.close()


def kept(key: str, at: float, size: int = 0) -> KeptSearch:
    served = SimpleNamespace(now=SimpleNamespace(identity=Identity(1, 1)))
    one = SimpleNamespace(id=key, at=at, bytes=size, served=served, identity=Identity(1, 1))
    return cast(KeptSearch, one)


def test_searches_are_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    searches = KeptSearches(lambda: now[0])
    for number in range(MOST + 5):
        searches.keep(kept(str(number), 0.0))
    assert len(searches) == MOST
    with pytest.raises(Refusal, match="not kept any more"):
        searches.get("0")
    assert searches.get("5").id == "5"
    now[0] = SECONDS + 1.0
    with pytest.raises(Refusal):
        searches.get("5")
    searches.keep(kept("new", now[0]))
    assert len(searches) == 1
    monkeypatch.setattr("resight.server.searches.BYTES", 100)
    searches.keep(kept("large", now[0], 90))
    searches.keep(kept("another", now[0], 90))
    with pytest.raises(Refusal):
        searches.get("large")


def test_jobs_run_one_after_the_other_and_tell_their_progress() -> None:
    jobs = Jobs("test")
    order: list[int] = []

    def work(number: int) -> Any:
        def run(progress: Any) -> int:
            progress(number, 9)
            order.append(number)
            return number

        return run

    started = [jobs.start("count", work(number)) for number in range(3)]
    jobs._pool.shutdown(wait=True)
    assert order == [0, 1, 2]
    found = jobs.find(started[2].id)
    assert found is started[2]
    told = found.to_dict()
    assert (told["state"], told["done"], told["total"], told["result"]) == ("done", 2, 9, 2)


def test_nothing_of_a_large_body_is_read_before_there_is_room_for_it() -> None:
    arrivals = Places(most=2, per_client=1)
    begun, read = asyncio.Event(), 0
    answers: dict[str, int] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = Guard(app, Settings(), Metrics(), arrivals)

    async def ask(key: str, length: int | None, client: str, go: asyncio.Event) -> None:
        sized = (b"transfer-encoding", b"chunked") if length is None else (b"content-length", str(length).encode())
        headers = [(b"host", b"127.0.0.1"), sized, (b"content-type", b"multipart/form-data; boundary=x")]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "client": (client, 1)}

        async def receive() -> Any:
            nonlocal read
            await go.wait()
            read += 1
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            answers.setdefault(key, message.get("status"))

        await guard(scope, receive, send)

    async def all_of_them() -> None:
        go = asyncio.Event()
        first = asyncio.create_task(ask("first", SMALL + 1, "one", go))
        await begun.wait()
        await ask("again", None, "one", go)
        second = asyncio.create_task(ask("second", None, "two", go))
        await asyncio.sleep(0)
        await ask("third", SMALL + 1, "three", go)
        assert read == 0
        small = asyncio.create_task(ask("small", SMALL, "one", go))
        go.set()
        await asyncio.gather(first, second, small)

    asyncio.run(all_of_them())
    assert answers == {"again": 429, "third": 503, "first": 200, "second": 200, "small": 200}
    assert read == 3
    assert arrivals.taken == 0


def test_no_more_jobs_wait_than_there_is_room_for() -> None:
    jobs = Jobs("test", most_waiting=2)
    begun, go = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        begun.set()
        go.wait()

    jobs.start("long", hold)
    begun.wait()
    for _ in range(2):
        jobs.start("waits", lambda _: None)
    with pytest.raises(Refusal, match="2 changes wait") as caught:
        jobs.start("one more", lambda _: None)
    assert caught.value.status_code == 503
    go.set()
    jobs._pool.shutdown(wait=True)


def test_a_job_that_is_stopped_ends_at_its_next_step() -> None:
    jobs = Jobs("test")
    begun = threading.Event()

    def endless(progress: Any) -> None:
        while True:
            begun.set()
            time.sleep(0.001)
            progress(0, 0)

    job = jobs.start("endless", endless)
    begun.wait()
    jobs.close()
    assert job.state == "failed"


@pytest.mark.parametrize(
    ("headers", "has"),
    [
        ({b"authorization": f"Bearer {TOKEN}"}, True),
        ({b"authorization": f"bearer  {TOKEN} "}, True),
        ({b"authorization": f"Basic {TOKEN}"}, False),
        ({b"authorization": TOKEN}, False),
        ({b"cookie": f"a=b; resight_token={TOKEN}"}, True),
        ({b"cookie": 'resight_token="'}, False),
        ({b"cookie": "\xff=\xfe"}, False),
        ({}, False),
    ],
)
def test_the_token_comes_as_a_header_or_a_cookie(headers: dict[bytes, str], has: bool) -> None:
    assert has_token(headers, TOKEN) is has
    assert not has_token(headers, None)


def test_settings_that_guard_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="can be guessed"):
        Settings(token="short")
    with pytest.raises(UsageError, match="ASCII"):
        Settings(token="geheimes Wörterbuch")
    for origin in ("archive.example", "*", "https://archive.example/page", "null"):
        with pytest.raises(UsageError, match="no origin"):
            Settings(origins=frozenset({origin}))
    with pytest.raises(UsageError, match="there is none"):
        Settings(reads_need_token=True)


def test_opening_to_others_is_told() -> None:
    service: Any = SimpleNamespace(settings=Settings(token=TOKEN))
    assert warnings("127.0.0.1", service) == []
    assert warnings("::1", service) == []
    first, second = warnings("0.0.0.0", service)
    assert "everyone who can reach this machine" in first
    assert "HTTPS" in second
    assert not is_loopback("photos.example")


def test_metrics_are_those_of_prometheus() -> None:
    metrics = Metrics()
    for seconds in (0.02, 0.3, 100.0):
        metrics.count("GET", "/x", 200, seconds)
    lines = metrics.text({}).splitlines()
    assert 'resight_requests_total{method="GET",route="/x",status="200"} 3' in lines
    assert 'resight_request_seconds_bucket{route="/x",le="0.025"} 1' in lines
    assert 'resight_request_seconds_bucket{route="/x",le="0.5"} 2' in lines
    assert 'resight_request_seconds_bucket{route="/x",le="+Inf"} 3' in lines
    assert 'resight_request_seconds_count{route="/x"} 3' in lines
    for number in range(100):
        metrics.count(f"METHOD{number}", "/x", 405, 0.1)
    lines = metrics.text({}).splitlines()
    assert 'resight_requests_total{method="other",route="/x",status="405"} 100' in lines
    assert sum(line.startswith("resight_requests_total{") for line in lines) == 2


@pytest.mark.slow
def test_the_command_serves_and_stops(served_index: Path, tmp_path: Path) -> None:
    """As a process: the address is printed, slow headers are cut off, a search is answered, SIGTERM ends it well."""
    program = "import resight.server.running as r; r.HEADER_SECONDS = 0.5; from resight.cli.main import main; main()"
    command = [sys.executable, "-c", program, "serve", str(served_index), "--port", "0"]
    environment = {**os.environ, "RESIGHT_CACHE": str(tmp_path)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "8 photos" in said
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stderr.readline())
        assert found is not None
        idle = socket.create_connection(("127.0.0.1", int(found[1])))
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        query = json.dumps({"queries": [{"name": "posters/poster-02_1.jpg"}], "k": 1})
        answer = httpx.post(
            f"{found[0]}v1/indexes/old-town/searches",
            content=query,
            timeout=300,
            headers={"Content-Type": "application/json"},
        )
        assert answer.json()["hits"][0]["name"] == "posters/poster-02_2.jpg"
        assert "server" not in answer.headers
        idle.settimeout(60)
        assert idle.recv(100) == b""
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()


def test_what_cannot_be_served_is_told(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from resight.cli.main import app

    for arguments, said in (
        (["serve"], "name an index"),
        (["serve", "x", "--demo"], "not both"),
        (["serve", str(tmp_path / "none.resight")], "there is no index here"),
        (["serve", str(tmp_path / "none.resight"), "--token-file", str(tmp_path / "none")], "cannot be read"),
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2
        assert said in done.output
