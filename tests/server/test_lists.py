"""Indexes, lists of photos, thumbnails, groups, the plane, and what is taken away."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from resight.errors import UsageError
from resight.index import Index
from resight.server.app import create_app
from resight.server.metadata import read_table
from resight.server.service import Service
from resight.server.settings import Settings
from resight.server.shelf import shelve
from resight.server.taking import as_csv
from server_samples import Serve

INDEX = "/v1/indexes/old-town"
POSTER = "posters/poster-02_1.jpg"


def made(client: TestClient, path: str) -> Any:
    while (answer := client.get(path)).status_code == 202:
        assert client.get(f"/v1/jobs/{answer.json()['job']}").status_code == 200
        time.sleep(0.02)
    return answer


def test_an_index_tells_what_it_can(client: TestClient) -> None:
    (one,) = client.get("/v1/indexes").json()
    assert (one["id"], one["title"], one["images"]) == ("old-town", "Old Town", 8)
    assert one["verifies"]
    assert not one["writable"]
    assert not one["unlockable"]
    told = client.get(INDEX).json()
    assert told["folders"] == [{"path": "posters", "images": 3}]
    assert told["metadata"]["fields"] == ["title", "year"]
    assert told["bytes"] > 1000
    assert client.get("/v1/indexes/nowhere").json()["error"]["kind"] == "not-found"


def test_photos_are_listed_in_pages(client: TestClient) -> None:
    seen: list[str] = []
    after = ""
    while after is not None:
        page = client.get(f"{INDEX}/images", params={"limit": 3, "after": after}).json()
        assert page["total"] == 8
        seen += [one["name"] for one in page["images"]]
        after = page["next"]
    assert seen == sorted(seen)
    assert len(seen) == 8
    assert client.get(f"{INDEX}/images?limit=8").json()["next"] is None


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"folder": "posters"}, 3),
        ({"folder": "/posters/"}, 3),
        ({"folder": "poster"}, 0),
        ({"text": "PRINTED poster"}, 1),
        ({"text": "jpg facade"}, 2),
        ({"field.year": "19"}, 2),
        ({"field.year": "1931", "text": "harbour"}, 1),
        ({"field.nothing": "x"}, 0),
        ({"text": "' OR 1=1 --"}, 0),
        ({"after": "zzz"}, 0),
    ],
)
def test_photos_are_filtered(client: TestClient, wanted: dict[str, str], count: int) -> None:
    page = client.get(f"{INDEX}/images", params=wanted).json()
    assert len(page["images"]) == count
    for one in page["images"]:
        assert one["width"] > 0


def test_thumbnails_are_made_once_and_kept(served_index: Path, serve: Serve, tmp_path: Path) -> None:
    client = serve(served_index)
    path = f"{INDEX}/thumbnail?name={POSTER}&size=100"
    first = client.get(path)
    assert max(Image.open(io.BytesIO(first.content)).size) == 120
    (kept,) = (tmp_path / "cache" / "thumbnails").rglob("*.jpg")
    kept.write_bytes(b"kept")
    assert client.get(path).content == b"kept"
    unchanged = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert unchanged.status_code == 304
    assert unchanged.content == b""


def test_a_cache_that_cannot_be_written_costs_only_time(served_index: Path, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    assert serve(served_index).get(f"{INDEX}/thumbnail?name={POSTER}").status_code == 200


def test_a_region_is_cut_out(client: TestClient, served_photos: Path) -> None:
    answer = client.get(f"{INDEX}/photo", params={"name": POSTER, "region": "10,20,100,50"})
    part = Image.open(io.BytesIO(answer.content)).convert("RGB")
    assert part.size == (100, 50)
    whole = Image.open(served_photos / POSTER).convert("RGB").crop((10, 20, 110, 70))
    differences = [abs(a - b) for a, b in zip(part.tobytes(), whole.tobytes(), strict=True)]
    assert sum(differences) / len(differences) < 6
    over = client.get(f"{INDEX}/photo", params={"name": POSTER, "region": "290,390,100,100"})
    assert Image.open(io.BytesIO(over.content)).size == (10, 10)
    for wrong in ("1,2,3", "-1,0,5,5", "0,0,0,5", "500,0,5,5", "a,b,c,d", "1e3,0,1,1", "٣,0,1,1"):
        assert client.get(f"{INDEX}/photo", params={"name": POSTER, "region": wrong}).status_code == 422


def test_groups_are_made_by_a_job(client: TestClient) -> None:
    found = made(client, f"{INDEX}/groups?kind=same").json()
    (group,) = [one for one in found["groups"] if POSTER in one["images"]]
    assert set(group["images"]) >= {POSTER, "posters/poster-02_2.jpg"}
    assert group["kept"] in group["images"]
    rows = list(csv.reader(io.StringIO(made(client, f"{INDEX}/groups?kind=same&format=csv").text)))
    assert len(rows) == 1 + sum(len(one["images"]) for one in found["groups"])
    assert made(client, f"{INDEX}/groups?kind=exact").json()["groups"] == []


def test_photos_are_placed_in_the_plane(client: TestClient) -> None:
    points = {one["name"]: (one["x"], one["y"]) for one in made(client, f"{INDEX}/embedding").json()["points"]}
    assert len(points) == 8
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in points.values())

    def apart(one: str, other: str) -> float:
        return sum((a - b) ** 2 for a, b in zip(points[one], points[other], strict=True))

    assert apart(POSTER, "posters/poster-02_2.jpg") < apart(POSTER, "other-000.jpg")


def test_a_tray_is_taken_away(client: TestClient, served_photos: Path) -> None:
    names = [POSTER, "other-000.jpg"]
    asked = {"names": names, "regions": {POSTER: "1,2,3,4"}}
    table = client.post(f"{INDEX}/tray", json={**asked, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == names
    assert rows[0]["region"] == "1,2,3,4"
    assert rows[0]["title"] == "A poster, printed"
    assert rows[1]["title"] == "<b>Harbour</b>"
    document = client.post(f"{INDEX}/tray", json={**asked, "format": "json"}).json()
    assert [one["name"] for one in document["photos"]] == names
    packed = client.post(f"{INDEX}/tray", json={**asked, "format": "zip"})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.read(f"photos/{POSTER}") == (served_photos / POSTER).read_bytes()
        assert set(archive.namelist()) == {"photos.csv", f"photos/{POSTER}", "photos/other-000.jpg"}
    assert client.post(f"{INDEX}/tray", json={"names": ["nowhere.jpg"]}).status_code == 404


def test_names_that_meet_in_an_archive_get_numbers(tmp_path: Path, serve: Serve, served_photos: Path) -> None:
    names = ["a:b.jpg", "a_b.jpg", "A_b.jpg"]
    (tmp_path / "photos").mkdir()
    for name, source in zip(names, ("other-000.jpg", "other-001.jpg", "other-002.jpg"), strict=True):
        shutil.copy2(served_photos / source, tmp_path / "photos" / name)
    Index.create(tmp_path / "x.resight", "sift-bow").add(tmp_path / "photos")
    packed = serve(tmp_path / "x.resight").post("/v1/indexes/x/tray", json={"names": names, "format": "zip"})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        files = [f"photos/{name}" for name in ("a_b.jpg", "a_b-2.jpg", "A_b-3.jpg")]
        assert sorted(archive.namelist()) == sorted([*files, "photos.csv", "renamed.csv"])
        for name, file in zip(names, files, strict=True):
            assert archive.read(file) == (tmp_path / "photos" / name).read_bytes()
        told = list(csv.reader(io.StringIO(archive.read("renamed.csv").decode("utf-8-sig"))))
    assert told == [["name", "file"], *([name, file] for name, file in zip(names, files, strict=True))]


def test_hits_are_taken_away(client: TestClient) -> None:
    found = client.post(f"{INDEX}/searches", json={"queries": [{"name": POSTER}], "k": 3}).json()
    path = f"/v1/searches/{found['search']}/hits"
    document = client.get(path, params={"format": "json"}).json()
    assert document["hits"] == found["hits"]
    one = client.get(path, params={"names": found["hits"][1]["name"]})
    (row,) = csv.DictReader(io.StringIO(one.content.decode("utf-8-sig")))
    assert (row["name"], row["rank"]) == (found["hits"][1]["name"], "2")


def test_health_and_metrics_tell_what_is_served(client: TestClient) -> None:
    told = {"state": "ok", "images": 8, "generation": 2}
    assert client.get("/health").json() == {"status": "ok", "indexes": {"old-town": told}}
    client.get(f"{INDEX}/photo", params={"name": "secret name"})
    text = client.get("/metrics").text
    assert 'resight_images{index="old-town"} 8' in text
    assert 'route="/v1/indexes/{index}/photo",status="404"' in text
    assert "secret name" not in text
    for line in text.splitlines():
        assert line.startswith("# ") or line.rsplit(" ", 1)[1].replace(".", "").replace("e-", "").isdigit(), line


def test_the_description_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "<script" not in page
    assert "src=" not in page
    assert "http" not in page.replace("HTTP", "").split("</title>")[1] or "http://" not in page
    assert "/v1/indexes/{index}/searches" in page
    described = client.get("/openapi.json").json()
    assert "SearchRequest" in json.dumps(described["components"])


def test_metadata_are_read_as_tables_are_written(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xef\xbb\xbftitle;Filename;note\nA;a.jpg;x\n;b.jpg;\n")
    assert read_table(path) == {"a.jpg": {"title": "A", "note": "x"}, "b.jpg": {}}
    path.write_text('name,note\na.jpg,"two\nlines"\n', encoding="utf-8")
    assert read_table(path) == {"a.jpg": {"note": "two\nlines"}}
    # Signs that part lines of text, though not of tables.
    path.write_text("name,note\na.jpg,one\u2028two\x0bthree\n", encoding="utf-8")
    assert read_table(path) == {"a.jpg": {"note": "one\u2028two\x0bthree"}}


def test_a_table_has_nothing_that_a_spreadsheet_computes() -> None:
    cells = ["=1+1", "@sum", "+a", "-a", "\tx", "-0.25", "+1e-05", "a=b", ""]
    (row,) = csv.reader(io.StringIO(as_csv([cells]).decode("utf-8-sig")))
    assert row == ["'=1+1", "'@sum", "'+a", "'-a", "'\tx", "-0.25", "+1e-05", "a=b", ""]


def test_what_files_say_is_searched_by_and_kept(tmp_path: Path, served_photos: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    Image.open(served_photos / "other-001.jpg").save(folder / "signed.jpg", exif=exif)
    Image.open(served_photos / "other-002.jpg").save(folder / "plain.jpg")
    Index.create(tmp_path / "own.resight", "sift-asmk").add(folder)
    for _ in range(2):
        service = Service(shelve([tmp_path / "own.resight"]), Settings(cache=tmp_path / "cache"), embedded=True)
        with TestClient(create_app(service), base_url="http://127.0.0.1") as client:
            while "creator" not in client.get("/v1/indexes/own").json()["metadata"]["fields"]:
                time.sleep(0.01)
            found = client.get("/v1/indexes/own/images", params={"field.creator": "ada"}).json()
        assert [(one["name"], one["metadata"]["creator"]) for one in found["images"]] == [("signed.jpg", "Ada")]
        # The second time it is known without the photos.
        (kept,) = (tmp_path / "cache" / "metadata").iterdir()
        assert b"Ada" in kept.read_bytes()
        for photo in folder.iterdir():
            photo.unlink()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"name\na.jpg\n", "heading"),
        (b"name,title\na.jpg\n", "line 2"),
        (b"name,title\na.jpg," + b"x" * 200_000, "line 2: field larger"),
        (b"name,title,title\n", "two columns"),
        (b"name,\xff\xfe\n", "UTF-8"),
        (b"", "heading"),
    ],
)
def test_metadata_that_cannot_be_meant_are_told_why(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=said):
        read_table(path)
