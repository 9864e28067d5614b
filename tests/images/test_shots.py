"""Boundaries of shots in rendered frames, whose cuts are known."""

from __future__ import annotations

import numpy as np
import pytest

from index_samples import texture
from resight.arrays import Pixels
from resight.images.shots import ShotDetector, difference, signature


def pan(seed: int, frames: int, speed: int = 1) -> list[Pixels]:
    plate = texture(seed, 160 + frames * speed, 120)
    return [plate[:, step * speed : step * speed + 160] for step in range(frames)]


def starts(frames: list[Pixels], rate: int = 25) -> list[int]:
    """Numbers of the frames at which shots begin."""
    detector = ShotDetector()
    told = [number for number, pixels in enumerate(frames) if detector.take(number / rate, pixels)]
    assert [round(start * rate) for start in detector.starts] == told
    return told


def test_cuts_are_found_where_they_are() -> None:
    assert starts(pan(1, 30) + pan(2, 30) + pan(3, 20)) == [0, 30, 60]


def test_movement_within_a_shot_is_no_cut() -> None:
    assert starts(pan(4, 60, speed=2)) == [0]


def test_light_that_changes_slowly_is_no_cut() -> None:
    frames = [np.asarray(pixels * (0.7 + 0.3 * n / 50), np.uint8) for n, pixels in enumerate(pan(5, 50, speed=0))]
    assert starts(frames) == [0]


@pytest.mark.parametrize("length", [15, 25])
def test_a_dissolve_parts_two_shots_once(length: int) -> None:
    before, after = pan(6, 30 + length), [pixels // 3 for pixels in pan(7, 30 + length)]
    mixed = [
        np.asarray(one * (1 - n / length) + other * (n / length), np.uint8)
        for n, (one, other) in enumerate(zip(before[30:], after[:length], strict=True))
    ]
    found = starts(before[:30] + mixed + after[length:])
    assert found[0] == 0
    assert len(found) == 2
    # It has ended when the picture has been at rest for a fifth of a second.
    assert 30 <= found[1] <= 30 + length + 6


def test_shots_are_not_shorter_than_the_shortest() -> None:
    flashes = [frame for seed in range(12) for frame in pan(seed, 2)]
    assert all(b - a >= 10 for a, b in zip(starts(flashes), starts(flashes)[1:], strict=False))


def test_differences_are_shares_of_one() -> None:
    one, other = signature(texture(1)), signature(texture(2))
    assert difference(one, one) == 0
    assert 0 < difference(one, other) < 1
    assert difference(one, other) == difference(other, one)
    black, white = (signature(np.full((48, 64, 3), level, np.uint8)) for level in (0, 255))
    assert difference(black, white) == pytest.approx(2 / 3)
    assert one.sum(axis=1) == pytest.approx(1, abs=1e-5)
