"""Steps that change the weights: optimisers with a rate for each kind of parameter, schedules, averages."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from resight.training.kinds import Adam, AdamW, Schedule, Sgd, TrainingRecipe

_UNDECAYED = {"gem", "filter.power", "filter.threshold"}


def optimiser_of(recipe: TrainingRecipe, learned: Mapping[str, nn.Parameter]) -> torch.optim.Optimizer:
    """Returns the optimiser of parameters by name.

    GeM's p learns at its own rate and without weight decay, as in TPAMI 2019, section 3.2 and code, and so do the power
    and the threshold of an edge filter: Radenovic, Tolias & Chum, ECCV 2018, code.
    """
    kind = recipe.optimiser
    rates = {
        "gem": recipe.exponent_rate,
        "netvlad": recipe.assignment_rate,
        "classifier": _classifier_rate(recipe),
        "filter.power": recipe.filter_rate,
        "filter.threshold": 0.1 * recipe.filter_rate,
    }
    groups: list[dict[str, object]] = []
    for part in ("network", *rates):
        own = [one for name, one in learned.items() if _kind_of(name) == part]
        if own:
            factor = rates.get(part, 1.0)
            decay = 0.0 if part in _UNDECAYED else kind.decay
            groups.append({"params": own, "lr": kind.rate * factor, "weight_decay": decay, "rate": kind.rate * factor})
    match kind:
        case Sgd():
            return torch.optim.SGD(groups, lr=kind.rate, momentum=kind.momentum)
        case Adam():
            return torch.optim.Adam(groups, lr=kind.rate)
        case AdamW():
            return torch.optim.AdamW(groups, lr=kind.rate)


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Sets the learning rate of every group to `factor` times its own."""
    for group in optimiser.param_groups:
        group["lr"] = group["rate"] * factor


def factor_of(schedule: Schedule, epoch: int, step: int, steps: int, epochs: int) -> float:
    """Returns the learning rate relative to its start, at a step of an epoch of `steps`, of `epochs` in all."""
    done = epoch * steps + step
    warm = min(1.0, (done + 1) / (schedule.warm_up + 1))
    match schedule.kind:
        case "constant":
            return warm
        case "exponential":
            return warm * math.exp(-schedule.rate * epoch)
        case "steps":
            return warm * schedule.factor ** (epoch // schedule.every)
        case "cosine":
            share = min(1.0, done / max(1, steps * epochs - 1))
            return warm * (schedule.factor + (1 - schedule.factor) * 0.5 * (1 + math.cos(math.pi * share)))


def averaged(average: dict[str, Tensor], learned: Mapping[str, Tensor], decay: float, step: int) -> None:
    """Moves a running average of weights, in place, towards those after `step` steps.

    Source: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on Control and
    Optimization 1992; the exponential form, whose first steps count as a plain mean does.
    """
    kept = min(decay, step / (step + 10))
    for name, value in learned.items():
        average[name].mul_(kept).add_(value.detach(), alpha=1 - kept)


def between(start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Returns weights between two sets of them: `share` of the start.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, section 3.
    """
    return {name: share * start[name] + (1 - share) * value.detach() for name, value in end.items()}


def _kind_of(name: str) -> str:
    # Some networks have layers of the same names, which start from learned weights.
    top, *rest = name.split(".")
    if top == "classifier":
        return "classifier"
    if top == "filter":
        return name
    return next((kind for kind in ("gem", "netvlad") if top == "heads" and kind in rest), "network")


def _classifier_rate(recipe: TrainingRecipe) -> float:
    return recipe.loss.rate if recipe.loss.kind == "classification" else 1.0
