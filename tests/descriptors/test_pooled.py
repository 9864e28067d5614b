"""Maps of several scales to vectors: against loops over scales, positions and regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from resight.descriptors.crow import crow
from resight.descriptors.kinds import Crow, Gem, Mac, Regions, Rmac, Spoc, SuperGlobalPooling
from resight.descriptors.pooled import unit_sum, whitened_rows
from resight.features.image_maps import ImageMaps
from resight.features.regions.grids import rmac_grid
from resight.learned.whitening import Whitening, fit_pca_whitening

SIZES = ((9, 12), (6, 8))


def image(*masks: Tensor | None) -> ImageMaps:
    generator = torch.Generator().manual_seed(1)
    maps = tuple(torch.rand(5, *size, generator=generator) for size in SIZES)
    return ImageMaps(maps, masks or (None, None), (120, 90), ((120, 90), (80, 60)))


def raw_vectors(given: ImageMaps, method: Any) -> np.ndarray:
    found: np.ndarray = method.vectors_of(given)
    return found


def region_vectors(given: ImageMaps, method: Any, whitening: Whitening | None) -> np.ndarray:
    return whitened_rows(raw_vectors(given, method), whitening)


def descriptor(given: ImageMaps, method: Any, whitening: Whitening | None) -> np.ndarray:
    if isinstance(method, Regions):
        return unit_sum(region_vectors(given, method, whitening))
    found: np.ndarray = method.describe(given, whitening, {})
    return found


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def pooled(x: np.ndarray, method: Any) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    match method:
        case Mac():
            return flat.max(axis=1)
        case Spoc():
            return flat.mean(axis=1)
        case Gem():
            return (flat**method.p).mean(axis=1) ** (1 / method.p)
        case _:
            return crow(torch.from_numpy(x)[None])[0].numpy()


@pytest.mark.parametrize("method", [Mac(), Spoc(), Gem(p=2.5), Crow()], ids=lambda method: method.kind)
def test_scales_are_averaged_after_each_is_normalised(method: Any) -> None:
    each = [unit(pooled(maps.numpy(), method)) for maps in image().maps]
    (row,) = raw_vectors(image(), method)
    np.testing.assert_allclose(row, unit(np.mean(each, axis=0)), atol=1e-6)
    np.testing.assert_allclose(descriptor(image(), method, None), row, atol=1e-6)


def test_the_centre_prior_weighs_the_middle_more() -> None:
    maps = torch.zeros(2, 9, 9)
    maps[0, 4, 4] = maps[1, 0, 0] = 1.0
    one = ImageMaps((maps,), (None,), (90, 90), ((90, 90),))
    np.testing.assert_allclose(raw_vectors(one, Spoc())[0], [0.5**0.5] * 2, atol=1e-6)
    assert raw_vectors(one, Spoc(centre_prior=True))[0, 1] < 1e-2


@pytest.mark.parametrize("method", [Rmac(levels=2), Regions(levels=2)], ids=lambda method: method.kind)
def test_regions_of_all_scales_are_whitened_one_by_one(method: Any) -> None:
    rows = []
    for maps in image().maps:
        x = maps.numpy()
        for x0, y0, x1, y1 in rmac_grid(x.shape[1], x.shape[2], 2).tolist():
            rows.append(unit(x[:, y0:y1, x0:x1].reshape(5, -1).max(axis=1)))
    np.testing.assert_allclose(raw_vectors(image(), method), rows, atol=1e-6)
    whitening = fit_pca_whitening(np.random.default_rng(0).random((40, 5)).astype(np.float32), 3)
    each = whitening.apply(np.array(rows, np.float32))
    np.testing.assert_allclose(region_vectors(image(), method, whitening), each, atol=1e-5)
    np.testing.assert_allclose(descriptor(image(), method, whitening), unit(each.sum(axis=0)), atol=1e-5)


@pytest.mark.parametrize("method", [Mac(), Spoc(), Gem(), SuperGlobalPooling()], ids=lambda method: method.kind)
def test_only_positions_of_the_mask_count(method: Any) -> None:
    masks = []
    for height, width in SIZES:
        mask = torch.zeros(height, width)
        mask[1:4, 2:5] = 1.0
        masks.append(mask)
    cut = tuple(maps[:, 1:4, 2:5].contiguous() for maps in image().maps)
    part = ImageMaps(cut, (None, None), (30, 30), ((30, 30), (20, 20)))
    np.testing.assert_allclose(raw_vectors(image(*masks), method), raw_vectors(part, method), atol=1e-6)


def regional(x: np.ndarray) -> np.ndarray:
    """(C, h, w): the mean of a map and of its generalised mean of p = 2.5 over 5 x 5 positions, or 3 x 3, or 1."""
    edge = min(2, *(side - 1 for side in x.shape[1:]))
    padded = np.pad(x.astype(np.float64), ((0, 0), (edge, edge), (edge, edge)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * edge + 1,) * 2, axis=(1, 2))
    return ((windows**2.5).mean(axis=(3, 4)) ** (1 / 2.5) + x) / 2


@pytest.mark.parametrize("sizes", [SIZES, ((3, 2), (1, 4))], ids=["large", "small"])
def test_superglobal_whitens_each_scale_and_takes_the_largest(sizes: tuple[tuple[int, int], ...]) -> None:
    generator = torch.Generator().manual_seed(2)
    given = ImageMaps(tuple(torch.rand(5, *size, generator=generator) for size in sizes), (None, None), (9, 9), ())
    flat = [regional(maps.numpy()).reshape(5, -1) for maps in given.maps]
    rows = [unit((each**4.6).mean(axis=1) ** (1 / 4.6)) for each in flat]
    np.testing.assert_allclose(raw_vectors(given, SuperGlobalPooling()), rows, atol=1e-5)
    np.testing.assert_allclose(descriptor(given, SuperGlobalPooling(), None), unit(np.max(rows, axis=0)), atol=1e-5)
    whitening = fit_pca_whitening(np.random.default_rng(0).random((40, 5)).astype(np.float32), 3)
    expected = unit(whitening.apply(np.array(rows, np.float32)).max(axis=0))
    np.testing.assert_allclose(descriptor(given, SuperGlobalPooling(), whitening), expected, atol=1e-4)


def test_superglobal_of_nothing_that_counts() -> None:
    nowhere = image(*(torch.zeros(size) for size in SIZES))
    assert not raw_vectors(nowhere, SuperGlobalPooling()).any()


def test_regions_without_a_position_that_counts_are_left_out() -> None:
    masks = []
    for height, width in SIZES:
        mask = torch.zeros(height, width)
        mask[: height // 3, : width // 3] = 1.0
        masks.append(mask)
    method, rows = Rmac(levels=3), []
    for maps, mask in zip(image().maps, masks, strict=True):
        kept = (maps * mask).numpy()
        for x0, y0, x1, y1 in rmac_grid(*kept.shape[1:], 3).tolist():
            if mask[y0:y1, x0:x1].any():
                rows.append(unit(kept[:, y0:y1, x0:x1].reshape(5, -1).max(axis=1)))
    assert 2 < len(rows) < len(raw_vectors(image(), method))
    np.testing.assert_allclose(raw_vectors(image(*masks), method), rows, atol=1e-6)
    whitening = fit_pca_whitening(np.random.default_rng(0).random((40, 5)).astype(np.float32), 3)
    expected = unit(whitening.apply(np.array(rows, np.float32)).sum(axis=0))
    np.testing.assert_allclose(descriptor(image(*masks), method, whitening), expected, atol=1e-5)
    nowhere = image(*(torch.zeros(size) for size in SIZES))
    assert region_vectors(nowhere, Regions(), whitening).shape == (0, 3)
    assert not descriptor(nowhere, method, whitening).any()


def test_a_photo_without_activations_has_no_direction() -> None:
    blank = ImageMaps((torch.zeros(5, 4, 4),), (None,), (40, 40), ((40, 40),))
    for method in (Mac(), Rmac(levels=1)):
        assert not descriptor(blank, method, None).any()
