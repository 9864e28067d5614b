"""The vote against its plain numpy definition, to the last bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from match_scenes import scene

from resight.rerank.hypotheses import Gates, Hypothesis, count_votes, count_votes_reference, frames


@pytest.mark.parametrize("hypothesis", ["similarity", "translation_scale"])
@pytest.mark.parametrize("gates", [Gates(), Gates(1.3, 0.2), Gates(8.0, 3.0), Gates(2.0, math.pi)])
@pytest.mark.parametrize("n", [1, 2, 37, 400])
def test_votes_are_those_of_the_definition(hypothesis: Hypothesis, gates: Gates, n: int) -> None:
    rng = np.random.default_rng(n)
    seen, _ = scene(rng, n // 3, n - n // 3)
    seen = replace(seen, weights=rng.uniform(0, 5, n).astype(np.float32))
    if hypothesis == "translation_scale":
        gates = Gates(gates.scale, math.pi)
    described = frames(seen, hypothesis, gates)
    votes = count_votes(described, 4.0, 9.0, gates)
    np.testing.assert_array_equal(votes, count_votes_reference(described, 4.0, 9.0, gates))
    assert (votes >= described.votes).all()  # everyone votes for itself


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000), st.floats(1.0, 30.0), st.floats(1.0, 30.0), st.floats(1.05, 20.0), st.floats(0.02, math.pi)
)
def test_any_tolerance_and_gate_gives_the_definition(seed: int, q: float, i: float, scale: float, angle: float) -> None:
    seen, _ = scene(np.random.default_rng(seed), 30, 60)
    described = frames(seen, "similarity", Gates(scale, angle))
    expected = count_votes_reference(described, q, i, Gates(scale, angle))
    np.testing.assert_array_equal(count_votes(described, q, i, Gates(scale, angle)), expected)


def test_turns_wrap_around() -> None:
    seen, _ = scene(np.random.default_rng(0), 80, 80)
    gates = Gates()
    before = count_votes(frames(seen, "similarity", gates), 5.0, 5.0, gates)
    full_turns = np.where(np.arange(160) % 2, 2 * np.pi, -4 * np.pi).astype(np.float32)
    turned = replace(seen, image_angle=seen.image_angle + full_turns)
    after = count_votes(frames(turned, "similarity", gates), 5.0, 5.0, gates)
    # Adding whole circles rounds the angles a little, nothing else.
    assert np.abs(before - after).max() <= 1024
    assert (before == after).mean() > 0.9


def test_inliers_get_the_votes() -> None:
    seen, true = scene(np.random.default_rng(1), 40, 360)
    gates = Gates()
    votes = count_votes(frames(seen, "similarity", gates), 10.0, 10.0, gates)
    assert true[np.argsort(votes)[-20:]].all()


def test_angles_mean_nothing_to_translation_and_scale() -> None:
    rng = np.random.default_rng(2)
    seen, _ = scene(rng, 20, 40)
    gates = Gates(2.0, math.pi)
    other = replace(seen, image_angle=rng.uniform(-3, 3, 60).astype(np.float32))
    np.testing.assert_array_equal(
        count_votes(frames(seen, "translation_scale", gates), 10.0, 10.0, gates),
        count_votes(frames(other, "translation_scale", gates), 10.0, 10.0, gates),
    )
