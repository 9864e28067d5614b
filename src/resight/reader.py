"""One generation of an index, opened for searching: channels, searchers, stages, and queries to rankings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel, Rows
from resight.channels.rows import segment_rows
from resight.errors import UsageError
from resight.folders import unescape_name
from resight.manifold.kinds import Diffusion
from resight.probability.background import DEPTH
from resight.probability.evidence import Evidence, evidence
from resight.probability.model import model_of, probabilities
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
from resight.search.ranking import Neighbourhoods, Ranking, Searcher, Stage
from resight.store import Root, Segment, Snapshot
from resight.words.evidence import ImageWords, WordVector

if TYPE_CHECKING:
    from resight.augmented import Block
    from resight.linked import Nodes

EVIDENCE_KEPT = 1024
"""Images whose evidence stays in memory: 50 kB each with 1000 features."""


@dataclass(frozen=True)
class ChannelView:
    """One channel of one generation: the `Collection` of its stages."""

    channel: Channel
    searcher: Searcher[Any]
    places: Mapping[int, tuple[Segment, int]]
    name: str
    linked: Neighbourhoods | None = None
    neighbours: int = 0
    """How many neighbours of an image the recipe's diffusion asks for; 0 where it asks for none."""

    def evidence(self, image: int) -> object:
        """What the index keeps of one image. Raises UsageError where it is not in the index."""
        return self._read(image)

    @cached_property
    def _read(self) -> Callable[[int], object]:
        # A second look reads the same images for many queries, and decoding one costs as much as verifying it.
        return lru_cache(EVIDENCE_KEPT)(self._decoded)

    def _decoded(self, image: int) -> object:
        if image not in self.places:
            raise UsageError(f"image {image} is not in this generation of the index, or could not be read")
        segment, row = self.places[image]
        return self.channel.evidence(segment.arrays(self.name), row)

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
        from resight.linked import SearchedNodes, VectorNodes
        from resight.search.dense import DenseSearch
        from resight.search.regional import RegionSearch

        if isinstance(self.searcher, DenseSearch):
            return VectorNodes(self.searcher.images, self.searcher.descriptors(self.searcher.images))
        if isinstance(self.searcher, RegionSearch):
            return VectorNodes(*self.searcher.regions())
        images = np.array(sorted(self.places), np.int64)
        return SearchedNodes(images, lambda image, k: self.search(self.kept_query(image), k))

    def neighbourhoods(self) -> Neighbourhoods:
        """The neighbours of all images, or of their regions: what is kept, brought up to date in memory."""
        from resight.linked import brought_up_to_date

        return brought_up_to_date(self.linked, self.nodes(), self.neighbours)

    def search(self, query: object, k: int) -> Ranking:
        """The k best images at first look."""
        return self.searcher.search(query, k)


class Reader:
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

    def rank(self, queries: Mapping[str, object], k: int) -> Ranking:
        """The k best images for a query, given by what each channel compares it by; stages run in file order."""
        k = min(k, max(1, len(self.snapshot.images.names)))  # the kernels count with 64 bits, a caller's k need not
        ranking, found = self.examined(queries, k)
        kept = ranking.ids[:k]
        why = {image: ranking.evidence[image] for image in kept.tolist() if image in ranking.evidence}
        believed = dict(zip(kept.tolist(), probabilities(found, self._model)[:k].tolist(), strict=True))
        return Ranking(kept, ranking.scores[:k], why, believed)

    def examined(self, queries: Mapping[str, object], k: int) -> tuple[Ranking, Evidence]:
        """All images that any stage ranks, k at least where there are so many, and what speaks for each of them."""
        deepest = max([k, *(kind.top for kind in self.recipe.rerank)])
        # Stages are given what they would be given without a look at the background.
        looks = {name: self.views[name].search(queries[name], max(deepest, DEPTH)) for name in self.channels}
        rankings = {name: look.first(deepest) for name, look in looks.items()}
        fused: Ranking | None = None
        for name, stage in self._stages:
            if isinstance(stage, FusionStage):
                fused = stage(rankings)
            elif fused is not None:
                fused = stage(queries[name], fused, self.views[name])
            else:
                rankings[name] = stage(queries[name], rankings[name], self.views[name])
        ranking = rankings[self.recipe.first_channel] if fused is None else fused
        if not self.recipe.rerank:
            # Nothing has been left out: the background is that of the first look.
            ranking = looks[self.recipe.first_channel]
        images = int(self.snapshot.images.indexed.sum())
        return ranking, evidence(ranking, tuple(looks.values()), images)

    def augmentation(self, kind: AugmentationKind) -> Callable[[int], object]:
        """What the first channel is to keep of an image that is augmented, by id, from the images of this reader."""
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

    def rows(self, name: str) -> list[Rows]:
        """The segments as one channel keeps them; alive is what could be read and has not been removed."""
        images = self.snapshot.images
        return [segment_rows(images, segment, name, images.indexed) for segment in self.snapshot.segments]

    def _view(self, name: str, channel: Channel) -> ChannelView:
        images = self.snapshot.images
        segments = {segment.number: segment for segment in self.snapshot.segments}
        rows = self.rows(name)
        if self._augmented and name == self.recipe.first_channel:
            from resight.augmented import overlay

            rows = overlay(rows, self._augmented)
        searcher = channel.searcher(rows, self._name_order)
        searcher.generation = self.snapshot.generation
        indexed = np.flatnonzero(images.indexed)
        places = {
            int(images.ids[i]): (segments[int(images.segments[i])], int(images.rows[i])) for i in indexed.tolist()
        }
        diffusion = self.recipe.diffusion
        if diffusion is None or self.recipe.channel_of(diffusion) != name:
            return ChannelView(channel, searcher, places, name)
        # The papers count an image as its own first neighbour.
        return ChannelView(channel, searcher, places, name, self._linked, diffusion.k - 1)

    def _name_order(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers that order a few images as their names do."""
        names = [self.snapshot.images.names[i] for i in self.snapshot.images.positions(ids).tolist()]
        ranks = np.empty(len(names), np.int64)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return ranks


def file_path(root: Root, name: str) -> Path:
    """Where the file of an image is."""
    return Path(unescape_name(root.path)) / unescape_name(name.removeprefix(root.prefix))


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
