"""Whole worlds: the ground truth is true of the pixels, repeats exactly, and is written as whole files."""

from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest

from resight.errors import UsageError
from resight.worlds.camera import transform
from resight.worlds.world import CHALLENGES, World, render_world, save_world

NUMBERS = {"objects": 8, "views": 2, "queries": 1, "look_alikes": 3, "distractors": 3, "size": 400}


@pytest.fixture(scope="module")
def world() -> World:
    return render_world(7, **NUMBERS)


def digest(world: World) -> str:
    return hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(world.files.items()))).hexdigest()


def test_counts_and_every_challenge_is_there(world):
    assert len(world.images) == (8 + 3) * (2 + 1) + 3
    assert len(world.queries) == 8 + 3
    assert {query.challenge for query in world.queries} == set(CHALLENGES)
    assert sum(name.startswith("other-") for name in world.images) == 3
    assert not any(name.startswith("other-") for name in world.views)


def test_the_images_are_the_pixels_of_the_files(world):
    for name, data in world.files.items():
        decoded = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(decoded, world.images[name])


def test_queries_tell_positives_from_junk(world):
    for query in world.queries:
        thing = world.views[query.image].thing
        assert query.image in query.junk
        assert not set(query.positives) & set(query.junk)
        assert set(query.positives) | set(query.junk) == set(world.groups[thing])
        assert len(query.positives) == 2
        assert all(world.views[name].challenge is None for name in query.positives)
        assert world.views[query.image].challenge == query.challenge


def test_look_alikes_are_things_of_their_own(world):
    families = [name for name in world.groups if name.startswith("look-alike")]
    assert len(families) == 3
    for query in world.queries:
        if query.challenge == "look_alike":
            others = {name for family in families for name in world.groups[family]} - set(query.junk)
            assert len(others - set(query.positives)) == 6


def test_look_alikes_look_alike(world):
    """Laid over each other by the homographies of their fronts, two variants agree but for their one word."""

    def upright(name: str) -> np.ndarray:
        shift = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
        front = np.linalg.inv(shift @ world.views[name].front @ np.linalg.inv(shift))
        grey = cv2.cvtColor(world.images[name], cv2.COLOR_RGB2GRAY)
        return cv2.warpPerspective(grey, front, (400, 500))[40:460, 40:360].astype(float).ravel()

    names = ("look-alike-00a_1.jpg", "look-alike-00a_2.jpg", "look-alike-00b_1.jpg", "package-01_1.jpg")
    same, twin, other = np.corrcoef([upright(name) for name in names])[0, 1:]
    assert same > 0.95
    assert 0.5 < twin < 0.9
    assert other < 0.3


def test_the_same_arguments_give_the_same_files_whatever_the_workers():
    small = {"objects": 3, "views": 1, "queries": 1, "look_alikes": 1, "distractors": 1, "size": 200}
    assert digest(render_world(3, **small, workers=1)) == digest(render_world(3, **small, workers=3))


def test_no_two_photos_are_the_same(world):
    assert len(set(world.files.values())) == len(world.files)


def test_homographies_say_where_matched_features_are(world):
    """SIFT knows nothing of the renderer: its matches between plain photos lie where the homography maps them."""
    sift, residuals = cv2.SIFT_create(800), []
    for names in world.groups.values():
        plain = [name for name in names if world.views[name].challenge is None]
        first, second = (sift.detectAndCompute(cv2.cvtColor(world.images[n], cv2.COLOR_RGB2GRAY), None) for n in plain)
        matches = cv2.BFMatcher(crossCheck=True).match(first[1], second[1])
        # OpenCV counts from pixel centres.
        here = np.array([first[0][m.queryIdx].pt for m in matches]) + 0.5
        there = np.array([second[0][m.trainIdx].pt for m in matches]) + 0.5
        error = np.linalg.norm(transform(world.homographies[plain[0], plain[1]], here) - there, axis=1)
        near = error < 4
        assert near.sum() >= 15, plain
        residuals.append((transform(world.homographies[plain[0], plain[1]], here) - there)[near])
    offsets = np.concatenate(residuals)
    assert np.median(np.linalg.norm(offsets, axis=1)) < 0.7
    # An error of half a pixel in the convention of centres would shift all of them.
    np.testing.assert_allclose(np.median(offsets, axis=0), 0, atol=0.1)


def test_homographies_are_inverse_and_compose(world):
    pairs = world.homographies
    for names in world.groups.values():
        a, b, c = names
        np.testing.assert_allclose(pairs[a, c], (h := pairs[b, c] @ pairs[a, b]) / h[2, 2], rtol=1e-6, atol=1e-7)
        back = pairs[a, b] @ pairs[b, a]
        np.testing.assert_allclose(back / back[2, 2], np.eye(3), atol=1e-7)


def test_homographies_map_outline_to_outline_for_every_challenge(world):
    def whole(name: str) -> bool:
        height, width = world.images[name].shape[:2]
        inner = world.views[name].visible
        return bool(inner.min() > 0 and np.all(inner.max(axis=0) < (width, height)))

    seen = set()
    for (a, b), matrix in world.homographies.items():
        if whole(a) and whole(b):
            mapped = transform(matrix, world.views[a].visible)
            np.testing.assert_allclose(mapped, world.views[b].visible, atol=1e-6)
            seen.add(world.views[b].challenge)
    assert {"scale", "low_resolution", "clutter", "light"} <= seen


def test_visible_polygons_and_shares(world):
    for name, view in world.views.items():
        height, width = world.images[name].shape[:2]
        assert view.visible.min() >= -1e-6
        assert np.all(view.visible.max(axis=0) <= np.array([width, height]) + 1e-6)
        assert 0.15 < view.share <= 1.0
        if view.challenge == "occlusion":
            assert view.share < 0.85
        if view.challenge == "low_resolution":
            assert max(width, height) == 120
        else:
            assert max(width, height) == 400


def test_a_saved_world_is_the_layout_of_the_benchmarks(world, tmp_path):
    folder = save_world(world, tmp_path / "demo")
    truth = json.loads((folder / "groundtruth.json").read_text())
    assert truth["images"] == sorted(path.name for path in (folder / "images").iterdir())
    assert set(truth) == {"images", "queries", "groups"}
    for entry, query in zip(truth["queries"], world.queries, strict=True):
        assert set(entry) == {"image", "positives", "junk", "challenge"}
        assert (entry["image"], tuple(entry["positives"])) == (query.image, query.positives)
        assert {entry["image"], *entry["positives"], *entry["junk"]} <= set(truth["images"])
    assert all((folder / "images" / name).read_bytes() == data for name, data in world.files.items())
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_saving_never_writes_over_something(world, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not an empty folder"):
        save_world(world, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failed_save_leaves_nothing(world, tmp_path, monkeypatch):
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Exception, match="No space left on device"):
        save_world(world, tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"objects": 0}, {"views": 0}, {"distractors": -1}, {"size": 10}, {"workers": 0}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        render_world(1, **wrong)
