"""What an index holds, in numbers and lists for a person."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resight.channels.channel import Channel, SegmentRows
from resight.images import displayed
from resight.index.collection import Collection
from resight.index.masking import mask_folder
from resight.learned.method import Method
from resight.search.approximate.searching import ApproximateSearch
from resight.search.engines.searching import EngineSearcher


class ChannelCounts(NamedTuple):
    """Local features, or vectors, and words that a channel keeps of all images together."""

    features: int
    words: int


class FittedSize(NamedTuple):
    """The size that a channel was made with, less than its recipe asks for where too few photos were there.

    what: "words" of its codebook, or "dimensions" of its vectors. asked: by the recipe, None where it leaves it open.
    """

    what: str
    size: int
    asked: int | None


class SearchFacts(NamedTuple):
    """The approximate search of a channel.

    kind: "hnsw" or "ivf". images: in its structure; added, removed: since it was made. recall: of the 10 nearest, as
    measured then; probes: what a query looks at, cells or the queue of a graph; candidates: compared exactly.
    """

    kind: str
    images: int
    added: int
    removed: int
    recall: float
    probes: int
    candidates: int


class EngineFacts(NamedTuple):
    """The engine that searches a channel.

    kind, address: as the recipe says. images: loaded into its collection; added: not yet; removed: to be deleted there.
    """

    kind: str
    address: str
    images: int
    added: int
    removed: int


@dataclass(frozen=True)
class IndexInfo:
    """The contents of an index.

    images: photos, and frames of videos. fitted: by channel, what it was made with. bytes: of the whole directory.
    features and words: of all images and channels together; channels: of each.
    without_evidence: names of images that no query can find, such as pictures of one colour. remarks: name and
    remark of images that were read in part. excluded: patterns of files and folders that are left out. stay_away: how
    many removed names the index does not take again until a person asks for them. masks: by the folder of photos, the
    folder of their masks, or "one for all". stale: for each structure that is made of several photos (augmented photos,
    neighbours), how many photos changed since it was made: `compact` makes it again. search: by channel, how it is
    searched where not exactly. bytes_by_part: where bytes go, see `sizes_below`.
    """

    recipe: str
    generation: int
    images: int
    unreadable: int
    videos: int
    without_evidence: list[str]
    remarks: list[dict[str, str]]
    roots: list[dict[str, Any]]
    segments: int
    features: int
    words: int
    channels: Mapping[str, ChannelCounts]
    fitted: Mapping[str, FittedSize]
    bytes: int
    created_by: str
    excluded: list[str]
    stay_away: int
    masks: list[dict[str, str]]
    stale: Mapping[str, int]
    search: Mapping[str, SearchFacts | EngineFacts]
    bytes_by_part: Mapping[str, int]

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
        search = {name: facts._asdict() for name, facts in self.search.items()}
        return {
            **asdict(self),
            "channels": channels,
            "fitted": {name: one._asdict() for name, one in self.fitted.items()},
            "search": search,
            **{name: getattr(self, name) for name in derived},
        }


def contents_of(collection: Collection, path: Path, created_by: str, stale: Mapping[str, int]) -> IndexInfo:
    """Counts what the index at `path` holds; `created_by` are the versions that made it, `stale` see `IndexInfo`."""
    images = collection.snapshot.images
    used = {name: own for name, own in collection.recipe.channel.items() if name in collection.channels}
    parts = sizes_below(path)
    counts = {name: _counts(channel, collection.rows(name)) for name, channel in collection.channels.items()}
    return IndexInfo(
        recipe=collection.recipe.name,
        generation=collection.snapshot.generation,
        images=int(images.indexed.sum()),
        unreadable=int(images.unreadable.sum()),
        videos=int(images.videos.sum()),
        without_evidence=collection.without_evidence(),
        remarks=[
            {"name": images.names[i], "remark": images.reasons[i]}
            for i in np.flatnonzero(images.indexed & images.reasons.present).tolist()
        ]
        + [{"name": name, "remark": remark} for name, remark in collection.shots.remarks()],
        roots=[
            {"path": root.path, "prefix": root.prefix, "follow_links": root.follow_links}
            for root in collection.snapshot.roots.values()
        ],
        segments=len(collection.snapshot.segments),
        features=sum(one.features for one in counts.values()),
        words=sum(one.words for one in counts.values()),
        channels=counts,
        fitted={name: fitted_size(own.method, collection.channels[name].size) for name, own in used.items()},
        bytes=sum(parts.values()),
        created_by=created_by,
        excluded=list(collection.snapshot.choices.excluded),
        stay_away=len(collection.snapshot.choices.removed),
        masks=[
            {"path": root.path, "mask": "one for all" if mask.shared else displayed(mask_folder(root, mask))}
            for number, mask in sorted(collection.snapshot.choices.masks.items())
            for root in [collection.snapshot.roots[number]]
        ],
        stale=stale,
        search=_searches(collection),
        bytes_by_part=parts,
    )


def fitted_size(method: Method, size: int) -> FittedSize:
    """Returns what a channel of a method was made with, of the size that its encoder has."""
    if method.layout == "words":
        return FittedSize("words", size, getattr(method, "size", None))
    whitened = getattr(method, "whitening", "none") == "pca"
    return FittedSize("dimensions", size, getattr(method, "dimensions", None) if whitened else None)


def _searches(collection: Collection) -> dict[str, SearchFacts | EngineFacts]:
    """Returns the facts of the channels that are searched by a structure or an engine."""
    found: dict[str, SearchFacts | EngineFacts] = {}
    for name, view in collection.views.items():
        search = view.searcher
        if isinstance(search, ApproximateSearch):
            made, effort = search.made, search.made.effort
            counts = len(made.ids), search.added, search.removed
            found[name] = SearchFacts(made.kind, *counts, effort.recall, effort.probes, effort.candidates)
        elif isinstance(search, EngineSearcher):
            by = search.engine_search
            found[name] = EngineFacts(by.kind, by.address, len(search.loaded), search.added, search.removed)
    return found


def _counts(channel: Channel, rows: Sequence[SegmentRows]) -> ChannelCounts:
    """Counts the features and words of the live images of a channel."""
    features = sum(int(channel.features_of(one.arrays)[one.alive].sum()) for one in rows)
    return ChannelCounts(features, sum(int(channel.words_of(one.arrays)[one.alive].sum()) for one in rows))


def sizes_below(folder: Path) -> dict[str, int]:
    """Returns the size of all files by part of the index, without those that a writer deletes meanwhile.

    Parts are "CHANNEL/ARRAY" of all segments, "photos" for what they know of each, "search/CHANNEL/STRUCTURE",
    "fitted", and "rest"; the largest first.
    """
    sizes: Counter[str] = Counter()
    # Unlike a search by a pattern, a walk passes over folders that vanish.
    for place, _, names in os.walk(folder):
        inner = Path(place).relative_to(folder).parts
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                sizes[_part_of((*inner, name))] += os.lstat(os.path.join(place, name)).st_size
    return dict(sizes.most_common())


def _part_of(path: tuple[str, ...]) -> str:
    match path:
        case ("segments", _, channel, array):
            return f"{channel}/{array.removesuffix('.npy')}"
        case ("segments", _, "rows.arrays"):
            return "photos"
        case ("search", channel, structure, *_):
            return f"search/{channel}/{structure.rpartition('-')[0] or structure}"
        case ("fitted", *_):
            return "fitted"
        case _:
            return "rest"
