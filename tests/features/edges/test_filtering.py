"""The edge filter."""

from __future__ import annotations

import math

import numpy as np

from resight.features.edges.filtering import filtered
from resight.features.edges.kinds import EdgeFilter


def test_the_filter_is_the_paper_s() -> None:
    by = EdgeFilter(power=0.7, steepness=20.0, threshold=0.3)
    strengths = np.array([[0.0, 0.1, 0.3, 0.9]], np.float32)
    naive = [w**0.7 / (1 + math.exp(20 * (0.3 - w))) for w in strengths[0].tolist()]
    np.testing.assert_allclose(filtered(strengths, by)[0], naive, rtol=1e-5)


def test_weak_edges_vanish_and_no_filter_changes_nothing() -> None:
    strengths = np.array([[0.02, 0.5]], np.float32)
    found = filtered(strengths, EdgeFilter())
    assert found[0, 0] < 1e-9
    assert found[0, 1] > 0.7
    assert filtered(strengths, None) is strengths
