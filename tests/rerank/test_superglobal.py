"""SuperGlobal's re-ranking: golden values, a loop, and the stage."""

from __future__ import annotations

import numpy as np
import pytest
from vector_scenes import Vectored, views

from resight.errors import UsageError
from resight.rerank.kinds import SuperGlobal
from resight.rerank.superglobal import SuperGlobalLook, refined, superglobal_scores


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("expansion")
    for case in range(int(values["n_cases"])):
        own = {name: values[f"case{case}_superglobal_{name}"] for name in ("M", "K", "beta")}
        m, k, beta = int(own["M"]), int(own["K"]), float(own["beta"])
        database = values[f"case{case}_database"]
        for row, query in enumerate(values[f"case{case}_queries"]):
            initial = values[f"case{case}_superglobal_initial_ranking"][row]
            first, scores = superglobal_scores(query, database[initial[:m]], k, beta)
            np.testing.assert_allclose(first, values[f"case{case}_superglobal_s1"][row], atol=1e-6)
            order = np.argsort(-scores, kind="stable")
            np.testing.assert_allclose(scores[order], values[f"case{case}_superglobal_score"][row], atol=1e-6)
            expected = values[f"case{case}_superglobal_ranking"][row]
            ranking = np.concatenate([initial[:m][order], initial[m:]])
            # Scores nearer than float32 tells apart may change places.
            wrong = np.flatnonzero(ranking != expected)
            by_id = dict(zip(initial[:m].tolist(), scores.tolist(), strict=True))
            assert all(abs(by_id[ranking[i]] - by_id[expected[i]]) < 1e-6 for i in wrong.tolist())


def naive(query, rows, k, beta):
    new = []
    for i, row in enumerate(rows):
        others = sorted((j for j in range(len(rows)) if j != i), key=lambda j: -(rows[j] @ row))[:k]
        weights = [beta * max(float(rows[j] @ row), 0.0) for j in others]
        total = row.astype(np.float64) + sum((w * rows[j] for w, j in zip(weights, others, strict=True)), 0)
        new.append(total / (1 + sum(weights)))
    new = np.array(new)
    best = np.argsort(-(new @ query))[: k + 1]
    return new, new @ query, (new @ query + new @ new[best].max(axis=0)) / 2


@pytest.mark.parametrize(("m", "k"), [(30, 4), (30, 0), (5, 9), (1, 9)])
def test_it_is_the_definition(m, k):
    # Of one dimension in two halves: some similarities are negative.
    vectors = views(4, things=5, dimension=3, noise=1.0)
    query, rows = vectors[0], vectors[1 : m + 1]
    new, first, scores = naive(query, rows, k, 0.5)
    np.testing.assert_allclose(refined(rows, k, 0.5), new, atol=1e-6)
    found = superglobal_scores(query, rows, k, 0.5)
    np.testing.assert_allclose(found[0], first, atol=1e-6)
    np.testing.assert_allclose(found[1], scores, atol=1e-6)


def test_nothing_to_rank():
    assert superglobal_scores(np.ones(3), np.zeros((0, 3)))[1].shape == (0,)


@pytest.mark.parametrize(
    ("query", "rows", "options", "said"),
    [
        (np.ones(3), np.ones(3), {}, "must be"),
        (np.ones(3), np.full((2, 3), np.nan), {}, "finite"),
        (np.ones(2), np.ones((2, 3)), {}, "the query"),
        (np.ones(3), np.ones((2, 3)), {"neighbours": -1}, "negative"),
        (np.ones(3), np.ones((2, 3)), {"beta": -0.1}, "negative"),
    ],
)
def test_bad_input(query, rows, options, said):
    with pytest.raises(UsageError, match=said):
        superglobal_scores(query, rows, **options)


def test_the_stage_ranks_the_head_and_leaves_the_rest():
    vectors = views(5)
    collection = Vectored(vectors, first=10)
    ranking = collection.search(vectors[0], 40)
    found = SuperGlobalLook(SuperGlobal(top=25, neighbours=5), collection)(vectors[0], ranking)
    scores = superglobal_scores(vectors[0], vectors[ranking.ids[:25] - 10], 5)[1]
    assert found.ids[:25].tolist() == ranking.ids[:25][np.argsort(-scores, kind="stable")].tolist()
    np.testing.assert_array_equal(found.ids[25:], ranking.ids[25:])
    assert (np.diff(found.scores) <= 0).all()
    assert found.ids[:25].tolist() != ranking.ids[:25].tolist()
