"""Which frames of a video are taken for photos: one each so many seconds, or one of each shot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from resight.errors import UsageError

FrameT = TypeVar("FrameT")

LEAST_EVERY = 0.001
"""Seconds between frames, at least: their names tell milliseconds."""
MOST_EVERY = 86_400.0
_SHOTS = "shots"
_KEPT = 16


class Sampling(NamedTuple):
    """Seconds between the frames that are taken; None takes one of each shot, from its middle."""

    every: float | None = 1.0

    @classmethod
    def parse(cls, text: str) -> Sampling:
        """Reads what `str` gives. Raises UsageError."""
        if text == _SHOTS:
            return cls(None)
        try:
            return cls(float(text)).checked()
        except ValueError:
            raise UsageError(
                f'{text!r}: give the seconds between frames, such as 2, or "{_SHOTS}" for one of each shot'
            ) from None

    def checked(self) -> Sampling:
        """Returns itself. Raises UsageError where the seconds are none."""
        if self.every is not None and not LEAST_EVERY <= self.every <= MOST_EVERY:
            raise UsageError(f"every {self.every:g} seconds: give {LEAST_EVERY:g} to {MOST_EVERY:,.0f} seconds")
        return self

    def __str__(self) -> str:
        return _SHOTS if self.every is None else f"{self.every:.12g}"

    def frames_in(self, seconds: float) -> int:
        """Returns about how many frames are taken of so many seconds."""
        return max(1, round(seconds / (self.every or 5.0)))


class Steady(Generic[FrameT]):
    """Chooses the first frame at or after each multiple of `every` seconds."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._next = 0

    def take(self, milliseconds: int, begins: bool, frame: FrameT) -> Iterator[tuple[int, FrameT]]:
        """Yields the frame where it is chosen. begins: whether a shot begins with it."""
        if milliseconds >= self._next * self._every * 1000 - 0.5:
            self._next = int((milliseconds + 0.5) / (self._every * 1000)) + 1
            yield milliseconds, frame

    def end(self) -> Iterator[tuple[int, FrameT]]:
        """Yields nothing: no frame waits for the end."""
        yield from ()


class MiddleOfShots(Generic[FrameT]):
    """Chooses a frame near the middle of each shot, when it has ended.

    Notes: where the middle is, the end tells. Of a shot at most 16 frames are kept, evenly over what was seen of it, so
    that the chosen one is within a sixteenth of its length from the middle.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[int, FrameT]] = []
        self._step = 1
        self._seen = 0
        self._last = 0

    def take(self, milliseconds: int, begins: bool, frame: FrameT) -> Iterator[tuple[int, FrameT]]:
        """Yields the chosen frame of the shot before, where one begins with this frame."""
        if begins:
            yield from self.end()
        if self._seen % self._step == 0:
            self._kept.append((milliseconds, frame))
            if len(self._kept) > _KEPT:
                del self._kept[1::2]
                self._step *= 2
        self._seen += 1
        self._last = milliseconds

    def end(self) -> Iterator[tuple[int, FrameT]]:
        """Yields the chosen frame of the last shot."""
        if self._kept:
            middle = (self._kept[0][0] + self._last) / 2
            yield min(self._kept, key=lambda one: abs(one[0] - middle))
        self._kept, self._step, self._seen = [], 1, 0
