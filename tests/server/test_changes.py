"""Photos that are sent, removed and read anew; what other processes write is seen."""

from __future__ import annotations

import re
import shutil
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from resight.errors import StorageError, UsageError
from resight.index import Index
from resight.server import changes
from resight.server.changes import file_name, left_line
from resight.server.faults import refusal_of
from resight.server.shelf import refresh_all, shelve
from resight.store import lock
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


def huge() -> bytes:
    """A PNG that says it has 400 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


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


def test_a_file_that_is_no_photo_leaves_the_others(writer: TestClient, own: Path, served_photos: Path) -> None:
    data = (served_photos / "facade-00_1.jpg").read_bytes()
    files = [("good.jpg", data), ("empty.jpg", b""), ("large.png", huge()), ("cut.jpg", data[: len(data) * 4 // 5])]
    files += [("little.jpg", data[: len(data) // 3]), ("text.jpg", b"no photo at all")]
    job = finished(writer, writer.post(IMAGES, files=[("file", one) for one in files]))
    assert job["result"]["names"] == ["uploads/good.jpg"]
    reasons = {one["name"]: one["reason"] for one in job["result"]["refused"]}
    said = {"empty.jpg": "empty", "large.png": "megapixels", "cut.jpg": "missing", "little.jpg": "truncated"}
    assert reasons.keys() == {*said, "text.jpg"}
    for name, word in said.items():
        assert word in reasons[name]
    assert [one.name for one in (own.parent / "own.uploads").iterdir()] == ["good.jpg"]
    none = writer.post(IMAGES, files=[("file", one) for one in files[1:3]])
    assert none.status_code == 422
    assert "empty.jpg" in none.json()["error"]["message"]
    assert "large.png" in none.json()["error"]["message"]


def test_a_photo_that_only_the_index_cannot_read_is_refused_with_its_reason(
    writer: TestClient, own: Path, served_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_fault", lambda given, data: "")
    data = (served_photos / "facade-00_1.jpg").read_bytes()
    files = [("file", ("good.jpg", data)), ("file", ("Little.jpg", data[: len(data) // 3]))]
    result = finished(writer, writer.post(IMAGES, files=files))["result"]
    assert result["names"] == ["uploads/good.jpg"]
    ((name, reason),) = [(one["name"], one["reason"]) for one in result["refused"]]
    assert name == "Little.jpg"
    assert "truncated" in reason
    assert [one.name for one in (own.parent / "own.uploads").iterdir()] == ["good.jpg"]
    assert Index.open(own).collection.snapshot.images.by_name.get("uploads/Little.jpg") is None


def test_an_addition_waits_for_another_writer(writer: TestClient, own: Path, served_photos: Path) -> None:
    data = (served_photos / "facade-00_1.jpg").read_bytes()
    with lock.writer_lock(own):
        answer = writer.post(IMAGES, files={"file": ("a.jpg", data)})
        end = time.monotonic() + 30
        while not (own.parent / "own.uploads" / "a.jpg").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert writer.get(f"/v1/jobs/{answer.json()['job']}").json()["state"] == "running"
    assert finished(writer, answer)["result"]["names"] == ["uploads/a.jpg"]


@pytest.mark.parametrize("why", ["locked", "gone", "disk"])
def test_an_addition_that_fails_leaves_no_files(
    writer: TestClient, own: Path, served_photos: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(changes, "LOCK_SECONDS", 0.0)
    data = [(served_photos / f"facade-00_{number}.jpg").read_bytes() for number in (1, 2)]
    uploads = own.parent / "own.uploads"

    def fails() -> dict[str, Any]:
        return finished(writer, writer.post(IMAGES, files={"file": ("a.jpg", data[0])}))

    def refuses(*_: object, **__: object) -> None:
        raise StorageError("the disk is read-only")

    def attempt() -> dict[str, Any]:
        if why == "locked":
            with lock.writer_lock(own):
                return fails()
        if why == "gone":
            elsewhere = own.rename(own.with_name("elsewhere.resight"))
            job = fails()
            elsewhere.rename(own)
            return job
        with monkeypatch.context() as patched:
            patched.setattr(Index, "add", refuses)
            return fails()

    assert attempt()["state"] == "failed"
    assert not uploads.exists()
    assert finished(writer, writer.post(IMAGES, files={"file": ("b.jpg", data[1])}))["state"] == "done"
    assert attempt()["state"] == "failed"
    assert [one.name for one in uploads.iterdir()] == ["b.jpg"], "what is in the index stays"
    assert finished(writer, writer.post("/v1/indexes/own/update"))["result"]["added"] == 0


def test_files_that_a_killed_service_left_are_told(writer: TestClient, own: Path, served_photos: Path) -> None:
    (served,) = writer.app.state.service.indexes.values()  # type: ignore[attr-defined]
    assert left_line(served) == ""
    uploads = own.parent / "own.uploads"
    uploads.mkdir()
    shutil.copy2(served_photos / "facade-00_1.jpg", uploads / "left.jpg")
    assert "resight add" in left_line(served), "an update does not look into a folder that is not in the index"
    data = (served_photos / "facade-00_2.jpg").read_bytes()
    for name in ("kept.jpg", "removed.jpg"):
        finished(writer, writer.post(IMAGES, files={"file": (name, data)}))
    finished(writer, writer.request("DELETE", IMAGES, json={"names": ["uploads/removed.jpg"]}))
    assert "not in the index: 1;" in left_line(served), "what was removed stays away"
    assert "resight update" in left_line(served)
    assert finished(writer, writer.post("/v1/indexes/own/update"))["result"]["added"] == 1
    assert left_line(served) == ""


def test_an_error_keeps_the_letters_of_a_path(writer: TestClient, own: Path) -> None:
    elsewhere = own.rename(own.with_name("elsewhere.resight"))
    job = finished(writer, writer.post("/v1/indexes/own/update"))
    elsewhere.rename(own)
    assert job["error"]["message"].startswith(str(own))
    refused = refusal_of(UsageError("gone.resight: there is no index here"))
    assert refused.message == "gone.resight: there is no index here."


def test_photos_are_removed_by_exactly_their_names(writer: TestClient, own: Path) -> None:
    pattern = writer.request("DELETE", IMAGES, json={"names": ["*.jpg"]})
    assert pattern.status_code == 404
    job = finished(writer, writer.request("DELETE", IMAGES, json={"names": ["other-000.jpg"]}))
    assert job["result"] == {"removed": 1}
    assert names(writer) == ["other-001.jpg"]
    assert (own.parent / "photos" / "other-000.jpg").exists()


def test_removed_photos_come_back(writer: TestClient, own: Path) -> None:
    restore = "/v1/indexes/own/restore"
    finished(writer, writer.request("DELETE", IMAGES, json={"names": ["other-000.jpg", "other-001.jpg"]}))
    assert writer.post(restore, json={"names": ["other-000.jpg", "*.jpg"]}).status_code == 404
    job = finished(writer, writer.post(restore, json={"names": ["other-000.jpg"]}))
    assert job["result"]["added"] == 1
    first, last = (line["text"] for line in job["log"])
    assert first == "Restoring 1 photo"
    assert re.fullmatch(r"Searches see it: generation \d+, 1 photo", last)
    assert names(writer) == ["other-000.jpg"]
    assert finished(writer, writer.post("/v1/indexes/own/update"))["result"]["added"] == 0, "the other stays away"


def test_an_update_reads_folders_anew(writer: TestClient, own: Path, served_photos: Path) -> None:
    shutil.copy2(served_photos / "other-002.jpg", own.parent / "photos" / "new.jpg")
    (own.parent / "photos" / "other-001.jpg").unlink()
    job = finished(writer, writer.post("/v1/indexes/own/update"))
    assert (job["result"]["added"], job["result"]["removed"]) == (1, 1)
    assert names(writer) == ["new.jpg", "other-000.jpg"]


def test_a_job_that_fails_says_why(writer: TestClient, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "LOCK_SECONDS", 0.0)
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


@pytest.mark.parametrize("further", [0, 2])
def test_another_index_in_its_place_is_opened_anew(
    own: Path, served_photos: Path, serve: Serve, caplog: pytest.LogCaptureFixture, further: int
) -> None:
    client = serve(own)
    (served,) = client.app.state.service.indexes.values()  # type: ignore[attr-defined]
    other, photos = own.with_name("other.resight"), own.parent / "others"
    photos.mkdir()
    shutil.copy2(served_photos / "other-002.jpg", photos / "new.jpg")
    made = Index.create(other, "sift-asmk")
    made.add(photos)
    # The same generation, or a newer one; the way back is to an older one.
    while made.newest_generation() < served.now.number + further:
        made.remove("new.jpg")
        made.add(photos, again=True)
    backup = own.with_name("backup.resight")
    shutil.copytree(own, backup)
    asked = {"queries": [{"name": "other-000.jpg"}]}
    kept = client.post("/v1/indexes/own/searches", json=asked).json()["search"]
    for source, names in ((other, ["new.jpg"]), (backup, ["other-000.jpg", "other-001.jpg"])):
        before = served.now.key
        shutil.rmtree(own)
        shutil.copytree(source, own)
        caplog.clear()
        assert refresh_all([served]) == [served]
        assert [one["name"] for one in client.get(IMAGES).json()["images"]] == names
        assert served.now.key != before, "what was made of the other index is not told of this one"
        assert client.post("/v1/indexes/own/searches", json={"queries": [{"name": names[0]}]}).status_code == 200
        assert "another index has taken the place" in caplog.text
        assert refresh_all([served]) == []
        gone = client.get(f"/v1/searches/{kept}")
        assert (gone.status_code, gone.json()["error"]["kind"]) == (404, "search-gone")


def test_health_says_which_index_is_gone(
    own: Path, served_index: Path, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(own, served_index)
    private = serve(own, token=TOKEN, reads_need_token=True)
    apps = (client.app.state.service, private.app.state.service)  # type: ignore[attr-defined]
    indexes = [one for app in apps for one in app.indexes.values()]
    elsewhere = own.rename(own.with_name("elsewhere.resight"))
    for _ in range(3):
        refresh_all(indexes[:2])
    assert len(caplog.records) == 1, "once, not each second"
    refresh_all(indexes)
    health = client.get("/health")
    assert health.status_code == 200, "searches are answered from what was there"
    assert health.json()["status"] == "degraded"
    assert {key: one["state"] for key, one in health.json()["indexes"].items()} == {"own": "gone", "old-town": "ok"}
    assert private.get("/health").json() == {"status": "degraded"}
    elsewhere.rename(own)
    refresh_all(indexes)
    assert client.get("/health").json()["status"] == "ok"
    assert "can be read again" in caplog.text


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
