"""Edges of photos."""

from __future__ import annotations

import numpy as np
import pytest

from resight.features.edges.detector import edge_strengths, thinned


def test_a_step_gives_one_thin_line_where_it_is() -> None:
    image = np.zeros((40, 60), np.uint8)
    image[:, 30:] = 200
    found = edge_strengths(image)
    columns = np.flatnonzero(found[20] > 0.5)
    assert len(columns) == 1
    assert columns[0] in (29, 30)
    assert found.max() == 1.0


def test_a_plain_image_has_none() -> None:
    assert not edge_strengths(np.full((20, 20, 3), 90, np.uint8)).any()


def test_thinning_keeps_the_maxima_across_the_line_alone() -> None:
    profile = np.array([0, 1, 3, 2, 0], np.float32)
    strength = np.tile(profile, (7, 1))
    kept = thinned(strength, np.ones_like(strength), np.zeros_like(strength))
    np.testing.assert_array_equal(kept[3], [0, 0, 3, 0, 0])


def test_texture_is_weakened_and_an_outline_is_not() -> None:
    image = np.full((120, 120), 128, np.uint8)
    image[:, 60:] = 230
    stripes = (np.arange(60) // 3 % 2 * 60 + 60).astype(np.uint8)
    image[:, :50] = np.tile(stripes[:50], (120, 1))
    plain, suppressed = edge_strengths(image), edge_strengths(image, suppression=1.0)
    ratio = [found[60, 5:40].max() / found[60, 58:62].max() for found in (plain, suppressed)]
    assert ratio[1] < 0.8 * ratio[0]


def test_colours_alone_have_edges() -> None:
    image = np.zeros((30, 30, 3), np.uint8)
    image[:, :15, 0] = image[:, 15:, 2] = 100
    assert edge_strengths(image)[15].max() == pytest.approx(1.0)


def test_colours_that_change_against_each_other_do_not_cancel() -> None:
    # Red rises within a pixel and blue falls over ten: each is the stronger one at another scale.
    x = np.arange(60)
    red, blue = np.where(x < 30, 40, 140), 200 / (1 + np.exp((x - 30) / 2.0))
    alone, both = np.zeros((2, 40, 60, 3), np.uint8)
    alone[..., 0] = both[..., 0] = red
    both[..., 2] = blue
    sheet = np.concatenate([alone, both])
    found = edge_strengths(sheet, sigmas=(1.0, 4.0))
    assert np.flatnonzero(found[60]).tolist() == np.flatnonzero(found[20]).tolist() == [30]
