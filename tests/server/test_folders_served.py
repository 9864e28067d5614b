"""Folders of the machine that are indexed through the service, and indexes that are made for them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from resight.cli.serve import _check_can_be_made, _place
from resight.errors import UsageError
from resight.index import Index
from resight.server.app import create_app
from resight.server.photo_folders import PhotoFolders
from resight.server.service import Service
from resight.server.settings import Settings
from resight.server.shelf import plan_shelf
from server_samples import TOKEN

RECIPE = "sift-bow"
ODD = "100% <b>é<b> #1 'q'"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
Make = Callable[..., TestClient]


@pytest.fixture
def archive(served_photos: Path, tmp_path: Path, unsynced: None) -> Path:
    """A folder that may be indexed, with one of photos in it, beside things that it does not show."""
    archive = tmp_path / "archive"
    for folder in (archive / ODD, archive / ".hidden", archive / "inner.resight", tmp_path / "secret"):
        folder.mkdir(parents=True)
    for name in ("other-000.jpg", "other-001.jpg"):
        shutil.copy2(served_photos / name, archive / ODD / name)
    (archive / ODD / "torn.jpg").write_bytes((served_photos / "other-002.jpg").read_bytes()[:300])
    shutil.copy2(served_photos / "other-002.jpg", tmp_path / "secret")
    (archive / "out").symlink_to(tmp_path / "secret")
    (archive / "in").symlink_to(archive / ODD)
    (archive / "file").write_text("no folder")
    return archive


@pytest.fixture
def make(archive: Path, tmp_path: Path) -> Make:
    """Serves indexes that are there, and others that are not, with `archive` as what may be indexed."""

    def make(*names: str, token: str | None = TOKEN) -> TestClient:
        meant = plan_shelf([tmp_path / name for name in names])
        indexes = {one.id: one.open() for one in meant if one.path.exists()}
        planned = [one for one in meant if one.id not in indexes]
        settings = Settings(cache=tmp_path / "cache", token=token)
        service = Service(indexes, settings, planned=planned, folders=PhotoFolders([archive]))
        client = TestClient(create_app(service), base_url="http://127.0.0.1:8480", raise_server_exceptions=False)
        client.headers.update(HEADERS)
        return client

    return make


def ended(client: TestClient, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    job = answer.json()
    while job["state"] in ("waiting", "running"):
        time.sleep(0.01)
        job = client.get(f"/v1/jobs/{job['job']}").json()
    return dict(job)


def begin(client: TestClient, folder: str, recipe: str | None = RECIPE, index: str = "new", **more: str) -> Any:
    return client.post(f"/v1/indexes/{index}/folders", json={"folder": folder, "recipe": recipe, **more})


def test_an_index_is_made_of_a_folder_and_can_be_searched(make: Make, tmp_path: Path) -> None:
    client = make("new.resight")
    assert client.get("/v1/indexes").json() == []
    (planned,) = client.get("/v1/planned").json()
    assert (planned["id"], planned["writable"], planned["indexes_folders"]) == ("new", True, True)
    assert client.get("/v1/folders").json()["folders"] == [{"name": "archive", "path": "archive"}]
    listed = client.get("/v1/folders", params={"path": "archive"}).json()
    assert [one["name"] for one in listed["folders"]] == [ODD, "in"]
    assert client.get("/v1/folders", params={"path": f"archive/{ODD}"}).json()["images"] == 3
    assert not (tmp_path / "new.resight").exists()
    job = ended(client, begin(client, f"archive/{ODD}"))
    assert job["state"] == "done", job
    assert (job["result"]["added"], job["result"]["unreadable"]) == (2, 1)
    log = " ".join(line["text"] for line in job["log"])
    assert f"Making the index new by the recipe {RECIPE}" in log
    assert "torn.jpg is not taken" in log
    assert "Ready: 2 photos" in log
    assert client.get("/v1/planned").json() == []
    (index,) = client.get("/v1/indexes").json()
    assert (index["recipe"], index["images"], index["change"]) == (RECIPE, 2, None)
    found = client.post("/v1/indexes/new/searches", json={"queries": [{"name": "other-000.jpg"}]})
    assert found.status_code == 200


def test_a_second_folder_keeps_its_names_apart_and_the_same_one_adds_nothing(make: Make, archive: Path) -> None:
    client = make("new.resight")
    shutil.copytree(archive / ODD, archive / "two")
    ended(client, begin(client, "archive/two"))
    job = ended(client, begin(client, f"archive/{ODD}", None))
    assert job["state"] == "done", job
    names = [one["name"] for one in client.get("/v1/indexes/new/images").json()["images"]]
    assert names == sorted(["other-000.jpg", "other-001.jpg", f"{ODD}/other-000.jpg", f"{ODD}/other-001.jpg"])
    update = ended(client, client.post("/v1/indexes/new/update"))
    assert "torn.jpg is not taken" in " ".join(line["text"] for line in update["log"])
    for folder in ("archive/two", f"archive/{ODD}"):
        assert ended(client, begin(client, folder, None))["result"]["added"] == 0
    assert ended(client, begin(client, "archive/two", None, prefix="holidays"))["result"]["added"] == 2
    assert begin(client, "archive/two", None, prefix="../x").status_code == 422
    (archive / "two").rename(archive / "a\nb")
    assert ended(client, begin(client, "archive/a\nb", None))["state"] == "done"


@pytest.mark.parametrize(
    "path",
    [
        *("..", "/", "archive/..", "archive/../secret", "archive/./..", f"archive//{ODD}", "archive/out"),
        *("archive/out/", "archive/.hidden", "archive/inner.resight", "archive/file", "archive/none", "none"),
        *("archive/%2e%2e/secret", "archive/..%2fsecret", "archive/\0", "archive/..\\secret", "/etc", "archive/%FF"),
        *("a" * 4000, "archive/" + "a/" * 1900, "archive/" + "ä" * 300),
    ],
)
def test_folders_elsewhere_are_not_there(make: Make, path: str) -> None:
    client = make("new.resight")
    for answer in (client.get("/v1/folders", params={"path": path}), begin(client, path)):
        assert answer.status_code == 404, answer.text
        assert "secret" not in answer.text
    assert client.get("/v1/planned").json()


def test_half_a_character_in_a_name_of_a_folder_is_no_folder(make: Make) -> None:
    client = make("new.resight")
    body = b'{"folder": "archive/\\ud800", "recipe": "sift-bow"}'
    answer = client.post("/v1/indexes/new/folders", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (404, 422)


def test_links_that_lead_out_of_the_folder_are_not_indexed(make: Make) -> None:
    client = make("new.resight")
    job = ended(client, begin(client, "archive"))
    assert job["state"] == "done", job
    names = [one["name"] for one in client.get("/v1/indexes/new/images").json()["images"]]
    assert names == [f"{ODD}/other-000.jpg", f"{ODD}/other-001.jpg"]


def test_only_those_with_the_token_see_folders_and_index_them(make: Make) -> None:
    client = make("new.resight")
    del client.headers["Authorization"]
    assert client.get("/v1/folders").status_code == 401
    assert begin(client, "archive").status_code == 401
    assert client.delete("/v1/jobs/none").status_code == 401
    assert client.get("/v1/planned").json()[0]["writable"] is False
    assert make("new.resight", token=None).get("/v1/folders").status_code == 403
    away = client.post("/v1/indexes/new/folders", json={"folder": "archive"}, headers={"Origin": "http://evil.example"})
    assert away.status_code == 403


def test_a_recipe_is_one_that_ships_and_an_index_has_one(make: Make, tmp_path: Path) -> None:
    client = make("new.resight")
    (tmp_path / "own.toml").write_text("name = 'own'")
    for recipe in (str(tmp_path / "own.toml"), "./own.toml", "none", "../x"):
        assert begin(client, "archive", recipe).status_code == 422
    known = {one["alias"] or one["name"] for one in client.get("/v1/recipes").json()}
    assert {"default", "fast", RECIPE} <= known
    ended(client, begin(client, "archive"))
    assert begin(client, "archive").status_code == 422
    assert begin(client, "archive", index="other").status_code == 404


def test_of_two_that_make_an_index_the_second_is_told(make: Make) -> None:
    client = make("new.resight")
    gate = threading.Event()
    client.app.state.service.changes.start("wait", lambda report: gate.wait(30))  # type: ignore[attr-defined]
    answers = [begin(client, "archive", recipe) for recipe in (RECIPE, "sift-vlad")]
    gate.set()
    first, second = [ended(client, answer) for answer in answers]
    assert first["state"] == "done"
    assert second["state"] == "failed"
    assert "was made by the recipe sift-bow" in second["message"]


def test_a_folder_that_became_a_link_out_while_it_waited_is_not_indexed(make: Make, archive: Path) -> None:
    client = make("new.resight")
    (archive / "two").mkdir()
    gate = threading.Event()
    client.app.state.service.changes.start("wait", lambda report: gate.wait(30))  # type: ignore[attr-defined]
    answer = begin(client, "archive/two")
    (archive / "two").rmdir()
    (archive / "two").symlink_to(archive.parent / "secret")
    gate.set()
    job = ended(client, answer)
    assert (job["state"], job["message"]) == ("failed", "There is no such folder here.")


def test_a_folder_that_became_a_link_out_is_not_read_anew(make: Make, archive: Path) -> None:
    client = make("new.resight")
    shutil.copytree(archive / ODD, archive / "two")
    assert ended(client, begin(client, "archive/two"))["result"]["added"] == 2
    shutil.rmtree(archive / "two")
    (archive / "two").symlink_to(archive.parent / "secret")
    job = ended(client, client.post("/v1/indexes/new/update"))
    assert job["state"] == "failed"
    assert "has become a link" in job["message"]
    (archive / "two").unlink()
    (archive / "two").symlink_to(archive / ODD)
    assert ended(client, client.post("/v1/indexes/new/update"))["state"] == "done"


def test_a_job_that_is_stopped_leaves_what_was_done(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make("new.resight")
    begun, go = threading.Event(), threading.Event()
    add = Index.add

    def slow(self: Index, *args: Any, **more: Any) -> Any:
        begun.set()
        go.wait(30)
        return add(self, *args, **more)

    monkeypatch.setattr(Index, "add", slow)
    answer = begin(client, "archive")
    assert begun.wait(30)
    key = answer.json()["job"]
    assert client.get("/v1/indexes/new").json()["change"] == key
    assert client.delete(f"/v1/jobs/{key}").status_code == 202
    go.set()
    job = ended(client, answer)
    assert (job["state"], job["message"]) == ("failed", "Stopped: what was done until then stays.")
    assert client.get("/v1/indexes/new").json()["change"] is None
    assert ended(client, begin(client, "archive", None))["state"] == "done"
    assert client.get("/v1/indexes/new").json()["images"] == 2


def test_an_index_that_another_process_makes_is_taken_up(make: Make, archive: Path, tmp_path: Path) -> None:
    client = make("new.resight")
    Index.create(tmp_path / "new.resight", RECIPE).add(archive)
    client.app.state.service._take_up_all()  # type: ignore[attr-defined]
    assert [one["images"] for one in client.get("/v1/indexes").json()] == [2]


def test_folders_of_the_operator_are_checked(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        PhotoFolders([tmp_path / "none"])
    with pytest.raises(UsageError, match="not a folder"):
        PhotoFolders([archive / "file"])
    shutil.copytree(archive, tmp_path / "else" / "archive", symlinks=True)
    both = PhotoFolders([archive, archive, tmp_path / "else" / "archive"])
    assert [one["name"] for one in both.listed("")["folders"]] == ["archive", "archive (2)"]
    assert both.find(f"archive (2)/{ODD}") == tmp_path / "else" / "archive" / ODD


def test_a_folder_on_the_command_line_is_that_of_an_index_beside_it(archive: Path, tmp_path: Path) -> None:
    place = _place(archive)
    assert (place.index, place.photos) == (tmp_path / "archive.resight", archive)
    assert _place(tmp_path / "x.resight").photos is None
    assert _place(tmp_path / "none").photos is None
    Index.create(tmp_path / "plain", RECIPE)
    assert _place(tmp_path / "plain").photos is None
    with pytest.raises(UsageError, match="no index can be made there"):
        _check_can_be_made(tmp_path / "none" / "x.resight")
