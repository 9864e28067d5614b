"""The course of a training: what is told after a step and an epoch, the state that it goes on from, and its end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class StepReport:
    """The state after a step. done, total: steps of the whole training; rate: images a second; left: seconds."""

    epoch: int
    step: int
    done: int
    total: int
    loss: float
    rate: float
    left: float


@dataclass
class Trained:
    """The end of a training: the learned weights of the product, and how it went.

    curve: of each epoch. share_outside: of the time of the loop in which the network did not work.
    """

    weights: dict[str, Tensor]
    curve: list[dict[str, float]]
    best_epoch: int
    share_outside: float
    images_per_second: float
    resumed_at: int


@dataclass
class LoopState:
    """The state that changes while training goes on, apart from weights and optimiser."""

    epoch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int = 0
    stale: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    negatives: dict[int, list[int]] = field(default_factory=dict)
    nearest: dict[int, int] = field(default_factory=dict)


def epoch_line(entry: Mapping[str, float], epochs: int) -> str:
    """Returns an epoch of the curve as a line for a person."""
    parts = [f"epoch {int(entry['epoch'])} of {epochs}"]
    if "loss" in entry:
        parts.append(f"loss {entry['loss']:.4f}")
    names = {"real": "mAP of held-out photos", "rendered": "of rendered views of them"}
    parts += [f"{name} {entry[key]:.3f}" for key, name in names.items() if math.isfinite(entry.get(key, math.nan))]
    return ", ".join(parts)
