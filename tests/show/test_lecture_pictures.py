"""Pictures of channels, of R-MAC's weighting, of the S-curve, and of hard examples."""

from __future__ import annotations

import numpy as np
import pytest

from resight.descriptors.activity import Activity
from resight.errors import UsageError
from resight.features.regions.grids import rmac_grid
from resight.features.regions.sampling import Sampling
from resight.features.sight import Sight
from resight.show.channels import draw_channels
from resight.show.curve import draw_curve, s_curve
from resight.show.embedding import PlacedPhoto, Plane
from resight.show.hard_examples_picture import hard_examples
from resight.show.weighting import draw_weighting


def test_a_channel_lights_the_cells_where_it_is_not_0_and_outlines_its_strongest_field() -> None:
    sampling = Sampling(stride=20.0, receptive_field=30.0, start=10.0)
    place = Sight(sampling, sampling, (80, 60), (1.0, 1.0), (0.0, 0.0, 80.0, 60.0))
    values = np.zeros((3, 4), np.float32)
    values[0, 0], values[2, 3] = 1.0, 2.0
    photo = np.full((60, 80, 3), 200, np.uint8)
    (drawn,) = draw_channels(photo, [Activity(5, 1.5, place.heat(values), place.cell(2, 3))], place)
    assert (drawn[2:18, 2:18] == 200).all()
    assert (drawn[25:35, 2:40] == 60).all()
    # The field of the strongest position is 30 pixels around (70, 50), cut at the photo.
    assert drawn[35, 70].tolist() == [255, 176, 0]
    assert drawn[50, 55].tolist() == [255, 176, 0]
    assert (photo == 200).all()


@pytest.mark.parametrize("levels", [1, 2, 3, 7])
def test_a_position_is_as_bright_as_the_regions_that_it_lies_in_are_many(levels: int) -> None:
    (drawn,) = draw_weighting(17, 12, [levels]).values()
    assert drawn.shape == (120, 170, 3)
    count = np.zeros((12, 17), int)
    for x0, y0, x1, y1 in rmac_grid(12, 17, levels).tolist():
        count[y0:y1, x0:x1] += 1
    brightness = drawn[5::10, 5::10].astype(int).sum(axis=2)
    order = np.argsort(count.ravel(), kind="stable")
    assert (np.diff(brightness.ravel()[order]) >= 0).all()
    assert len(np.unique(brightness)) == len(np.unique(count))


def test_the_curve_is_a_surface_of_its_length_and_width() -> None:
    points, along = s_curve(500, 0)
    assert points.shape == (500, 3)
    np.testing.assert_allclose(points[:, 0], np.sin(along))
    np.testing.assert_allclose(np.abs(points[:, 2]), 1 - np.cos(along), atol=1e-12)
    assert points[:, 1].min() >= 0
    assert points[:, 1].max() <= 2
    with pytest.raises(UsageError, match="at least 2"):
        s_curve(1, 0)


def test_the_curve_is_drawn_by_every_way_of_embedding() -> None:
    pytest.importorskip("sklearn")
    drawn = draw_curve(40, 0)
    assert list(drawn) == ["S-curve", "isomap", "mds", "spectral", "tsne"]
    assert all((one != 255).any() for one in drawn.values())


def test_only_neighbours_of_one_kind_are_marked() -> None:
    ranks = [(1, 1), (2, 0), (0, 2), (0, 0)]
    photos = [PlacedPhoto(str(i), "", 0.5, 0.5, None, False, *rank) for i, rank in enumerate(ranks)]
    marked = hard_examples(Plane(photos, 4, 4, "isomap")).photos
    assert [(one.euclidean, one.manifold) for one in marked] == [(0, 0), (2, 0), (0, 2), (0, 0)]
