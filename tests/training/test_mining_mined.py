"""Figures of tuples."""

from __future__ import annotations

from resight.training.mining.mined import Mined, figures_of
from resight.training.tuples import Anchor, Photo, Positive, Tuples


def test_photos_that_are_never_negatives_are_counted_of_anchors() -> None:
    photos = {name: Photo(name, "", cluster) for name, cluster in zip("abcde", (0, 1, 2, 2, 3), strict=True)}
    anchors = [Anchor("a", (Positive("b", 1.0),)), Anchor("d")]
    tuples = Tuples("some", "of it", photos, anchors, sorted(photos), links=[("b", "c")], hops=1)
    # a has b; d has c of its cluster, and b, which a link leads to that cluster.
    assert figures_of(Mined(tuples))["photos never negatives of an anchor, mean"] == 1.5
    assert [len(tuples.related(name)) - 1 for name in "ad"] == [1, 2]
