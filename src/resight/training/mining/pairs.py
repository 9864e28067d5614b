"""Pairs of photos that geometry has verified: which are sure enough to be positives, and what they join.

All functions take the links as (m,) arrays: rows `a` < `b` of the photos of each, and the inliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Int64, Mask
from resight.duplicates.grouping import Bond, connected


@dataclass(frozen=True)
class Links:
    """Links between `count` photos, of each pair one, in the order of the rows.

    a, b: (m,) int64 rows, a < b. inliers: (m,) int64.
    """

    count: int
    a: Int64
    b: Int64
    inliers: Int64

    def __len__(self) -> int:
        return len(self.a)

    @property
    def degrees(self) -> Int64:
        """(n,) the number of links of each photo."""
        return np.bincount(np.concatenate([self.a, self.b]), minlength=self.count).astype(np.int64)


def merged_links(count: int, sources: Int64, others: Int64, inliers: Int64, least: int) -> Links:
    """Makes one link of all that were found of a pair, with the most inliers.

    sources, others: (k,) rows, -1 of a photo that does not count; least: fewer inliers are no link.
    """
    good = (sources >= 0) & (others >= 0) & (sources != others) & (inliers >= least)
    a, b = np.minimum(sources[good], others[good]), np.maximum(sources[good], others[good])
    order = np.lexsort((-inliers[good], b, a))
    a, b, n = a[order], b[order], inliers[good][order]
    first = np.ones(len(a), np.bool_)
    first[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    return Links(count, a[first], b[first], n[first])


def pure_pairs(links: Links, *, min_inliers: int, top: int, share: float) -> Mask:
    """Returns (m,) which links are pairs of the same thing.

    Such a pair has `min_inliers`, and either each of the two is among the `top` others with most inliers of the other,
    or the pair has `share` of the inliers of the best link of each of the two.

    Notes: that a common desk, a logo or a look-alike package gives some inliers is no reason by itself; that it gives
    the most of all photos, to both, is.
    """
    place = _places(links)
    best = np.zeros(links.count, np.int64)
    np.maximum.at(best, links.a, links.inliers)
    np.maximum.at(best, links.b, links.inliers)
    mutual = (place < top).all(axis=0)
    shared = links.inliers >= share * np.maximum(best[links.a], best[links.b])
    return np.asarray((links.inliers >= min_inliers) & (mutual | shared))


def clusters_of(links: Links, pairs: Mask, sure: int) -> Int64:
    """Returns (n,) the cluster of each photo, numbered in the order of their first photos.

    Clusters grow by pairs, the one with the most inliers first. Two of several photos become one by no single pair,
    however sure, but by two that touch two photos of each; a pair of fewer than `sure` inliers joins a photo only where
    both are alone or held by surer ones.

    Notes: connected components, which the papers take, are one blob of half the photos where other things lie in the
    same photos; see `duplicates.grouping`.
    """
    rows = zip(links.a[pairs].tolist(), links.b[pairs].tolist(), links.inliers[pairs].tolist(), strict=True)
    forest = connected(links.count, [Bond(a, b, float(inliers), inliers >= sure) for a, b, inliers in rows])
    cluster = np.empty(links.count, np.int64)
    for number, members in enumerate(forest.sets()):
        cluster[members] = number
    return cluster


def neighbours_of(links: Links, pairs: Mask) -> csr_array:
    """Returns the (n, n) symmetric matrix of the inliers of pairs."""
    a, b, n = links.a[pairs], links.b[pairs], links.inliers[pairs]
    both = np.concatenate([a, b]), np.concatenate([b, a])
    return csr_array((np.tile(n, 2), both), shape=(links.count, links.count))


def _places(links: Links) -> Int64:
    """Returns (2, m) the place of each link among those of its first and of its second photo, by inliers, from 0."""
    m = len(links)
    own = np.concatenate([links.a, links.b])
    other = np.concatenate([links.b, links.a])
    order = np.lexsort((other, -np.tile(links.inliers, 2), own))
    counts = np.bincount(own, minlength=links.count)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.empty(2 * m, np.int64)
    place[order] = np.arange(2 * m) - starts[own[order]]
    return place.reshape(2, m)
