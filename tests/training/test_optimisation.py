"""Rates, schedules and averages against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from resight.training.kinds import Schedule, TrainingRecipe
from resight.training.optimisation import averaged, between, factor_of, optimiser_of, set_rate


def test_schedules_follow_their_formulas() -> None:
    assert factor_of(Schedule(), 7, 3, 10, 20) == 1.0
    assert factor_of(Schedule(kind="exponential", rate=0.1), 5, 3, 10, 20) == pytest.approx(math.exp(-0.5))
    assert factor_of(Schedule(kind="steps", factor=0.2, every=10), 25, 0, 10, 30) == pytest.approx(0.04)
    cosine = Schedule(kind="cosine", factor=0.1)
    assert factor_of(cosine, 0, 0, 10, 2) == 1.0
    assert factor_of(cosine, 1, 9, 10, 2) == pytest.approx(0.1)
    warm = Schedule(warm_up=4)
    assert [factor_of(warm, 0, step, 10, 1) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_each_kind_of_parameter_has_its_rate() -> None:
    recipe = TrainingRecipe.model_validate(
        {"name": "some", "descriptor": "x", "optimiser": {"kind": "adam", "rate": 1e-3, "decay": 0.5}}
    )
    names = ("layers.network.conv.weight", "heads.0.gem.p", "heads.0.netvlad.centroids")
    optimiser = optimiser_of(recipe, {name: nn.Parameter(torch.zeros(1)) for name in names})
    set_rate(optimiser, 0.5)
    assert [(group["lr"], group["weight_decay"]) for group in optimiser.param_groups] == [
        (0.5e-3, 0.5),
        (0.5e-2, 0.0),
        (0.5e-3, 0.5),
    ]


def test_averages_are_those_of_a_loop() -> None:
    average = {"w": torch.zeros(1)}
    expected = 0.0
    for step in range(1, 40):
        value = float(step) ** 0.5
        kept = min(0.9, step / (step + 10))
        expected = kept * expected + (1 - kept) * value
        averaged(average, {"w": torch.tensor([value])}, 0.9, step)
    assert float(average["w"]) == pytest.approx(expected, rel=1e-5)
    mixed = between({"w": torch.tensor([1.0])}, {"w": torch.tensor([3.0])}, 0.25)
    assert float(mixed["w"]) == 2.5
