"""What a change to an index did, for a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields

from resight.index.vanished import Held
from resight.progress import Say


@dataclass
class AddReport:
    """The outcome of an `add` or `update`: numbers of images, and (name, reason) of those that could not be read.

    recalled: how many of those added and changed were not decoded, because the index knew their bytes. held: photos
    that are not found, or whose masks are not, and that stay as they are. notes: lines for a person about folders and
    links. Of the photos that were read, without_evidence are the names of those by which nothing can be found, such as
    pictures of one colour, and remarks are (name, remark) of those that were read in part.

    left_out: how many files were left out because of their ending, by that in small letters; "" for those without one
    that are no images. excluded: images that went out because a pattern matches them now; became_masks: because they
    lie in a folder of masks now. stayed_away: files that were left out because they had been removed. without_mask:
    images that have no mask where each should have its own. videos: how many were read; their frames count as images.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    recalled: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    without_evidence: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    left_out: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    became_masks: int = 0
    stayed_away: int = 0
    without_mask: int = 0
    videos: int = 0

    def __add__(self, other: AddReport) -> AddReport:
        """Returns both together."""
        mine, theirs = ([getattr(report, one.name) for one in fields(report)] for report in (self, other))
        return AddReport(*(a + b for a, b in zip(mine, theirs, strict=True)))

    def note(self, line: str, say: Say | None) -> None:
        """Keeps a line for a person, and tells it at once."""
        self.notes.append(line)
        if say is not None:
            say(line)
