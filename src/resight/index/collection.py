"""One generation of an index, opened for searching: channels, searchers, stages, and queries to rankings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Mask
from resight.channels.channel import Channel, SegmentRows
from resight.channels.rows import segment_rows, without_evidence
from resight.errors import UsageError
from resight.folders.names import find_name
from resight.images.masks import PhotoMask
from resight.index.files import indexed_file
from resight.index.footage import Shots
from resight.index.masking import mask_of
from resight.index.roots import folders_of
from resight.index.views import BagView, ChannelView, RegionView, VectorView, WordView
from resight.learned.kinds import Keeps
from resight.probability.model import believed, calibrated_model
from resight.probability.predictors import Predictors, predictors
from resight.recipe import Recipe
from resight.recipe.model import AUGMENTED
from resight.rerank.fusion import FusionStage
from resight.rerank.kinds import Fusion, Spatial
from resight.rerank.stage import SecondLook
from resight.search.background import DEPTH
from resight.search.looks import Look
from resight.search.ranking import Ranking
from resight.search.selection import best_of, is_allowed
from resight.store import Snapshot

EVIDENCE_KEPT = 1024
"""Images whose evidence stays in memory: 50 kB each with 1000 features."""


class Collection:
    """Answers from one snapshot. Safe to share between threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        recipe: Recipe,
        channels: Mapping[str, Channel],
        kept: Mapping[tuple[str, str], Any] | None = None,
    ) -> None:
        """Takes what a collection answers from.

        kept: what has been read of derived structures, by channel and key; nothing is kept where None.
        """
        self.snapshot = snapshot
        self.recipe = recipe
        self.channels = channels
        self._kept = kept or {}
        self._model = calibrated_model(recipe)
        self._segments = {segment.number: segment for segment in snapshot.segments}

    @cached_property
    def shots(self) -> Shots:
        """The shots of the videos."""
        return Shots(self.snapshot.images)

    @cached_property
    def views(self) -> Mapping[str, ChannelView]:
        """Every channel, ready to be searched."""
        return {name: self._view(name, channel) for name, channel in self.channels.items()}

    @cached_property
    def _looks(self) -> list[tuple[str, Look] | FusionStage]:
        return self._opened(self.views)

    def _opened(self, views: Mapping[str, ChannelView]) -> list[tuple[str, Look] | FusionStage]:
        """Returns the recipe's stages in their order, opened on the whole collection or on a part.

        They are where all channels are fused, and second looks with the names of their channels.
        """
        stages: list[tuple[str, Look] | FusionStage] = []
        for kind in self.recipe.rerank:
            if isinstance(kind, Fusion):
                stages.append(FusionStage(kind))
            elif isinstance(kind, SecondLook):
                stages.append(_opened(kind, self.recipe.channel_of(kind), views))
        return stages

    def vector_view(self, name: str) -> VectorView:
        """A channel of one vector an image. Raises UsageError where it is none."""
        view = self.views[name]
        if not isinstance(view, VectorView):
            raise UsageError(f'channel "{name}" of {self.recipe.name} keeps no vector of an image')
        return view

    def word_view(self, name: str) -> WordView:
        """A channel of words with positions. Raises UsageError where it is none."""
        view = self.views[name]
        if not isinstance(view, WordView):
            raise UsageError(f'channel "{name}" of {self.recipe.name} keeps no words of an image')
        return view

    def rank(
        self,
        queries: Mapping[str, object],
        k: int,
        allowed: Mask | None = None,
        own: frozenset[int] = frozenset(),
    ) -> Ranking:
        """The k best images for a query, given by what each channel compares it by; stages run in file order.

        allowed: by catalogue id, the images that may be found; all where None. own: ids of the images that are the
        query itself.
        """
        (ranking,) = self.rank_versions([queries], k, allowed, own)
        return ranking

    def rank_versions(
        self,
        versions: Sequence[Mapping[str, object]],
        k: int,
        allowed: Mask | None = None,
        own: frozenset[int] = frozenset(),
    ) -> list[Ranking]:
        """Does what `rank` does for each version of one query, as it is and mirrored, say.

        Scores of the versions compare: channels are fused by the best that any version gives an image.
        """
        (rankings,) = self.rank_many([versions], [k], allowed, [own])
        return rankings

    def rank_many(
        self,
        queries: Sequence[Sequence[Mapping[str, object]]],
        depths: Sequence[int],
        allowed: Mask | None = None,
        own: Sequence[frozenset[int]] | None = None,
    ) -> Iterator[list[Ranking]]:
        """Does what `rank_versions` does for each of several queries, each with its k and its own, in their order.

        What is searched as one matrix is searched at once, all else when its turn comes, because what verifies it
        takes memory.
        """
        most = max(1, len(self.snapshot.images))  # the kernels count with 64 bits, a caller's k need not
        ks = [min(k, most) for k in depths]
        every = self._examined(queries, ks, allowed, [frozenset[int]()] * len(queries) if own is None else own)
        return (
            [self._believed(ranking, found, k) for ranking, found in examined]
            for examined, k in zip(every, ks, strict=True)
        )

    def examined(
        self,
        queries: Mapping[str, object],
        k: int,
        allowed: Mask | None = None,
        own: frozenset[int] = frozenset(),
    ) -> tuple[Ranking, Predictors]:
        """All images that any stage ranks, k at least where there are so many, and what speaks for each of them.

        allowed: by catalogue id, the images that may be found; all where None. own: ids of the images that are the
        query itself.
        """
        ((found,),) = self._examined([[queries]], [k], allowed, [own])
        return found

    def _examined(
        self,
        queries: Sequence[Sequence[Mapping[str, object]]],
        ks: Sequence[int],
        allowed: Mask | None,
        own: Sequence[frozenset[int]],
    ) -> Iterator[list[tuple[Ranking, Predictors]]]:
        """Does what `examined` does for each version of each query, with its k and the images that are its own."""
        views, stages = self.views, self._looks
        if allowed is not None:
            views = {name: view.within(allowed) for name, view in views.items()}
            stages = self._opened(views)
        deepest = [max([k, *(kind.depth for kind in self.recipe.rerank)]) for k in ks]
        versions = [one for each in queries for one in each]
        reach = [max(depth, DEPTH) for each, depth in zip(queries, deepest, strict=True) for _ in each]
        found = {name: iter(view.search_many([one[name] for one in versions], reach)) for name, view in views.items()}
        images = self._count(allowed)

        def examine(
            asked: Sequence[Mapping[str, object]], depth: int, own: frozenset[int]
        ) -> list[tuple[Ranking, Predictors]]:
            looks = [{name: replace(next(found[name]), own=own) for name in views} for _ in asked]
            rankings = self._looked_again(stages, asked, looks, depth)
            return [
                (ranking, predictors(ranking, tuple(look.values()), images))
                for ranking, look in zip(rankings, looks, strict=True)
            ]

        return (examine(*each) for each in zip(queries, deepest, own, strict=True))

    def _looked_again(
        self,
        stages: Sequence[tuple[str, Look] | FusionStage],
        versions: Sequence[Mapping[str, object]],
        looks: Sequence[Mapping[str, Ranking]],
        depth: int,
    ) -> list[Ranking]:
        """Returns the ranking that the stages leave of the first looks of each version of a query."""
        # Stages are given what they would be given without a look at the background.
        rankings = [{name: look.first(depth) for name, look in own.items()} for own in looks]
        fused: list[Ranking] | None = None
        for stage in stages:
            if isinstance(stage, FusionStage):
                fused = self._fused(stage, rankings)
                continue
            name, look = stage
            if fused is not None:
                fused = [look(one[name], found) for one, found in zip(versions, fused, strict=True)]
            else:
                for one, found in zip(versions, rankings, strict=True):
                    found[name] = look(one[name], found[name])
        # Where no stage has left anything out, the background is that of the first look.
        last = rankings if self.recipe.rerank else looks
        return [found[self.recipe.first_channel] for found in last] if fused is None else fused

    def _count(self, allowed: Mask | None) -> int:
        """Returns the number of images that may be found."""
        images = self.snapshot.images
        return int((images.indexed if allowed is None else images.indexed & is_allowed(images.ids, allowed)).sum())

    def _believed(self, ranking: Ranking, found: Predictors, k: int) -> Ranking:
        """The k best, with the probability that each shows what the query shows."""
        probable = believed(ranking, found, self._model, k).tolist()
        return replace(ranking.first(k), probability=dict(zip(ranking.ids[:k].tolist(), probable, strict=True)))

    def _fused(self, stage: FusionStage, rankings: Sequence[Mapping[str, Ranking]]) -> list[Ranking]:
        """One ranking for all versions of a query, each time with the verifications of one of them."""
        if len(rankings) == 1:
            return [stage(rankings[0])]
        joint = stage({name: best_of([found[name] for found in rankings], self.name_order) for name in self.channels})
        own = [stage(found) for found in rankings]
        return [replace(joint, verified=one.verified, leads=one.leads) for one in own]

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
        return indexed_file(self.snapshot, place).unchanged()

    def mask_of(self, place: int) -> PhotoMask | None:
        """The mask of the image at a position of the table, None where it has none, or not that of its features."""
        snapshot = self.snapshot
        number = int(snapshot.images.roots[place])
        return mask_of(snapshot.images, place, snapshot.roots[number], snapshot.choices.masks.get(number))

    def rows(self, name: str) -> list[SegmentRows]:
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
        rows = self.rows(name)
        if augmented := self._kept.get((name, AUGMENTED)):
            from resight.index.augmented import overlay

            rows = overlay(rows, augmented)
        # What a channel keeps nothing of is no hit: among vectors it would be one before all that point the other way.
        rows = [replace(one, alive=one.alive & (channel.features_of(one.arrays) > 0)) for one in rows]
        live, kind = channel.live(rows), self.recipe.channel[name]
        kept = {key: self._kept.get((name, key)) for key in self._keys(name)}
        searcher = kind.searched.open(live, self.name_order, kept.__getitem__)
        # A second look reads the same images for many queries, and decoding one costs as much as verifying it.
        read = lru_cache(EVIDENCE_KEPT)(partial(self._evidence, name))
        parts = channel, live, searcher, read, images.ids[images.indexed]
        return replace(_view_of(kind.keeps, self.recipe.verification, *parts), derived=kept)

    def _keys(self, name: str) -> set[str]:
        """Keys of the structures of a channel that models ask for."""
        return {kind.key for channel, kind in self.recipe.derived if channel == name}

    def _evidence(self, name: str, image: int) -> object:
        images, channel = self.snapshot.images, self.channels[name]
        place = int(np.searchsorted(images.ids, image))
        if place == len(images) or images.ids[place] != image or not images.indexed[place]:
            raise UsageError(f"image {image} is not in this generation of the index, or could not be read")
        segment = self._segments[int(images.segments[place])]
        return channel.evidence(segment.arrays(name, channel.fault), int(images.rows[place]))

    def name_order(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers that order a few images as their names do."""
        names = [self.snapshot.images.names[i] for i in self.snapshot.images.positions(ids).tolist()]
        ranks = np.empty(len(names), np.int64)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return ranks


def _opened(kind: SecondLook, name: str, views: Mapping[str, ChannelView]) -> tuple[str, Look]:
    return name, kind.open(views[name])


def _view_of(keeps: frozenset[Keeps], spatial: Spatial, *parts: Any) -> ChannelView:
    """Returns the view of a channel for searches and second looks, by what it keeps of images."""
    if Keeps.VECTORS in keeps:
        return VectorView(*parts)
    if Keeps.REGIONS in keeps:
        return RegionView(*parts)
    if Keeps.WORDS not in keeps:
        return ChannelView(*parts)
    view = BagView(*parts) if Keeps.BAGS in keeps else WordView(*parts)
    return replace(view, spatial=spatial)
