"""What every channel promises, whatever its family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import METHODS, collection
from resight.channels.channel import Channel, SegmentRows
from resight.channels.fits import opened_channels
from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift import detect
from resight.recipe import load_recipe
from resight.search.selection import by_id

FAMILIES = [name for name in METHODS if name not in ("verified", "chained")]
SIZE = (200, 150)


@pytest.fixture(scope="module")
def features() -> list[LocalFeatures]:
    """Of six images, one of them without any."""
    seen = [detect(pixels, Sift(max_features=60)) for pixels in collection(3).values()]
    return [*seen[:2], LocalFeatures.none(), *seen[2:5]]


@pytest.fixture(params=FAMILIES)
def channel(request: pytest.FixtureRequest, recipes: Path) -> Channel:
    recipe = load_recipe(recipes / f"{request.param}.toml")
    fitted = {} if request.param == "match" else {"main/fitted.npz": recipes / "codebook.npz"}
    return opened_channels(recipe, recipes, fitted)["main"]


def rows(arrays: dict[str, Any], first: int, alive: list[bool]) -> SegmentRows:
    return SegmentRows(arrays, np.arange(first, first + len(alive)), np.array(alive))


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_merging_gives_what_packing_the_live_images_gives(channel: Channel, features: list[LocalFeatures]) -> None:
    kept = [channel.encode(one, SIZE) for one in features]
    first, second = channel.pack(kept[:3]), channel.pack(kept[3:])
    whole = channel.merge([rows(first, 1, [True] * 3), rows(second, 4, [True] * 3)])
    assert_same(whole, channel.pack(kept))
    part = channel.merge([rows(first, 1, [False, True, True]), rows(second, 4, [True, False, False])])
    assert_same(part, channel.pack(kept[1:4]))
    assert_same(channel.merge([rows(first, 1, [True, False, False])]), channel.pack(kept[:1]))


def test_an_unreadable_image_is_kept_as_one_without_features(channel: Channel) -> None:
    arrays = channel.pack([channel.nothing(), channel.nothing()])
    assert channel.features_of(arrays).tolist() == [0, 0]
    assert channel.words_of(arrays).tolist() == [0, 0]
    search = channel.live([rows(arrays, 1, [True, True])]).exact(by_id)
    query = channel.query(LocalFeatures.none(), SIZE)
    assert (search.search(query, 5).scores <= 0).all()


def test_features_and_words_are_counted(channel: Channel, features: list[LocalFeatures]) -> None:
    kept: list[Any] = [channel.encode(one, SIZE) for one in features]
    arrays = channel.pack(kept)
    assert channel.features_of(arrays).tolist() == [len(one) for one in features]
    words = [len(set(one.words.tolist())) if hasattr(one, "words") else 0 for one in kept]
    assert channel.words_of(arrays).tolist() == words
    assert channel.features_of(channel.pack([])).tolist() == channel.words_of(channel.pack([])).tolist() == []


def test_what_is_kept_finds_its_image_first(channel: Channel, features: list[LocalFeatures]) -> None:
    arrays = channel.pack([channel.encode(one, SIZE) for one in features])
    search = channel.live([rows(arrays, 1, [True] * 6)]).exact(by_id)
    for row in (0, 1, 3, 4, 5):
        for query in (channel.query(features[row], SIZE), channel.as_query(channel.evidence(arrays, row))):
            assert search.search(query, 1).ids.tolist() == [row + 1]


def test_removed_images_are_not_found(channel: Channel, features: list[LocalFeatures]) -> None:
    arrays = channel.pack([channel.encode(one, SIZE) for one in features])
    search = channel.live([rows(arrays, 1, [False, True, True, True, True, True])]).exact(by_id)
    assert 1 not in search.search(channel.query(features[0], SIZE), 6).ids.tolist()


def test_evidence_is_what_was_encoded_as_exactly_as_it_is_kept(channel: Channel, features: list[LocalFeatures]) -> None:
    kept: Any = channel.encode(features[0], SIZE)
    again: Any = channel.evidence(channel.pack([channel.nothing(), kept]), 1)
    if hasattr(kept, "words"):
        np.testing.assert_array_equal(again.words, kept.words)
        order = kept.features
        np.testing.assert_allclose(again.xy[again.features], kept.xy[order], atol=0.01)
        np.testing.assert_allclose(again.scale[again.features], kept.scale[order], rtol=0.05)
    elif hasattr(kept, "features"):
        np.testing.assert_allclose(again.features.xy, kept.features.xy, atol=0.01)
        np.testing.assert_allclose(again.features.descriptors, kept.features.descriptors, atol=0.01)
        assert again.size == SIZE
    else:
        np.testing.assert_array_equal(again[0], kept[0])
        assert again[1] == kept[1]


def test_what_was_packed_has_no_fault_and_what_was_not_has_one(channel: Channel, features: list[LocalFeatures]) -> None:
    arrays = channel.pack([channel.encode(one, SIZE) for one in features])
    assert channel.fault(arrays, 6) is None
    assert channel.fault(channel.pack([]), 0) is None
    assert channel.fault(arrays, 7) is not None
    for name, array in arrays.items():
        other = array.astype(np.complex64)
        for changed in ({**arrays, name: array[:-1]}, {**arrays, name: other}, {**arrays, name: array[None]}):
            assert channel.fault(changed, 6) is not None, name
        assert channel.fault({key: value for key, value in arrays.items() if key != name}, 6) is not None
        if name.endswith("offsets"):
            assert channel.fault({**arrays, name: array[::-1].copy()}, 6) is not None
        if array.dtype.kind == "f":
            assert channel.fault({**arrays, name: np.full_like(array, np.nan)}, 6) is not None
