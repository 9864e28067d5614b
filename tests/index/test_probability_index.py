"""Hits of a small index: what shows the same thing is told from what fills the list, whatever the recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index_samples import METHODS, collection, index_by, seen_again, texture, write
from resight.errors import UsageError
from resight.index.index import Index

THINGS = 40


@pytest.fixture(scope="module", params=sorted(METHODS))
def index(request: pytest.FixtureRequest, recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp(request.param)
    made = index_by(recipes, (recipes / f"{request.param}.toml").read_text(), folder / "own.resight")
    made.add(write(folder / "photos", collection(THINGS, 1)))
    return made


def test_hits_of_a_photo_that_nothing_else_shows_are_improbable(index: Index) -> None:
    found = [hit.probability for seed in range(500, 510) for hit in index.search(texture(seed)).hits]
    assert np.mean(np.array([*found, 0.0]) < 0.5) >= 0.95
    assert all(0.0 <= probability <= 1.0 for probability in found)


def test_a_verified_hit_is_as_probable_among_few_photos_as_among_many(index: Index) -> None:
    """Among ten photos and among forty: what two photos agree on does not depend on the others."""
    if index.recipe.name not in ("verified", "chained"):
        pytest.skip("what two photos agree on is not known, or is little: 64 words a bag give few correspondences")
    for thing in range(10):
        view = seen_again(texture(thing), 1000 + thing)[0]
        few, many = (
            {hit.name: hit.probability for hit in index.search(view, k=THINGS, within=part).hits}
            for part in (["0*.png"], [])
        )
        name = f"{thing:02d}-0.png"
        assert few[name] == pytest.approx(many[name], abs=0.1)


def test_another_view_is_more_probable_than_anything_else(index: Index, request: pytest.FixtureRequest) -> None:
    if index.recipe.name == "bow":
        # A known miss: all ten come first, but two with 33 and 42 inliers have 0.31 and 0.36. So few words give so many
        # tentative correspondences that the model takes their agreement for chance more often than it is.
        request.applymarker(pytest.mark.xfail(reason="underrated with a codebook of 64 words", strict=True))
    best = 0
    for thing in range(10):
        hits = index.search(seen_again(texture(thing), 1000 + thing)[0]).hits
        by_name = {hit.name: hit.probability for hit in hits}
        true = by_name.pop(f"{thing:02d}-0.png", 0.0)
        best += true >= 0.5 and true > max(by_name.values(), default=0.0)
    assert best >= 9


def test_several_queries_are_as_sure_as_the_surest(index: Index) -> None:
    views = [seen_again(texture(3), seed)[0] for seed in (7, 8)]
    alone = [{hit.name: hit.probability for hit in index.search(view, k=THINGS).hits} for view in views]
    for hit in index.search_together(views, k=THINGS).hits:
        assert hit.probability == pytest.approx(max(one.get(hit.name, 0.0) for one in alone))


def test_a_part_of_the_collection_has_its_own_background(index: Index) -> None:
    view = seen_again(texture(3), 7)[0]
    (hit, *_) = index.search(view, within=["0*.png"]).hits
    assert hit.name == "03-0.png"
    assert hit.probability >= 0.25


def test_a_mirrored_query_is_no_less_probable(index: Index) -> None:
    view = seen_again(texture(3), 7)[0]
    plain, mirrored = (index.search(view, k=1, mirror=mirror).hits[0] for mirror in (False, True))
    assert mirrored.probability >= plain.probability


@pytest.mark.parametrize("least", [-0.1, 1.5, 95, float("nan"), "0.5"])
def test_what_is_no_probability_is_refused(index: Index, least: float) -> None:
    with pytest.raises(UsageError, match="min_probability"):
        index.search("05-0.png", min_probability=least)


def test_the_photo_itself_is_certain(index: Index) -> None:
    hits = index.search("05-0.png", include_self=True).hits
    assert (hits[0].name, hits[0].probability, hits[0].verdict) == ("05-0.png", 1.0, "sure")
    (hit, *_) = index.search_together(["05-0.png", "06-0.png"], include_self=True).hits
    assert hit.probability == 1.0


def test_results_are_cut_and_parted_by_probability(index: Index) -> None:
    result = index.search("05-0.png", include_self=True)
    likely = index.search("05-0.png", include_self=True, min_probability=0.95)
    assert [hit.name for hit in likely.hits] == [hit.name for hit in result.hits if hit.probability >= 0.95]
    parts = result.by_verdict()
    assert [verdict for verdict, _ in parts] == [v for v in ("sure", "possible", "filler") if v in dict(parts)]
    assert sorted(rank for _, part in parts for rank, _ in part) == list(range(1, len(result.hits) + 1))
    assert all(result.hits[rank - 1] is hit and hit.verdict == verdict for verdict, part in parts for rank, hit in part)
    sure = index.search("05-0.png", include_self=True, min_probability=0.95)
    assert [hit.name for hit in sure.hits] == [hit.name for hit in result.hits if hit.probability >= 0.95]
