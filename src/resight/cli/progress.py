"""Shows progress with rate and time left: a bar on a terminal, occasional lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from resight.cli.output import say
from resight.progress import NamedProgress

FIRST_LINE = 2.0
"""Seconds after which the first line is printed: shorter steps print none."""
FEW = 4
LONGEST_PAUSE = 60.0
"""Seconds between two lines of a long step; ten hours print about 600."""


@contextmanager
def progress_bar(note: Callable[[], str] | None = None) -> Iterator[NamedProgress]:
    """Shows progress on standard error: on a terminal a bar for each step, gone at the end; elsewhere lines.

    note: what else a bar shows of the step that is on.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield ProgressLines(say, time.monotonic)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, rate="", note="")
            speed = next(task.speed for task in bars.tasks if task.id == tasks[what])
            rate = f"{speed:.1f}/s" if speed else ""
            told = "" if note is None or done >= total else note()
            bars.update(tasks[what], completed=done, total=total, rate=rate, note=told)

        yield update


@dataclass
class _Work:
    """A step in progress: its start time, the number done at the start, and the time of the next line."""

    begun: float
    first: int
    last: int
    total: int
    due: float
    pause: float = FIRST_LINE
    said: bool = False


class ProgressLines:
    """A progress that prints a line two seconds after a step begins, then at intervals that double up to a minute.

    A step that printed a line prints another one at its end. No carriage returns and no colours, because the lines go
    to files.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        """Sets up the progress. clock: returns seconds."""
        self._say = say
        self._clock = clock
        self._works: dict[str, _Work] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Records the number done; a smaller number, or another total, means that the step has begun again."""
        now = self._clock()
        work = self._works.get(what)
        if work is None or done < work.last or total != work.total:
            self._works[what] = _Work(now, done, done, total, now + FIRST_LINE)
            return
        ends = work.last < total <= done
        work.last = done
        if ends and work.said:
            self._say(f"{what}: {done} of {total} in {_time(now - work.begun)}")
        elif now >= work.due and done < total:
            self._say(f"{what}: {done} of {total}{_pace(done - work.first, total - done, now - work.begun)}")
            work.said = True
            work.pause = min(2 * work.pause, LONGEST_PAUSE)
            work.due = now + work.pause


def _pace(done: int, left: int, seconds: float) -> str:
    # The first few wait for what is loaded and compiled once.
    if done <= 0 or seconds <= 0 or (done < FEW and seconds < 60):
        return ""
    rate = done / seconds
    shown = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f", {shown}, {_time(left / rate)} left"


def _time(seconds: float) -> str:
    """Formats seconds for people."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
