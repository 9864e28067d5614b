"""Posting lists: what is stored comes back, and merging equals building."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.words.evidence import ImageWords
from resight.words.postings import (
    Postings,
    build_postings,
    decode_angle,
    decode_scale,
    encode_angle,
    encode_scale,
    merge_postings,
    seek,
)

KINDS = [("bow", 0), ("hamming", 64), ("asmk", 128)]
CODEBOOK = 30


def image(rng, kind, m, codebook=CODEBOOK, *, weighted=False):
    words = np.sort(rng.integers(0, codebook, m)).astype(np.int32)
    size = (int(rng.integers(100, 2000)), int(rng.integers(100, 2000)))
    width = {"bow": 0, "hamming": 1, "asmk": 2}[kind]
    bits = rng.integers(0, 2**63, (m, max(width, 1)), dtype=np.uint64)
    distinct = len(np.unique(words))
    return ImageWords(
        words=words,
        features=rng.permutation(m).astype(np.int32),
        xy=(rng.random((m, 2)) * size).astype(np.float32),
        scale=np.exp2(rng.uniform(-1, 8, m)).astype(np.float32),
        angle=rng.uniform(-np.pi, np.pi, m).astype(np.float32),
        size=size,
        weights=rng.random(m).astype(np.float32) if weighted else None,
        signatures=bits if kind == "hamming" else None,
        aggregated=bits[:distinct] if kind == "asmk" else None,
    )


def images(seed, kind, n=12, codebook=CODEBOOK, *, weighted=False):
    rng = np.random.default_rng(seed)
    return [image(rng, kind, int(rng.integers(0, 40)), codebook, weighted=weighted) for _ in range(n)]


def assert_same(a: Postings, b: Postings) -> None:
    for field in dataclasses.fields(Postings):
        one, other = getattr(a, field.name), getattr(b, field.name)
        np.testing.assert_array_equal(one, other, err_msg=field.name)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None), field.name


@pytest.mark.parametrize(("kind", "bits"), KINDS)
@pytest.mark.parametrize("codebook", [CODEBOOK, 100_000])
def test_an_image_comes_back(kind, bits, codebook):
    given_images = images(0, kind, codebook=codebook)
    postings = build_postings(given_images, codebook, kind, bits)
    assert postings.words.dtype == (np.uint16 if codebook == CODEBOOK else np.uint32)
    for row, before in enumerate(given_images):
        after = postings.image_words(row)
        np.testing.assert_array_equal(after.words, before.words)
        np.testing.assert_array_equal(after.features, np.arange(len(before)))
        assert after.size == before.size
        step = np.array(before.size) / 65535
        assert (np.abs(after.xy - before.xy[before.features]) <= 0.51 * step + 1e-3).all()
        np.testing.assert_allclose(after.scale, before.scale[before.features], rtol=0.018)
        turn = np.angle(np.exp(1j * (after.angle - before.angle[before.features])))
        assert np.abs(turn).max(initial=0) <= np.pi / 256 + 1e-6
        if kind == "hamming":
            np.testing.assert_array_equal(after.signatures, before.signatures)
        if kind == "asmk":
            np.testing.assert_array_equal(after.aggregated, before.aggregated)
            runs = np.unique(before.words, return_inverse=True)[1]
            np.testing.assert_array_equal(after.signatures, before.aggregated[runs])


def positions(seed, n=5):
    """Returns images of maps: positions of one scale, in the order of their words; the third has none."""
    rng = np.random.default_rng(seed)
    found = []
    for count in [0 if i == 2 else int(rng.integers(1, 40)) for i in range(n)]:
        one = image(rng, "bow", count)
        scale = np.full(count, np.exp2(rng.uniform(1, 5)), np.float32)
        found.append(dataclasses.replace(one, scale=scale, angle=np.zeros(count, np.float32)))
    return found


def test_positions_of_maps_take_half_of_the_bytes():
    given_images = positions(4)
    postings = build_postings(given_images, CODEBOOK, "bow", of_maps=True)
    each = sum(array.nbytes for array in (postings.words, postings.xy))
    assert each == 4 * sum(map(len, given_images))
    assert (len(postings.scale), postings.angle) == (5, None)
    for row, before in enumerate(given_images):
        after = postings.image_words(row)
        np.testing.assert_array_equal(after.words, before.words)
        step = np.array(before.size) / 255
        assert (np.abs(after.xy - before.xy[before.features]) <= 0.51 * step).all()
        np.testing.assert_allclose(after.scale, before.scale, rtol=0.018)
        assert not after.angle.any()
    back = Postings.from_arrays(postings.to_arrays())
    assert_same(back, postings)


@given(keep=st.lists(st.booleans(), min_size=5, max_size=5), cut=st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_merging_positions_of_maps_equals_building(keep, cut):
    given_images, mask = positions(5), np.array(keep)
    parts = [build_postings(half, CODEBOOK, "bow", of_maps=True) for half in (given_images[:cut], given_images[cut:])]
    built = [image for image, kept in zip(given_images, keep, strict=True) if kept]
    merged = merge_postings(parts, [mask[:cut], mask[cut:]])
    assert_same(merged, build_postings(built, CODEBOOK, "bow", of_maps=True))


def test_maps_and_local_features_do_not_merge():
    parts = [build_postings(positions(6), CODEBOOK, "bow", of_maps=way) for way in (True, False)]
    with pytest.raises(ValueError, match="angles"):
        merge_postings(parts, [np.ones(5, bool)] * 2)


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_lists_equal_a_loop(kind, bits):
    given_images = images(1, kind)
    postings = build_postings(given_images, CODEBOOK, kind, bits)
    np.testing.assert_array_equal(postings.list_words, np.unique(np.concatenate([i.words for i in given_images])))
    for at, word in enumerate(postings.list_words):
        part = slice(postings.list_offsets[at], postings.list_offsets[at + 1])
        counts = [int((i.words == word).sum()) for i in given_images]
        if kind == "hamming":
            np.testing.assert_array_equal(postings.list_images[part], np.repeat(range(len(counts)), counts))
            expected = np.concatenate([i.signatures[i.words == word] for i in given_images])
            np.testing.assert_array_equal(postings.list_signatures[part], expected)
        else:
            np.testing.assert_array_equal(postings.list_images[part], np.flatnonzero(counts))
        if kind == "bow":
            np.testing.assert_array_equal(postings.list_counts[part], [c for c in counts if c])
        if kind == "asmk":
            expected = [i.aggregated[np.unique(i.words) == word] for i in given_images]
            np.testing.assert_array_equal(postings.list_signatures[part], np.concatenate(expected))


def test_weighted_term_frequencies_are_sums_in_128ths():
    given_images = images(2, "bow", weighted=True)
    postings = build_postings(given_images, CODEBOOK, "bow")
    row, word = 3, given_images[3].words[0]
    at = int(np.searchsorted(postings.list_words, word))
    part = slice(postings.list_offsets[at], postings.list_offsets[at + 1])
    stored = postings.list_counts[part][postings.list_images[part] == row][0] / 128
    chosen = given_images[row].words == word
    assert stored == pytest.approx(given_images[row].weights[chosen].sum(), abs=1 / 128 + chosen.sum() / 510)
    np.testing.assert_allclose(postings.image_words(row).weights, given_images[row].weights, atol=1 / 509)


@pytest.mark.parametrize(("kind", "bits"), KINDS)
@settings(max_examples=20, deadline=None)
@given(keep=st.lists(st.booleans(), min_size=12, max_size=12), cut=st.integers(0, 12), weighted=st.booleans())
def test_merging_equals_building(kind, bits, keep, cut, weighted):
    given_images = images(3, kind, weighted=weighted and kind == "bow")
    mask = np.array(keep)
    halves = [given_images[:cut], given_images[cut:]]
    if weighted and kind == "bow" and cut in (0, 12):
        halves = [given_images]
        cut = 12
    parts = [build_postings(half, CODEBOOK, kind, bits) for half in halves]
    merged = merge_postings(parts, [mask[:cut], mask[cut:]][: len(parts)])
    built = build_postings([i for i, k in zip(given_images, keep, strict=True) if k], CODEBOOK, kind, bits)
    if len(built):
        assert_same(merged, built)
    else:
        assert len(merged) == 0


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_arrays_come_back_memory_mapped(kind, bits, tmp_path):
    postings = build_postings(images(4, kind), CODEBOOK, kind, bits)
    mapped = {}
    for name, array in postings.to_arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    assert_same(Postings.from_arrays(mapped), postings)
    assert not Postings.from_arrays(postings.to_arrays()).list_images.flags.writeable
    np.testing.assert_array_equal(Postings.from_arrays(mapped).image_words(5).words, postings.image_words(5).words)


def test_a_missing_array_is_an_error():
    arrays = build_postings(images(4, "asmk"), CODEBOOK, "asmk", 128).to_arrays()
    del arrays["list_signatures"]
    with pytest.raises(KeyError, match="list_signatures"):
        Postings.from_arrays(arrays)


def test_what_cannot_be_stored_is_an_error():
    fine = images(5, "hamming")
    with pytest.raises(ValueError, match="codebook"):
        build_postings(fine, 3, "hamming", 64)
    with pytest.raises(ValueError, match="signatures"):
        build_postings(fine, CODEBOOK, "asmk", 128)
    with pytest.raises(ValueError, match="signatures"):
        build_postings(fine, CODEBOOK, "hamming", 128)
    twice = dataclasses.replace(fine[0], xy=np.zeros((len(fine[0]) + 1, 2), np.float32))
    with pytest.raises(ValueError, match="one word"):
        build_postings([twice], CODEBOOK, "hamming", 64)
    one, other = build_postings([], CODEBOOK, "bow"), build_postings([], CODEBOOK + 1, "bow")
    with pytest.raises(ValueError, match="merged"):
        merge_postings([one, other], [np.zeros(0, bool)] * 2)


def test_scale_and_angle_codes_saturate_and_wrap():
    np.testing.assert_array_equal(encode_scale(np.float32([0, 0.01, 0.25, 1, 1e6])), [0, 0, 0, 40, 255])
    np.testing.assert_allclose(decode_scale(np.uint8([0, 40, 255])), [0.25, 1, 2**10.75], rtol=1e-6)
    np.testing.assert_array_equal(encode_angle(np.float32([0, np.pi, 2 * np.pi, -np.pi / 2])), [0, 128, 0, 192])
    np.testing.assert_allclose(decode_angle(np.uint8([0, 128])), [0, np.pi], rtol=1e-6)


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(-1, 52), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_seek_equals_searchsorted(values, wanted, start):
    ascending = np.sort(np.array(values, np.int32))
    start = min(start, len(ascending))
    assert seek(ascending, wanted, start) == max(start, np.searchsorted(ascending, wanted))
