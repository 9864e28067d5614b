"""Names of frames: their parts, and that no file has one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.folders.walking import find_images
from resight.images.frame_names import file_of_name, file_of_path, frame_name, label_of, parse_frame, time_code


@given(st.integers(0, 10**9))
def test_a_time_is_read_as_it_was_written(milliseconds: int) -> None:
    name = frame_name("a/clip.MP4", milliseconds)
    frame = parse_frame(name)
    assert frame is not None
    assert (frame.video, round(frame.time * 1000)) == ("a/clip.MP4", milliseconds)
    assert file_of_name(name) == "a/clip.MP4"


def test_whole_seconds_have_one_decimal() -> None:
    assert [frame_name("c.mp4", ms) for ms in (0, 12000, 12500, 12040)] == [
        "c.mp4#t=0.0",
        "c.mp4#t=12.0",
        "c.mp4#t=12.5",
        "c.mp4#t=12.04",
    ]


@pytest.mark.parametrize(
    "name",
    ["clip.mp4", "a#t=1.0", "photo.jpg#t=1.0", "clip.mp4#t=", "clip.mp4#t=x", "clip.mp4#t=1.0.jpg", ".mp4#t=1.0"],
)
def test_other_names_are_those_of_files(name: str) -> None:
    assert parse_frame(name) is None
    assert file_of_name(name) == name
    assert label_of(name) == name


def test_a_video_may_be_called_like_a_frame() -> None:
    name = "clip.mp4#t=1.0.mp4"
    assert file_of_name(frame_name(name, 2000)) == name


def test_no_photo_has_the_name_of_a_frame(tmp_path: Path) -> None:
    # Its first bytes are those of a photo, which would be enough for a file without an ending.
    (tmp_path / "clip.mp4#t=1").write_bytes(b"\xff\xd8\xff\xe0" + bytes(300))
    (tmp_path / "clip.mp4#t=1.5").write_bytes(b"\xff\xd8\xff\xe0" + bytes(300))
    assert [*find_images(tmp_path)] == []


def test_the_file_of_a_path() -> None:
    assert file_of_path(Path("/a/clip.mp4#t=1.5")) == Path("/a/clip.mp4")
    assert file_of_path(Path("/a/photo.jpg")) == Path("/a/photo.jpg")


def test_time_codes() -> None:
    assert [time_code(s) for s in (0, 12, 12.5, 61, 3723, 59.9996)] == [
        "0:00",
        "0:12",
        "0:12.5",
        "1:01",
        "1:02:03",
        "1:00",
    ]
    assert label_of("a/clip.mp4#t=12.0") == "a/clip.mp4 at 0:12"
