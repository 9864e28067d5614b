"""The videos of a folder: which are read, of which frames, and what the index keeps of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from resight.channels.video_frames import Watched
from resight.errors import UsageError
from resight.folders.walking import Found
from resight.images import decoders, file_of_name, parse_frame
from resight.images.frame_sampling import Sampling
from resight.images.videos import INSTALL, Footage, can_read
from resight.store import UNREACHED, VIDEO, Choices, Image, ImageTable, Snapshot


@dataclass(frozen=True)
class PlannedVideo:
    """A video to be read. known: ids by name of its rows in the index, which all go; left_out: frames not taken."""

    found: Found
    sampling: Sampling
    known: Mapping[str, int]
    left_out: Collection[str] = frozenset()


@dataclass
class VideosPlanned:
    """What is to be done for the videos of a root, as a `Plan` has it of photos.

    work: those to be read; unchanged: frames that are as they were; retried: rows, by name, of those that could not be
    read before; unreadable: (name, reason); unread: how many cannot be read for want of PyAV, and stay as they were.
    """

    work: list[PlannedVideo] = field(default_factory=list)
    unchanged: int = 0
    retried: dict[str, Image] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unread: int = 0

    @property
    def note(self) -> str:
        """A line about what PyAV is missing for; empty where it is not."""
        if not self.unread:
            return ""
        videos = "1 video was" if self.unread == 1 else f"{self.unread} videos were"
        return (
            f"{videos} not read, as PyAV is not installed: {INSTALL}, then `resight update`; photos are indexed without"
        )


class Takes(NamedTuple):
    """Which frames are taken of the videos of a root, and which stay away: names of frames, by that of their video."""

    sampling: Sampling
    removed: Mapping[str, Collection[str]]


def taken_of(choices: Choices, number: int) -> Takes:
    """Returns which frames are taken of the videos of a root by its number."""
    text = choices.frames.get(number)
    sampling = Sampling() if text is None else Sampling.parse(text)
    removed: dict[str, set[str]] = {}
    for name in choices.removed_of(number):
        if (frame := parse_frame(name)) is not None:
            removed.setdefault(frame.video, set()).add(name)
    return Takes(sampling, removed)


def plan_videos(
    snapshot: Snapshot,
    number: int,
    videos: Sequence[Found],
    takes: Takes,
    gone: Collection[int],
    kept: Collection[str],
) -> VideosPlanned:
    """Compares the videos of a root with what the index knows of them.

    gone: ids of images that give their names up; kept: names of videos that stay as they are. A video is unchanged
    where its size, time and mask are, and the same frames are taken. UsageError where a name has another owner.
    """
    planned = VideosPlanned()
    if not videos:
        return planned
    images = snapshot.images
    rows = rows_of_videos(images, {one.name for one in videos})
    for one in videos:
        own = {name: place for name, place in rows.get(one.name, {}).items() if int(images.ids[place]) not in gone}
        for name, place in own.items():
            if images.roots[place] != number:
                other, root = snapshot.roots[int(images.roots[place])], snapshot.roots[number]
                raise UsageError(
                    f"{name}: this name was given to a photo of {other.path}; put a prefix before the names of "
                    f"{root.path} (--as PREFIX)"
                )
        at = own.get(one.name)
        frames = len(own) - (at is not None)
        if one.name in kept:
            planned.unchanged += frames
            continue
        known = None if at is None else images.image(at)
        same = known is not None and (known.size, known.mtime_ns, known.mask) == (
            one.size,
            one.mtime_ns,
            one.mask.key if one.mask is not None else "",
        )
        if same and known is not None:
            if known.state == VIDEO and watched(known.reason).sampling == takes.sampling:
                planned.unchanged += frames
                continue
            if known.state not in (VIDEO, UNREACHED) and known.tried_by == decoders():
                planned.unreadable.append((one.name, known.reason))
                continue
            if known.state != VIDEO:
                planned.retried[one.name] = known
        if not can_read():
            planned.unread += 1
            planned.unchanged += frames
            planned.retried.pop(one.name, None)
            continue
        ids = {name: int(images.ids[place]) for name, place in own.items()}
        planned.work.append(PlannedVideo(one, takes.sampling, ids, takes.removed.get(one.name, frozenset())))
    return planned


def rows_of_videos(images: ImageTable, wanted: Collection[str] | None = None) -> dict[str, dict[str, int]]:
    """Returns positions in the table of the rows of each video by name: its own, where there is one, and its frames.

    wanted: names of videos that count, all where None.
    """
    found: dict[str, dict[str, int]] = {}
    for place, name in enumerate(images.names):
        video = file_of_name(name)
        if (video != name and (wanted is None or video in wanted)) or (wanted is not None and name in wanted):
            found.setdefault(video, {})[name] = place
    if wanted is None:
        for place in np.flatnonzero(images.videos).tolist():
            found.setdefault(images.names[place], {})[images.names[place]] = place
    return found


def watched(text: str) -> Watched:
    """Returns what the row of a video says of it; nothing at all where it cannot be understood."""
    try:
        return Watched.from_text(text)
    except ValueError:
        return Watched(Sampling(None), Footage((), 0.0))


class Shots:
    """The shots of the videos of one generation: of which one a frame is."""

    def __init__(self, images: ImageTable) -> None:
        places = np.flatnonzero(images.videos).tolist()
        self._videos = {images.names[place]: watched(images.reasons[place]) for place in places}
        self.most_frames = max((one.most_frames() for one in self._videos.values()), default=1)

    def __bool__(self) -> bool:
        return bool(self._videos)

    def of(self, name: str) -> tuple[str, int] | None:
        """Returns the video and the number of the shot of a frame; None for the name of a photo.

        Of a video that was not read to its end all frames count as one shot.
        """
        frame = parse_frame(name)
        if frame is None:
            return None
        known = self._videos.get(frame.video)
        return frame.video, 0 if known is None else known.shot(frame.time)

    def remarks(self) -> Iterable[tuple[str, str]]:
        """Yields the name and remark of each video of which there is something to say."""
        for name, one in self._videos.items():
            if one.footage.remark:
                yield name, one.footage.remark
