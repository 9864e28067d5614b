"""The gradients of a step: its images through the network, its loss, and back."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resight.arrays import Pixels
from resight.learned.whitening import Whitening
from resight.training import losses
from resight.training.drawing import Step
from resight.training.kinds import Classification, Contrastive, TrainingRecipe, Triplet, WeakTriplet
from resight.training.material import Material
from resight.training.model import TrainedDescriptor, joined
from resight.training.objective import classification, distilled, loss_of
from resight.training.processes import ALONE, Processes
from resight.training.views import Views


class Gradients:
    """An object that adds the gradients of steps to the weights of a model. how: of joined vectors.

    A copy of the model as it is now is kept where the loss has the similarities of the start. Of several processes each
    has its share of a step: of its tuples where these have losses of their own, of its images otherwise.
    """

    def __init__(
        self,
        model: TrainedDescriptor,
        recipe: TrainingRecipe,
        material: Material,
        views: Views,
        how: str,
        processes: Processes = ALONE,
    ) -> None:
        self._model, self._recipe, self._material, self._views, self._how = model, recipe, material, views, how
        self._processes = processes
        # Of every photo the number of its cluster.
        self._labels = torch.from_numpy(np.unique(material.clusters, return_inverse=True)[1])
        self._start = copy.deepcopy(model).requires_grad_(False) if recipe.frozen.distil else None

    def whiten_start_by(self, whitenings: Sequence[Whitening | None]) -> None:
        """Gives the copy of the start other whitenings."""
        if self._start is not None:
            self._start.whiten_by(whitenings)

    def needed(self, step: Step) -> list[int]:
        """Returns which images of a step this process has to see, ascending."""
        own = self._processes.own
        if not self._is_by_tuples:
            return list(own.share(len(step.images)))
        mine = {id(one) for part in step.tuples[own.rank :: own.count] for one in part.images}
        return [number for number, one in enumerate(step.images) if id(one) in mine]

    def __call__(self, step: Step, images: Mapping[int, Pixels]) -> float:
        """Adds the gradients of a step, and returns its loss; none are added once it is not a number.

        images: those that are `needed`, by number. The loss and the gradients are those of all processes.

        Losses of tuples are taken one tuple after the other, so that their memory is that of one: Radenovic et al.,
        TPAMI 2019, code.
        """
        total = 0.0
        numbers = {id(one): number for number, one in enumerate(step.images)}
        own = self._processes.own
        for part in step.tuples[own.rank :: own.count] if self._is_by_tuples else [step]:
            seen = [images[number] for one in part.images if (number := numbers[id(one)]) in images]
            loss = self.loss(part, seen)
            total += float(loss.detach())
            if not math.isfinite(total):
                break
            if loss.requires_grad:
                torch.autograd.backward(loss)
        # What is of all images is the same loss in every process.
        shared = total if self._is_by_tuples else total / own.count
        return self._processes.add_gradients(self._model.learned().values(), shared)

    def loss(self, step: Step, images: Sequence[Pixels]) -> Tensor:
        """Returns the loss of a step with its images; of several processes, this one's share of them."""
        recipe, model = self._recipe, self._model
        parts = self._gathered(step, self.vectors(model, images))
        if isinstance(recipe.loss, Classification):
            return classification(parts.pop(), step, self._labels)
        vectors = list(parts) if recipe.parts == "each" else [joined(model.parts, self._how, parts)]
        loss = torch.stack([loss_of(recipe.loss, step, own, self._material) for own in vectors]).sum()
        count = len(step.anchors)
        if recipe.second_order:
            terms = [losses.second_order(own[:count], own[count : 2 * count]) for own in vectors]
            loss = loss + recipe.second_order * torch.stack(terms).sum()
        if self._start is not None:
            with torch.no_grad():
                before = self._gathered(step, self.vectors(self._start, images))
            terms = [distilled(now, own) for now, own in zip(parts, before, strict=True)]
            loss = loss + recipe.frozen.distil * torch.stack(terms).sum()
        return loss

    def vectors(self, model: TrainedDescriptor, images: Sequence[Pixels]) -> list[Tensor]:
        """Returns what a model gives of images of any shapes, in their order."""
        found, order = [], []
        for batch in self._views.batches(images):
            with self._precision():
                found.append(model(model.inputs(batch.images)))
            order += batch.numbers.tolist()
        back = torch.argsort(torch.tensor(order)).to(model.device)
        return [torch.cat(own)[back] for own in zip(*found, strict=True)]

    def _gathered(self, step: Step, own: list[Tensor]) -> list[Tensor]:
        """Returns what the model gives of all images of a step, where those of this process are a share of them."""
        if self._is_by_tuples:
            return own
        return [self._processes.gathered(one, len(step.images)) for one in own]

    @property
    def _is_by_tuples(self) -> bool:
        recipe = self._recipe
        of_tuples = isinstance(recipe.loss, Contrastive | Triplet | WeakTriplet)
        return of_tuples and not recipe.second_order and not recipe.frozen.distil

    def _precision(self) -> AbstractContextManager[Any]:
        device = self._model.device.type
        wanted = self._recipe.precision == "bfloat16" or (self._recipe.precision == "auto" and device == "cuda")
        return torch.autocast(device, torch.bfloat16) if wanted else nullcontext()
