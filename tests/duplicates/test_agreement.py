"""The numbers by which a near-copy is told from another view."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resight.duplicates.agreement import Agreement, affine_fit, agreement, boxed, covered, turn_and_stretch
from resight.duplicates.pictures import pictures
from resight.duplicates.verdict import is_near, verdict

SIZE = (400, 300)


def points(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, SIZE, (count, 2)).astype(np.float32)


def mapped(transform: NDArray[np.float64], xy: NDArray[np.float32]) -> NDArray[np.float32]:
    return (xy @ transform[:2, :2].T + transform[:2, 2]).astype(np.float32)


def affine(a: float, b: float, c: float, d: float, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    return np.array([[a, b, x], [c, d, y], [0, 0, 1]], np.float64)


def known(transform: NDArray[np.float64], size: tuple[int, int] = SIZE, noise: float = 0.0) -> Agreement:
    xy = points(200)
    seen = mapped(transform, xy) + np.random.default_rng(1).normal(0, noise, xy.shape).astype(np.float32)
    inside = ((seen >= 0) & (seen <= size)).all(axis=1)
    return agreement(transform, xy[inside], seen[inside], (xy, seen[inside]), (SIZE, size), 600, -300.0)


def test_an_affine_map_is_found_though_a_tenth_is_wrong() -> None:
    true, xy = affine(0.5, 0.1, -0.2, 0.7, 30, -4), points(90)
    seen = mapped(true, xy)
    seen[::10] += np.random.default_rng(2).uniform(5, 80, (9, 2)).astype(np.float32)
    fitted, residual = affine_fit(xy, seen)
    assert np.allclose(fitted, true, atol=1e-3)
    assert residual < 1e-3


@pytest.mark.parametrize(("degrees", "turn"), [(0, 0), (90, 0), (183, 3), (-45, 45), (268, 2)])
def test_a_turn_is_counted_from_the_nearest_quarter(degrees: float, turn: float) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    found, stretch = turn_and_stretch(affine(3 * c, -3 * s, 3 * s, 3 * c))
    assert found == pytest.approx(turn, abs=1e-6)
    assert stretch == pytest.approx(1.0)


def test_coverage_is_the_part_of_a_frame_that_lies_in_the_other() -> None:
    assert covered(affine(1, 0, 0, 1, 200, 0), SIZE, SIZE) == pytest.approx(0.5)
    assert covered(affine(0.5, 0, 0, 0.5), SIZE, SIZE) == 1.0
    assert covered(affine(2, 0, 0, 2), SIZE, SIZE) == pytest.approx(0.25)


def test_spread_leaves_out_the_outermost_points() -> None:
    xy = np.concatenate([points(100) * 0.1, [[399.0, 299.0]]]).astype(np.float32)
    assert boxed(xy, SIZE) < 0.011


@pytest.mark.parametrize(
    ("name", "transform", "size"),
    [
        ("half", affine(0.5, 0, 0, 0.5), (200, 150)),
        ("quarter turn", affine(0, -1, 1, 0, 300, 0), (300, 400)),
        ("border", affine(1, 0, 0, 1, 25, 25), (450, 350)),
        ("caption", affine(1, 0, 0, 1), (400, 340)),
        ("cropped", affine(1, 0, 0, 1, -26, -20), (360, 270)),
    ],
)
def test_what_is_done_to_a_picture_leaves_a_near_copy(
    name: str, transform: NDArray[np.float64], size: tuple[int, int]
) -> None:
    assert is_near(known(transform, size, noise=0.3)), name


@pytest.mark.parametrize(
    ("name", "transform", "noise"),
    [
        ("another part", affine(1, 0, 0, 1, 200, 0), 0.3),
        ("held askew", affine(0.97, -0.1, 0.1, 0.97, 10, -10), 0.3),
        ("seen at a slant", affine(0.85, 0, 0, 1), 0.3),
        ("a moved camera", affine(1, 0, 0, 1), 3.0),
        ("a detail", affine(0.4, 0, 0, 0.4, 100, 80), 0.3),
    ],
)
def test_another_photo_is_no_near_copy(name: str, transform: NDArray[np.float64], noise: float) -> None:
    judged = verdict(known(transform, noise=noise))
    assert judged is not None, name
    assert judged.kind == "same", name


def test_one_caption_below_two_pictures_makes_them_nothing() -> None:
    strip = (points(40) * (0.4, 0.03) + (20, 285)).astype(np.float32)
    others = np.concatenate([strip, points(20)])
    found = agreement(np.eye(3), strip, strip, (others, others), (SIZE, SIZE), 600, -80.0)
    assert found.share > 0.5
    assert verdict(found) is None


def test_frames_of_a_film_do_not_make_one_picture() -> None:
    """Each has most of the one before; the first and the last have nothing in common."""
    step = known(affine(1, 0, 0, 1, -16, 0))
    assert is_near(step)
    count = 30
    forest = pictures([SIZE] * count, {(i, i + 1): step for i in range(count - 1)})
    sets = forest.sets()
    assert 2 < len(sets) < count
    assert all(members[-1] - members[0] <= 6 for members in sets)


def test_copies_of_copies_are_one_picture() -> None:
    half, double = known(affine(0.5, 0, 0, 0.5), (200, 150)), known(affine(1, 0, 0, 1))
    assert pictures([SIZE, (200, 150), SIZE], {(0, 1): half, (0, 2): double}).sets() == [[0, 1, 2]]
