"""The inverted file: against the definitions, in any split, with images that were removed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.features.local import LocalFeatures
from resight.search.inverted import Block, InvertedFile, PostingRows, normalise_and_select
from resight.search.selection import by_id
from resight.words.asmk import asmk_score, sign_similarity, word_weights
from resight.words.bow import bow_scores, inverse_document_frequency
from resight.words.evidence import WordVector
from resight.words.hamming import hamming_score, match_weights
from resight.words.kinds import Asmk, Bow, Hamming
from resight.words.postings import build_postings
from resight.words.quantise import quantise_asmk, quantise_bow, quantise_hamming

WORDS = 12
CENTROIDS = np.random.default_rng(99).normal(size=(WORDS, 128)).astype(np.float32)
BITS = {"bow": 0, "hamming": 64, "asmk": 128}
METHODS = [
    Bow(size=WORDS),
    Bow(size=WORDS, tf="sqrt", idf=False),
    Bow(size=WORDS, tf="clipped"),
    Bow(size=WORDS, burstiness=True),
    Hamming(size=WORDS, wgc=False),
    Hamming(size=WORDS, wgc=False, burstiness=True, idf=False),
    Hamming(size=WORDS),
    Hamming(size=WORDS, burstiness=True, sigma=0.0, threshold=28),
    Asmk(size=WORDS),
    Asmk(size=WORDS, idf=True, alpha=1.5, threshold=0.05),
]


def image(rng, kind, m, k=1, *, weighted=False):
    """Features near few centroids, so that words repeat; the words of a feature are any k different ones."""
    words = np.array([rng.permutation(WORDS)[:k] for _ in range(m)], np.int32).reshape(m, k)
    x = (CENTROIDS[words[:, 0]] + rng.normal(size=(m, 128))).astype(np.float32)
    xy, scale = rng.random((m, 2)).astype(np.float32) * 99, np.exp2(rng.uniform(0, 3, m)).astype(np.float32)
    local = LocalFeatures(xy, scale, rng.uniform(0, 6.2, m).astype(np.float32), x)
    if kind == "asmk":
        return quantise_asmk(local, words, CENTROIDS, (100, 100))
    if kind == "hamming":
        near = rng.integers(0, 2**63, 1, dtype=np.uint64) if m else np.zeros(1, np.uint64)
        flips = rng.integers(0, 2**63, (3, m * k, 1), dtype=np.uint64)
        return quantise_hamming(local, words, near ^ (flips[0] & flips[1] & flips[2]), (100, 100))
    return quantise_bow(local, words, (100, 100), rng.random((m, k)).astype(np.float32) if weighted else None)


def collection(seed, kind, n=15):
    rng = np.random.default_rng(seed)
    return [image(rng, kind, int(rng.integers(0, 25))) for _ in range(n)]


def file_of(images, method, cuts=(), ids=None, removed=(), order=by_id):
    rows = np.split(np.arange(len(images)), list(cuts))
    ids = np.arange(len(images)) * 3 + 5 if ids is None else ids
    blocks = [block([images[i] for i in part], ids[part], method) for part in rows]
    blocks = [replace(one, alive=one.alive & ~np.isin(one.ids, removed)) for one in blocks]
    return InvertedFile(rows_of(blocks, method), order)


def rows_of(blocks, method):
    return PostingRows(blocks, method, codebook_size=WORDS, bits=BITS[method.kind])


def block(images, ids, method):
    return Block(build_postings(images, WORDS, method.kind, BITS[method.kind]), ids, np.ones(len(ids), bool))


def defined(query, images, method):
    """Scores by the plain definitions, over the images as they are stored."""
    stored = build_postings(images, WORDS, method.kind, BITS[method.kind])
    images = [stored.image_words(i) for i in range(len(images))]
    frequency = np.array([sum(w in i.words for i in images) for w in range(WORDS)])
    idf = inverse_document_frequency(frequency, len(images)) if method.idf else np.ones(WORDS)
    if method.kind == "bow":
        counts = [np.bincount(i.words, i.weights, minlength=WORDS) for i in (query, *images)]
        return bow_scores(counts[0], np.array(counts[1:]), idf, tf=method.tf, burstiness=method.burstiness)
    if method.kind == "hamming":
        weights = match_weights(64, method.threshold, method.sigma)
        form = {"weights": weights, "wgc": method.wgc, "burstiness": method.burstiness}
        return np.array([hamming_score(query, i, idf, **form) for i in images])
    weights = word_weights(frequency, len(images)) if method.idf else np.ones(WORDS)
    pairs = [(np.unique(i.words), i.aggregated) for i in (query, *images)]
    form = {"similarity": sign_similarity(128), "alpha": method.alpha, "threshold": method.threshold}
    return np.array([asmk_score(pairs[0], pair, weights, **form) for pair in pairs[1:]])


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("k", [1, 4])
def test_scores_are_the_definition(method, k):
    images = collection(0, method.kind)
    query = image(np.random.default_rng(1), method.kind, 30, k)
    expected = defined(query, images, method)
    found = file_of(images, method, cuts=(4, 9)).search(query, 100)
    assert len(found) > 5
    assert set(found.ids) == {i * 3 + 5 for i in np.flatnonzero(expected > 1e-9)}
    np.testing.assert_allclose(found.scores, expected[(found.ids - 5) // 3], rtol=2e-5)
    assert (np.diff(found.scores) <= 0).all()


def test_weighted_bags_of_words_are_the_definition():
    rng = np.random.default_rng(2)
    images = [image(rng, "bow", 20, weighted=True) for _ in range(10)]
    query = image(rng, "bow", 20, 3, weighted=True)
    for method in (Bow(size=WORDS), Bow(size=WORDS, tf="sqrt", idf=False)):
        found = file_of(images, method).search(query, 100)
        np.testing.assert_allclose(found.scores, defined(query, images, method)[(found.ids - 5) // 3], atol=0.02)


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 15), max_size=4).map(sorted))
def test_any_split_gives_the_same_bits(method, cuts):
    images = collection(3, method.kind)
    query = image(np.random.default_rng(4), method.kind, 30, 3)
    whole = file_of(images, method).search(query, 9)
    split = file_of(images, method, cuts=cuts).search(query, 9)
    np.testing.assert_array_equal(split.ids, whole.ids)
    np.testing.assert_array_equal(split.scores, whole.scores)


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(max_examples=10, deadline=None)
@given(removed=st.lists(st.integers(0, 14), max_size=10, unique=True), cut=st.integers(1, 14))
def test_removed_images_leave_nothing_behind(method, removed, cut):
    images = collection(5, method.kind)
    ids = np.arange(15) * 3 + 5
    query = image(np.random.default_rng(6), method.kind, 30, 3)
    changed = file_of(images, method, cuts=[cut], ids=ids, removed=ids[removed])
    left = [i for i in range(15) if i not in removed]
    fresh = file_of([images[i] for i in left], method, ids=ids[left])
    one, other = changed.search(query, 15), fresh.search(query, 15)
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.scores, other.scores)


def test_only_allowed_images_and_only_k():
    method = Bow(size=WORDS, idf=False)
    searcher = file_of(collection(7, "bow"), method)
    query = image(np.random.default_rng(8), "bow", 30)
    every = searcher.search(query, 100)
    allowed = np.zeros(60, bool)
    allowed[every.ids[2:6]] = True
    some = searcher.search(query, 3, allowed)
    np.testing.assert_array_equal(some.ids, every.ids[2:5])


def test_equal_images_tie_by_name():
    same = image(np.random.default_rng(9), "asmk", 20)
    searcher = file_of([same] * 4, Asmk(size=WORDS), cuts=(2,), order=lambda ids: -ids)
    np.testing.assert_array_equal(searcher.search(same, 3).ids, [14, 11, 8])


def test_nothing_to_search_is_no_hits():
    for method in METHODS:
        empty = image(np.random.default_rng(0), method.kind, 0)
        full = image(np.random.default_rng(0), method.kind, 9)
        assert len(file_of(collection(0, method.kind), method).search(empty, 5)) == 0
        assert len(file_of([empty, empty], method).search(full, 5)) == 0
        assert len(InvertedFile(rows_of([], method)).search(full, 5)) == 0


def test_postings_of_another_layout_are_an_error():
    methods = Bow(size=WORDS), Asmk(size=WORDS)
    blocks = [block(collection(0, method.kind), np.arange(15), method) for method in methods]
    with pytest.raises(ValueError, match="asmk"):
        rows_of(blocks, Bow(size=WORDS))


@pytest.mark.parametrize("method", [Hamming(size=WORDS), Hamming(size=WORDS, wgc=False), Asmk(size=WORDS)], ids=str)
def test_a_query_with_other_signatures_is_an_error(method):
    searcher = file_of(collection(0, method.kind), method)
    with pytest.raises(ValueError, match="signatures"):
        searcher.search(image(np.random.default_rng(0), "bow", 9), 5)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), max_size=40), st.integers(0, 45))
@settings(max_examples=100, deadline=None)
def test_selection_equals_sorting_everything(rows, k):
    scores, norms = (np.array([row[i] for row in rows], np.float32) for i in (0, 1))
    visible = np.array([row[2] for row in rows], bool)
    products = np.where(visible, scores * norms, 0)
    found = normalise_and_select(scores, norms, visible, k)
    least = np.sort(products)[::-1][:k].min(initial=np.inf)
    np.testing.assert_array_equal(found, np.flatnonzero((products >= least) & (products > 0)))
    np.testing.assert_array_equal(scores, products)


@pytest.mark.golden
def test_golden_asmk(golden):
    values = golden("asmk")
    codebook = values["codebook"]

    def images(x, ids, k):
        local = LocalFeatures(np.zeros((len(x), 2), np.float32), *np.ones((2, len(x)), np.float32), x)
        words = np.argsort(((x[:, None] - codebook) ** 2).sum(axis=2), axis=1)[:, :k].astype(np.int32)
        return [quantise_asmk(local.take(ids == i), words[ids == i], codebook, (9, 9)) for i in np.unique(ids)]

    database = images(values["database"], values["database_ids"], 1)
    bits = codebook.shape[1]
    lists = build_postings(database, len(codebook), "asmk", bits)
    for case in range(int(values["n_cases"])):
        given_case = {name: values[f"case{case}_{name}"].item() for name in ("alpha", "threshold", "use_idf", "binary")}
        if not given_case["binary"]:
            continue
        method = Asmk(alpha=given_case["alpha"], threshold=given_case["threshold"], idf=given_case["use_idf"])
        blocks = [Block(lists, np.arange(len(database)), np.ones(len(database), bool))]
        searcher = InvertedFile(PostingRows(blocks, method, codebook_size=len(codebook), bits=bits))
        queries = images(values["queries"], values["query_ids"], int(values[f"case{case}_query_multiple_assignment"]))
        for query, expected in zip(queries, values[f"case{case}_scores"], strict=True):
            found = searcher.search(query, 100)
            np.testing.assert_allclose(found.scores, expected[found.ids], atol=1e-6)
            assert len(found) == (expected > 0).sum()


@pytest.mark.golden
def test_golden_bow(golden):
    values = golden("bow")

    def image_of(counts):
        words = np.repeat(np.arange(len(counts)), counts.astype(int)).astype(np.int32)[:, None]
        m = len(words)
        local = LocalFeatures(np.zeros((m, 2), np.float32), *np.ones((2, m), np.float32), np.zeros((m, 1), np.float32))
        return quantise_bow(local, words, (9, 9))

    for case in range(int(values["n_cases"])):
        database = [image_of(counts) for counts in values[f"case{case}_database_counts"]]
        size = values[f"case{case}_idf"].size
        lists = build_postings(database, size, "bow")
        for idf, name in [(True, "tfidf_scores"), (False, "tf_scores")]:
            blocks = [Block(lists, np.arange(len(database)), np.ones(len(database), bool))]
            searcher = InvertedFile(PostingRows(blocks, Bow(idf=idf), codebook_size=size))
            for counts, expected in zip(values[f"case{case}_query_counts"], values[f"case{case}_{name}"], strict=True):
                found = searcher.search(image_of(counts), len(database))
                np.testing.assert_allclose(found.scores, expected[found.ids], atol=1e-6)
                assert len(found) == (expected > 0).sum()


@pytest.mark.parametrize("method", [m for m in METHODS if m.kind == "bow"], ids=str)
def test_an_image_and_its_vector_find_the_same(method):
    searcher = file_of(collection(10, "bow"), method, cuts=(6,))
    query = image(np.random.default_rng(11), "bow", 30)
    one, other = searcher.search(query, 9), searcher.search(searcher.rows.vector(query), 9)
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.scores, other.scores)


def test_a_vector_with_negative_entries_finds_what_it_points_to():
    method = Bow(size=WORDS, tf="sqrt")
    images = collection(12, "bow")
    searcher = file_of(images, method, cuts=(4, 9))
    asked = np.random.default_rng(13).normal(size=WORDS)
    asked[3] = 0
    words = np.flatnonzero(asked).astype(np.int32)
    frequency = np.array([sum(w in i.words for i in images) for w in range(WORDS)])
    idf = inverse_document_frequency(frequency, len(images))
    vectors = np.array([np.sqrt(np.bincount(i.words, minlength=WORDS)) * idf for i in images])
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(asked)
    expected = np.divide(vectors @ asked, norms, out=np.zeros(len(images)), where=norms > 0)
    assert (expected < -0.05).any()
    found = searcher.search(WordVector(words, asked[words]), 100)
    positive = [i for i in np.argsort(-expected) if expected[i] > 1e-6]
    assert found.ids.tolist() == [i * 3 + 5 for i in positive]
    np.testing.assert_allclose(found.scores, expected[positive], rtol=1e-4)


def test_only_bags_of_words_are_asked_by_a_vector():
    searcher = file_of(collection(0, "asmk"), Asmk(size=WORDS))
    nothing = WordVector(np.empty(0, np.int32), np.empty(0))
    with pytest.raises(ValueError, match="asmk"):
        searcher.search(nothing, 5)
    with pytest.raises(ValueError, match="asmk"):
        searcher.rows.vector(image(np.random.default_rng(0), "asmk", 5))
    assert len(file_of(collection(0, "bow"), Bow(size=WORDS)).search(nothing, 5)) == 0
