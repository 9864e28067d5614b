"""Videos to frames, through FFmpeg's libraries (PyAV, extra `video`): in one pass, or one of them by its time.

What a file may do is bounded: it is read as one of `FORMATS` alone, none of which leads to other files or hosts, from
an open file and not by a path; frames over the limit on pixels are refused by the decoder before it allocates them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from resight.arrays import Pixels
from resight.errors import ImageError
from resight.images.frame_names import parse_frame
from resight.images.frame_sampling import MiddleOfShots, Sampling, Steady
from resight.images.limits import MAX_PIXELS
from resight.images.shots import SIDE, ShotDetector

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

INSTALL = "pip install 'resight[video]'"

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg"
"""Names of FFmpeg's demuxers that are used."""

_BACK = (0.0, 5.0)
"""Seconds before a frame to which is sought in turn, before the video is read from its start."""
_STILL = 1000
"""Milliseconds for which the last frame of a video is seen."""
_LOST = 2.0
"""Seconds at the end of a video that may be without a frame, before they count as missing."""


@dataclass(frozen=True)
class Frame:
    """One frame, upright. milliseconds: from the start of the video; pixels: (H, W, 3) uint8 RGB."""

    milliseconds: int
    pixels: Pixels


@dataclass(frozen=True)
class Footage:
    """What was seen of a video. starts: seconds at which shots begin; end: of its last frame.

    remark: what a person should know of it in one line, such as that a part is missing; mostly empty.
    """

    starts: tuple[float, ...]
    end: float
    remark: str = ""


@cache
def can_read() -> bool:
    """Returns whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def sampled_frames(path: Path | str, sampling: Sampling) -> Generator[Frame, None, Footage]:
    """Yields the frames of a video that are taken, in their order, and returns what was seen of it at the end.

    Raises ImageError where no frame can be had, after those before where the file changes meanwhile.
    """
    # `frame_of` takes them as they are here: one frame a millisecond, times growing.
    choice: Steady[VideoFrame] | MiddleOfShots[VideoFrame]
    choice = MiddleOfShots() if sampling.every is None else Steady(sampling.every)
    detector, milliseconds, any_frame = ShotDetector(), 0, False
    with _opened(path) as video:
        for milliseconds, frame in video.frames():
            any_frame = True
            small = frame.to_ndarray(width=SIDE[0], height=SIDE[1], format="rgb24", interpolation="AREA")
            begins = detector.take(milliseconds / 1000, small)
            for chosen, own in choice.take(milliseconds, begins, frame):
                yield Frame(chosen, _upright(own))
        for chosen, own in choice.end():
            yield Frame(chosen, _upright(own))
        if not any_frame:
            raise ImageError(video.name, video.fault or "a video without a picture that can be decoded")
        return Footage(tuple(detector.starts), milliseconds / 1000, video.remark(milliseconds / 1000))


def frame_of(path: Path | str, seconds: float) -> Pixels:
    """Returns the frame (H, W, 3) uint8 RGB, upright, that is seen at a time from the start of a video.

    At a time that `sampled_frames` gave, it is the very frame. Raises ImageError.
    """
    wanted = round(seconds * 1000)
    for back in (*_BACK, None):
        with _opened(path) as video:
            if back is not None and not video.seek(max(0.0, seconds - back)):
                continue
            seen: tuple[int, VideoFrame] | None = None
            for milliseconds, frame in video.frames():
                if milliseconds > wanted:
                    break
                seen = milliseconds, frame
                if milliseconds == wanted:
                    break
            else:
                if seen is not None and wanted - seen[0] > _STILL:
                    raise ImageError(video.name, f"ends before {seconds:g} seconds")
            if seen is not None:
                return _upright(seen[1])
    raise ImageError(os.fsencode(path).decode("utf-8", "backslashreplace"), f"has no frame at {seconds:g} seconds")


def expected_seconds(path: Path | str) -> float:
    """Returns how long a video says that it is, 0 where it does not or cannot be opened."""
    try:
        with _opened(path) as video:
            return video.duration
    except ImageError:
        return 0.0


def frame_bytes(pixels: Pixels) -> bytes:
    """Returns a frame as the bytes of a BMP file, which loses nothing; they are hashed and decoded as a photo's are."""
    done, data = cv2.imencode(".bmp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise ImageError("frame", "cannot be kept as a picture")
    return data.tobytes()


def bytes_of_frame(path: Path | str) -> bytes | None:
    """Returns the bytes of the frame that a path such as clip.mp4#t=12.5 means; None where it means no frame.

    Raises ImageError where there is no such frame, or it cannot be decoded.
    """
    frame = parse_frame(os.fspath(path))
    return None if frame is None else frame_bytes(frame_of(frame.video, frame.time))


class _Video:
    """An open video and its first stream of pictures."""

    def __init__(self, container: InputContainer, stream: VideoStream, name: str) -> None:
        self.name = name
        self.fault = ""
        self._container = container
        self._stream = stream
        self._base = stream.time_base or Fraction(1, 1000)
        self._start = stream.start_time or 0
        self._bad = 0

    @property
    def duration(self) -> float:
        """Seconds that the headers tell, 0 where they do not."""
        if self._stream.duration:
            return float(self._stream.duration * self._base)
        return (self._container.duration or 0) / 1_000_000

    def frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yields sound frames with their milliseconds, each later than the one before."""
        last = -1
        for frame in self._decoded():
            if frame.pts is None or frame.is_corrupt or not frame.width or not frame.height:
                continue
            milliseconds = round(float((frame.pts - self._start) * (frame.time_base or self._base)) * 1000)
            if milliseconds > last:
                last = milliseconds
                yield milliseconds, frame

    def seek(self, seconds: float) -> bool:
        """Goes to the last key frame before a time; returns whether that can be done."""
        import av

        try:
            self._container.seek(int(self._start + seconds / self._base), stream=self._stream)
        except (av.FFmpegError, OverflowError):
            return False
        return True

    def remark(self, end: float) -> str:
        """Returns what is to be said of the video, of which the last frame was at `end` seconds."""
        missing = self.duration - end
        if missing > max(_LOST, 0.02 * self.duration):
            return f"the last {math.ceil(missing)} of {math.ceil(self.duration)} seconds are missing"
        if self._bad:
            return f"{self._bad} {'part is' if self._bad == 1 else 'parts are'} damaged and left out"
        return ""

    def _decoded(self) -> Iterator[VideoFrame]:
        import av

        packets = self._container.demux(self._stream)
        while True:
            packet = None
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames: list[Any] = packet.decode()
            except av.FFmpegError as error:
                # What cannot be decoded is left out; where nothing more can be read, the video ends.
                self._bad += 1
                self.fault = f"no picture of the video can be decoded: {_reason(error)}"
                if packet is None:
                    return
                continue
            yield from frames


@contextlib.contextmanager
def _opened(path: Path | str) -> Iterator[_Video]:
    """Opens a video. Raises ImageError, also for what FFmpeg raises within."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    if not can_read():
        raise ImageError(name, f"a frame of a video; install `{INSTALL}` to read it", may_pass=True)
    import av

    with contextlib.ExitStack() as stack:
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                raise ImageError(name, "is not a regular file")
            file = stack.enter_context(open(path, "rb"))
        except FileNotFoundError:
            raise ImageError(name, "no such file", may_pass=True) from None
        except OSError as error:
            raise ImageError(name, f"cannot be read: {error.strerror or error}", may_pass=True) from None
        if not status.st_size:
            raise ImageError(name, "the file is empty")
        try:
            options = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
            container = stack.enter_context(av.open(file, options=options))
            streams = [one for one in container.streams.video if "attached_pic" not in str(one.disposition)]
            if not streams:
                raise ImageError(name, "a file with sound and no moving picture")
            stream = streams[0]
            if stream.codec_context is None:
                raise ImageError(name, "a video of a kind that the installed PyAV does not decode")
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > MAX_PIXELS:
                raise ImageError(
                    name, f"frames of {width * height / 1e6:.0f} megapixels, over the limit of {MAX_PIXELS // 10**6}"
                )
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            stream.thread_type = "AUTO"
            yield _Video(container, stream, name)
            now = os.stat(path)
        except MemoryError:
            raise ImageError(name, "not enough memory to decode it", may_pass=True) from None
        except (av.FFmpegError, ValueError) as error:
            raise ImageError(name, f"not a video that can be read: {_reason(error)}") from None
        if (now.st_size, now.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
            raise ImageError(name, "changes while it is read; index it again when it is complete", may_pass=True)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def _upright(frame: VideoFrame) -> Pixels:
    """Returns the pixels (H, W, 3) of a frame, turned as the file says."""
    pixels = frame.to_ndarray(format="rgb24")
    # FFmpeg tells by how much the picture is to be turned against the clock.
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))
