"""The training loop: steps, validation, checkpoints, and going on after an interruption with the same weights."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resight.arrays import Int64, Pixels
from resight.errors import ResightError
from resight.learned.whitening import Whitening
from resight.training.begun import FOLDER, LAST, has_begun
from resight.training.checkpoints import BEST, check_same, disk_errors, load_checkpoint, save_checkpoint
from resight.training.course import LoopState, StepReport, Trained, epoch_line
from resight.training.describing import describe, plain
from resight.training.drawing import Step, draw_step, steps_of
from resight.training.gradients import Gradients
from resight.training.kinds import TrainingRecipe
from resight.training.material import Material
from resight.training.model import TrainedDescriptor
from resight.training.optimisation import averaged, between, factor_of, optimiser_of, set_rate
from resight.training.processes import ALONE, Processes
from resight.training.remining import mine_by_network
from resight.training.validation import Score, Validation, judge, whitened
from resight.training.views import Views

LOG = "training.jsonl"
AHEAD = 3
"""Steps whose images are made while the network works on one."""
WORKERS = 2
PAUSE = 30.0
"""Seconds between checkpoints within an epoch."""


class Loop:
    """A training run in a folder.

    identity: what the run is of, by which a checkpoint of another is told apart. how: of joined vectors. processes: of
    several the first mines, validates and writes.
    """

    def __init__(
        self,
        model: TrainedDescriptor,
        recipe: TrainingRecipe,
        material: Material,
        views: Views,
        validation: Validation,
        folder: Path,
        identity: Mapping[str, str],
        how: str = "concatenate",
        processes: Processes = ALONE,
        *,
        on_step: Callable[[StepReport], None] | None = None,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.model, self.recipe, self.material, self.views = model, recipe, material, views
        self.validation, self.folder, self.identity, self.how = validation, folder, dict(identity), how
        self.processes = processes
        self._on_step, self._on_epoch, self._say = on_step, on_epoch, say or (lambda line: None)
        self.learned = model.learned()
        self.start = {name: one.detach().clone() for name, one in self.learned.items()}
        self.average = {name: one.clone() for name, one in self.start.items()} if recipe.frozen.average else None
        self.optimiser = optimiser_of(recipe, self.learned)
        self.steps = steps_of(material, recipe)
        self.state = LoopState()
        self._gradients = Gradients(model, recipe, material, views, how, processes)
        self._working = self._looping = self._begun = 0.0
        self._images = 0
        self._resumed_at = 0

    def run(self) -> Trained:
        """Trains from the last checkpoint of the folder on, or from the start. Returns the best weights.

        Raises ResightError where the loss is no longer a number, and the errors of checkpoints.
        """
        if self.processes.from_first(lambda: has_begun(self.folder)):
            self._restore(self.folder / FOLDER / LAST)
        else:
            self.processes.from_first(self._forget)
            if self.recipe.lasting.epochs:
                self._validate()
                self._save()
        while self.state.epoch < self.recipe.lasting.epochs and not self._is_stale():
            self._epoch()
        weights = self.processes.from_first(self._best_weights)
        outside = 1.0 - self._working / self._looping if self._looping else 0.0
        rate = self._images / self._looping if self._looping else 0.0
        return Trained(weights, self.state.curve, self.state.best_epoch, outside, rate, self._resumed_at)

    def _forget(self) -> None:
        """Removes what another training has left in the folder."""
        for stale in (self.folder / FOLDER / BEST, self.folder / LOG):
            stale.unlink(missing_ok=True)

    def _best_weights(self) -> dict[str, Tensor]:
        best = self.folder / FOLDER / BEST
        found: dict[str, Tensor] = load_checkpoint(best)["weights"] if best.is_file() else self._product_weights()
        return found

    @property
    def mined(self) -> dict[int, Int64]:
        """Rows of the hard negatives of each anchor, by the row of its photo, as they were mined last."""
        return {photo: np.array(rows, np.int64) for photo, rows in self.state.negatives.items()}

    def _is_stale(self) -> bool:
        patience = self.recipe.lasting.patience
        return bool(patience) and self.state.stale >= patience

    def _epoch(self) -> None:
        state, recipe = self.state, self.recipe
        self._begun = saved = time.monotonic()
        every = max(1, recipe.drawing.mine_every // recipe.drawing.anchors) if recipe.drawing.mine_every else self.steps
        while state.step < self.steps:
            # A checkpoint of such a step is from before it was mined.
            if self._mines and state.step % every == 0:
                self._mine()
            end = min(self.steps, state.step - state.step % every + every) if self._mines else self.steps
            for step, images in self._prepared(range(state.step, end)):
                loss = self._step(step, images)
                state.losses.append(loss)
                state.step += 1
                self._tell(loss)
                if time.monotonic() - saved > PAUSE and state.step < self.steps:
                    self._looping = self._elapsed
                    self._save()
                    self._begun = saved = time.monotonic()
        self._looping = self._elapsed
        state.epoch, state.step = state.epoch + 1, 0
        self._validate()
        state.losses = []
        self._save()

    @property
    def _elapsed(self) -> float:
        """Seconds in the loop, without validation and checkpoints."""
        return self._looping + time.monotonic() - self._begun

    @property
    def _mines(self) -> bool:
        return self.recipe.drawing.negatives > 0 or self.recipe.drawing.positive == "nearest"

    def _prepared(self, steps: Sequence[int]) -> Iterator[tuple[Step, dict[int, Pixels]]]:
        """Yields steps with the images of this process, which threads make while the network works."""
        waiting: deque[tuple[Step, dict[int, Future[Pixels]]]] = deque()
        state, negatives = self.state, self.mined
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                for number in steps:
                    step = draw_step(self.material, self.recipe, state.epoch, number, negatives, state.nearest)
                    needed = self._gradients.needed(step)
                    images = step.images
                    waiting.append((step, {one: pool.submit(self.views.image, images[one]) for one in needed}))
                    if len(waiting) > AHEAD:
                        yield _made(*waiting.popleft())
                while waiting:
                    yield _made(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _step(self, step: Step, images: Mapping[int, Pixels]) -> float:
        """Changes the weights by one step. Returns its loss."""
        begun = time.monotonic()
        state, recipe = self.state, self.recipe
        # Whatever is random in the network is a function of the step too.
        torch.manual_seed(hash((recipe.seed, state.epoch, state.step)) & 0x7FFFFFFF)
        epochs = recipe.lasting.epochs
        set_rate(self.optimiser, factor_of(recipe.schedule, state.epoch, state.step, self.steps, epochs))
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._gradients(step, images)
        if not math.isfinite(loss):
            raise self._no_number("the loss is not a number")
        if not all(one.grad is None or bool(torch.isfinite(one.grad).all()) for one in self.learned.values()):
            raise self._no_number("a gradient is not a number")
        self.optimiser.step()
        if self.model.filter is not None:
            self.model.filter.clamp()
        if self.average is not None:
            averaged(self.average, self.learned, recipe.frozen.average, state.epoch * self.steps + state.step + 1)
        self._images += len(step.images)
        self._working += time.monotonic() - begun
        return loss

    def _mine(self) -> None:
        """Mines the negatives of anchors without their own, and nearest positives, with the network as it is."""
        state, recipe = self.state, self.recipe
        seed = (recipe.seed, 5, state.epoch, state.step)
        found = self.processes.from_first(
            lambda: mine_by_network(
                self.model, self.how, self.views, self.material, recipe.drawing, list(self.mined.values()), seed
            )
        )
        if found is None:
            return
        state.negatives = {photo: own.tolist() for photo, own in found.negatives.items()}
        state.nearest = dict(found.nearest)
        self._log("mined", pool=found.pool, short=found.short)
        if found.short:
            self._say(
                f"{found.short} of {len(found.negatives)} anchors have fewer than {recipe.drawing.negatives} hard "
                "negatives: the pool has too few clusters"
            )

    def _validate(self) -> None:
        self.state = self.processes.from_first(self._judged)

    def _judged(self) -> LoopState:
        """Judges the weights of the product as they would be now, and keeps them where they are the best."""
        state = self.state
        weights = self._product_weights()
        entry: dict[str, float] = {"epoch": state.epoch}
        if state.losses:
            entry["loss"] = float(np.mean(state.losses))
        value = -math.inf
        if self.validation.questions:
            score = self._score(weights)
            told = {"real": score.real, "rendered": score.rendered, "value": score.value}
            entry |= {name: one for name, one in told.items() if math.isfinite(one)}
            value = score.value
        state.curve.append(entry)
        self._log("validated", **entry)
        if self._on_epoch is not None:
            self._on_epoch(entry)
        if value > state.best or not self.validation.questions:
            state.best, state.best_epoch, state.stale = value, state.epoch, 0
            save_checkpoint(self.folder / FOLDER / BEST, {"weights": weights, "epoch": state.epoch})
        else:
            state.stale += 1
        self._say(epoch_line(entry, self.recipe.lasting.epochs))
        return state

    def _score(self, weights: Mapping[str, Tensor]) -> Score:
        questions, database = self.validation.questions, self.validation.database
        kept = {name: one.detach().clone() for name, one in self.learned.items()}
        self.put(weights)
        seen = [*(question.seen for question in questions), *plain(database.tolist())]
        vectors = describe(self.model, self.how, self.views, seen)
        self.put(kept)
        asked, searched = vectors[: len(questions)], vectors[len(questions) :]
        if self.recipe.whitening == "none":
            others = searched[np.isin(database, self.validation.others)]
            asked, searched = whitened(asked, searched, others if len(others) > 1 else searched)
        return judge(self.validation, asked, searched)

    def put(self, weights: Mapping[str, Tensor]) -> None:
        """Gives the model some weights, by name."""
        with torch.no_grad():
            for name, one in self.learned.items():
                one.copy_(weights[name])

    def _product_weights(self) -> dict[str, Tensor]:
        end = self.learned if self.average is None else self.average
        return {name: one.cpu().clone() for name, one in between(self.start, end, self.recipe.frozen.start).items()}

    def _save(self) -> None:
        if not self.processes.is_first:
            return
        state = self.state
        content = {
            "identity": self.identity,
            "learned": {name: one.detach() for name, one in self.learned.items()},
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "whitenings": [_as_tensors(one) for one in self.model.whitenings()],
            "random": torch.get_rng_state(),
            "state": {name: getattr(state, name) for name in LoopState.__dataclass_fields__},
        }
        save_checkpoint(self.folder / FOLDER / LAST, content)

    def _restore(self, file: Path) -> None:
        found = self.processes.from_first(lambda: self._checked(file))
        self.put(found["learned"])
        self.optimiser.load_state_dict(found["optimiser"])
        if self.average is not None:
            self.average = {name: one.to(self.model.device) for name, one in found["average"].items()}
        whitenings = [
            None if one is None else Whitening(*(each.numpy() for each in one)) for one in found["whitenings"]
        ]
        if self.recipe.whitening == "frozen":
            self.model.whiten_by(whitenings)
            self._gradients.whiten_start_by(whitenings)
        torch.set_rng_state(found["random"])
        self.state = LoopState(**found["state"])
        done = self.state.epoch * self.steps + self.state.step
        self._resumed_at = done
        self._say(f"going on after {done} of {self.recipe.lasting.epochs * self.steps} steps, from {file}")

    def _checked(self, file: Path) -> dict[str, Any]:
        """Returns a checkpoint of this very training."""
        found = load_checkpoint(file)
        check_same(file, found["identity"], self.identity)
        shapes = {name: tuple(one.shape) for name, one in found["learned"].items()}
        if shapes != {name: tuple(one.shape) for name, one in self.learned.items()}:
            raise ResightError(f"{file}: a checkpoint of another architecture; name another folder, or remove it")
        return found

    def _tell(self, loss: float) -> None:
        state = self.state
        self._log("step", epoch=state.epoch, step=state.step, loss=loss)
        if self._on_step is not None:
            done, total = state.epoch * self.steps + state.step, self.recipe.lasting.epochs * self.steps
            elapsed = self._elapsed
            rate = self._images / max(1e-9, elapsed)
            left = (total - done) * elapsed / max(1, done - self._resumed_at)
            self._on_step(StepReport(state.epoch, state.step, done, total, loss, rate, left))

    def _log(self, what: str, **values: float) -> None:
        if not self.processes.is_first:
            return
        with disk_errors(self.folder / LOG), (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, **values}) + "\n")

    def _no_number(self, what: str) -> ResightError:
        state = self.state
        kept = self.folder / FOLDER / LAST
        return ResightError(
            f"{what} at step {state.step + 1} of epoch {state.epoch + 1}: training stops; {kept} holds the last good "
            "weights; lower optimiser.rate, or raise schedule.warm_up, in another folder"
        )


def _made(step: Step, images: Mapping[int, Future[Pixels]]) -> tuple[Step, dict[int, Pixels]]:
    return step, {number: one.result() for number, one in images.items()}


def _as_tensors(whitening: Whitening | None) -> list[Tensor] | None:
    return None if whitening is None else [torch.from_numpy(one) for one in (whitening.mean, whitening.projection)]
