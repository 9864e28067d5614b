"""The region of a map that is most like a query, against all regions of the map."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.rerank.localisation import localise


def scene(seed: int, height: int = 14, width: int = 18) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    """A map with a thing in it that has channels of its own, the maxima of the thing, and where it is."""
    rng = np.random.default_rng(seed)
    maps = rng.random((24, height, width)).astype(np.float32)
    maps[:8] *= 0.05
    x0, y0 = (int(rng.integers(0, most)) for most in (width - 6, height - 6))
    maps[8:, y0 : y0 + 6, x0 : x0 + 6] *= 0.05
    for channel in range(8):
        y, x = rng.integers(0, 6), rng.integers(0, 6)
        maps[channel, y0 + y, x0 + x] = 1.0
    maps[0, y0, x0] = maps[1, y0 + 5, x0 + 5] = 1.0
    box = (x0, y0, x0 + 6, y0 + 6)
    return maps, maps[:, y0 : y0 + 6, x0 : x0 + 6].max(axis=(1, 2)), box


def cosine(maps: np.ndarray, box: tuple[int, int, int, int], query: np.ndarray) -> float:
    x0, y0, x1, y1 = box
    pooled = maps[:, y0:y1, x0:x1].max(axis=(1, 2))
    return float(pooled @ query / np.linalg.norm(pooled) / np.linalg.norm(query))


@pytest.mark.parametrize("seed", range(6))
def test_a_thing_is_found_where_it_is(seed: int) -> None:
    maps, query, box = scene(seed)
    found, score = localise(maps, query, 1.0)
    whole = cosine(maps, (0, 0, 18, 14), query)
    assert cosine(maps, tuple(found.tolist()), query) > 0.9 > whole
    assert score > whole
    overlap = np.prod(np.maximum(np.minimum(found[2:], box[2:]) - np.maximum(found[:2], box[:2]), 0))
    assert overlap >= 0.8 * np.prod(found[2:] - found[:2])


def test_with_a_large_exponent_the_cosine_is_that_of_maxima() -> None:
    maps, query, _ = scene(7)
    found, score = localise(maps, query, 1.0, alpha=30.0)
    assert score == pytest.approx(cosine(maps, tuple(found.tolist()), query), abs=0.02)


def test_no_side_can_move_to_where_it_is_better() -> None:
    maps, query, _ = scene(3)
    found, score = localise(maps, query, 1.0, step=2, rounds=50)
    again, same = localise(maps, query, 1.0, step=2, rounds=51)
    assert found.tolist() == again.tolist()
    assert score == same


def test_a_map_without_such_regions_is_tried_whole() -> None:
    maps = np.ones((3, 1, 12), np.float32)
    found, score = localise(maps, np.ones(3), 1e-3, rounds=0)
    assert found.tolist() == [0, 0, 12, 1]
    assert score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("query", "aspect", "said"), [(np.ones(4), 1.0, "of the 3 channels"), (np.ones(3), 0.0, "above 0")]
)
def test_what_makes_no_sense_is_refused(query: np.ndarray, aspect: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        localise(np.ones((3, 4, 4), np.float32), query, aspect)
