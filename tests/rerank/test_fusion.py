"""Fusion of ranked lists against dictionaries, and what a list that lacks an image says of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resight.errors import UsageError
from resight.rerank import fusion
from resight.rerank.fusion import FusionStage
from resight.rerank.kinds import FusedScores, Fusion
from resight.search.ranking import Ranking

NORMALISATIONS = (
    fusion.by_range,
    fusion.by_deviation,
    fusion.by_norm,
    fusion.by_maximum,
    fusion.by_rank,
    fusion.as_given,
)


def ranked(*pairs):
    return np.array([image for image, _ in pairs], np.int64), np.array([score for _, score in pairs], np.float64)


ONE = ranked((7, 0.9), (3, 0.5), (5, 0.1))
OTHER = ranked((3, 12.0), (2, 4.0))


@st.composite
def lists(draw):
    """One to four lists over 12 images, some of them empty, with ties."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        images = draw(st.lists(st.integers(0, 11), unique=True, max_size=8))
        scores = sorted(draw(st.lists(st.integers(0, 9), min_size=len(images), max_size=len(images))), reverse=True)
        made.append(ranked(*zip(images, [score / 4 for score in scores], strict=True)))
    return made


def naive(lists, normalisation, join, start):
    """By dictionaries, from the definition."""
    images = sorted({image for ids, _ in lists for image in ids.tolist()})
    total = dict.fromkeys(images, start)
    for ids, scores in lists:
        if len(ids):
            found = dict(zip(ids.tolist(), normalisation(scores).tolist(), strict=True))
            for image in images:
                total[image] = join(total[image], found.get(image, min(found.values())))
    order = sorted(images, key=lambda image: (-total[image], image))
    return order, [total[image] for image in order]


def assert_same(found, expected):
    """Equal scores, and equal order but where rounding decides between equals."""
    ids, scores = found
    np.testing.assert_allclose(scores, expected[1], atol=1e-12)
    by_image = dict(zip(*expected, strict=True))
    np.testing.assert_allclose([by_image[image] for image in ids.tolist()], scores, atol=1e-12)
    ties = np.flatnonzero(scores[1:] == scores[:-1])
    assert (ids[ties] < ids[ties + 1]).all()


@pytest.mark.parametrize("normalisation", NORMALISATIONS, ids=lambda function: function.__name__)
@given(given=lists())
def test_sums_are_those_of_dictionaries(given, normalisation):
    assert_same(fusion.summed(given, normalisation), naive(given, normalisation, lambda a, b: a + b, 0.0))


@pytest.mark.parametrize("normalisation", [fusion.by_range, fusion.by_rank], ids=lambda function: function.__name__)
@given(given=lists())
def test_products_are_those_of_dictionaries(given, normalisation):
    assert_same(fusion.multiplied(given, normalisation), naive(given, normalisation, lambda a, b: a * b, 1.0))


@given(given=lists())
def test_a_product_is_0_of_nothing(given):
    assert (fusion.multiplied(given)[1] > 0).all()


def test_a_stage_that_multiplies_makes_0_of_nothing():
    rankings = {"one": Ranking(*ONE, {}), "other": Ranking(*OTHER, {})}
    found = FusionStage(Fusion(method="product", channels={"one": FusedScores(weight=2.0)}))(rankings)
    assert found.ids.tolist() == [7, 3, 2, 5]
    np.testing.assert_allclose(found.scores, [1 / 2, 4 / 9, 1 / 18, 1 / 18], rtol=1e-6)
    summed = FusionStage(Fusion(channels={"one": FusedScores(weight=2.0)}))(rankings)
    np.testing.assert_allclose(summed.scores, [2, 2, 0, 0], atol=1e-6)
    assert summed.ids.tolist() == [3, 7, 2, 5]


def test_leads_are_those_of_the_first_channel_that_has_them():
    from resight.search.ranking import Lead

    box = (0.0, 0.0, 9.0, 9.0)
    first, second = (Lead(through, 20, 30, box, box, 1.0) for through in (3, 2))
    later = {5: second, 7: second, 9: second}  # 9 is in no list
    rankings = {"one": Ranking(*ONE, leads={5: first}), "other": Ranking(*OTHER, leads=later)}
    for method in ("sum", "product", "reciprocal-rank"):
        assert FusionStage(Fusion(method=method))(rankings).leads == {5: first, 7: second}


def test_normalisations_by_hand():
    scores = np.array([4.0, 2.0, 0.0, -2.0])
    np.testing.assert_allclose(fusion.by_range(scores), [1, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(fusion.by_deviation(scores), np.array([3, 1, -1, -3]) / np.sqrt(5))
    np.testing.assert_allclose(fusion.by_norm(scores), scores / np.sqrt(24))
    np.testing.assert_allclose(fusion.by_maximum(scores), [1, 0.5, 0, -0.5])
    np.testing.assert_allclose(fusion.by_maximum(np.array([-1.0, -4.0])), [-0.25, -1])
    np.testing.assert_allclose(fusion.by_rank(scores), [1, 0.75, 0.5, 0.25])


def test_equal_scores_are_a_stated_case():
    same = np.full(3, 0.2)
    assert fusion.by_range(same).tolist() == [1, 1, 1]
    assert fusion.by_deviation(same).tolist() == [0, 0, 0]
    assert fusion.by_norm(np.zeros(2)).tolist() == fusion.by_maximum(np.zeros(2)).tolist() == [0, 0]


def test_an_image_that_a_list_lacks_has_its_lowest_score():
    ids, scores = fusion.summed([ONE, OTHER], fusion.as_given)
    assert ids.tolist() == [3, 7, 2, 5]
    np.testing.assert_allclose(scores, [12.5, 4.9, 4.1, 4.1])


def test_weights_choose_between_lists():
    assert fusion.summed([ONE, OTHER], weights=[1, 0])[0].tolist() == [7, 3, 2, 5]
    assert fusion.summed([ONE, OTHER], weights=[0, 1])[0].tolist()[0] == 3
    ids, scores = fusion.multiplied([ONE, OTHER], fusion.as_given, weights=[2, 1])
    assert dict(zip(ids.tolist(), scores.tolist(), strict=True))[3] == pytest.approx(0.5**2 * 12)


def test_reciprocal_ranks_by_hand():
    ids, scores = fusion.reciprocal_rank([ONE, OTHER])
    assert ids.tolist() == [3, 7, 2, 5]
    np.testing.assert_allclose(scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])
    assert fusion.reciprocal_rank([ONE], k=0)[1].tolist() == [1, 0.5, 1 / 3]


def test_the_list_that_drops_at_once_is_worth_more():
    steep = ranked((1, 1.0), *((i, 0.05) for i in range(2, 9)), (9, 0.0))
    gentle = ranked(*((i, 1.0 - (8 - i) / 10) for i in range(8, 0, -1)), (9, 0.1))
    nothing = np.zeros(0)
    curves = [fusion.curve_without(scores, nothing) for _, scores in (steep, gentle)]
    weights = fusion.curve_weights(curves)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights[0] / weights[1], curves[1].mean() / curves[0].mean())
    assert weights[0] > 3 * weights[1]
    # The gentle list has image 8 first and 1 last but one; the steep one decides.
    ids, scores = fusion.query_adaptive([steep, gentle], [nothing, nothing])
    assert ids[0] == 1
    found = dict(zip(ids.tolist(), scores.tolist(), strict=True))
    assert found[8] == pytest.approx(0.05 ** weights[0] * curves[1][0] ** weights[1])


def test_a_reference_takes_a_slow_tail_away():
    scores = np.array([1.0, 0.6, 0.5, 0.4])
    np.testing.assert_allclose(fusion.curve_without(scores, np.array([0.7, 0.6, 0.5, 0.4, 0.3])), [1, 0, 0, 0])
    np.testing.assert_allclose(fusion.curve_without(scores, np.array([0.4])), fusion.by_range(scores))
    assert fusion.curve_weights([fusion.curve_without(scores, scores[[1, 1, 2, 3]]), fusion.by_range(scores)])[0] > 0.5


def test_a_list_that_its_reference_turns_round_is_put_in_order():
    turned = ranked((1, 0.9), (2, 0.8))
    assert fusion.query_adaptive([turned], [np.array([0.9, 0.1])])[0].tolist() == [2, 1]


def test_empty_lists_say_nothing():
    empty = ranked()
    for fuse in (fusion.summed, fusion.multiplied, fusion.reciprocal_rank):
        alone, beside = fuse([ONE]), fuse([ONE, empty])
        np.testing.assert_array_equal(alone[0], beside[0])
        np.testing.assert_allclose(alone[1], beside[1])
        assert len(fuse([empty])[0]) == 0
    assert len(fusion.query_adaptive([empty], [np.zeros(0)])[0]) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "nothing to fuse"),
        ([ranked((1, 0.5), (1, 0.4))], "twice in a list"),
        ([ranked((1, 0.5), (2, 0.6))], "must be finite and descend"),
        ([ranked((1, np.nan))], "must be finite and descend"),
        ([(np.arange(2), np.ones(3))], "must both be"),
    ],
)
def test_lists_that_make_no_sense(given, said):
    for fuse in (fusion.summed, fusion.multiplied, fusion.reciprocal_rank):
        with pytest.raises(UsageError, match=said):
            fuse(given)


def test_other_refusals():
    with pytest.raises(UsageError, match="k of reciprocal rank fusion"):
        fusion.reciprocal_rank([ONE], k=-1)
    with pytest.raises(UsageError, match="cannot be multiplied"):
        fusion.multiplied([ONE], fusion.by_deviation)
    for weights in ([1.0], [1.0, -1.0], [1.0, np.nan]):
        with pytest.raises(UsageError, match="2 lists have weights"):
            fusion.summed([ONE, OTHER], weights=weights)
    with pytest.raises(UsageError, match="1 lists have 0 reference curves"):
        fusion.query_adaptive([ONE], [])
    with pytest.raises(UsageError, match="a reference curve"):
        fusion.query_adaptive([ONE], [np.array([np.inf])])
    with pytest.raises(UsageError, match="no area"):
        fusion.curve_weights([np.zeros(3)])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scores": "confidence", "power": 3.0}, "do not use power"),
        ({"scores": "power", "half": 3.0}, "do not use half"),
        ({"half": 3.0}, 'scores = "range" do not use half'),
    ],
)
def test_parameters_that_scores_do_not_use_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        FusedScores(**given)


def test_a_fusion_in_which_nothing_counts_is_refused():
    nothing = {name: FusedScores(weight=0.0) for name in ("one", "two")}
    with pytest.raises(ValidationError, match="no channel has a weight"):
        Fusion(channels=nothing)
    assert Fusion(channels={**nothing, "two": FusedScores()}).part("two").weight == 1.0
