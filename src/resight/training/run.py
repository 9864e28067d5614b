"""One training from its photos to its product: examines the start, trains, examines the end, writes the folder."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resight.errors import UsageError
from resight.features.kinds import EdgeMaps
from resight.files import write_whole
from resight.progress import NamedProgress, Progress, Say
from resight.recipe import ChannelRecipe, recipe_folder
from resight.training.begun import has_begun
from resight.training.checkpoints import claim, disk_errors
from resight.training.choosing import Choice, choose, kinds_compared
from resight.training.course import StepReport, Trained
from resight.training.documenting import page_figures, recipe_comment, training_document
from resight.training.drawing import Step, check_teachable, draw_step
from resight.training.edge_views import EdgeViews
from resight.training.events import Events
from resight.training.examining import Examined, Sample, examine, sample_of
from resight.training.indexed import vectors_of
from resight.training.kinds import Classification, TrainingRecipe
from resight.training.loop import Loop
from resight.training.material import held_out, material_of
from resight.training.model import TrainedDescriptor, open_descriptor, parts_of
from resight.training.photos import TrainingPhotos
from resight.training.processes import Processes
from resight.training.product import (
    FITTED_HERE,
    FUSED,
    RECIPE,
    fused_tables,
    product_tables,
    read_tables,
    write_network,
    write_recipe,
    write_whitening,
)
from resight.training.report import write_report
from resight.training.starting import own_whitenings, random_projections, start_whitenings, start_words
from resight.training.tuples import Tuples
from resight.training.validation import REAL, Score, validation_of
from resight.training.views import Views
from resight.training.whitening import PhotoVectors
from resight.versions import versions

REPORT, PAGE = "training.json", "report.html"
VERSIONS = ("resight", "torch", "numpy", "opencv-contrib-python-headless", "onnxruntime")


@dataclass(frozen=True)
class Finished:
    """The result of a training; the fields are those of `TrainReport`."""

    before: Score
    untrained: Score
    after: Score
    whitening: str
    document: Mapping[str, Any]


class Training:
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
        processes: Processes,
        weights: str,
    ) -> None:
        self.processes = processes
        self.recipe, self.channel_name, self.base = recipe, channel_name, base
        self.tuples, self.photos, self.folder, self.say, self.progress = tuples, photos, folder, say, progress
        everything = material_of(tuples, photos.names)
        self.held = held_out(everything, recipe.validation.share, recipe.seed)
        self.material = everything.without(self.held)
        self.validation = validation_of(everything, self.held, recipe)
        check_teachable(self.material, recipe)
        classes = len(set(everything.clusters.tolist())) if isinstance(recipe.loss, Classification) else 0
        until = recipe.frozen.until
        self.model = open_descriptor(
            channel,
            str(base),
            recipe_folder(base),
            weights,
            until,
            classes,
            recipe.seed,
            filter_learns=recipe.filter_rate > 0,
        )
        rest = np.flatnonzero(~self.held)
        seen = (photos, recipe.photos, rest, recipe.drawing.strength, self.model.least, self.model.fixed_side)
        edges = self.model.parts[0].features
        self.views = EdgeViews(*seen, edges=edges) if isinstance(edges, EdgeMaps) else Views(*seen)
        self.rest = rest
        self.how = str(getattr(channel.method, "how", "concatenate"))
        self.start_sha256 = _hash_of(self.model)
        self.own = own_whitenings(channel, self.model.parts, recipe_folder(base), weights)
        if recipe.product.whitening == "start" and self.own is None:
            raise UsageError(
                f"{base}: it comes with no whitening of other photos for the weights that training starts from: set "
                'product.whitening = "best"'
            )
        real = len(self.material.with_positives)
        groups = len(set(everything.clusters[self.held].tolist()))
        say(
            f"{len(photos)} photos, {len(self.material.anchors)} anchors, {real} of them with real positives; "
            f"{int(self.held.sum())} photos of {groups} clusters are held out"
        )

    def run(self, on_step: Callable[[StepReport], None] | None, *, tensorboard: bool) -> Finished:
        """Examines the start, trains, examines the end, and writes the product."""
        processes = self.processes
        self._check_alike()
        processes.from_first(lambda: claim(self.folder, self._identity()))
        events = Events(self.folder) if tensorboard and processes.is_first else None

        def stepped(report: StepReport) -> None:
            for told in (on_step, None if events is None else events.step):
                if told is not None:
                    told(report)

        begun = time.monotonic()
        recipe, model = self.recipe, self.model
        side = max(int(getattr(part.features, "max_side", 0)) for part in model.parts)
        sample = sample_of(recipe, self.photos, self.material, self.held, self.validation, self.views, side)
        model.to(processes.device)
        start_words(model, self.views, self.rest, recipe.seed)
        if recipe.whitening == "random":
            drawn = random_projections(model, self.views, self.rest, recipe.projected, recipe.seed)
            model.whiten_by(drawn, learns=True)
        # What goes on has frozen whitenings in the checkpoint.
        elif recipe.whitening == "learned" or (recipe.whitening == "frozen" and not self._goes_on):
            fitted = processes.from_first(lambda: start_whitenings(model, self.views, self.rest, recipe.seed))
            model.whiten_by(fitted, learns=recipe.whitening == "learned")
        processes.take_weights_of_first(model)
        starts = processes.from_first(lambda: self._examined_start(sample))
        loop = Loop(
            model,
            recipe,
            self.material,
            self.views,
            self.validation,
            self.folder,
            self._identity(),
            self.how,
            processes,
            on_step=stepped,
            on_epoch=None if events is None else events.epoch,
            say=self.say,
        )
        trained = loop.run()
        loop.put(trained.weights)
        step = draw_step(self.material, recipe, 0, 0, loop.mined) if recipe.lasting.epochs else None
        return processes.from_first(lambda: self._product(trained, starts, sample, step, time.monotonic() - begun))

    def _check_alike(self) -> None:
        """Raises UsageError where the first process learns from something else, or a step has too few images."""
        processes, recipe = self.processes, self.recipe
        there, here = processes.from_first(self._identity), self._identity()
        if differing := [what for what, value in here.items() if there[what] != value]:
            raise UsageError(
                f"process {processes.own.rank} and the first one differ in {' and '.join(differing)}: give all of them "
                "the same photos, tuples, recipe and weights"
            )
        least = recipe.drawing.anchors if recipe.drawing.negatives else 2 * recipe.drawing.anchors
        if least < processes.own.count:
            raise UsageError(
                f"a step is shared out to {processes.own.count} processes, and has {least} "
                f"{'tuples' if recipe.drawing.negatives else 'images'}: raise drawing.anchors, or start fewer"
            )

    @property
    def _goes_on(self) -> bool:
        return self.processes.from_first(lambda: has_begun(self.folder))

    def _identity(self) -> dict[str, str]:
        names = hashlib.sha256("\n".join(self.photos.names).encode()).hexdigest()
        return known_identity(self.recipe, self.tuples) | {
            "the hash of the names of its photos": names,
            "the hash of the weights that it starts from": self.start_sha256,
            "the architecture": self.model.architecture,
        }

    def _examined_start(self, sample: Sample) -> dict[str, Examined]:
        """Returns how the untrained network does with the same whitenings as the product, what training has to beat."""
        base = "start" if "start" in self._whitenings else "pca"
        kinds = [base, *(kind for kind in self._whitenings if kind == "learned")]
        sample = sample if "learned" in kinds else sample.without_views()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            channel = self._written(Path(folder))[0]
            rows = self._vectors(channel, Path(folder), sample, "describing photos, untrained")
        parts = self.model.parts
        own = self.own or ()
        return {kind: examine(kind, parts, self.how, rows, sample, self.validation, own) for kind in kinds}

    @property
    def _whitenings(self) -> tuple[str, ...]:
        """The kinds of whitening of which the product gets one."""
        return kinds_compared(self.recipe.product.whitening, comes_with_one=self.own is not None)

    def _choice(self, examined: Mapping[str, Examined]) -> Choice:
        real = [question.kind == REAL for question in self.validation.questions]
        return choose({kind: one.score for kind, one in examined.items()}, real)

    def _written(self, folder: Path) -> tuple[ChannelRecipe, dict[str, Any]]:
        """Writes the network. Returns its channel, and the recipe as tables."""
        base_name = Path(str(self.base)).stem
        sha256 = write_network(folder, self.model)
        name = f"{base_name}-{self.recipe.name}"
        summary = f"The descriptor of {base_name}, trained by {self.recipe.name} on {len(self.photos)} photos"
        exponents = self.model.exponents()
        learned = None if self.model.filter is None else self.model.filter.values()
        tables = product_tables(
            self.base, self.channel_name, exponents, sha256, name, summary, self.recipe.projected, learned
        )
        return read_tables(folder / RECIPE, tables).channel[self.channel_name], tables

    def _vectors(self, channel: ChannelRecipe, folder: Path, sample: Sample, what: str) -> list[PhotoVectors]:
        parts = parts_of(channel, str(self.base))
        return vectors_of(channel, parts, folder, sample.sources, named(self.progress, what))

    def _product(
        self, trained: Trained, starts: Mapping[str, Examined], sample: Sample, step: Step | None, seconds: float
    ) -> Finished:
        recipe, model = self.recipe, self.model
        wanted = self._whitenings
        sample = sample if "learned" in wanted else sample.without_views()
        provenance = self._provenance(trained)
        comment = recipe_comment(provenance)
        channel, tables = self._written(self.folder)
        before = starts["start" if "start" in starts else "pca"]
        if recipe.lasting.epochs or not starts.keys() >= set(wanted):
            rows = self._vectors(channel, self.folder, sample, "describing photos, trained")
            parts = parts_of(channel, str(self.base))
            trained_with = [one for one in model.whitenings() if one is not None]
            own = self.own if self.own and "start" in wanted else trained_with
            examined = {kind: examine(kind, parts, self.how, rows, sample, self.validation, own) for kind in wanted}
        else:
            # The network is as it was.
            examined = {kind: starts[kind] for kind in wanted}
        choice = self._choice(examined)
        best = choice.kind
        after = examined[best]
        facts: dict[str, str | int | float] = {
            "kind": best,
            "why": choice.why,
            "fitted_on": f"what {self.base} comes with" if best == "start" else FITTED_HERE,
            "photos": 0 if best == "start" else sample.photos,
            "pairs": len(sample.pairs) if best == "learned" else 0,
            "seed": recipe.seed,
        }
        write_whitening(self.folder, channel, after.whitenings, facts)
        write_recipe(self.folder / FUSED, fused_tables(tables, self.channel_name), comment)
        document = training_document(
            provenance,
            recipe,
            trained,
            seconds,
            self.photos.left_out,
            before=before.score,
            after={kind: one.score for kind, one in examined.items()},
            untrained={kind: one.score for kind, one in starts.items()},
            choice=choice,
            exponents=model.exponents(),
        )
        with disk_errors(self.folder / REPORT):
            write_whole(self.folder / REPORT, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
        write_report(
            self.folder / PAGE,
            title=f"{self.recipe.name}: a trained network",
            note=f"Tuples {provenance['tuples'][:12]}, seed {recipe.seed}; the whitening of the product: {best}, "
            f"because {choice.why}. "
            "Its epoch and its whitening were chosen on these held-out photos.",
            figures=page_figures(document, len(self.material.anchors)),
            curve=trained.curve,
            step=step,
            photos=self.photos,
            views=self.views,
            validation=self.validation,
            before=before,
            after=after,
        )
        # What an index is made with comes last: where it is there, so is the rest.
        write_recipe(self.folder / RECIPE, tables, comment)
        return Finished(before.score, starts[self._choice(starts).kind].score, after.score, best, document)

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


def known_identity(recipe: TrainingRecipe, tuples: Tuples) -> dict[str, str]:
    """Returns what tells a training from others before its photos are decoded."""
    return {"the training recipe": recipe.model_dump_json(), "the hash of the tuples": tuples.hash()}


def named(progress: NamedProgress | None, what: str) -> Progress | None:
    """Returns the progress of one piece of work."""
    if progress is None:
        return None
    return lambda done, total: progress(what, done, total)


def _hash_of(model: TrainedDescriptor) -> str:
    """Returns the SHA-256 of the weights of a network."""
    digest = hashlib.sha256()
    for key, value in sorted(model.network_state().items()):
        digest.update(key.encode() + value.numpy().tobytes())
    return digest.hexdigest()
