"""Videos to what `extract` takes: the bytes of their frames, one after the other, and last what was seen of each."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from resight.channels.extraction import Extracted, Given
from resight.errors import ImageError, UsageError
from resight.folders.walking import Found
from resight.images import frame_name
from resight.images.frame_sampling import Sampling
from resight.images.videos import Footage, expected_seconds, frame_bytes, sampled_frames


@dataclass(frozen=True)
class Watched:
    """What an index knows of a video that was read: which frames were taken, and what was seen of it."""

    sampling: Sampling
    footage: Footage

    def to_text(self) -> str:
        """Returns one line, JSON."""
        seen = self.footage
        starts = [*seen.starts]
        return json.dumps({"frames": str(self.sampling), "shots": starts, "end": seen.end, "remark": seen.remark})

    @classmethod
    def from_text(cls, text: str) -> Watched:
        """Reads what `to_text` gave. Raises ValueError where it is something else."""
        try:
            content: dict[str, Any] = json.loads(text)
            starts = tuple(float(start) for start in content["shots"])
            footage = Footage(starts, float(content["end"]), str(content["remark"]))
            return cls(Sampling.parse(content["frames"]), footage)
        except (KeyError, TypeError, AttributeError, RecursionError, UsageError) as error:
            raise ValueError(f"{text[:40]!r} tells nothing of a video") from error

    def shot(self, seconds: float) -> int:
        """Returns the number of the shot, from 0, that a frame at a time is of."""
        after = (number for number, start in enumerate(self.footage.starts) if start > seconds + 0.0005)
        return max(0, next(after, len(self.footage.starts)) - 1)

    def most_frames(self) -> int:
        """Returns the number of frames that were taken of its longest shot, or a few more."""
        every = self.sampling.every
        if every is None:
            return 1
        ends = (*self.footage.starts[1:], self.footage.end)
        lengths = [end - start for start, end in zip(self.footage.starts, ends, strict=True)]
        return int(max(lengths, default=0.0) / every) + 2


def frames_to_extract(
    video: Found, sampling: Sampling, left_out: Collection[str] = frozenset()
) -> Iterator[Given | Extracted]:
    """Yields the frames of a video that are taken, and in the end the row of the video itself.

    left_out: names of frames that are not taken. The row says what was seen of it, or why it cannot be read.
    """
    frames = sampled_frames(video.path, sampling)
    try:
        while True:
            frame = next(frames)
            name = frame_name(video.name, frame.milliseconds)
            if name not in left_out:
                path = Path(frame_name(str(video.path), frame.milliseconds))
                yield Given(replace(video, path=path, name=name), frame_bytes(frame.pixels))
    except StopIteration as end:
        yield Extracted(video, "", (0, 0), {}, seen=Watched(sampling, end.value).to_text(), remark=end.value.remark)
    except ImageError as error:
        yield Extracted(video, "", (0, 0), {}, error.reason, may_pass=error.may_pass)


def frames_to_fit_on(video: Found, sampling: Sampling) -> list[Found]:
    """Returns frames of a video, evenly over the time that its headers tell, to be read one by one.

    They are as many as are taken of it, but at most one a second.
    """
    step = max(sampling.every or 5.0, 1.0)
    times = (round(number * step * 1000) for number in count())
    length = expected_seconds(video.path) * 1000
    named: list[Found] = []
    for milliseconds in times:
        if milliseconds >= length:
            return named
        own, path = frame_name(video.name, milliseconds), Path(frame_name(str(video.path), milliseconds))
        named.append(replace(video, path=path, name=own))
    return named
