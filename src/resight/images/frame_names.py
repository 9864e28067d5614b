"""Names of frames: that of clip.mp4 at 12.5 seconds is "clip.mp4#t=12.5", a fragment as of W3C's Media Fragments URI.

No photo has such a name: the name of a photo ends like a photo, or has no ending at all.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

VIDEO_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".3gp",
        ".3g2",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".m2ts",
        ".mts",
        ".wmv",
        ".asf",
        ".flv",
        ".ogv",
    }
)
"""Ends of the names of files that are taken for videos, in lower case; capitals count as the same."""

_VIDEO = "|".join(sorted(re.escape(suffix) for suffix in VIDEO_SUFFIXES))
_FRAME = re.compile(
    rf"(?P<video>.*[^/](?:{_VIDEO}))#t=(?P<time>[0-9]{{1,9}}(?:\.[0-9]{{1,3}})?)", re.IGNORECASE | re.DOTALL
)


class FrameName(NamedTuple):
    """The two parts of the name of a frame: that of its video, and its time in seconds from the video's start."""

    video: str
    time: float


def frame_name(video: str, milliseconds: int) -> str:
    """Returns the name of a frame of the video of a name, or the path of one of a path."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{video}#t={seconds}.{f'{rest:03d}'.rstrip('0') or '0'}"


def parse_frame(name: str) -> FrameName | None:
    """Returns the parts of a name or path of a frame; None where it is that of a file."""
    found = _FRAME.fullmatch(name)
    return FrameName(found["video"], float(found["time"])) if found else None


def file_of_name(name: str) -> str:
    """Returns the name, or path, of the file that a photo or frame is in: the video of a frame, else itself."""
    found = parse_frame(name) if "#t=" in name else None
    return found.video if found else name


def file_of_path(path: Path) -> Path:
    """Returns the path of the file that the photo or frame at a path is in."""
    return Path(file_of_name(str(path))) if "#t=" in path.name else path


def label_of(name: str) -> str:
    """Returns what a person calls a photo or a frame: its name, or "clip.mp4 at 0:12"."""
    frame = parse_frame(name) if "#t=" in name else None
    return f"{frame.video} at {time_code(frame.time)}" if frame else name


def time_code(seconds: float) -> str:
    """Returns seconds as a person reads them: 0:12, 1:02:03, and 0:12.5 where they are not whole."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    hours, minutes = whole // 3600, whole // 60 % 60
    clock = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{clock}:{whole % 60:02d}" + (f".{rest:03d}".rstrip("0") if rest else "")
