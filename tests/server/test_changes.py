"""Photos that are sent, removed and read anew; what other processes write is seen."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from resight.index import Index
from resight.server.changes import file_name
from resight.server.shelf import refresh_all, shelve
from server_samples import TOKEN, Serve

IMAGES = "/v1/indexes/own/images"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def own(served_photos: Path, tmp_path: Path, unsynced: None) -> Path:
    """An index that a test may change."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("other-000.jpg", "other-001.jpg"):
        shutil.copy2(served_photos / name, folder / name)
    Index.create(tmp_path / "own.resight", "sift-asmk").add(folder)
    return tmp_path / "own.resight"


@pytest.fixture
def writer(own: Path, serve: Serve) -> TestClient:
    client = serve(own, token=TOKEN)
    client.headers.update(HEADERS)
    return client


def finished(client: TestClient, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    job = answer.json()
    while job["state"] in ("waiting", "running"):
        time.sleep(0.01)
        job = client.get(f"/v1/jobs/{job['job']}").json()
    return dict(job)


def names(client: TestClient) -> list[str]:
    return [one["name"] for one in client.get(IMAGES).json()["images"]]


def test_photos_that_are_sent_are_indexed_and_found(writer: TestClient, own: Path, served_photos: Path) -> None:
    data = (served_photos / "facade-00_1.jpg").read_bytes()
    files = [("file", ("../../Über %41<b>.JPG", data)), ("file", ("broken.jpg", data[:200]))]
    job = finished(writer, writer.post(IMAGES, files=files))
    assert job["state"] == "done", job
    assert job["result"]["added"] == 1
    assert [one["name"] for one in job["result"]["refused"]] == ["broken.jpg"]
    (name,) = job["result"]["names"]
    assert name == "uploads/Über _41_b_.jpg"
    assert name in names(writer)
    assert sorted(one.name for one in (own.parent / "own.uploads").iterdir()) == ["Über _41_b_.jpg"]
    found = writer.post("/v1/indexes/own/searches", json={"queries": [{"name": name}]})
    assert found.status_code == 200
    # The same again is the same photo; another under its name is another.
    assert finished(writer, writer.post(IMAGES, files=files[:1]))["result"]["names"] == [name]
    other = [("file", ("Über %41<b>.JPG", (served_photos / "facade-00_2.jpg").read_bytes()))]
    assert finished(writer, writer.post(IMAGES, files=other))["result"]["names"] == ["uploads/Über _41_b_-2.jpg"]


def test_photos_are_removed_by_exactly_their_names(writer: TestClient, own: Path) -> None:
    pattern = writer.request("DELETE", IMAGES, json={"names": ["*.jpg"]})
    assert pattern.status_code == 404
    job = finished(writer, writer.request("DELETE", IMAGES, json={"names": ["other-000.jpg"]}))
    assert job["result"] == {"removed": 1}
    assert names(writer) == ["other-001.jpg"]
    assert (own.parent / "photos" / "other-000.jpg").exists()


def test_an_update_reads_folders_anew(writer: TestClient, own: Path, served_photos: Path) -> None:
    shutil.copy2(served_photos / "other-002.jpg", own.parent / "photos" / "new.jpg")
    (own.parent / "photos" / "other-001.jpg").unlink()
    job = finished(writer, writer.post("/v1/indexes/own/update"))
    assert (job["result"]["added"], job["result"]["removed"]) == (1, 1)
    assert names(writer) == ["new.jpg", "other-000.jpg"]


def test_a_job_that_fails_says_why(writer: TestClient, own: Path) -> None:
    from resight.store import lock

    with lock.writer_lock(own):
        job = finished(writer, writer.post("/v1/indexes/own/update"))
    assert job["state"] == "failed"
    assert job["error"]["kind"] == "locked"


def test_what_another_process_adds_is_seen(own: Path, served_photos: Path) -> None:
    (served,) = shelve([own]).values()
    before = served.now
    assert refresh_all([served]) == []
    assert served.now is before
    shutil.copy2(served_photos / "other-002.jpg", own.parent / "photos" / "new.jpg")
    Index.open(own).update()
    assert refresh_all([served]) == [served]
    assert served.now.listing.names == ["new.jpg", "other-000.jpg", "other-001.jpg"]
    assert before.listing.names == ["other-000.jpg", "other-001.jpg"]


def test_searches_stay_right_while_another_process_writes(own: Path, served_photos: Path, serve: Serve) -> None:
    client = serve(own)
    (served,) = client.app.state.service.indexes.values()
    shutil.copy2(served_photos / "facade-00_1.jpg", own.parent / "photos" / "moving.jpg")
    query = (served_photos / "facade-00_2.jpg").read_bytes()
    form = {"request": '{"queries": [{"file": 0}]}'}
    still = {"other-000.jpg", "other-001.jpg"}
    stop = threading.Event()

    def write() -> None:
        index = Index.open(own)
        while not stop.is_set():
            index.add(own.parent / "photos", again=True)
            refresh_all([served])
            index.remove("moving.jpg")
            refresh_all([served])

    writing = threading.Thread(target=write)
    writing.start()
    seen = []
    try:
        while len(seen) < 40 and not (len(seen) > 10 and {True, False} <= set(seen)):
            answer = client.post("/v1/indexes/own/searches", data=form, files={"file": query})
            assert answer.status_code == 200
            found = [hit["name"] for hit in answer.json()["hits"]]
            assert set(found) - still <= {"moving.jpg"}
            seen.append("moving.jpg" in found)
            # What has been found is there to look at, or is said to be gone.
            for name in found:
                assert client.get("/v1/indexes/own/thumbnail", params={"name": name}).status_code in (200, 404)
    finally:
        stop.set()
        writing.join()
    assert {True, False} <= set(seen)


def test_an_index_that_went_away_still_answers(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    (served,) = shelve([own]).values()
    own.rename(own.with_name("elsewhere.resight"))
    for _ in range(3):
        assert refresh_all([served]) == []
    assert len([record for record in caplog.records if "own" in record.getMessage()]) == 1, "once, not each second"
    assert served.now.listing.names == ["other-000.jpg", "other-001.jpg"]


def test_an_error_that_nobody_foresaw_does_not_end_the_looking(
    own: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (served,) = shelve([own]).values()

    def broken() -> int:
        raise ValueError("of the disk")

    monkeypatch.setattr(served.index, "newest_generation", broken)
    assert refresh_all([served]) == []
    assert "of the disk" in caplog.text


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\a.PNG", "a.png"),
        (".hidden.jpg", "hidden.jpg"),
        ("", "photo"),
        ("..", "photo"),
        ("a\0b\n.jpg", "a_b_.jpg"),
        ("100%41.jpg", "100_41.jpg"),
        ("*[a].jpg", "_a_.jpg"),
        ("x" * 300 + ".jpeg", "x" * 120 + ".jpeg"),
        ("a.exe/", "photo"),
        ("a.<script>", "a"),
        ("\u202egpj.a", "gpj.a"),
    ],
)
def test_names_of_files_are_made_safe(given: str, name: str) -> None:
    assert file_name(given) == name
