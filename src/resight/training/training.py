"""Trains a network on tuples, and writes the folder that an index is made with."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resight import arguments
from resight.features.networks.requirement import require_torch
from resight.progress import NamedProgress, Say

if TYPE_CHECKING:
    from resight.training.course import StepReport
    from resight.training.photos import TrainingPhotos
    from resight.training.validation import Score

LISTED = 10
"""Photos that are left out, of which a person is told one by one."""


@dataclass(frozen=True)
class TrainReport:
    """A finished training.

    folder: the product; recipe: its file for `resight index`. before, after: mAP of the held-out photos by the whole
    descriptor, both whitened. untrained: that of the network as it was, with the better of the whitenings that the
    product may have: what training has to beat. whitening: its kind in the product. document: what is in
    `training.json`.
    """

    folder: Path
    recipe: Path
    before: Score
    untrained: Score
    after: Score
    whitening: str
    document: Mapping[str, Any]

    @property
    def gained(self) -> bool | None:
        """True where the product finds held-out photos better than the untrained network; None: nothing held out."""
        before, after = max(self.before.value, self.untrained.value), self.after.value
        return after > before if math.isfinite(after) else None


def train(
    tuples: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    recipe: str | Path = "small",
    photos: str | os.PathLike[str] | None = None,
    changes: Mapping[str, str] | None = None,
    tensorboard: bool = False,
    progress: NamedProgress | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    say: Say | None = None,
) -> TrainReport:
    """Trains the descriptor of a training recipe on tuples, and writes a folder that an index is made with.

    tuples: a folder or file of `resight mine`. output: a new or empty folder, or one in which the same training was
    interrupted: it goes on from its last checkpoint, to the same weights. recipe: the name of one that ships, or a
    file. photos: the folder that the photos of the tuples are in now. changes: values of keys of the recipe, such as
    {"lasting.epochs": "3"}. tensorboard: logs for it are written too. `progress` is called with what is done, and
    (done, total) of it; `on_step` after each step; `say` with lines for a person. Of the processes that `torchrun`
    starts, each takes its share of every step's images, and the first alone calls these and writes. Raises UsageError
    for tuples, photos or a folder that cannot be used; RecipeError, WeightsError and StorageError.
    """
    require_torch("train")
    from resight.training.drawing import check_teachable
    from resight.training.events import require_tensorboard
    from resight.training.material import material_of
    from resight.training.model import parts_of
    from resight.training.photos import open_photos
    from resight.training.processes import joined_processes
    from resight.training.product import RECIPE, channel_of
    from resight.training.recipe import load_training_recipe, starting_weights
    from resight.training.run import Training, known_identity, named
    from resight.training.tuples import read_tuples

    arguments.callback("progress", progress, "what", "done", "total")
    arguments.callback("say", say, "line")
    told = say or (lambda line: None)
    source, folder = arguments.path("tuples", tuples), arguments.path("output", output)
    chosen = load_training_recipe(arguments.path_or_name("recipe", recipe), changes)
    base = _beside(chosen.descriptor, recipe)
    # What a call changes is said from where it is made, and what a file says from where that lies.
    weights = starting_weights(chosen.weights, Path() if "weights" in (changes or {}) else _folder_of(recipe))
    name, channel = channel_of(base, chosen.channel)
    parts_of(channel, str(base))
    read = read_tuples(source)
    check_teachable(material_of(read, sorted(read.photos)), chosen)
    if arguments.flag("tensorboard", tensorboard):
        require_tensorboard()
    with joined_processes() as processes, ExitStack() as stack:
        if not processes.is_first:
            told, progress, on_step = _silent, None, None
        processes.from_first(lambda: _taken(stack, folder, known_identity(chosen, read)))
        opened = open_photos(
            read,
            source if source.is_dir() else source.parent,
            chosen.photos.decoded,
            chosen.photos.memory << 20,
            None if photos is None else arguments.path("photos", photos),
            named(progress, "decoding photos"),
        )
        _tell_left_out(opened, told)
        training = Training(chosen, channel, name, base, read, opened, folder, told, progress, processes, weights)
        found = training.run(on_step, tensorboard=tensorboard)
    return TrainReport(
        folder, folder / RECIPE, found.before, found.untrained, found.after, found.whitening, found.document
    )


def _silent(line: str) -> None:
    """Says nothing: what every process knows, the first one says."""


def _taken(stack: ExitStack, folder: Path, identity: Mapping[str, str]) -> None:
    """Lets no other training into a folder until the stack is closed. Raises UsageError and StorageError."""
    from resight.training.checkpoints import alone_in, checked_output

    checked_output(folder, identity)
    stack.enter_context(alone_in(folder))


def _tell_left_out(photos: TrainingPhotos, say: Say) -> None:
    for name, reason in photos.left_out[:LISTED]:
        say(f"left out: {name}: {reason}")
    if len(photos.left_out) > LISTED:
        say(f"left out: {len(photos.left_out) - LISTED} more")


def _folder_of(recipe: str | Path) -> Path:
    from resight.recipe.reading import recipe_folder

    return recipe_folder(recipe)


def _beside(descriptor: str, recipe: str | Path) -> str | Path:
    """Returns the index recipe that a training recipe names: a file is looked for beside it."""
    from resight.recipe.reading import is_file

    if not is_file(descriptor):
        return descriptor
    return Path(recipe).parent / descriptor if is_file(recipe) else Path(descriptor)
