"""The gradients of a step: its images through the network, its loss, and back."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
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
from resight.training.views import Views


class Gradients:
    """An object that adds the gradients of steps to the weights of a model. how: of joined vectors.

    A copy of the model as it is now is kept where the loss has the similarities of the start.
    """

    def __init__(
        self, model: TrainedDescriptor, recipe: TrainingRecipe, material: Material, views: Views, how: str
    ) -> None:
        self._model, self._recipe, self._material, self._views, self._how = model, recipe, material, views, how
        # Of every photo the number of its cluster.
        self._labels = torch.from_numpy(np.unique(material.clusters, return_inverse=True)[1])
        self._start = copy.deepcopy(model).requires_grad_(False) if recipe.frozen.distil else None

    def whiten_start_by(self, whitenings: Sequence[Whitening | None]) -> None:
        """Gives the copy of the start other whitenings."""
        if self._start is not None:
            self._start.whiten_by(whitenings)

    def __call__(self, step: Step, images: Sequence[Pixels]) -> float:
        """Adds the gradients of a step, and returns its loss; none are added once it is not a number.

        Losses of tuples are taken one tuple after the other, so that their memory is that of one: Radenovic et al.,
        TPAMI 2019, code.
        """
        total = 0.0
        numbers = {id(one): number for number, one in enumerate(step.images)}
        for part in step.tuples if self._is_by_tuples else [step]:
            loss = self.loss(part, [images[numbers[id(one)]] for one in part.images])
            total += float(loss.detach())
            if not math.isfinite(total):
                break
            if loss.requires_grad:
                torch.autograd.backward(loss)
        return total

    def loss(self, step: Step, images: Sequence[Pixels]) -> Tensor:
        """Returns the loss of a step with its images."""
        recipe, model = self._recipe, self._model
        parts = self.vectors(model, images)
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
                before = self.vectors(self._start, images)
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

    @property
    def _is_by_tuples(self) -> bool:
        recipe = self._recipe
        of_tuples = isinstance(recipe.loss, Contrastive | Triplet | WeakTriplet)
        return of_tuples and not recipe.second_order and not recipe.frozen.distil

    def _precision(self) -> AbstractContextManager[Any]:
        device = self._model.device.type
        wanted = self._recipe.precision == "bfloat16" or (self._recipe.precision == "auto" and device == "cuda")
        return torch.autocast(device, torch.bfloat16) if wanted else nullcontext()
