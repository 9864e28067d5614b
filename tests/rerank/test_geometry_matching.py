"""Fast spatial matching finds what is there, counts it once, and claims nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from match_scenes import SIZE, TILTED, scene

from resight.rerank.agreement import one_to_one, places, plausible, transfer_errors
from resight.rerank.geometry import Correspondences, project
from resight.rerank.hypotheses import Gates, Hypothesis
from resight.rerank.refinement import Model, fast_spatial_match
from resight.rerank.significance import chance, least_inliers, log_false_alarms, score_above_chance
from resight.rerank.usac import usac_fundamental, usac_homography

SIMILAR = np.array([[0.9, -0.5, 250.0], [0.5, 0.9, -60.0], [0.0, 0.0, 1.0]])
UPRIGHT = np.array([[0.7, 0.0, 120.0], [0.0, 0.7, 60.0], [0.0, 0.0, 1.0]])


def taken(seen: Correspondences, rows: np.ndarray) -> Correspondences:
    return Correspondences(*(getattr(seen, name)[rows] for name in seen.__dataclass_fields__))


def golden_case(values: Mapping[str, Any], case: int) -> Correspondences:
    def columns(image: int) -> list[np.ndarray]:
        rows = values[f"case{case}_matches"][:, image - 1]
        return [values[f"case{case}_{name}{image}"][rows].astype(np.float32) for name in ("xy", "scale", "angle")]

    return Correspondences(*columns(1), *columns(2), np.ones(len(values[f"case{case}_matches"]), np.float32))


@pytest.mark.golden
def test_golden_inliers_are_found_exactly(golden: Callable[[str], Mapping[str, Any]]) -> None:
    values = golden("geometry")
    px = float(values["inlier_threshold_px"])
    for case in range(int(values["n_cases"])):
        seen, true = golden_case(values, case), values[f"case{case}_inliers"]
        match = fast_spatial_match(seen, px, px)
        if true.any():
            assert match is not None, case
            np.testing.assert_array_equal(match.inliers, true, err_msg=f"case {case}")
            xy, expected = seen.query_xy[true], project(values[f"case{case}_transform"], seen.query_xy[true])
            assert np.abs(project(match.transform, xy) - expected).max() < px
        else:
            least = least_inliers(len(seen), chance(tuple(values[f"case{case}_image_size"].tolist()), px, Gates()))
            assert match is None or match.count < least


@pytest.mark.parametrize("transform", [SIMILAR, TILTED, UPRIGHT])
@pytest.mark.parametrize(("inliers", "outliers"), [(12, 0), (30, 70), (30, 270), (50, 950)])
def test_inliers_among_outliers_are_found(transform: np.ndarray, inliers: int, outliers: int) -> None:
    seen, true = scene(np.random.default_rng(inliers + outliers), inliers, outliers, transform)
    match = fast_spatial_match(seen, 10.0, 10.0)
    assert match is not None
    assert (match.inliers & true).sum() >= 0.95 * inliers
    assert (match.inliers & ~true).sum() <= 2
    assert match.score == match.count


def test_upright_images_are_matched_without_angles() -> None:
    seen, true = scene(np.random.default_rng(3), 40, 160, UPRIGHT)
    seen = replace(seen, image_angle=np.random.default_rng(4).uniform(-3, 3, 200).astype(np.float32))
    by_angle = fast_spatial_match(seen, 10.0, 10.0, "similarity")
    assert by_angle is None or by_angle.count < 15
    match = fast_spatial_match(seen, 10.0, 10.0, "translation_scale")
    assert match is not None
    assert (match.inliers & true).sum() >= 38


@pytest.mark.parametrize("hypothesis", ["similarity", "translation_scale"])
def test_noise_stays_below_what_chance_allows(hypothesis: Hypothesis) -> None:
    gates = Gates() if hypothesis == "similarity" else Gates(angle=np.pi)
    for seed in range(20):
        seen, _ = scene(np.random.default_rng(seed), 0, 300)
        match = fast_spatial_match(seen, 10.0, 10.0, hypothesis)
        assert match is None or match.count < least_inliers(300, chance(SIZE, 10.0, gates))


@pytest.mark.parametrize(
    ("model", "least", "most"), [("similarity", 4, 30), ("affine", 15, 60), ("homography", 100, 100)]
)
def test_a_richer_model_holds_more_of_a_slanted_plane(model: Model, least: int, most: int) -> None:
    slanted = np.array([[1.3, -0.2, 0.0], [0.2, 1.2, 0.0], [6e-4, 3e-4, 1.0]])
    seen, _ = scene(np.random.default_rng(5), 100, 0, slanted, noise=0.5)
    match = fast_spatial_match(seen, 8.0, 8.0, model=model)
    assert match is not None
    assert least <= match.count <= most


def test_each_feature_counts_once() -> None:
    seen, true = scene(np.random.default_rng(6), 30, 30, SIMILAR)
    # A burst: the first inlier's query feature is matched to its image place ten times over, by two orientations too.
    row = int(np.flatnonzero(true)[0])
    many = taken(seen, np.concatenate([np.arange(60), np.full(10, row)]))
    match = fast_spatial_match(many, 10.0, 10.0)
    assert match is not None
    assert match.count == 30
    assert len({tuple(xy) for xy in many.query_xy[match.inliers].tolist()}) == 30
    assert len({tuple(xy) for xy in many.image_xy[match.inliers].tolist()}) == 30


def test_a_burst_does_not_hide_the_true_transform() -> None:
    rng = np.random.default_rng(7)
    seen, true = scene(rng, 12, 60, SIMILAR)
    # 15 query features against 15 features of a small patch of the image, all with all: 225 alike frames.
    n = 225
    pairs = np.stack(np.meshgrid(np.arange(15), np.arange(15)), axis=-1).reshape(-1, 2)
    patch = rng.uniform([700, 100], [712, 112], (15, 2))
    there = rng.uniform([100, 600], [112, 612], (15, 2))
    burst = Correspondences(
        patch[pairs[:, 0]].astype(np.float32), np.ones(n, np.float32), np.zeros(n, np.float32),
        there[pairs[:, 1]].astype(np.float32), np.ones(n, np.float32), np.zeros(n, np.float32),
        np.ones(n, np.float32),
    )  # fmt: skip
    both = Correspondences(
        *(np.concatenate([getattr(seen, name), getattr(burst, name)]) for name in seen.__dataclass_fields__)
    )
    match = fast_spatial_match(both, 5.0, 5.0)
    assert match is not None
    assert (match.inliers[:72] & true).sum() >= 11


def test_weights_decide_between_two_transforms() -> None:
    first, _ = scene(np.random.default_rng(8), 20, 0, SIMILAR)
    second, _ = scene(np.random.default_rng(9), 20, 0, UPRIGHT)
    for heavy in (0, 1):
        weights = [np.full(20, 3.0 if heavy == i else 1.0, np.float32) for i in (0, 1)]
        both = Correspondences(
            *(np.concatenate([getattr(first, name), getattr(second, name)]) for name in first.__dataclass_fields__)
        )
        match = fast_spatial_match(replace(both, weights=np.concatenate(weights)), 10.0, 10.0)
        assert match is not None
        assert match.inliers[20 * heavy : 20 * heavy + 20].sum() >= 18
        assert match.score == pytest.approx(3.0 * match.count)


@pytest.mark.parametrize(
    "transform",
    [
        np.diag([-1.0, 1.0, 1.0]) + np.array([[0, 0, 900.0], [0, 0, 0], [0, 0, 0]]),
        np.array([[0.03, 0, 500.0], [0, 0.03, 300.0], [0, 0, 1]]),
        np.array([[30.0, 0, -9000.0], [0, 30.0, -7000.0], [0, 0, 1]]),
    ],
    ids=["mirrored", "shrunk to a dot", "blown up"],
)
def test_absurd_transforms_are_refused(transform: np.ndarray) -> None:
    mirrored = np.linalg.det(transform) < 0
    seen, _ = scene(np.random.default_rng(10), 50, 0, np.abs(transform) if mirrored else transform, noise=0.0)
    seen = replace(seen, image_xy=project(transform, seen.query_xy).astype(np.float32))
    match = fast_spatial_match(seen, 10.0, 10.0, gates=Gates(2.0, np.pi))
    assert match is None or match.count < 12


def test_everything_at_one_place_is_no_evidence() -> None:
    seen, _ = scene(np.random.default_rng(11), 40, 0, SIMILAR)
    close = replace(seen, query_xy=seen.query_xy * np.float32(1e-3), image_xy=seen.image_xy * np.float32(1e-3))
    assert fast_spatial_match(close, 10.0, 10.0) is None


def test_inliers_on_a_line_are_matched_by_a_similarity() -> None:
    seen, _ = scene(np.random.default_rng(12), 40, 0, SIMILAR)
    query = np.column_stack([np.linspace(0, 900, 40), np.full(40, 300.0)])
    line = replace(seen, query_xy=query.astype(np.float32), image_xy=project(SIMILAR, query).astype(np.float32))
    match = fast_spatial_match(line, 10.0, 10.0)
    assert match is not None
    assert match.count == 40
    np.testing.assert_allclose(match.transform[:2, :2], SIMILAR[:2, :2], atol=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_inliers_are_within_the_tolerances_in_both_images(seed: int) -> None:
    seen, _ = scene(np.random.default_rng(seed), 25, 75)
    match = fast_spatial_match(seen, 4.0, 7.0)
    if match is not None:
        q, p = seen.query_xy[match.inliers], seen.image_xy[match.inliers]
        assert np.linalg.norm(project(match.transform, q) - p, axis=1).max() <= 7.0
        assert np.linalg.norm(project(np.linalg.inv(match.transform), p) - q, axis=1).max() <= 4.0 + 1e-9


def test_order_of_correspondences_does_not_matter() -> None:
    rng = np.random.default_rng(13)
    seen, _ = scene(rng, 30, 170)
    order = rng.permutation(200)
    a, b = fast_spatial_match(seen, 10.0, 10.0), fast_spatial_match(taken(seen, order), 10.0, 10.0)
    assert a is not None
    assert b is not None
    np.testing.assert_array_equal(a.inliers[order], b.inliers)


def test_a_small_query_is_held_to_its_own_tolerance() -> None:
    small = np.array([[8.0, 0.0, 20.0], [0.0, 8.0, 10.0], [0.0, 0.0, 1.0]])
    rng = np.random.default_rng(14)
    seen, true = scene(rng, 40, 60, UPRIGHT)
    query = rng.uniform(0, 90, (100, 2))
    image = np.where(true[:, None], project(small, query) + rng.normal(0, 1, (100, 2)), seen.image_xy)
    seen = replace(seen, query_xy=query.astype(np.float32), image_xy=image.astype(np.float32))
    seen = replace(seen, image_scale=np.where(true, 8 * seen.query_scale, seen.image_scale).astype(np.float32))
    match = fast_spatial_match(seen, 1.12, 10.0)
    assert match is not None
    assert (match.inliers & true).sum() >= 39


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_than_four_correspondences_are_no_match(n: int) -> None:
    seen, _ = scene(np.random.default_rng(0), n, 0)
    assert fast_spatial_match(seen, 10.0, 10.0) is None
    assert usac_homography(seen, 10.0, 10.0) is None
    assert usac_fundamental(seen, 10.0, 10.0) is None


def test_transfer_errors_follow_their_definition() -> None:
    seen, _ = scene(np.random.default_rng(15), 30, 30, noise=3.0)
    q, p = seen.query_xy.astype(np.float64), seen.image_xy.astype(np.float64)
    angles = [f(angle) for angle in (seen.query_angle, seen.image_angle) for f in (np.cos, np.sin)]
    columns = np.vstack([q.T, p.T, *angles, np.square(seen.image_scale / seen.query_scale)]).astype(np.float64)
    errors = np.empty(60)
    transfer_errors(TILTED, columns, (16.0, 49.0, 4.0, np.cos(0.5)), errors)
    for i in range(60):
        forward = project(TILTED, q[i : i + 1])[0]
        back = project(np.linalg.inv(TILTED), p[i : i + 1])[0]
        error = max(np.square(forward - p[i]).sum() / 49, np.square(back - q[i]).sum() / 16)
        step = 1e-4
        jacobian = np.column_stack([(project(TILTED, q[i : i + 1] + d)[0] - forward) / step for d in np.eye(2) * step])
        grown = np.sqrt(np.linalg.det(jacobian)) / (seen.image_scale[i] / seen.query_scale[i])
        direction = jacobian @ [np.cos(seen.query_angle[i]), np.sin(seen.query_angle[i])]
        apart = abs(np.angle(np.exp(1j * (np.arctan2(*direction[::-1]) - seen.image_angle[i]))))
        if not 0.5 <= grown <= 2 or apart > 0.5:
            error = np.inf
        assert errors[i] == pytest.approx(error, rel=1e-6)


def test_the_closest_at_a_place_is_kept() -> None:
    errors = np.array([0.5, 0.2, 0.9, 1.1, 0.3])
    query, image = np.array([0, 0, 2, 3, 4]), np.array([0, 1, 2, 3, 2])
    assert one_to_one(errors, 1.0, 0.0, errors, (query, image)).tolist() == [1, 4]


def test_equal_positions_are_one_place() -> None:
    xy = np.array([[1, 2], [0.0, 3], [1, 2], [-0.0, 3], [2, 1]], np.float32)
    assert places(xy).tolist() == [0, 1, 0, 1, 4]
    assert places(np.zeros((0, 2), np.float32)).tolist() == []


def test_places_agree_with_unique() -> None:
    xy = np.random.default_rng(16).integers(0, 12, (500, 2)).astype(np.float32)
    _, first, inverse = np.unique(xy, axis=0, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(places(xy), first[inverse.ravel()])


def test_plausible_transforms() -> None:
    assert plausible(np.eye(3), 5.0, 5.0)
    assert plausible(np.diag([5.0, 1.0, 1.0]), 5.0, 5.0)
    assert not plausible(np.diag([7.0, 1.0, 1.0]), 5.0, 5.0)
    assert not plausible(np.diag([-1.0, 1.0, 1.0]), 5.0, 5.0)
    assert not plausible(np.diag([21.0, 21.0, 1.0]), 5.0, 5.0)
    assert not plausible(np.diag([0.04, 0.04, 1.0]), 5.0, 5.0)
    assert not plausible(np.zeros((3, 3)), 5.0, 5.0)


def test_false_alarms_fall_with_inliers_and_rise_with_correspondences() -> None:
    given = chance(SIZE, 10.0, Gates())
    alarms = [log_false_alarms(500, k, given) for k in range(4, 40)]
    assert all(a > b for a, b in pairwise(alarms))
    assert log_false_alarms(1000, 12, given) > log_false_alarms(100, 12, given)
    assert log_false_alarms(500, 12, given, "similarity") < log_false_alarms(500, 12, given, "homography")
    assert log_false_alarms(500, 12, chance(SIZE, 20.0, Gates())) > log_false_alarms(500, 12, given)


def test_false_alarms_bound_the_binomial_tail() -> None:
    from scipy.stats import binom

    given = chance(SIZE, 10.0, Gates(angle=np.pi))
    for n, k in ((50, 8), (500, 10), (1000, 20)):
        # A similarity: one free correspondence besides the proposing one, the others by the binomial law.
        exact = np.log10(n) + np.log10((n - 1) * given.wide) + binom.logsf(k - 3, n - 2, given.near) / np.log(10)
        found = log_false_alarms(n, k, given, "similarity")
        assert exact - 1e-9 <= found <= exact + 0.1


def test_score_above_chance_is_nothing_at_chance_and_nearly_all_far_above() -> None:
    seen, _ = scene(np.random.default_rng(17), 100, 200)
    match = fast_spatial_match(seen, 10.0, 10.0)
    assert match is not None
    given = chance(SIZE, 10.0, Gates())
    assert 0.85 * match.score < score_above_chance(match, 300, given) < match.score
    by_chance = least_inliers(300, given, "homography", 1.0) - 1
    few = np.zeros(300, np.bool_)
    few[:by_chance] = True
    assert score_above_chance(replace(match, inliers=few, score=float(by_chance)), 300, given) == 0


def test_usac_homography_agrees_and_repeats() -> None:
    seen, true = scene(np.random.default_rng(18), 100, 100)
    first, second = usac_homography(seen, 4.0, 4.0), usac_homography(seen, 4.0, 4.0)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.transform, second.transform)
    assert (first.inliers & true).sum() >= 95
    assert np.abs(project(first.transform, seen.query_xy[true]) - project(TILTED, seen.query_xy[true])).max() < 5


def test_usac_counts_each_feature_once() -> None:
    seen, _ = scene(np.random.default_rng(19), 60, 0)
    twice = taken(seen, np.tile(np.arange(60), 2))
    match = usac_homography(twice, 4.0, 4.0)
    assert match is not None
    assert match.count <= 60


def test_usac_fundamental_holds_two_views_of_a_scene_with_depth() -> None:
    rng = np.random.default_rng(20)
    world = rng.uniform([-2, -2, 4], [2, 2, 9], (150, 3))
    turn = np.array([[np.cos(0.2), 0, np.sin(0.2)], [0, 1, 0], [-np.sin(0.2), 0, np.cos(0.2)]])
    views = [world, world @ turn.T + [0.8, 0.1, 0.2]]
    xy = [(500 * view[:, :2] / view[:, 2:] + [500, 375]).astype(np.float32) for view in views]
    xy[1][100:] = rng.uniform(0, 700, (50, 2))
    one, zero = np.ones(150, np.float32), np.zeros(150, np.float32)
    match = usac_fundamental(Correspondences(xy[0], one, zero, xy[1], one, zero, one), 2.0, 2.0)
    assert match is not None
    assert match.inliers[:100].sum() >= 95
    assert match.score == match.count
