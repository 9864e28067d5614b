"""What an index holds, in numbers and lists for a person."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resight.channels.channel import Channel, SegmentRows
from resight.images import displayed
from resight.index.collection import Collection
from resight.index.masking import mask_folder


class ChannelCounts(NamedTuple):
    """Local features, or vectors, and words that a channel keeps of all images together."""

    features: int
    words: int


@dataclass(frozen=True)
class IndexInfo:
    """The contents of an index.

    bytes: of the whole directory. features and words: of all images and channels together; channels: of each.
    without_evidence: names of images that no query can find, such as pictures of one colour. remarks: name and
    remark of images that were read in part. excluded: patterns of files and folders that are left out. stay_away: how
    many removed names the index does not take again until a person asks for them. masks: by the folder of photos, the
    folder of their masks, or "one for all". stale: for each structure that is made of several photos (augmented photos,
    neighbours), how many photos changed since it was made: `update` makes it again.
    """

    recipe: str
    generation: int
    images: int
    unreadable: int
    without_evidence: list[str]
    remarks: list[dict[str, str]]
    roots: list[dict[str, Any]]
    segments: int
    features: int
    words: int
    channels: Mapping[str, ChannelCounts]
    bytes: int
    created_by: str
    excluded: list[str]
    stay_away: int
    masks: list[dict[str, str]]
    stale: Mapping[str, int]

    @property
    def bytes_per_image(self) -> float | None:
        """Of the whole directory, or None for an empty index."""
        return self.bytes / self.images if self.images else None

    @property
    def words_per_image(self) -> float | None:
        """Distinct words, or None for an empty index, or one without words."""
        return self.words / self.images if self.words else None

    @property
    def bytes_per_feature(self) -> float | None:
        """Of the whole directory, or None where there are no features."""
        return self.bytes / self.features if self.features else None

    def to_dict(self) -> dict[str, Any]:
        """Fields and derived figures, for JSON."""
        derived = ("bytes_per_image", "words_per_image", "bytes_per_feature")
        channels = {name: counts._asdict() for name, counts in self.channels.items()}
        return {**asdict(self), "channels": channels, **{name: getattr(self, name) for name in derived}}


def contents_of(collection: Collection, path: Path, created_by: str, stale: Mapping[str, int]) -> IndexInfo:
    """Counts what the index at `path` holds; `created_by` are the versions that made it, `stale` see `IndexInfo`."""
    images = collection.snapshot.images
    counts = {name: _counts(channel, collection.rows(name)) for name, channel in collection.channels.items()}
    return IndexInfo(
        recipe=collection.recipe.name,
        generation=collection.snapshot.generation,
        images=int(images.indexed.sum()),
        unreadable=int((~images.indexed).sum()),
        without_evidence=collection.without_evidence(),
        remarks=[
            {"name": images.names[i], "remark": images.reasons[i]}
            for i in np.flatnonzero(images.indexed & images.reasons.present).tolist()
        ],
        roots=[
            {"path": root.path, "prefix": root.prefix, "follow_links": root.follow_links}
            for root in collection.snapshot.roots.values()
        ],
        segments=len(collection.snapshot.segments),
        features=sum(one.features for one in counts.values()),
        words=sum(one.words for one in counts.values()),
        channels=counts,
        bytes=bytes_below(path),
        created_by=created_by,
        excluded=list(collection.snapshot.choices.excluded),
        stay_away=len(collection.snapshot.choices.removed),
        masks=[
            {"path": root.path, "mask": "one for all" if mask.shared else displayed(mask_folder(root, mask))}
            for number, mask in sorted(collection.snapshot.choices.masks.items())
            for root in [collection.snapshot.roots[number]]
        ],
        stale=stale,
    )


def _counts(channel: Channel, rows: Sequence[SegmentRows]) -> ChannelCounts:
    """Counts the features and words of the live images of a channel."""
    features = sum(int(channel.features_of(one.arrays)[one.alive].sum()) for one in rows)
    return ChannelCounts(features, sum(int(channel.words_of(one.arrays)[one.alive].sum()) for one in rows))


def bytes_below(folder: Path) -> int:
    """Returns the size of all files, without those that a writer deletes meanwhile."""
    total = 0
    # Unlike a search by a pattern, a walk passes over folders that vanish.
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total
