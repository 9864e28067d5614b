"""Videos as a person meets them: indexed from a folder, found with a time, shown in JSON and on a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from index_samples import texture, write, write_recipes
from rendered_videos import shot, write_video
from resight.cli.index import taken_frames
from resight.errors import UsageError

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo of what the second shot of a video shows, and a recipe beside it."""
    folder = tmp_path_factory.mktemp("filmed")
    write_recipes(folder)
    write(folder / "films", {"sub/a.png": texture(2, 176, 136)})
    write_video(folder / "films" / "clip.mp4", shot(1, 10) + shot(2, 20))
    return folder


def test_a_hit_of_a_video_has_a_time(filmed: Path, run: Run, tmp_path: Path) -> None:
    index, photo = tmp_path / "x.resight", filmed / "films" / "sub" / "a.png"
    made = run("index", filmed / "films", "-o", index, "--recipe", filmed / "verified.toml", "--every", "0.5")
    assert made.exit_code == 0, made.output
    assert "7 added" in made.output
    assert "videos read, whose frames are counted as photos: 1" in made.output
    told = run("search", index, photo, "-k", "1")
    assert told.exit_code == 0, told.output
    assert "clip.mp4 at 0:0" in told.output
    assert "more of this shot)" in told.output
    (hit,) = json.loads(run("search", index, photo, "-k", "1", "--json").output)["results"][0]["hits"]
    assert (hit["video"], hit["name"]) == ("clip.mp4", f"clip.mp4#t={hit['time']}")
    assert 1.0 <= hit["time"] <= 2.5
    page = tmp_path / "page.html"
    assert run("search", index, photo, "-k", "1", "--html", page).exit_code == 0
    text = page.read_text()
    assert "clip.mp4 at 0:0" in text
    assert text.count("data:image/jpeg") == 2
    assert json.loads(run("info", index, "--json").output)["videos"] == 1


def test_a_frame_a_shot(filmed: Path, run: Run, tmp_path: Path) -> None:
    index = tmp_path / "x.resight"
    made = run("index", filmed / "films", "-o", index, "--recipe", filmed / "verified.toml", "--frames", "shots")
    assert "3 added" in made.output
    assert run("remove", index, "clip.mp4", "--dry-run").output.split("\n")[0] == "clip.mp4"


def test_which_frames_are_taken_is_said_once() -> None:
    assert [taken_frames(None, None), taken_frames(2.0, None), taken_frames(None, "shots")] == [None, 2.0, "shots"]
    with pytest.raises(UsageError, match="choose one of them"):
        taken_frames(1.0, "shots")
    with pytest.raises(UsageError, match="--every SECONDS"):
        taken_frames(None, "scenes")


@pytest.mark.parametrize("every", ["0", "nan", "inf", "-1", "1e12"])
def test_seconds_that_are_none_leave_no_index(filmed: Path, run: Run, tmp_path: Path, every: str) -> None:
    index = tmp_path / "x.resight"
    made = run("index", filmed / "films", "-o", index, "--recipe", filmed / "verified.toml", f"--every={every}")
    assert made.exit_code == 2
    assert "seconds: give 0.001 to 86,400 seconds" in made.output
    assert not index.exists()
