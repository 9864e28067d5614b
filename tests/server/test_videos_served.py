"""Frames of videos through the service: pictures, searches by their names, and their times."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from index_samples import texture, write, write_recipes
from rendered_videos import shot, write_video
from resight.index import Index
from resight.server.changes import remove_photos, restore_photos
from resight.server.jobs import Job, Report
from resight.server.shelf import shelve
from resight.server.taking import archive
from server_samples import Serve

FRAME = "clip.mp4#t=1.0"


@pytest.fixture
def filmed(tmp_path: Path) -> Path:
    folder = write(tmp_path / "films", {"a.png": texture(2, 176, 136)})
    write_video(folder / "clip.mp4", shot(1, 10) + shot(2, 20))
    index = Index.create(tmp_path / "films.resight", write_recipes(tmp_path) / "verified.toml")
    index.add(folder)
    return tmp_path / "films.resight"


def test_frames_are_listed_shown_and_found_with_their_time(filmed: Path, serve: Serve) -> None:
    client = serve(filmed)
    names = [one["name"] for one in client.get("/v1/indexes/films/images").json()["images"]]
    assert names == ["a.png", "clip.mp4#t=0.0", FRAME, "clip.mp4#t=2.0"]
    for kind in ("thumbnail", "photo"):
        assert client.get(f"/v1/indexes/films/{kind}", params={"name": FRAME}).status_code == 200
    assert client.get("/v1/indexes/films/photo", params={"name": "clip.mp4"}).status_code == 404
    answer = client.post("/v1/indexes/films/searches", json={"queries": [{"name": "a.png"}]}).json()
    assert "hits" in answer, answer
    first = answer["hits"][0]
    assert (first["video"], first["time"] in (1.0, 2.0), len(first["others"])) == ("clip.mp4", True, 1)


def test_frames_of_a_video_that_leads_out_of_the_folder_are_not_shown(
    filmed: Path, serve: Serve, tmp_path: Path
) -> None:
    video, outside = tmp_path / "films" / "clip.mp4", tmp_path / "outside.mp4"
    video.rename(outside)
    video.symlink_to(outside)
    assert os.stat(video).st_size
    client = serve(filmed)
    assert client.get("/v1/indexes/films/photo", params={"name": FRAME}).status_code == 404


def test_a_frame_that_was_removed_comes_back_and_others_stay_away(filmed: Path) -> None:
    (served,) = shelve([filmed]).values()
    report = Report(Job("change"), lambda: False)
    remove_photos(served, [FRAME, "clip.mp4#t=2.0"], report)
    restore_photos(served, [FRAME], report)
    names = Index.open(filmed).collection.snapshot.images.names
    assert {*names} == {"a.png", "clip.mp4", "clip.mp4#t=0.0", FRAME}


def test_a_frame_is_packed_as_a_picture(filmed: Path) -> None:
    (served,) = shelve([filmed]).values()
    with archive(served.now, [FRAME], b"") as file, zipfile.ZipFile(file) as packed:
        assert packed.read(f"photos/{FRAME}.bmp").startswith(b"BM")
        assert FRAME in packed.read("renamed.csv").decode()
