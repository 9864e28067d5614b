"""Frames of videos: the same by their time as in one pass, and what is wrong with a file is said."""

from __future__ import annotations

import io
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from rendered_videos import av, shot, write_sound, write_video
from resight.errors import ImageError
from resight.images import content_hash, decode, read_bytes, upright_size
from resight.images import videos as module
from resight.images.frame_names import frame_name
from resight.images.frame_sampling import Sampling
from resight.images.videos import Footage, Frame, expected_seconds, frame_bytes, frame_of, sampled_frames


def drained(frames: Generator[Frame, None, Footage]) -> tuple[list[Frame], Footage]:
    found = []
    while True:
        try:
            found.append(next(frames))
        except StopIteration as end:
            return found, end.value


def read(path: Path, every: float | None = 1.0) -> tuple[list[Frame], Footage]:
    return drained(sampled_frames(path, Sampling(every)))


def times(frames: list[Frame]) -> list[int]:
    return [frame.milliseconds for frame in frames]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.m2ts"])
def test_a_frame_is_the_same_by_its_time(tmp_path: Path, name: str) -> None:
    codec, rate = ("mpeg2video", 25) if name.endswith((".mpg", ".m2ts")) else ("mpeg4", 10)
    path = write_video(tmp_path / name, shot(1, 10) + shot(2, 20), codec=codec, rate=rate)
    frames, footage = read(path, 0.5)
    assert len(frames) >= 3
    assert footage.remark == ""
    for frame in frames:
        assert np.array_equal(frame_of(path, frame.milliseconds / 1000), frame.pixels)
        own = read_bytes(frame_name(str(path), frame.milliseconds))
        assert own == frame_bytes(frame.pixels)
        assert np.array_equal(decode(frame_name(str(path), frame.milliseconds)).pixels, frame.pixels)


def test_key_frames_that_are_rare_and_frames_that_look_ahead(tmp_path: Path) -> None:
    path = tmp_path / "b.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.max_b_frames, stream.codec_context.gop_size = 2, 30
        for pixels in shot(3, 45):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(stream.encode())
    frames, _ = read(path, 0.3)
    assert len(frames) > 10
    assert all(np.array_equal(frame_of(path, one.milliseconds / 1000), one.pixels) for one in frames)


def test_a_frame_is_near_what_was_filmed(tmp_path: Path) -> None:
    filmed = shot(4, 21)
    frames, footage = read(write_video(tmp_path / "a.mp4", filmed))
    assert times(frames) == [0, 1000, 2000]
    assert footage.end == 2.0
    for frame, number in zip(frames, (0, 10, 20), strict=True):
        assert np.abs(frame.pixels.astype(int) - filmed[number]).mean() < 8


def test_frames_of_varying_rate_have_their_own_times(tmp_path: Path) -> None:
    ms = [0, 40, 90, 1500, 1533, 1534, 4000, 4100]
    path = write_video(tmp_path / "a.mkv", shot(5, len(ms)), times=ms)
    frames, _ = read(path)
    assert times(frames) == [0, 1500, 4000]
    every, _ = read(path, 0.001)
    assert times(every) == ms
    assert all(np.array_equal(frame_of(path, one.milliseconds / 1000), one.pixels) for one in every)
    # Between two frames the earlier one is seen.
    assert np.array_equal(frame_of(path, 3.0), every[5].pixels)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_frames_are_upright(tmp_path: Path, degrees: int) -> None:
    filmed = shot(6, 3)
    path = write_video(tmp_path / "a.mp4", filmed, rotation=degrees)
    (frame,), _ = read(path)
    upright = np.rot90(filmed[0], degrees // 90)
    assert frame.pixels.shape == upright.shape
    assert np.abs(frame.pixels.astype(int) - upright).mean() < 8
    assert upright_size(frame_name(str(path), 0)) == upright.shape[1::-1]


def test_shots_are_told_and_give_a_frame_each(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 20) + shot(2, 30) + shot(3, 11))
    frames, footage = read(path, None)
    assert footage.starts == (0.0, 2.0, 5.0)
    assert times(frames) == pytest.approx([1000, 3500, 5500], abs=200)
    assert read(path)[1] == footage


def test_a_video_with_sound_is_read(tmp_path: Path) -> None:
    frames, footage = read(write_video(tmp_path / "a.mp4", shot(1, 11), sound=True))
    assert (times(frames), footage.remark) == ([0, 1000], "")


def test_a_truncated_video_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    # Matroska tells its length in front; AVI, which does not, would pass for a whole one.
    whole = write_video(tmp_path / "a.mkv", [frame for seed in range(8) for frame in shot(seed, 10)])
    half = tmp_path / "half.mkv"
    data = whole.read_bytes()
    half.write_bytes(data[: len(data) // 2])
    frames, footage = read(half)
    assert 2 <= len(frames) <= 6
    assert "seconds are missing" in footage.remark
    assert all(np.array_equal(frame_of(half, one.milliseconds / 1000), one.pixels) for one in frames)


def test_damaged_parts_do_not_end_a_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", [frame for seed in range(6) for frame in shot(seed, 10)])
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(data) // 4, len(data) // 2, 200):
        data[at] = 255
    path.write_bytes(data)
    frames, _ = read(path)
    assert times(frames)[-1] >= 4000


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("noise.mp4", bytes(range(256)) * 40, "not a video that can be read"),
        ("text.mkv", b"hello " * 100, "not a video that can be read"),
        # A playlist, by which FFmpeg would open other files and hosts.
        ("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n", "not a video that can be"),
        ("list.avi", b"ffconcat version 1.0\nfile a.mp4\n", "not a video that can be read"),
    ],
)
def test_what_is_no_video_says_so(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        read(path)
    assert expected_seconds(path) == 0


def test_a_head_without_frames_says_so(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", shot(1, 20)).read_bytes()
    path = tmp_path / "head.mp4"
    path.write_bytes(whole[:4000])
    with pytest.raises(ImageError, match="not a video that can be read"):
        read(path)


def test_sound_alone_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="sound and no moving picture"):
        read(write_sound(tmp_path / "a.mp4"))


def test_a_file_that_is_gone_or_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(ImageError, match="not a regular file"):
        read(tmp_path / "b.mp4")


def test_large_frames_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 3))
    monkeypatch.setattr(module, "MAX_PIXELS", 160 * 120 - 1)
    with pytest.raises(ImageError, match="over the limit"):
        read(path)


def test_the_decoder_itself_refuses_large_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 3))
    data = path.read_bytes()
    # The size that the container tells is not that of the frames.
    at = data.index(b"mp4v", data.index(b"stsd")) + 4 + 24
    assert data[at : at + 4] == b"\0\xa0\0\x78"
    path.write_bytes(data[:at] + b"\0\x10\0\x10" + data[at + 4 :])
    monkeypatch.setattr(module, "MAX_PIXELS", 160 * 120 - 1)
    with pytest.raises(ImageError):
        read(path)


def test_a_time_behind_the_end_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 20))
    with pytest.raises(ImageError, match="ends before 9 seconds"):
        frame_of(path, 9.0)


def test_a_video_that_changes_while_it_is_read_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 30))
    frames = sampled_frames(path, Sampling(1.0))
    next(frames)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ImageError, match="changes while it is read") as caught:
        drained(frames)
    assert caught.value.may_pass


def test_frames_need_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 3))
    monkeypatch.setattr(module, "can_read", lambda: False)
    with pytest.raises(ImageError, match=r"pip install 'resight\[video\]'") as caught:
        frame_of(path, 0.0)
    assert caught.value.may_pass


def test_a_video_is_no_photo_and_says_how_a_frame_is_called(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 3))
    with pytest.raises(ImageError, match="not an image but a video; a frame of it is called as the file, with #t="):
        decode(path)


def test_bytes_of_a_frame_are_those_of_a_picture(tmp_path: Path) -> None:
    from PIL import Image

    pixels = shot(1, 1)[0][:, :157]
    data = frame_bytes(pixels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    assert content_hash(data) == content_hash(frame_bytes(pixels.copy()))
