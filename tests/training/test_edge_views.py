"""Edges of photos, and what a hand would draw of them."""

from __future__ import annotations

import numpy as np

from drawn_shapes import BOAT, HOUSE, photo
from resight.features.edges.detector import edge_strengths
from resight.features.kinds import EdgeMaps
from resight.training.drawing import Look, Seen
from resight.training.edge_views import EdgeViews
from resight.training.kinds import PhotoSizes
from resight.training.photos import TrainingPhotos
from resight.training.sketching import HASTY, drawn

EDGES = EdgeMaps.model_validate(
    {"network": "mobilenet_v2", "layer": "features.14.expand", "side": 96, "pad": 6, "checkpoint": {"source": "random"}}
)


def views() -> EdgeViews:
    pictures = [photo(HOUSE), photo(BOAT)]
    flat = np.concatenate([one.reshape(-1) for one in pictures])
    shapes = [one.shape[:2] for one in pictures]
    photos = TrainingPhotos(["a", "b"], {}, [], flat, [0, pictures[0].size], shapes)
    return EdgeViews(photos, PhotoSizes(side=96), np.arange(2), edges=EDGES)


def image(look: Look, *seed: int) -> np.ndarray:
    return views().image(Seen(0, look, seed))


def test_images_are_square_grey_frames_and_the_same_for_the_same_request() -> None:
    for look in ("plain", "mild", "strong"):
        found = image(look, 0, 3, 0, 0, 1)
        assert found.shape == (96, 96, 3)
        assert found.any()
        np.testing.assert_array_equal(found[..., 0], found[..., 2])
        np.testing.assert_array_equal(found, image(look, 0, 3, 0, 0, 1))


def test_drawn_lines_are_binary_and_differ_each_time() -> None:
    first, second = image("strong", 0, 3, 0, 0, 1), image("strong", 0, 3, 0, 0, 2)
    assert set(np.unique(first).tolist()) == {0, 255}
    assert (first != second).any()


def test_a_step_is_mirrored_as_a_whole() -> None:
    plain = image("plain")
    mirrored = []
    for step in range(8):
        of_step = []
        looks: tuple[Look, ...] = ("mild", "plain", "mild", "plain")
        # Negatives are plain: they are mirrored with the others.
        for number, look in enumerate(looks):
            found = image(look, 0, 3, 0, step, number)
            same = [(side[..., 0] * (found[..., 0] / 255.0)).sum() for side in (plain.astype(float), plain[:, ::-1])]
            of_step.append(same[1] > same[0])
        assert len(set(of_step)) == 1
        mirrored.append(of_step[0])
    assert len(set(mirrored)) == 2


def test_something_is_always_drawn() -> None:
    faint = np.zeros((60, 60), np.float32)
    faint[20, 10:50] = 0.01
    for seed in range(20):
        assert drawn(faint, HASTY, np.random.default_rng(seed)).any()


def test_nothing_is_drawn_of_a_photo_without_edges() -> None:
    assert not drawn(np.zeros((60, 60), np.float32), HASTY, np.random.default_rng(0)).any()


def test_a_drawing_stays_near_its_edges() -> None:
    strengths = edge_strengths(photo(HOUSE), suppression=1.0)
    lines = drawn(strengths, HASTY, np.random.default_rng(1))
    margin = max(strengths.shape) // 4
    where = np.argwhere(lines) - margin
    edges = np.argwhere(strengths > 0.3)
    gap = np.sqrt(((where[::7, None] - edges[None, ::3]) ** 2).sum(axis=2)).min(axis=1)
    assert np.median(gap) < 0.12 * max(strengths.shape)
