"""Two photos matched alone: a known transform comes back, and what shows nothing in common has none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from resight.errors import ImageError, UsageError
from resight.rerank.geometry import project
from resight.rerank.pairs import match


def photo(world_folder: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(world_folder / "images" / name).convert("RGB"))


def test_a_known_transform_is_found(world_folder: Path) -> None:
    pixels = photo(world_folder, "poster-02_1.jpg")
    height, width = pixels.shape[:2]
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), 20.0, 0.8)
    other = cv2.warpAffine(pixels, turned, (width, height), flags=cv2.INTER_AREA, borderValue=(128, 128, 128))
    found = match(pixels, other)
    assert found is not None
    assert found.inliers >= 50
    assert found.inliers <= found.tentative
    corners = np.array([[100.0, 100.0], [300.0, 150.0], [200.0, 280.0]])
    # OpenCV's warps count from pixel centres, positions of features from the corner of the first pixel.
    expected = (corners - 0.5) @ turned[:, :2].T + turned[:, 2] + 0.5
    assert np.abs(project(found.transform, corners) - expected).max() < 2.0


def test_files_bytes_and_pixels_are_the_same_photo(world_folder: Path) -> None:
    first, second = (world_folder / "images" / f"poster-02_{n}.jpg" for n in (1, 2))
    by_path = match(first, str(second))
    by_bytes = match(first.read_bytes(), second.read_bytes())
    by_pixels = match(photo(world_folder, first.name), photo(world_folder, second.name))
    assert by_path is not None
    assert by_bytes is not None
    assert by_pixels is not None
    assert by_path.inliers == by_bytes.inliers == by_pixels.inliers >= 10


def test_a_box_leaves_the_rest_of_the_query_out(world_folder: Path) -> None:
    pixels = photo(world_folder, "poster-02_1.jpg")
    height, width = pixels.shape[:2]
    half = (0.0, 0.0, width / 2, float(height))
    found = match(pixels, pixels, box=half)
    assert found is not None
    assert found.query_xy[:, 0].max() <= width / 2 + 8  # a feature reaches over the edge a little
    with pytest.raises(UsageError, match="box"):
        match(pixels, pixels, box=(width + 10.0, 0.0, width + 20.0, 10.0))


def test_different_things_share_at_most_a_few_inliers(world_folder: Path) -> None:
    images = world_folder / "images"
    poster = images / "poster-02_1.jpg"
    others = [path for path in sorted(images.iterdir()) if not path.name.startswith("poster")]
    counts = [0 if (found := match(poster, path)) is None else found.inliers for path in others]
    assert max(counts) < 10


def test_what_is_no_photo_is_refused(tmp_path: Path, world_folder: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    poster = world_folder / "images" / "poster-02_1.jpg"
    with pytest.raises(ImageError, match=r"text\.jpg"):
        match(poster, tmp_path / "text.jpg")
    with pytest.raises(UsageError, match="array"):
        match(poster, np.zeros((4, 4, 2), np.uint8))


def test_a_plain_surface_matches_nothing() -> None:
    plain = np.full((64, 64, 3), 90, np.uint8)
    assert match(plain, plain) is None
