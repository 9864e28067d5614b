"""Histograms of the orientation of edges."""

from __future__ import annotations

import numpy as np

from resight.features.edges.orientations import orientation_maps


def test_lines_fall_into_the_orientation_of_their_gradient_and_the_cell_where_they_are() -> None:
    edges = np.zeros((64, 64), np.float32)
    edges[8, 4:28] = 1.0  # its gradient is vertical
    edges[36:60, 56] = 1.0  # and horizontal
    maps = orientation_maps(edges, 4, 4)
    assert maps.shape == (4, 4, 4)
    assert maps[:, 0, 0].argmax() == 2
    assert maps[:, 3, 3].argmax() == 0
    assert maps[:, 0, 3].max() < 0.25 * maps.max()


def test_an_empty_frame_has_none() -> None:
    assert not orientation_maps(np.zeros((48, 48), np.float32), 8, 8).any()


def test_wide_frames_have_fewer_rows() -> None:
    assert orientation_maps(np.zeros((24, 96), np.float32), 8, 8).shape == (8, 2, 8)
