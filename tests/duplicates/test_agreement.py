"""The numbers by which a near-copy is told from another view."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resight.duplicates.agreement import (
    Agreement,
    agreement,
    bent_distances,
    boxed,
    coarser,
    copy_fit,
    covered,
    quarter_turns,
)
from resight.duplicates.pictures import pictures
from resight.duplicates.verdict import is_near, verdict
from resight.rerank.geometry import project

SIZE = (400, 300)


def points(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, SIZE, (count, 2)).astype(np.float32)


def mapped(transform: NDArray[np.float64], xy: NDArray[np.float32]) -> NDArray[np.float32]:
    return project(transform, xy).astype(np.float32)


def affine(a: float, b: float, c: float, d: float, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    return np.array([[a, b, x], [c, d, y], [0, 0, 1]], np.float64)


def known(transform: NDArray[np.float64], size: tuple[int, int] = SIZE, noise: float = 0.0) -> Agreement:
    xy = points(200)
    seen = mapped(transform, xy) + np.random.default_rng(1).normal(0, noise, xy.shape).astype(np.float32)
    inside = ((seen >= 0) & (seen <= size)).all(axis=1)
    return agreement(transform, xy[inside], seen[inside], (xy, seen[inside]), (SIZE, size), 600, -300.0)


def test_the_map_of_a_copy_is_found_though_a_tenth_is_wrong() -> None:
    true, xy = affine(0.5, 0, 0, 0.7, 30, -4), points(90)
    seen = mapped(true, xy)
    seen[::10] += np.random.default_rng(2).uniform(5, 80, (9, 2)).astype(np.float32)
    fitted = copy_fit(xy, seen, 0)
    assert np.allclose(fitted.scale, (0.5, 0.7), atol=1e-3)
    assert np.allclose(fitted.shift, (30, -4), atol=0.1)
    assert np.median(fitted.distances) < 0.01
    assert (fitted.distances[::10] > 4).all()


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_no_distance(quarters: int) -> None:
    c, s = np.cos(quarters * np.pi / 2), np.sin(quarters * np.pi / 2)
    turned, xy = affine(2 * c, -2 * s, 2 * s, 2 * c, 500, 700), points(60)
    assert quarter_turns(turned, xy.mean(axis=0)) == quarters
    assert copy_fit(xy, mapped(turned, xy), quarters).distances.max() < 1e-2


@pytest.mark.parametrize(("degrees", "quarters"), [(0, 0), (44, 0), (46, 1), (183, 2), (-80, 3), (-10, 0)])
def test_a_turn_counts_as_the_nearest_quarters(degrees: float, quarters: int) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    assert quarter_turns(affine(3 * c, -3 * s, 3 * s, 3 * c), np.array([50.0, 60.0])) == quarters


def test_a_camera_that_hardly_moved_bends_and_noise_does_not() -> None:
    """A tenth of a degree is less than the noise of most points, and is seen in all of them together."""
    c, s = np.cos(np.radians(0.1)), np.sin(np.radians(0.1))
    tilted = affine(1, 0, 0, 1, 3, -2)
    tilted[2, :2] = 1e-5, -1e-5
    still = known(affine(1, 0, 0, 1, 3, -2), noise=0.15)
    assert 1.0 <= still.bend < 1.1
    assert is_near(still)
    for moved in (affine(c, -s, s, c, 3, -2), tilted):
        assert known(moved, noise=0.15).bend > 1.3
        assert known(moved, noise=0.15).residual < 0.4
        assert not is_near(known(moved, noise=0.15))


def test_exact_positions_do_not_bend() -> None:
    assert known(affine(1, 0, 0, 1, 3, -2)).bend == pytest.approx(1.0, abs=0.01)


def test_points_on_a_line_have_no_homography() -> None:
    line = np.column_stack([np.arange(20.0), np.full(20, 5.0)]).astype(np.float32)
    assert np.isinf(bent_distances(line, line, np.eye(3))).all()


def test_distances_are_in_pixels_of_the_coarser_photo() -> None:
    assert coarser(1.0, ((400, 300), (400, 300))) == 1.0
    assert coarser(0.5, ((400, 300), (200, 150))) == 1.0
    assert coarser(2.0, ((200, 150), (400, 300))) == 0.5
    # A photo of 4096 pixels is reduced to 1024 before it is looked at, and a copy of 512 is not.
    assert coarser(1.0, ((4096, 3072), (4096, 3072))) == 0.25
    assert coarser(0.125, ((4096, 3072), (512, 384))) == 1.0


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
    assert is_near(known(transform, size, noise=0.15)), name


@pytest.mark.parametrize(
    ("name", "transform", "noise"),
    [
        ("another part", affine(1, 0, 0, 1, 200, 0), 0.15),
        ("held askew", affine(0.97, -0.1, 0.1, 0.97, 10, -10), 0.3),
        ("held again", affine(1, -0.002, 0.002, 1, 2, -2), 0.15),
        ("seen at a slant", affine(0.85, 0, 0, 1), 0.15),
        ("a moved camera", affine(1, 0, 0, 1), 1.0),
        ("a detail", affine(0.4, 0, 0, 0.4, 100, 80), 0.05),
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
