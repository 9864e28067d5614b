"""The edge filter that learns: its values, its gradients, and what becomes of them."""

from __future__ import annotations

import numpy as np
import torch

from resight.features.edges.filtering import filtered
from resight.features.edges.kinds import EdgeFilter
from resight.training.edge_filter import LEAST_THRESHOLD, EdgeFilterLayer

START = EdgeFilter(power=0.7, steepness=20.0, threshold=0.3)
STRENGTHS = np.array([[0.0, 0.1, 0.3, 0.9, 1.0]], np.float32)


def test_it_filters_as_the_search_does() -> None:
    found = EdgeFilterLayer(START, True)(torch.from_numpy(STRENGTHS))
    np.testing.assert_allclose(found.detach().numpy(), filtered(STRENGTHS, START), rtol=1e-5)


def test_gradients_are_those_of_small_differences_and_finite_where_there_is_no_edge() -> None:
    layer = EdgeFilterLayer(START, True)
    layer(torch.from_numpy(STRENGTHS)).sum().backward()
    step = 1e-3
    for name in ("power", "threshold"):
        sums = [
            float(filtered(STRENGTHS, START.model_copy(update={name: getattr(START, name) + sign * step})).sum())
            for sign in (1, -1)
        ]
        gradient = getattr(layer, name).grad
        assert gradient is not None
        np.testing.assert_allclose(float(gradient), (sums[0] - sums[1]) / (2 * step), rtol=2e-3)


def test_the_threshold_never_falls_below_that_of_the_paper() -> None:
    layer = EdgeFilterLayer(START, True)
    with torch.no_grad():
        layer.threshold.fill_(-3.0)
    layer.clamp()
    assert layer.values().threshold == np.float32(LEAST_THRESHOLD)


def test_a_filter_that_does_not_learn_has_no_gradient() -> None:
    assert not any(one.requires_grad for one in EdgeFilterLayer(START, False).parameters())
