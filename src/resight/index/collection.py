"""One generation of an index, opened for searching: channels, searchers, stages, and queries to rankings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel, Rows
from resight.channels.rows import segment_rows, without_evidence
from resight.errors import UsageError
from resight.folders.names import find_name
from resight.images.masks import PhotoMask
from resight.index.masking import mask_of
from resight.index.roots import folders_of
from resight.manifold.kinds import Diffusion
from resight.probability.evidence import Evidence, evidence
from resight.probability.model import believed, model_of
from resight.recipe import ChannelStageKind, Recipe, StageKind
from resight.rerank.fusion import FusionStage
from resight.rerank.kinds import (
    AlphaAugmentation,
    AlphaExpansion,
    Augmentation,
    AugmentationKind,
    Chain,
    Discriminative,
    Expansion,
    Fusion,
    KReciprocal,
    Spatial,
    SuperGlobal,
)
from resight.search.background import DEPTH
from resight.search.ranking import Mask, Neighbourhoods, Ranking, Searcher, Stage
from resight.search.selection import best_of, is_allowed
from resight.store import Segment, Snapshot, file_path
from resight.words.evidence import ImageWords, WordVector

if TYPE_CHECKING:
    from resight.index.augmented import Block
    from resight.index.linked import Nodes

EVIDENCE_KEPT = 1024
"""Images whose evidence stays in memory: 50 kB each with 1000 features."""


@dataclass(frozen=True)
class ChannelView:
    """One channel of one generation, or a part of its images: the `Collection` of its stages.

    read: gives what the index keeps of one image, by id. allowed: by catalogue id, which images a search may find; all
    where None.
    """

    channel: Channel
    searcher: Searcher[Any]
    read: Callable[[int], object]
    images: NDArray[np.int64]
    """(n,) ids of all images, ascending."""
    linked: Neighbourhoods | None = None
    neighbours: int = 0
    """How many neighbours of an image the recipe's diffusion asks for; 0 where it asks for none."""
    allowed: Mask | None = None

    def evidence(self, image: int) -> object:
        """What the index keeps of one image. Raises UsageError where it is not in the index."""
        return self.read(image)

    def kept_query(self, image: int) -> Any:
        """An indexed image as a query, made of what the index keeps of it."""
        return self.channel.as_query(self.evidence(image))

    def word_vector(self, words: ImageWords) -> WordVector:
        """The tf-idf vector of an image, in a channel of bags of words."""
        from resight.search.inverted import InvertedFile

        assert isinstance(self.searcher, InvertedFile), "a recipe is checked to have bags of words where this is asked"
        return self.searcher.vector(words)

    def descriptors(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, d) the vectors that are searched, augmented ones where there are, in a channel of one vector an image."""
        from resight.search.dense import DenseSearch

        assert isinstance(self.searcher, DenseSearch), "a recipe is checked to have vectors where this is asked"
        return self.searcher.descriptors(images)

    def regions(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(n,) ids of images, ascending, and (n, d) vectors of all regions, in a channel of regions."""
        from resight.search.regional import RegionSearch

        assert isinstance(self.searcher, RegionSearch), "a recipe is checked to have regions where this is asked"
        return self.searcher.regions()

    def nodes(self) -> Nodes:
        """The images, or their regions, and how their neighbours are found."""
        from resight.index.linked import SearchedNodes, VectorNodes
        from resight.search.dense import DenseSearch
        from resight.search.regional import RegionSearch

        if isinstance(self.searcher, DenseSearch):
            return VectorNodes(self.searcher.images, self.searcher.descriptors(self.searcher.images))
        if isinstance(self.searcher, RegionSearch):
            return VectorNodes(*self.searcher.regions())
        return SearchedNodes(self.images, lambda image, k: self.searcher.search(self.kept_query(image), k))

    def neighbourhoods(self) -> Neighbourhoods:
        """The neighbours of all images, or of their regions: what is kept, brought up to date in memory."""
        from resight.index.linked import brought_up_to_date

        return brought_up_to_date(self.linked, self.nodes(), self.neighbours)

    def search(self, query: object, k: int) -> Ranking:
        """The k best of the allowed images at first look."""
        return self.searcher.search(query, k, self.allowed)


class Collection:
    """Answers from one snapshot. Safe to share between threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        recipe: Recipe,
        channels: Mapping[str, Channel],
        augmented: Sequence[Block] = (),
        linked: Neighbourhoods | None = None,
    ) -> None:
        """`augmented`: blocks of the first channel that are searched in the place of what the segments have; `linked`:
        what is kept of the neighbours in the channel that the recipe's diffusion names."""
        self.snapshot = snapshot
        self.recipe = recipe
        self.channels = channels
        self._augmented = augmented
        self._linked = linked
        self._stages = [_named_stage(kind, recipe) for kind in recipe.rerank]
        self._model = model_of(recipe)

    @cached_property
    def views(self) -> Mapping[str, ChannelView]:
        """Every channel, ready to be searched."""
        return {name: self._view(name, channel) for name, channel in self.channels.items()}

    def rank(self, queries: Mapping[str, object], k: int, allowed: Mask | None = None) -> Ranking:
        """The k best images for a query, given by what each channel compares it by; stages run in file order.

        allowed: by catalogue id, the images that may be found; all where None.
        """
        (ranking,) = self.rank_versions([queries], k, allowed)
        return ranking

    def rank_versions(
        self, versions: Sequence[Mapping[str, object]], k: int, allowed: Mask | None = None
    ) -> list[Ranking]:
        """`rank` for each version of one query, as it is and mirrored, say.

        Scores of the versions compare: channels are fused by the best that any version gives an image.
        """
        k = min(k, max(1, len(self.snapshot.images.names)))  # the kernels count with 64 bits, a caller's k need not
        examined, images = self._examined(versions, k, allowed), self._count(allowed)
        return [self._believed(ranking, found, images, k) for ranking, found in examined]

    def examined(self, queries: Mapping[str, object], k: int, allowed: Mask | None = None) -> tuple[Ranking, Evidence]:
        """All images that any stage ranks, k at least where there are so many, and what speaks for each of them.

        allowed: by catalogue id, the images that may be found; all where None.
        """
        (found,) = self._examined([queries], k, allowed)
        return found

    def _examined(
        self, versions: Sequence[Mapping[str, object]], k: int, allowed: Mask | None
    ) -> list[tuple[Ranking, Evidence]]:
        deepest = max([k, *(kind.top for kind in self.recipe.rerank)])
        views = {name: view if allowed is None else replace(view, allowed=allowed) for name, view in self.views.items()}
        looks = [
            {name: views[name].search(queries[name], max(deepest, DEPTH)) for name in views} for queries in versions
        ]
        # Stages are given what they would be given without a look at the background.
        rankings = [{name: look.first(deepest) for name, look in own.items()} for own in looks]
        fused: list[Ranking] | None = None
        for name, stage in self._stages:
            if isinstance(stage, FusionStage):
                fused = self._fused(stage, rankings)
            elif fused is not None:
                fused = [stage(one[name], found, views[name]) for one, found in zip(versions, fused, strict=True)]
            else:
                for one, found in zip(versions, rankings, strict=True):
                    found[name] = stage(one[name], found[name], views[name])
        # Where no stage has left anything out, the background is that of the first look.
        last = rankings if self.recipe.rerank else looks
        whole = [found[self.recipe.first_channel] for found in last] if fused is None else fused
        images = self._count(allowed)
        return [
            (ranking, evidence(ranking, tuple(own.values()), images)) for ranking, own in zip(whole, looks, strict=True)
        ]

    def _count(self, allowed: Mask | None) -> int:
        """How many images may be found."""
        images = self.snapshot.images
        return int((images.indexed if allowed is None else images.indexed & is_allowed(images.ids, allowed)).sum())

    def _believed(self, ranking: Ranking, found: Evidence, images: int, k: int) -> Ranking:
        """The k best, with the probability that each shows what the query shows."""
        probable = believed(ranking, found, images, self._model, k).tolist()
        return replace(ranking.first(k), probability=dict(zip(ranking.ids[:k].tolist(), probable, strict=True)))

    def _fused(self, stage: FusionStage, rankings: Sequence[Mapping[str, Ranking]]) -> list[Ranking]:
        """One ranking for all versions of a query, each time with the evidence of one of them."""
        if len(rankings) == 1:
            return [stage(rankings[0])]
        joint = stage({name: best_of([found[name] for found in rankings], self.name_order) for name in self.channels})
        return [replace(joint, evidence=stage(found).evidence) for found in rankings]

    def augmentation(self, kind: AugmentationKind) -> Callable[[int], object]:
        """A function from the id of an image to what the first channel keeps of it, augmented by other images."""
        collection = self.views[self.recipe.first_channel]
        match kind:
            case Augmentation():
                from resight.rerank.augmentation import augmented_words

                return partial(augmented_words, collection=collection, params=kind, spatial=self.recipe.verification)
            case AlphaAugmentation():
                from resight.rerank.database_augmentation import augmented_vector

                return partial(augmented_vector, collection=collection, params=kind)

    def name_of(self, image: int) -> str:
        """The name of an image."""
        return self.snapshot.images.names[int(self.snapshot.images.positions(np.array([image]))[0])]

    def find(self, given: str | Path) -> int | None:
        """The position in the table of the photo that a name means, or the path of its file, there or not.

        None where there is none. Raises UsageError where several may be meant; see `find_name`.
        """
        return find_name(given, self.snapshot.images.by_name, folders_of(self.snapshot))

    def file_of(self, place: int) -> Path | None:
        """The file of the image at a position of the table, or None where it is gone or has changed since."""
        images = self.snapshot.images
        path = file_path(self.snapshot.roots[int(images.roots[place])], images.names[place])
        try:
            status = path.stat()
        except OSError:
            return None
        same = (status.st_size, status.st_mtime_ns) == (images.sizes[place], images.mtimes[place])
        return path if same else None

    def mask_of(self, place: int) -> PhotoMask | None:
        """The mask of the image at a position of the table, None where it has none, or not that of its features."""
        snapshot = self.snapshot
        number = int(snapshot.images.roots[place])
        return mask_of(snapshot.images, place, snapshot.roots[number], snapshot.choices.masks.get(number))

    def rows(self, name: str) -> list[Rows]:
        """The segments as one channel keeps them; alive is what could be read and has not been removed."""
        images = self.snapshot.images
        channel = self.channels[name]
        return [segment_rows(images, segment, name, channel, images.indexed) for segment in self.snapshot.segments]

    def without_evidence(self) -> list[str]:
        """Names of the images by which nothing can be found, because no channel keeps anything of them; sorted."""
        images, ids = self.snapshot.images, [np.empty(0, np.int64)]
        every = {name: self.rows(name) for name in self.channels}
        for number in range(len(self.snapshot.segments)):
            own = {name: rows[number] for name, rows in every.items()}
            bare = without_evidence(self.channels, {name: rows.arrays for name, rows in own.items()})
            first = next(iter(own.values()))
            ids.append(first.ids[first.alive & bare])
        return sorted(images.names[place] for place in images.positions(np.concatenate(ids)).tolist())

    def _view(self, name: str, channel: Channel) -> ChannelView:
        images = self.snapshot.images
        segments = {segment.number: segment for segment in self.snapshot.segments}
        rows = self.rows(name)
        if self._augmented and name == self.recipe.first_channel:
            from resight.index.augmented import overlay

            rows = overlay(rows, self._augmented)
        # What a channel keeps nothing of is no hit: among vectors it would be one before all that point the other way.
        rows = [replace(one, alive=one.alive & (channel.features_of(one.arrays) > 0)) for one in rows]
        searcher = channel.searcher(rows, self.name_order)
        searcher.generation = self.snapshot.generation
        indexed = np.flatnonzero(images.indexed)
        places = {
            int(images.ids[i]): (segments[int(images.segments[i])], int(images.rows[i])) for i in indexed.tolist()
        }
        # A second look reads the same images for many queries, and decoding one costs as much as verifying it.
        read = lru_cache(EVIDENCE_KEPT)(partial(_evidence, channel, places, name))
        view = ChannelView(channel, searcher, read, images.ids[images.indexed])
        diffusion = self.recipe.diffusion
        if diffusion is None or self.recipe.channel_of(diffusion) != name:
            return view
        # The papers count an image as its own first neighbour.
        return replace(view, linked=self._linked, neighbours=diffusion.k - 1)

    def name_order(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers that order a few images as their names do."""
        names = [self.snapshot.images.names[i] for i in self.snapshot.images.positions(ids).tolist()]
        ranks = np.empty(len(names), np.int64)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return ranks


def _evidence(channel: Channel, places: Mapping[int, tuple[Segment, int]], name: str, image: int) -> object:
    if image not in places:
        raise UsageError(f"image {image} is not in this generation of the index, or could not be read")
    segment, row = places[image]
    return channel.evidence(segment.arrays(name, channel.fault), row)


def _named_stage(kind: StageKind, recipe: Recipe) -> tuple[str, Stage | FusionStage]:
    """A stage with the name of the channel that it works on; fusion works on all of them."""
    if isinstance(kind, Fusion):
        return "", FusionStage(kind)
    return recipe.channel_of(kind), build_stage(kind, recipe)


def build_stage(kind: ChannelStageKind, recipe: Recipe) -> Stage:
    """The stage of a recipe, as its channel needs it; a chain verifies as the recipe's spatial stage does."""
    on_words = recipe.channel[recipe.channel_of(kind)].words is not None
    match kind:
        case Spatial():
            from resight.rerank.spatial import SpatialStage

            return SpatialStage(kind)
        case Chain():
            from resight.rerank.chain import ChainStage

            return ChainStage(kind, recipe.verification)
        case Expansion():
            from resight.rerank.expansion import ExpansionStage

            return ExpansionStage(kind)
        case Discriminative():
            from resight.rerank.discriminative import DiscriminativeStage, VectorDiscriminativeStage

            return DiscriminativeStage(kind) if on_words else VectorDiscriminativeStage(kind)
        case AlphaExpansion():
            from resight.rerank.alpha_expansion import AlphaExpansionStage, WordsAlphaExpansionStage

            return WordsAlphaExpansionStage(kind) if on_words else AlphaExpansionStage(kind)
        case KReciprocal():
            from resight.rerank.k_reciprocal import KReciprocalStage

            return KReciprocalStage(kind)
        case Diffusion():
            from resight.manifold.ranking import DiffusionStage, RegionalDiffusionStage

            regional = recipe.channel[recipe.channel_of(kind)].keeps_regions
            return RegionalDiffusionStage(kind) if regional else DiffusionStage(kind)
        case SuperGlobal():
            from resight.rerank.superglobal import SuperGlobalStage

            return SuperGlobalStage(kind)
