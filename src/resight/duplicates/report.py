"""What a search for duplicates returns: groups of photos, with what joins them and which one to keep."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from resight.duplicates.verdict import Kind


@dataclass(frozen=True)
class DuplicatePhoto:
    """One photo of a group.

    picture: from 1; photos of one number are copies or near-copies of each other. copy_of: the first photo by name with
    the very same bytes, None for that photo itself. width, height: pixels, upright. bytes: of the file. modified:
    nanoseconds since the epoch. keep: the suggestion, one a picture: the most pixels, then the most bytes, then the
    oldest, then the first name. largest, oldest: within the picture, all that are; of most pixels, and of the earliest
    time.
    """

    name: str
    picture: int
    copy_of: str | None
    width: int
    height: int
    bytes: int
    modified: int
    keep: bool
    largest: bool
    oldest: bool

    @property
    def date(self) -> str:
        """When the file was modified, in UTC, as ISO 8601 to the second; empty where no calendar has the time."""
        try:
            return datetime.fromtimestamp(self.modified // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except (OverflowError, OSError, ValueError):
            return ""


@dataclass(frozen=True)
class DuplicateLink:
    """Why two photos of a group belong together.

    inliers: matched features that follow `transform` (3 x 3, pixels of `first` to pixels of `second`). share: how many
    of the features that both have do so. coverage: the part of the first and of the second frame that both show.
    residual: median distance in pixels from the map of a copy (`Agreement`). chance: decimal logarithm of how many such
    pairs are expected among photos that have nothing in common. sure: whether the pair alone may join two groups.
    """

    first: str
    second: str
    kind: Kind
    inliers: int
    transform: list[list[float]]
    share: float
    coverage: tuple[float, float]
    residual: float
    chance: float
    sure: bool


@dataclass(frozen=True)
class DuplicateGroup:
    """Photos that belong together. kind: what holds the loosest of them: "copies", "near" or "same".

    photos: by picture, the one to keep first, then by name. links: those that hold the group together, the strongest
    first; copies need none.
    """

    kind: Kind
    photos: tuple[DuplicatePhoto, ...]
    links: tuple[DuplicateLink, ...]

    @property
    def pictures(self) -> int:
        """The number of different pictures."""
        return max(photo.picture for photo in self.photos)

    @property
    def sure(self) -> bool:
        """True where each link that holds the group together may do so by itself."""
        return all(link.sure for link in self.links)

    def reasons(self) -> dict[str, DuplicateLink]:
        """By name the link by which a photo is reached from the first one; none for that, and for copies of others."""
        start = self.photos[0].copy_of or self.photos[0].name
        reached, found, waiting = {start}, {}, [start]
        for name in waiting:
            for link in self.links:
                if name in (link.first, link.second):
                    other = link.second if link.first == name else link.first
                    if other not in reached:
                        reached.add(other)
                        found[other] = link
                        waiting.append(other)
        return found


@dataclass(frozen=True)
class Duplicates:
    """Groups: copies first, then near-copies, then photos of the same thing; each kind by its first name.

    kind: the loosest that was asked for. photos: how many were looked at. unreadable: how many could not be read, which
    are in no group. without_evidence: how many have nothing to match, of which only copies are found. verified: pairs
    that were verified. seconds: of all.
    """

    kind: Kind
    groups: tuple[DuplicateGroup, ...]
    photos: int
    unreadable: int
    without_evidence: int
    verified: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields, for JSON; times as ISO 8601, numbers that have no end as null."""
        document = asdict(self)
        for group, told in zip(self.groups, document["groups"], strict=True):
            told["pictures"], told["sure"] = group.pictures, group.sure
            for photo, row in zip(group.photos, told["photos"], strict=True):
                row["modified"] = photo.date or None
            for link in told["links"]:
                link["chance"] = link["chance"] if math.isfinite(link["chance"]) else None
        return document
