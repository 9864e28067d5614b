"""How a channel is searched is a choice of the recipe, which neither the collection nor second looks know."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from index_samples import collection, index_by, told, write
from resight.arrays import Mask
from resight.index.collection import Collection
from resight.learned.kinds import Keeps
from resight.recipe.model import ChannelRecipe
from resight.search.dense import DenseSearch
from resight.search.derived import Kept
from resight.search.kinds import Automatic, Exact, Search
from resight.search.ranking import Ranking
from resight.search.selection import NameOrder
from resight.search.vectors import VectorRows

VECTORS = 'name = "d"\n[descriptor]\nkind = "vlad"\nsize = 64\nfit = "codebook.npz"\n'
AGAIN = '[[rerank]]\nkind = "superglobal"\nneighbours = 2\n'
PHOTOS = collection(6, 3)


class Evens(Search):
    """Finds every other image only, as a search may that is not exact."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS,)
    kind: Literal["evens"] = "evens"

    def open(self, rows: VectorRows, names: NameOrder, kept: Kept) -> Half:
        return Half(DenseSearch(rows, names), rows.images[::2])


class Half:
    def __init__(self, whole: DenseSearch, found: NDArray[np.int64]) -> None:
        self.whole, self.found = whole, found

    def search(self, query: NDArray[np.float32], k: int, allowed: Mask | None = None) -> Ranking:
        some = np.zeros(int(self.found.max()) + 1, np.bool_)
        some[self.found] = True if allowed is None else allowed[self.found]
        return self.whole.search(query, k, some)


def test_another_search_finds_what_it_finds_and_second_looks_read_every_vector(
    recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, VECTORS + AGAIN, tmp_path / "x.resight")
    index.add(write(tmp_path / "photos", PHOTOS))
    whole = index.collection
    channel = whole.recipe.channel["main"].model_copy(update={"search": Evens()})
    recipe = whole.recipe.model_copy(update={"channel": {"main": channel}})
    half = Collection(whole.snapshot, recipe, whole.channels)
    query = {"main": whole.views["main"].kept_query(int(whole.views["main"].images[0]))}
    found = half.rank(query, 18)
    assert sorted(found.ids.tolist()) == whole.views["main"].images[::2].tolist()
    assert len(whole.rank(query, 18)) == 18
    every = half.vector_view("main").descriptors(half.views["main"].images)
    np.testing.assert_array_equal(every, whole.vector_view("main").descriptors(whole.views["main"].images))


def test_few_photos_are_searched_exactly_by_a_recipe_that_says_nothing(
    recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    said = index_by(recipes, VECTORS + '[search]\nkind = "exact"\n', tmp_path / "said.resight")
    unsaid = index_by(recipes, VECTORS, tmp_path / "unsaid.resight")
    assert said.recipe.channel["main"].searched == Exact()
    assert unsaid.recipe.channel["main"].searched == Automatic()
    folder = write(tmp_path / "photos", PHOTOS)
    for index in (said, unsaid):
        index.add(folder)
    query = PHOTOS["02-1.png"]
    assert told(said.search(query, k=18)) == told(unsaid.search(query, k=18))


def test_a_search_that_needs_what_the_channel_keeps_not_is_refused() -> None:
    class Refusing(ChannelRecipe):
        search: Evens = Evens()

    with pytest.raises(ValidationError, match='search "evens" needs one vector an image, and "asmk" keeps none'):
        Refusing.model_validate({"words": {"kind": "asmk"}})
    assert Refusing.model_validate({"descriptor": {"kind": "vlad"}}).search == Evens()
