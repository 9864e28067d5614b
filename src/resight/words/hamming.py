"""Hamming embedding with weak geometric consistency, as published, and its kernels.

Jegou, Douze & Schmid, "Hamming embedding and weak geometric consistency for large scale image search", ECCV 2008;
"On the burstiness of visual elements", CVPR 2009.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from resight.arrays import Array, Float32, Float64, Floating, Int64
from resight.kernels.compiling import kernel
from resight.words.evidence import ImageWords
from resight.words.instructions import bit_distance, prefetch_lists, prefetch_rows

ANGLE_BINS: Final = 32  # of a turn
SCALE_BINS: Final = 32  # of a quarter octave each, clamped at 4 octaves down and up


IMAGES_AHEAD: Final = 8  # images whose words are asked of memory before they are searched


def match_weights(bits: int, threshold: int, sigma: float) -> Float32:
    """Returns the weight of a match by its Hamming distance h, (bits + 1,).

    It is exp(-h^2 / sigma^2) up to the threshold, then 0.

    sigma = 0 weighs every match 1. CVPR 2009, section 3.
    """
    h = np.arange(bits + 1, dtype=np.float64)
    weights = np.exp(-((h / sigma) ** 2)) if sigma > 0 else np.ones(bits + 1)
    return np.where(h <= threshold, weights, 0.0).astype(np.float32)


def turn_bins(turns: Floating) -> Int64:
    """Returns the bin of each rotation in radians, in [0, 32); no rotation is in the middle of bin 0."""
    return np.asarray(np.rint(turns * (ANGLE_BINS / (2 * np.pi))), np.int64) % ANGLE_BINS


def scale_bins(octaves: Floating) -> Int64:
    """Returns the bin of each log2 ratio of scales, in [0, 32); equal scales are in the middle of bin 16."""
    return np.asarray(np.clip(np.rint(octaves * 4) + SCALE_BINS // 2, 0, SCALE_BINS - 1), np.int64)


def consistent_weight(weights: Floating, scale_ratios: Floating, turns: Floating) -> float:
    """Returns the weight of the matches of one image that agree on a change of scale and a rotation.

    It is the smaller one of the two best bins.

    weights, scale_ratios (query over image), turns (radians, query minus image): (n,), a row for each match.

    Source: ECCV 2008, section 4. Notes: a bin is summed with its two neighbours; there are 32 bins of a turn and
    32 bins of a quarter octave, and no prior, which the paper learns on its own photos.
    """
    angles, scales = np.zeros(ANGLE_BINS), np.zeros(SCALE_BINS)
    np.add.at(angles, turn_bins(turns), weights)
    np.add.at(scales, scale_bins(np.log2(scale_ratios)), weights)
    padded = np.concatenate([[0.0], scales, [0.0]])
    best_angle = (angles + np.roll(angles, 1) + np.roll(angles, -1)).max()
    best_scale = (padded[:-2] + padded[1:-1] + padded[2:]).max()
    return float(min(best_angle, best_scale))


def hamming_score(
    query: ImageWords,
    image: ImageWords,
    idf: Float64,
    *,
    weights: Float32,
    wgc: bool,
    burstiness: bool,
) -> float:
    """Returns the similarity of two images that have signatures, in [0, 1].

    It is the definition that the inverted file computes.

        score = g({ idf(w)^2 f(h(q, x)) : q, x of the same word w }) / (|tf idf of query| |tf idf of image|)

    f is `match_weights`, h the Hamming distance; with `burstiness` each match is divided by the square root of the
    number of matches its query feature has in the image; g is the sum, or with `wgc` `consistent_weight`.
    idf: (codebook_size,), ones for no idf. Without threshold, sigma, wgc and burstiness it is the cosine of tf-idf.
    """
    assert query.signatures is not None
    assert image.signatures is not None
    found: list[tuple[float, float, float]] = []
    for word, feature, signature in zip(query.words, query.features, query.signatures, strict=True):
        rows = np.flatnonzero(image.words == word)
        gains = weights[np.bitwise_count(image.signatures[rows] ^ signature).sum(axis=1)] * idf[word] ** 2
        matched = rows[gains > 0]
        gains = gains[gains > 0] / np.sqrt(max(len(matched), 1) if burstiness else 1)
        ratios = query.scale[feature] / image.scale[image.features[matched]]
        turns = query.angle[feature] - image.angle[image.features[matched]]
        found += zip(gains, ratios, turns, strict=True)
    norms = [np.linalg.norm(np.bincount(words, minlength=len(idf)) * idf) for words in (query.words, image.words)]
    if not found or min(norms) == 0:
        return 0.0
    gains, ratios, turns = (np.array(column, np.float64) for column in zip(*found, strict=True))
    total = consistent_weight(gains, ratios, turns) if wgc else float(gains.sum())
    return float(total / (norms[0] * norms[1]))


@kernel()
def add_by_distance(
    starts: Array, stops: Array, list_images: Array, list_signatures: Array, signatures: Array, factors: Array,
    gain: Array, scores: Array,
) -> None:  # fmt: skip
    """Adds factors[q] * gain[distance to signatures[q]] to the score of each entry from starts[q] to stops[q].

    starts, stops: (q,) from `find_lists`; signatures: (q, w); factors: (q,) float32; gain: (bits + 1,) float32 by
    Hamming distance; scores: (n,) float32. Gains of 0 are added too: about half of them are, and a branch that cannot
    be foreseen costs more than the addition.
    """
    ahead = coming = 0
    for q in range(len(starts)):
        ahead, coming = prefetch_lists(starts, stops, list_images, list_signatures, ahead, coming)
        coming -= stops[q] - starts[q]
        wanted, factor = signatures[q], factors[q]
        for i in range(starts[q], stops[q]):
            scores[list_images[np.uint64(i)]] += factor * gain[bit_distance(list_signatures, i, wanted)]


@kernel()
def collect_matches(
    starts: Array, stops: Array, list_images: Array, list_signatures: Array, signatures: Array, gain: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Returns matches with a gain, in the order of query rows: query row, entry of the lists, image, gain; (n,) each.

    starts, stops, list_signatures, signatures and gain are those of `add_by_distance`. Few entries match: each is
    written where the next match belongs, and the place moves on with a match, as a branch cannot be foreseen.
    """
    total = int((stops - starts).sum()) + 1
    rows, entries = np.empty(total, np.int32), np.empty(total, np.int64)
    images, gains = np.empty(total, np.int32), np.empty(total, np.float32)
    found = ahead = coming = 0
    for q in range(len(starts)):
        ahead, coming = prefetch_lists(starts, stops, list_images, list_signatures, ahead, coming)
        coming -= stops[q] - starts[q]
        wanted = signatures[q]
        for i in range(starts[q], stops[q]):
            matched = gain[bit_distance(list_signatures, i, wanted)]
            place = np.uint64(found)
            rows[place], entries[place], images[place], gains[place] = q, i, list_images[np.uint64(i)], matched
            found += matched > 0
    return rows[:found], entries[:found], images[:found], gains[:found]


@kernel()
def matched_again(images: Array, n: int) -> Array:
    """Returns which matches are of an image, below n, that has another match, (m,) bool."""
    seen = np.zeros(n, np.uint8)
    for i in range(len(images)):
        seen[images[i]] = min(seen[images[i]] + 1, 2)
    again = np.empty(len(images), np.bool_)
    for i in range(len(images)):
        again[i] = seen[images[i]] == 2
    return again


@kernel()
def find_features(
    entries: Array, images: Array, words: Array, first: Array, list_images: Array, image_words: Array,
    image_offsets: Array,
) -> Array:  # fmt: skip
    """Returns the feature of the block that each entry of the lists is, (n,) int64.

    images, words, first: (n,) image and word of the entry, and where the list of the word begins. image_words: (m,)
    words by image and image_offsets: (n + 1,): entries of an image stand in feature order in a list, and its features
    of a word in the same order by image.
    """
    features = np.empty(len(entries), np.int64)
    for at in range(len(entries)):
        if at + IMAGES_AHEAD < len(entries):
            coming = images[at + IMAGES_AHEAD]
            prefetch_rows(image_words, image_offsets[coming], image_offsets[coming + 1])
        image, own = images[at], entries[at]
        while own > first[at] and list_images[own - 1] == image:
            own -= 1
        begin, end = image_offsets[image], image_offsets[image + 1]
        features[at] = begin + np.searchsorted(image_words[begin:end], words[at]) + entries[at] - own
    return features


@kernel()
def add_consistent(images: Array, gains: Array, turns: Array, scales: Array, scores: Array) -> None:
    """`consistent_weight` of every image, added to its score; matches (n,) are grouped by image.

    turns, scales: bins of each match. scores: (n,) float32.
    """
    angle_votes, scale_votes = np.zeros(ANGLE_BINS), np.zeros(SCALE_BINS + 2)
    start = 0
    while start < len(images):
        angle_votes[:] = 0
        scale_votes[:] = 0
        stop = start
        while stop < len(images) and images[stop] == images[start]:
            angle_votes[turns[stop]] += gains[stop]
            scale_votes[scales[stop] + 1] += gains[stop]
            stop += 1
        best_angle, best_scale = 0.0, 0.0
        for i in range(ANGLE_BINS):
            best_angle = max(best_angle, angle_votes[i - 1] + angle_votes[i] + angle_votes[(i + 1) % ANGLE_BINS])
        for i in range(1, SCALE_BINS + 1):
            best_scale = max(best_scale, scale_votes[i - 1] + scale_votes[i] + scale_votes[i + 1])
        scores[images[start]] += min(best_angle, best_scale)
        start = stop
