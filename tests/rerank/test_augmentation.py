"""Images with the words of the images that they are verified with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.rerank.augmentation import augmented_words, joined
from resight.rerank.geometry import project
from resight.rerank.kinds import Augmentation, Spatial
from resight.rerank.spatial import verify_pair
from resight.words.kinds import Bow
from resight.words.postings import build_postings
from word_scenes import SIZE, WORDS, Bags, seen, similarity, thing

PLAIN = Bow(size=WORDS, idf=False)
ZOOMED = similarity(0.3, 1.6, (40, 20))


@pytest.fixture
def images():
    """0: a close view that lacks some features, 1: the whole thing from afar, 2: some of it, 3: another thing."""
    rng = np.random.default_rng(7)
    what = thing(rng, 90, 0, 100)
    return [
        seen(what.part(slice(0, 70)), ZOOMED),
        seen(what, similarity(-0.2, 0.6, (0, 0)), thing(rng, 20, 200)),
        seen(what.part(slice(10, 50)), similarity(0, 0.8, (10, 0)), thing(rng, 20, 200)),
        seen(thing(rng, 60, 200)),
    ]


def counts(words):
    return np.bincount(words.words, minlength=WORDS)


def test_words_come_from_features_that_project_into_the_image(images):
    bags = Bags(images, PLAIN)
    found = augmented_words(0, bags, Augmentation(min_inliers=8))
    expected = counts(images[0])
    for other in (1, 2):
        why = verify_pair(images[0], images[other], Spatial())
        assert why.inliers >= 8
        places = project(np.linalg.inv(why.transform), images[other].xy)
        inside = ((places >= 0) & (places <= SIZE)).all(axis=1)
        assert 0 < inside.sum() < len(inside)
        expected = expected + np.bincount(images[other].words[inside], minlength=WORDS)
    np.testing.assert_array_equal(counts(found), expected)
    assert found.size == SIZE
    assert (np.diff(found.words) >= 0).all()
    assert ((found.xy >= 0) & (found.xy <= SIZE)).all()
    # Words that the image itself lacks have come, and nothing from the image that is not verified.
    assert (counts(found) > 0).sum() > (counts(images[0]) > 0).sum()


def test_the_image_itself_is_no_neighbour(images):
    twice = Bags([images[3], images[3], images[0]], PLAIN, Spatial(top=1))
    found = augmented_words(0, twice, Augmentation(min_inliers=8))
    np.testing.assert_array_equal(counts(found), 2 * counts(images[3]))


def test_only_so_many_neighbours_and_those_with_most_inliers(images):
    bags = Bags(images, PLAIN)
    inliers = [verify_pair(images[0], images[other], Spatial()).inliers for other in (1, 2)]
    assert inliers[0] > inliers[1]
    one = augmented_words(0, bags, Augmentation(min_inliers=8, neighbours=1))
    limited = augmented_words(0, bags, Augmentation(min_inliers=inliers[1] + 1))
    both = augmented_words(0, bags, Augmentation(min_inliers=8))
    np.testing.assert_array_equal(counts(one), counts(limited))
    assert len(images[0]) < len(one) < len(both)


def test_an_image_without_neighbours_stays_as_it_is(images):
    bags = Bags(images, PLAIN)
    found = augmented_words(3, bags, Augmentation())
    for name in ("words", "xy", "scale", "angle"):
        np.testing.assert_array_equal(getattr(found, name), getattr(images[3], name))
    nothing = seen(thing(np.random.default_rng(0), 0))
    assert len(augmented_words(0, Bags([nothing, images[0]], PLAIN), Augmentation())) == 0


def test_joined_images_can_be_indexed():
    rng = np.random.default_rng(8)
    parts = [seen(thing(rng, 30)), replace(seen(thing(rng, 20)), size=(9, 9)), seen(thing(rng, 25))]
    whole = joined(parts)
    assert whole.size == SIZE
    stored = build_postings([whole], WORDS, "bow").image_words(0)
    np.testing.assert_array_equal(counts(stored), sum(counts(part) for part in parts))
    expected = sorted(
        zip(*(np.concatenate([getattr(p, n) for p in parts]).tolist() for n in ("words", "scale")), strict=True)
    )
    assert sorted(zip(whole.words.tolist(), whole.scale[whole.features].tolist(), strict=True)) == expected


def test_joined_weights_stay_with_their_words():
    rng = np.random.default_rng(9)
    weighted = replace(seen(thing(rng, 5, 0, 100)), weights=np.linspace(0.1, 0.5, 5, dtype=np.float32))
    plain = seen(thing(rng, 4, 100, 200))
    whole = joined([plain, weighted])
    np.testing.assert_array_equal(whole.weights[whole.words < 100], weighted.weights)
    assert (whole.weights[whole.words >= 100] == 1).all()
    assert joined([plain, plain]).weights is None
