"""Trains a network on tuples, and writes the folder that an index is made with."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resight import arguments
from resight.arrays import Float32, Int64
from resight.files import write_whole
from resight.learned.kinds import POWER_ON_OTHERS
from resight.learned.whitening import Whitening, fit_pca_whitening
from resight.progress import NamedProgress, Say
from resight.recipe import ChannelRecipe, recipe_folder
from resight.training.checkpoints import FOLDER, LAST
from resight.training.describing import describe, plain
from resight.training.drawing import Seen
from resight.training.kinds import TrainingRecipe
from resight.training.loop import Loop, StepReport, Trained
from resight.training.material import held_out, material_of
from resight.training.model import TrainedDescriptor, open_descriptor, parts_of
from resight.training.photos import TrainingPhotos, open_photos
from resight.training.product import (
    FUSED,
    RECIPE,
    Source,
    channel_of,
    from_file,
    from_pixels,
    fused_tables,
    product_tables,
    rows_of,
    write_network,
    write_recipe,
    write_whitening,
)
from resight.training.recipe import is_file, load_training_recipe
from resight.training.tuples import Tuples, read_tuples
from resight.training.validation import Score, judge, validation_of
from resight.training.views import Views
from resight.training.whitening import Rows, described, fit_by_components, fit_on_pairs
from resight.versions import versions

REPORT = "training.json"
SAMPLE = 1000
"""Photos that a frozen whitening is fitted on."""
VERSIONS = ("resight", "torch", "numpy", "opencv-contrib-python-headless", "onnxruntime")


@dataclass(frozen=True)
class TrainReport:
    """What training gave. folder: the product; recipe: its file. before, after: mAP of held-out photos, by the whole

    descriptor of the index recipe: real queries and rendered ones. whitening: the kind of the product. document: all of
    `training.json`.
    """

    folder: Path
    recipe: Path
    before: Score
    after: Score
    whitening: str
    document: Mapping[str, Any]


def train(
    tuples: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    recipe: str | Path = "small",
    photos: str | os.PathLike[str] | None = None,
    progress: NamedProgress | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    say: Say | None = None,
) -> TrainReport:
    """Trains the descriptor of a training recipe on tuples, and writes a folder that an index is made with.

    tuples: a folder or file of `resight mine`. output: a new folder, or one in which the same training was interrupted:
    it goes on from its last checkpoint, to the same weights. photos: the folder that the photos of the tuples are in
    now. `progress` is called with what is done, and (done, total) of it; `on_step` after each step; `say` with lines for
    a person. Raises UsageError for tuples or photos that cannot be used; RecipeError, WeightsError, StorageError.
    """
    said = say or (lambda line: None)
    source, folder = arguments.path("tuples", tuples), arguments.path("output", output)
    chosen = load_training_recipe(recipe)
    base = _beside(chosen.descriptor, recipe)
    name, channel = channel_of(base, chosen.channel)
    read = read_tuples(source)
    folder.mkdir(parents=True, exist_ok=True)
    opened = open_photos(
        read,
        source if source.is_dir() else source.parent,
        chosen.photos.decoded,
        chosen.photos.memory << 20,
        None if photos is None else arguments.path("photos", photos),
        _named(progress, "decoding photos"),
    )
    for one, reason in opened.left_out[:10]:
        said(f"left out: {one}: {reason}")
    run = _Run(chosen, channel, name, base, read, opened, folder, said, progress)
    return run.whole(on_step)


class _Run:
    """One training, from its photos to its product."""

    def __init__(
        self,
        recipe: TrainingRecipe,
        channel: ChannelRecipe,
        channel_name: str,
        base: str | Path,
        tuples: Tuples,
        photos: TrainingPhotos,
        folder: Path,
        say: Say,
        progress: NamedProgress | None,
    ) -> None:
        self.recipe, self.channel, self.channel_name, self.base = recipe, channel, channel_name, base
        self.tuples, self.photos, self.folder, self.say, self.progress = tuples, photos, folder, say, progress
        self.everything = material_of(tuples, photos.names)
        self.held = held_out(self.everything, recipe.validation.share, recipe.seed)
        self.material = self.everything.without(self.held)
        self.validation = validation_of(self.everything, self.held, recipe)
        self.model = open_descriptor(channel, str(base), recipe_folder(base), recipe.weights, recipe.frozen.until)
        self.start_sha256 = _state_hash(self.model)
        rest = np.flatnonzero(~self.held)
        self.views = Views(photos, recipe.photos, rest, recipe.drawing.strength, self.model.least)
        self.how = str(getattr(channel.method, "how", "concatenate"))

    def whole(self, on_step: Callable[[StepReport], None] | None) -> TrainReport:
        begun = time.monotonic()
        recipe, model = self.recipe, self.model
        real = len(self.material.with_positives)
        self.say(
            f"{len(self.photos)} photos, {len(self.material.anchors)} anchors, {real} of them with real positives; "
            f"{int(self.held.sum())} photos of {len(set(self.everything.clusters[self.held].tolist()))} clusters are held "
            "out"
        )
        if torch.cuda.is_available():
            model.to("cuda")
        before = self._before()
        if not (self.folder / FOLDER / LAST).is_file() and recipe.whitening == "frozen":
            model.whiten_by(self._frozen_whitenings())
        loop = Loop(
            model,
            recipe,
            self.material,
            self.views,
            self.validation,
            self.folder,
            self._identity(),
            self.how,
            on_step=on_step,
            say=self.say,
        )
        trained = loop.run()
        loop._put(trained.weights)
        seconds = time.monotonic() - begun
        return self._product(trained, before, seconds)

    def _identity(self) -> dict[str, str]:
        return {
            "the training recipe": self.recipe.model_dump_json(),
            "the hash of the tuples": self.tuples.hash(),
            "the hash of the names of its photos": hashlib.sha256("\n".join(self.photos.names).encode()).hexdigest(),
            "the hash of the weights that it starts from": self.start_sha256,
            "the architecture": self.model.architecture,
        }

    def _frozen_whitenings(self) -> list[Whitening | None]:
        """Returns the whitening of each part, fitted on training photos with the network as it starts."""
        recipe, model = self.recipe, self.model
        rows = np.flatnonzero(~self.held)
        drawn = np.sort(np.random.default_rng([recipe.seed, 8]).permutation(rows)[:SAMPLE])
        found: list[Whitening | None] = []
        for number, part in enumerate(model.parts):
            self.say(f"fitting the whitening of {part.features.layer} on {len(drawn)} photos")
            vectors: list[Float32] = []
            for chunk in np.array_split(drawn, max(1, len(drawn) // 128)):
                seen = plain(chunk.tolist())
                # Maps of photos of other shapes have other numbers of regions.
                for one in _by_size(self.views, seen):
                    some = describe(model, self.views, one, lambda x, number=number: model.rows(x)[number])
                    vectors.append(some.reshape(-1, some.shape[-1]))
            every = np.concatenate(vectors)
            dimensions = min(part.method.dimensions, every.shape[1])
            found.append(fit_pca_whitening(every, dimensions, power=part.method.power_or(POWER_ON_OTHERS)))
        return found

    def _sources(self) -> tuple[list[Source], Int64, int, list[int]]:
        """Returns images that whitenings are fitted on and judged by: photos, then rendered views.

        And pairs (p, 2) of them that match; how many of the first are to be fitted on; and of the queries and the
        database of the validation, their numbers.
        """
        recipe, photos = self.recipe, self.photos
        side = max(part.features.max_side for part in self.model.parts)
        rest = np.flatnonzero(~self.held)
        drawn = np.sort(np.random.default_rng([recipe.seed, 9]).permutation(rest)[: recipe.product.photos])
        place = {int(row): number for number, row in enumerate(drawn)}
        sources = [from_file(photos.files[photos.names[row]], side) for row in drawn.tolist()]
        pairs = [
            (place[one.photo], place[positive])
            for one in self.material.anchors
            for positive in one.positives
            if one.photo in place
            and positive in place
            and (one.photo < positive or not self._mutual(one.photo, positive))
        ]
        for number in range(recipe.product.views):
            for row in drawn.tolist():
                seen = Seen(row, "strong", (recipe.seed, 10, number, row))
                pairs.append((place[row], len(sources)))
                sources.append(from_pixels(lambda seen=seen: self._rendered(seen)))
        fitted = len(sources)
        numbers = []
        for question in self.validation.questions:
            numbers.append(len(sources))
            seen = question.seen
            if seen.look == "plain":
                sources.append(from_file(photos.files[photos.names[seen.photo]], side))
            else:
                sources.append(from_pixels(lambda seen=seen: self._rendered(seen)))
        for row in self.validation.database.tolist():
            numbers.append(place[row] if row in place else len(sources))
            if row not in place:
                sources.append(from_file(photos.files[photos.names[row]], side))
        return sources, np.array(pairs, np.int64).reshape(-1, 2), fitted, numbers

    def _mutual(self, one: int, other: int) -> bool:
        return any(each.photo == other and one in each.positives for each in self.material.anchors)

    def _rendered(self, seen: Seen) -> Any:
        return self.views.full(seen)

    def _before(self) -> dict[str, Any]:
        """Returns the score of the untrained network, whitened by its principal components, with its rankings."""
        rows, pairs, fitted, numbers = self._rows(
            self.channel, recipe_folder(self.base), "describing photos, untrained"
        )
        whitenings = self._by_components(rows, fitted)
        vectors = described(self.model.parts, self.how, [_some(one, numbers) for one in rows], whitenings)
        count = len(self.validation.questions)
        return {
            "score": judge(self.validation, vectors[:count], vectors[count:]),
            "similarity": vectors[:count] @ vectors[count:].T,
        }

    def _rows(self, channel: ChannelRecipe, folder: Path, what: str) -> tuple[list[Rows], Int64, int, list[int]]:
        sources, pairs, fitted, numbers = self._sources()
        parts = parts_of(channel, str(self.base))
        return rows_of(channel, parts, folder, sources, _named(self.progress, what)), pairs, fitted, numbers

    def _by_components(self, rows: Sequence[Rows], fitted: int) -> list[Whitening]:
        drawn = min(self.recipe.product.photos, int((~self.held).sum()))
        return [
            fit_by_components(_some(one, range(min(drawn, fitted))), part.method.dimensions, part.method.power_or())
            for one, part in zip(rows, self.model.parts, strict=True)
        ]

    def _product(self, trained: Trained, before: Mapping[str, Any], seconds: float) -> TrainReport:
        recipe, model = self.recipe, self.model
        model.cpu()
        sha256 = write_network(self.folder, model)
        base_name = Path(str(self.base)).stem
        name = f"{base_name}-{recipe.name}"
        summary = f"The descriptor of {base_name}, trained by {recipe.name} on {len(self.photos)} photos"
        tables = product_tables(self.base, self.channel_name, model.exponents(), sha256, name, summary)
        provenance = self._provenance(trained)
        comment = _comment(provenance)
        ready = write_recipe(self.folder / RECIPE, tables, comment)
        channel = ready.channel[self.channel_name]
        rows, pairs, fitted, numbers = self._rows(channel, self.folder, "describing photos, trained")
        count = len(self.validation.questions)
        choices: dict[str, tuple[list[Whitening], Score, Float32]] = {}
        wanted = ("pca", "learned") if recipe.product.whitening == "best" else (recipe.product.whitening,)
        parts = parts_of(channel, str(self.base))
        for kind in wanted:
            if kind == "pca":
                whitenings = self._by_components(rows, fitted)
            else:
                some = [_some(one, range(fitted)) for one in rows]
                whitenings = [
                    fit_on_pairs(one, pairs, part.method.dimensions) for one, part in zip(some, parts, strict=True)
                ]
            vectors = described(parts, self.how, [_some(one, numbers) for one in rows], whitenings)
            score = judge(self.validation, vectors[:count], vectors[count:])
            choices[kind] = (whitenings, score, vectors[:count] @ vectors[count:].T)
        best = max(choices, key=lambda kind: np.nan_to_num(choices[kind][1].value, nan=-1.0))
        whitenings, after, similarity = choices[best]
        facts: dict[str, str | int | float] = {
            "kind": best,
            "fitted_on": "training photos",
            "photos": fitted,
            "pairs": len(pairs),
        }
        write_whitening(self.folder, channel, whitenings, facts)
        write_recipe(self.folder / FUSED, fused_tables(tables, self.channel_name), comment)
        document = {
            "provenance": provenance,
            "recipe": recipe.model_dump(mode="json"),
            "curve": trained.curve,
            "best_epoch": trained.best_epoch,
            "seconds": seconds,
            "images_per_second": trained.images_per_second,
            "share_outside_the_network": trained.share_outside,
            "left_out": [list(one) for one in self.photos.left_out],
            "validation": {
                "before": _score(before["score"]),
                "after": _score(after),
                "by_whitening": {kind: _score(one[1]) for kind, one in choices.items()},
            },
            "whitening": best,
            "exponents": model.exponents(),
        }
        write_whole(self.folder / REPORT, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
        return TrainReport(self.folder, self.folder / RECIPE, before["score"], after, best, document)

    def _provenance(self, trained: Trained) -> dict[str, Any]:
        return {
            "tuples": self.tuples.hash(),
            "kind": self.tuples.kind,
            "recipe": self.recipe.name,
            "descriptor": str(self.base),
            "seed": self.recipe.seed,
            "start": self.start_sha256,
            "photos": len(self.photos),
            "best_epoch": trained.best_epoch,
            "versions": versions(VERSIONS),
        }


def _comment(provenance: Mapping[str, Any]) -> str:
    lines = ["Made by `resight train`. Paths are relative to this file.", ""]
    lines += [
        f"{key}: {value if not isinstance(value, Mapping) else ', '.join(f'{k} {v}' for k, v in value.items())}"
        for key, value in provenance.items()
    ]
    return "\n".join(lines)


def _score(score: Score) -> dict[str, float | None]:
    return {
        key: None if np.isnan(value) else value for key, value in (("real", score.real), ("rendered", score.rendered))
    }


def _some(rows: Rows, numbers: Sequence[int] | range) -> Rows:
    return Rows([rows.of[number] for number in numbers])


def _by_size(views: Views, seen: Sequence[Seen]) -> list[list[Seen]]:
    sizes: dict[tuple[int, int], list[Seen]] = {}
    for one in seen:
        sizes.setdefault(views.size(one.photo), []).append(one)
    return list(sizes.values())


def _beside(descriptor: str, recipe: str | Path) -> str | Path:
    """Returns the index recipe that a training recipe names: a file is looked for beside it."""
    if not is_file(descriptor):
        return descriptor
    return Path(recipe).parent / descriptor if is_file(recipe) else Path(descriptor)


def _named(progress: NamedProgress | None, what: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(what, done, total)


def _state_hash(model: TrainedDescriptor) -> str:
    digest = hashlib.sha256()
    for key, value in sorted(model.network_state().items()):
        digest.update(key.encode() + value.numpy().tobytes())
    return digest.hexdigest()
