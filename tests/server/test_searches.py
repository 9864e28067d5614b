"""Searches over HTTP give what the index gives, in stages, pages and parts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from resight.index import Index, Query
from server_samples import Serve

SEARCHES = "/v1/indexes/old-town/searches"
POSTER, OTHER_VIEW, OCCLUDED = "posters/poster-02_1.jpg", "posters/poster-02_2.jpg", "posters/poster-02_occlusion_1.jpg"


def ask(client: TestClient, *photos: bytes, accept: str = "*/*", **request: Any) -> Any:
    asked = {"queries": [{"file": number} for number in range(len(photos))], **request}
    files = [("file", (f"{number}.jpg", data, "image/jpeg")) for number, data in enumerate(photos)]
    parts = files or {"none": b""}
    return client.post(SEARCHES, data={"request": json.dumps(asked)}, files=parts, headers={"Accept": accept})


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["name"] for hit in answer.json()["hits"]]


def test_an_upload_finds_what_the_index_finds(client: TestClient, served_index: Path, served_photos: Path) -> None:
    data = (served_photos / OTHER_VIEW).read_bytes()
    answer = ask(client, data, k=5)
    expected = Index.open(served_index).search(data, k=5)
    assert names(answer) == [str(hit.name) for hit in expected]
    told = answer.json()["hits"]
    assert [hit["probability"] for hit in told] == [round(hit.probability, 4) for hit in expected]
    assert told[0]["copy"]
    assert told[0]["verdict"] == "sure"
    assert told[1]["name"] == POSTER
    assert told[1]["inliers"] > 20
    x, y, w, h = map(int, told[1]["region"].split(","))
    x0, y0, x1, y1 = told[1]["box"]
    assert x <= x0
    assert y <= y0
    assert x + w >= x1
    assert y + h >= y1


def test_a_name_with_a_box_finds_the_same_part(client: TestClient, served_index: Path) -> None:
    box = [40.0, 60.0, 220.0, 300.0]
    answer = ask(client, queries=[{"name": POSTER, "box": box}], k=3)
    expected = Index.open(served_index).search(Query(POSTER, box=tuple(box)), k=3)
    assert names(answer) == [str(hit.name) for hit in expected]
    assert answer.json()["query"] == [{"width": 300, "height": 400, "box": box, "name": POSTER, "example": False}]


def test_several_photos_are_asked_together_or_each(client: TestClient, served_index: Path) -> None:
    queries = [{"name": POSTER}, {"name": "facade-00_1.jpg"}]
    together = ask(client, queries=queries, k=4)
    expected = Index.open(served_index).search_together([POSTER, "facade-00_1.jpg"], k=4)
    assert names(together) == [str(hit.name) for hit in expected]
    each = ask(client, queries=queries, together=False, k=4)
    by = {hit["name"]: hit["by"] for hit in each.json()["hits"]}
    assert by[OTHER_VIEW] == 0
    assert by["facade-00_2.jpg"] == 1


def test_stages_come_as_lines(client: TestClient) -> None:
    answer = ask(client, queries=[{"name": POSTER}], k=3, accept="application/x-ndjson")
    first, verified = map(json.loads, answer.text.splitlines())
    assert first["stage"] == "first"
    assert first["hits"]
    assert verified["stage"] == "verified"
    plain = ask(client, queries=[{"name": POSTER}], k=3).json()
    assert [hit["name"] for hit in verified["hits"]] == [hit["name"] for hit in plain["hits"]]
    assert verified["seconds"]["first"] <= verified["seconds"]["all"]


def test_an_error_of_a_stream_is_a_line(client: TestClient) -> None:
    answer = ask(client, b"no photo", accept="application/x-ndjson")
    (line,) = answer.text.splitlines()
    assert json.loads(line)["error"]["kind"] == "image"


def test_pages_follow_one_another(client: TestClient) -> None:
    whole = names(ask(client, queries=[{"name": POSTER}], k=6))
    first = ask(client, queries=[{"name": POSTER}], k=2).json()
    assert first["more"]
    second = client.get(f"/v1/searches/{first['search']}?offset=2&k=2").json()
    assert [hit["name"] for hit in first["hits"] + second["hits"]] == whole[:4]
    assert [hit["rank"] for hit in second["hits"]] == [3, 4]
    behind = client.get(f"/v1/searches/{first['search']}?offset=900&k=2").json()
    assert behind["hits"] == []
    assert not behind["more"]
    assert names(ask(client, queries=[{"name": POSTER}], k=2, offset=2)) == whole[2:4]


def test_no_page_is_told_of_that_cannot_be_asked_for(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resight.server.answers.MOST_HITS", 2)
    assert ask(client, queries=[{"name": POSTER}], k=1).json()["more"]
    assert not ask(client, queries=[{"name": POSTER}], k=2).json()["more"]


def test_a_probability_leaves_out_what_has_less(client: TestClient) -> None:
    found = ask(client, queries=[{"name": POSTER}], min_probability=0.95).json()
    assert {hit["name"] for hit in found["hits"]} == {OTHER_VIEW, OCCLUDED}
    assert not found["more"]


def test_folders_words_and_metadata_part_the_collection(client: TestClient) -> None:
    queries = [{"name": "facade-00_1.jpg"}]
    assert set(names(ask(client, queries=queries, folder="posters"))) == {POSTER, OTHER_VIEW, OCCLUDED}
    assert names(ask(client, queries=queries, text="HARBOUR")) == ["other-000.jpg"]
    assert names(ask(client, queries=queries, metadata={"year": "192"})) == [POSTER]
    assert ask(client, queries=queries, text="nowhere").json()["error"]["kind"] == "not-found"


def test_right_and_wrong_photos_change_the_answer(client: TestClient) -> None:
    plain = names(ask(client, queries=[{"name": POSTER}], k=7))
    wrong = [plain[-1]]
    marked = ask(client, queries=[{"name": POSTER}], right=[OTHER_VIEW], wrong=wrong, k=7).json()
    found = [hit["name"] for hit in marked["hits"]]
    assert OTHER_VIEW not in found
    assert wrong[0] not in found
    assert found[0] == OCCLUDED
    assert marked["query"][1] == {"width": 300, "height": 400, "box": None, "name": OTHER_VIEW, "example": True}
    assert "1 right and 1 wrong" in marked["notes"][0]
    # What the photo marked right shows is found by it.
    by_example = ask(client, queries=[{"name": "facade-00_1.jpg"}], right=[POSTER], k=7).json()["hits"]
    assert {hit["name"]: hit["by"] for hit in by_example}[OTHER_VIEW] == 1


def test_what_a_wrong_photo_matches_better_goes_out(client: TestClient) -> None:
    found = names(ask(client, queries=[{"name": OCCLUDED}], wrong=[POSTER], k=7))
    assert OTHER_VIEW not in found


def test_a_sketch_is_refused_with_a_sentence_where_the_index_cannot(client: TestClient) -> None:
    (index,) = client.get("/v1/indexes").json()
    assert not index["sketch"]
    answer = ask(client, queries=[{"name": POSTER}], sketch=True)
    assert answer.status_code == 422
    assert "drawing" in answer.json()["error"]["message"]


def test_a_drawing_finds_the_photo_with_its_lines(tmp_path: Path, serve: Serve) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shapes = {"circle.png": cv2.circle, "cross.png": cross, "square.png": square}
    for name, draw in shapes.items():
        pixels = np.full((240, 240, 3), 200, np.uint8)
        draw(pixels, (120, 120), 70, (60, 90, 40), 14)
        Image.fromarray(pixels).save(photos / name)
    Index.create(tmp_path / "drawn.resight", "sketches").add(photos)
    client = serve(tmp_path / "drawn.resight")
    (index,) = client.get("/v1/indexes").json()
    assert index["sketch"]
    for name, draw in shapes.items():
        canvas = np.full((300, 300, 3), 255, np.uint8)
        draw(canvas, (150, 150), 90, (0, 0, 0), 3)
        drawn = io.BytesIO()
        Image.fromarray(canvas).save(drawn, "PNG")
        form = {"request": json.dumps({"queries": [{"file": 0}], "sketch": True})}
        answer = client.post("/v1/indexes/drawn/searches", data=form, files={"file": drawn.getvalue()})
        assert names(answer)[0] == name


def square(pixels: np.ndarray, centre: tuple[int, int], radius: int, colour: tuple[int, ...], width: int) -> None:
    (x, y), r = centre, radius
    cv2.rectangle(pixels, (x - r, y - r), (x + r, y + r), colour, width)


def cross(pixels: np.ndarray, centre: tuple[int, int], radius: int, colour: tuple[int, ...], width: int) -> None:
    (x, y), r = centre, radius
    cv2.line(pixels, (x - r, y - r), (x + r, y + r), colour, width)
    cv2.line(pixels, (x - r, y + r), (x + r, y - r), colour, width)


def test_evidence_has_putative_and_verified_matches(client: TestClient) -> None:
    found = ask(client, queries=[{"name": POSTER}], k=3).json()
    hit = next(hit for hit in found["hits"] if hit["name"] == OTHER_VIEW)
    evidence = client.get(f"/v1/searches/{found['search']}/evidence", params={"name": OTHER_VIEW}).json()
    assert len(evidence["verified"]) == hit["inliers"]
    assert len(evidence["putative"]) >= len(evidence["verified"])
    assert np.allclose(evidence["transform"], hit["transform"])
    points = np.array(evidence["verified"])
    mapped = np.column_stack([points[:, :2], np.ones(len(points))]) @ np.array(evidence["transform"]).T
    off = np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - points[:, 2:], axis=1)
    assert np.median(off) < 4
    assert evidence["hit"] == {"width": 300, "height": 400}
    assert evidence["heat"]


def test_the_registered_query_lies_on_the_hit(client: TestClient, served_photos: Path) -> None:
    found = ask(client, queries=[{"name": POSTER}], k=3).json()
    answer = client.get(f"/v1/searches/{found['search']}/registered", params={"name": OTHER_VIEW})
    assert answer.headers["content-type"] == "image/webp"
    laid = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    hit = np.asarray(Image.open(served_photos / OTHER_VIEW).convert("L"), np.float32)
    assert laid.shape == (400, 300, 4)
    opaque = laid[..., 3] > 250
    grey = cv2.cvtColor(laid[..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32)
    assert opaque.mean() > 0.5
    # Photos of one print that lie on one another are alike, and the query as it is, is not.
    raw = np.asarray(Image.open(served_photos / POSTER).convert("L"), np.float32)
    assert np.corrcoef(grey[opaque], hit[opaque])[0, 1] > np.corrcoef(raw[opaque], hit[opaque])[0, 1] + 0.2


def test_the_query_is_shown_upright(client: TestClient, served_photos: Path) -> None:
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(served_photos / POSTER).rotate(90, expand=True).save(turned, "JPEG", exif=exif)
    found = ask(client, turned.getvalue(), k=2).json()
    assert (found["query"][0]["width"], found["query"][0]["height"]) == (300, 400)
    shown = client.get(f"/v1/searches/{found['search']}/query")
    assert Image.open(io.BytesIO(shown.content)).size == (300, 400)
    assert found["hits"][0]["name"] == POSTER


def test_the_default_recipe_has_a_heat_map(client: TestClient) -> None:
    found = ask(client, queries=[{"name": POSTER}], k=3).json()
    answer = client.get(f"/v1/searches/{found['search']}/heat", params={"name": OTHER_VIEW})
    assert answer.headers["content-type"] == "image/png"
    heat = np.asarray(Image.open(io.BytesIO(answer.content)), np.int64)
    assert heat.shape == (400, 300, 3)
    assert (heat[..., 0] - heat[..., 2]).max() > 50, "somewhere it is warm"


def test_a_recipe_without_pooled_maps_has_no_heat(served_photos: Path, tmp_path: Path, serve: Serve) -> None:
    Index.create(tmp_path / "old-town.resight", "sift-asmk").add(served_photos, only=[POSTER, OTHER_VIEW])
    client = serve(tmp_path / "old-town.resight")
    found = ask(client, queries=[{"name": POSTER}], k=1).json()
    answer = client.get(f"/v1/searches/{found['search']}/heat", params={"name": OTHER_VIEW})
    assert answer.status_code == 404
    assert "no heat map" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"queries": []}, "queries"),
        ({"queries": [{"file": 3}]}, "file 3"),
        ({"queries": [{"name": "nowhere.jpg"}]}, "no photo of this name"),
        ({"queries": [{"name": POSTER, "file": 0}]}, "either"),
        ({"queries": [{"name": POSTER, "box": [0, 0, 1e9, 1]}]}, "box"),
        ({"queries": [{"name": POSTER, "box": [500, 500, 600, 600]}]}, "outside the image"),
        ({"queries": [{"name": POSTER}], "k": 100_000}, "k"),
        ({"queries": [{"name": POSTER}], "wrong": ["nowhere.jpg"]}, "no photo of this name"),
        ({"queries": [{"name": POSTER}], "shoe": 1}, "shoe"),
    ],
)
def test_a_request_that_cannot_be_meant_is_told_why(client: TestClient, request_: dict[str, Any], said: str) -> None:
    answer = ask(client, **request_)
    assert answer.status_code in (404, 422)
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["hint"]


def test_a_search_that_is_gone_says_so(client: TestClient) -> None:
    answer = client.get("/v1/searches/gone")
    assert answer.status_code == 404
    assert answer.json()["error"]["kind"] == "search-gone"


@pytest.mark.parametrize(
    "asked",
    [
        {"k": True},
        {"offset": False},
        {"min_probability": True},
        {"queries": [{"search": "x", "i": True}]},
        {"queries": [{"file": False}]},
        {"queries": [{"name": "other-000.jpg", "box": [False, 0, 50, 50]}]},
    ],
)
def test_true_is_no_number(client: TestClient, asked: dict[str, object]) -> None:
    request = {"queries": [{"name": "other-000.jpg"}], **asked}
    answer = client.post("/v1/indexes/old-town/searches", json=request)
    assert answer.status_code == 422
    assert "valid" in answer.json()["error"]["message"]
