"""Links that are kept: what an image finds, what is not verified again, and blocks of which the newest counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.manifold.kinds import PhotoLinks
from resight.manifold.linking import Candidates, Pair, counted, entries, fault, find_candidates, merged, pack
from resight.rerank.kinds import Spatial
from resight.rerank.spatial import verify_pair
from resight.search.background import background
from resight.words.kinds import Bow
from word_scenes import Bags, seen, similarity, thing

PLAIN = Bow(size=400, idf=False)
ALL = PhotoLinks(candidates=50, probe=50, min_inliers=8)


@pytest.fixture
def bags():
    """Three views of a thing, and nine images of other things with the same words."""
    rng = np.random.default_rng(3)
    shown = thing(rng, 40, 0, 200)
    views = [seen(shown, similarity(0.1 * i, 0.9, (i, 0)), thing(rng, 30, 200)) for i in range(3)]
    # So many others that a ranking has a tail, by which a score is surprising.
    return Bags([*views, *(seen(thing(rng, 40, 0, 300)) for _ in range(9))], PLAIN)


def told(found):
    """What an image has found, to compare."""
    pairs = {place: (one.inliers, one.tentative, one.parts.tolist()) for place, one in found.pairs.items()}
    return found.others.tolist(), found.similarity.tolist(), found.surprise.tolist(), pairs


def test_an_image_finds_what_it_verifies_as_a_query(bags):
    found = find_candidates(1, bags, ALL, {})
    near = bags.file.search(bags.images[1], 100)
    others = near.ids != 1
    assert found.others.tolist() == near.ids[others].tolist()
    np.testing.assert_array_equal(found.similarity, near.scores[others])
    np.testing.assert_allclose(found.surprise, background(near.scores, 12).surprise(near.scores[others]))
    assert found.surprise.any()
    assert {0, 2} <= {found.others[place] for place in found.pairs}
    for place, other in enumerate(found.others.tolist()):
        why = verify_pair(bags.images[1], bags.images[other], Spatial())
        assert (why is None) == (place not in found.pairs)
        if why is not None:
            pair = found.pairs[place]
            assert (pair.inliers, pair.tentative) == (why.inliers, why.tentative)
            for part, xy in zip(pair.parts, (why.query_xy, why.image_xy), strict=True):
                np.testing.assert_array_equal(part, [*xy.min(axis=0), *xy.max(axis=0)])


def test_the_others_are_verified_where_the_first_have_enough_inliers(bags):
    everything = len(find_candidates(1, bags, ALL, {}).others)
    assert everything > 3
    for probe, least, expected in ((1, 8, everything), (1, 1000, 1), (3, 1000, 3), (3, 8, everything)):
        found = find_candidates(1, bags, PhotoLinks(50, probe, least), {})
        assert len(found.others) == expected
    assert len(find_candidates(1, bags, PhotoLinks(2, 10, 8), {}).others) == 2


def test_what_is_known_of_a_pair_is_not_verified_again(bags, monkeypatch):
    found = find_candidates(1, bags, ALL, {})
    known = {other: found.pairs.get(place) for place, other in enumerate(found.others.tolist())}
    asked = []
    monkeypatch.setattr(bags, "verify", lambda words, images: asked.extend(images) or {})
    assert told(find_candidates(1, bags, ALL, known)) == told(found)
    assert asked == []
    first = int(found.others[0])
    del known[first]
    assert 0 not in find_candidates(1, bags, ALL, known).pairs
    assert asked == [first]


def block(bags, images, stamp):
    return pack([find_candidates(image, bags, ALL, {}) for image in images], np.array(images), np.array(stamp))


def test_one_block_of_several_has_of_each_image_what_is_newest(bags):
    old, new = block(bags, [0, 1, 2, 4], [4, 5]), block(bags, [2, 3], [5, 6])
    one = merged([new, old], np.array([1, 2, 3, 5]))
    assert fault(one) is None
    assert one["ids"].tolist() == [2, 3, 1]
    assert one["seen"].tolist() == [[5, 6], [5, 6], [4, 5]]
    expected = pack([find_candidates(image, bags, ALL, {}) for image in (2, 3, 1)], one["ids"], np.array([0, 0]))
    for name in expected:
        if name != "seen":
            np.testing.assert_array_equal(one[name], expected[name], name)
            assert one[name].dtype == expected[name].dtype
    assert [rows.tolist() for _, rows in counted([new, old], np.array([1, 2, 3, 5]))] == [[0, 1], [1]]


def test_entries_of_rows_by_hand():
    offsets = np.array([0, 2, 2, 5, 6])
    assert entries(offsets, np.array([2, 0, 1])).tolist() == [2, 3, 4, 0, 1]
    assert entries(offsets, np.empty(0, np.int64)).tolist() == []


def test_an_image_without_features_finds_nothing(bags):
    columns = ("words", "features", "xy", "scale", "angle")
    empty = replace(bags.images[0], **{name: getattr(bags.images[0], name)[:0] for name in columns})
    found = find_candidates(6, Bags([*bags.images, empty], PLAIN), ALL, {})
    arrays = pack([found], np.array([6]), np.array([6, 7]))
    assert fault(arrays) is None
    assert len(arrays["place"]) == 0


FAULTS = {
    "ids": lambda a: a.astype(np.int32),
    "seen": lambda a: a[:, :1],
    "offsets": lambda a: a + 1,
    "others": lambda a: a[:-1],
    "link_offsets": lambda a: a[::-1],
    "place": lambda a: a + 50,
    "inliers": lambda a: a[:-1],
    "similarity": lambda a: a * np.float32(np.nan),
    "parts": lambda a: a.reshape(-1, 8),
}


@pytest.mark.parametrize("name", FAULTS)
def test_arrays_that_are_no_links_are_found(name, bags):
    arrays = dict(block(bags, [0, 1], [5, 6]))
    assert fault(arrays) is None
    changed = arrays | {name: FAULTS[name](arrays[name])}
    assert fault(changed) is not None
    assert fault({key: array for key, array in arrays.items() if key != name}) == (name, "is missing")


def test_candidates_need_no_pairs():
    one = Candidates(np.array([7]), np.ones(1, np.float32), np.zeros(1), {})
    two = Candidates(
        np.array([8, 9]), np.ones(2, np.float32), np.zeros(2), {1: Pair(9, 12, np.ones((2, 4), np.float32))}
    )
    arrays = pack([one, two], np.array([1, 2]), np.array([2, 2]))
    assert arrays["link_offsets"].tolist() == [0, 0, 1]
    assert arrays["offsets"].tolist() == [0, 1, 3]
    assert arrays["place"].tolist() == [1]
