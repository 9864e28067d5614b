"""Structures that a model brings along: made, followed, handed on by their key, and refused where they cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from index_samples import collection, index_by, write
from resight.errors import RecipeError, UsageError
from resight.index.index import Index
from resight.learned import registered
from resight.learned.kinds import Keeps
from resight.learned.registered import register
from resight.progress import Progress, Say
from resight.recipe import parse_recipe
from resight.rerank.kinds import Spatial
from resight.rerank.stage import SecondLook
from resight.search.derived import DerivedKind, Kept, Site, stamp
from resight.search.kinds import Search
from resight.search.live import LiveRows
from resight.search.looks import Look
from resight.search.ranking import Ranking, Searcher
from resight.search.selection import NameOrder

VECTORS = 'name = "d"\n[descriptor]\nkind = "vlad"\nsize = 64\nfit = "codebook.npz"\n'
ASMK = 'name = "d"\n[words]\nkind = "asmk"\nsize = 64\nfit = "codebook.npz"\n'
LISTED = '[search]\nkind = "listed"\nkey = "list-1"\n'
LISTING = '[[rerank]]\nkind = "listing"\n'
PHOTOS = collection(4, 2)
HANDED: list[tuple[str, Any]] = []
"""What was handed on when something was opened: by whom, and the ids."""


@dataclass(frozen=True)
class Listed:
    """The ids of a channel's images, in the order in which they were listed."""

    key: str
    backwards: bool = False

    def open(self, site: Site) -> KeptList:
        return KeptList(site, self.backwards)


@dataclass(frozen=True)
class KeptList:
    site: Site
    backwards: bool
    name: str = "lists of photos"

    def read(self, live: NDArray[np.int64]) -> NDArray[np.int64] | None:
        return next((np.asarray(one.arrays["ids"]) for one in self.site.shelf.read(_fault)), None)

    def stale(self, live: NDArray[np.int64]) -> int:
        kept = self.read(live)
        return len(live) if kept is None else len(np.setxor1d(kept, live))

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        if self.read(self.site.live()) is None:
            self.build(progress, say)

    def build(self, progress: Progress | None, say: Say | None) -> None:
        live = self.site.live()
        assert not len(live) or self.site.collection().images.tolist() == live.tolist()
        self.site.shelf.replace({"ids": live[::-1] if self.backwards else live, "seen": stamp(live)})

    def forget(self) -> None:
        self.site.shelf.clear()


def _fault(arrays: Mapping[str, NDArray[Any]]) -> tuple[str, str] | None:
    return None if "ids" in arrays else ("ids", "is missing")


class ListedSearch(Search):
    kind: Literal["listed"] = "listed"
    key: str = "list-1"

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        return (Listed(self.key),)

    def open(self, rows: LiveRows, names: NameOrder, kept: Kept) -> Searcher[Any]:
        HANDED.append(("search", kept(self.key)))
        return rows.exact(names)


class Listing(SecondLook):
    """Verifies nothing, and says of each image that it has five inliers."""

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS, Keeps.WORDS)
    verifies: ClassVar[bool] = True
    score_meaning: ClassVar[str] = "none"

    @property
    def depth(self) -> int:
        return 3

    kind: Literal["listing"] = "listing"
    backwards: bool = True
    tolerance: float = 0.02

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        return (Listed("list-2", self.backwards),)

    @property
    def verification(self) -> Spatial:
        return Spatial(tolerance=self.tolerance)

    def open(self, collection: Any) -> Look:
        def look(query: object, ranking: Ranking) -> Ranking:
            HANDED.append(("look", collection.kept("list-2")))
            return replace(ranking)

        return look


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered, "_models", dict(registered._models))
    register(ListedSearch)
    register(Listing)
    HANDED.clear()


def handed(index: Index) -> dict[str, Any]:
    """What is handed on for a query, by whom it is asked for, as names."""
    HANDED.clear()
    index = Index.open(index.path)
    index.search(PHOTOS["00-0.png"])
    name_of = index.collection.name_of
    return {who: None if ids is None else [name_of(image) for image in ids.tolist()] for who, ids in HANDED}


def test_a_structure_is_made_and_followed_and_handed_to_who_asks(recipes: Path, tmp_path: Path, unsynced: None) -> None:
    folder = write(tmp_path / "photos", PHOTOS)
    index = index_by(recipes, VECTORS + LISTED + LISTING, tmp_path / "x.resight")
    first = sorted(PHOTOS)[:5]
    index.add(folder, only=frozenset(first))
    assert index.info().stale == {}
    assert handed(index) == {"search": first, "look": first[::-1]}
    index.add(folder)
    assert index.info().stale == {"lists of photos": 3}
    assert handed(index) == {"search": first, "look": first[::-1]}
    index.update()
    assert index.info().stale == {}
    assert handed(index) == {"search": sorted(PHOTOS), "look": sorted(PHOTOS)[::-1]}
    index.remove([first[0]])
    index.compact()
    assert handed(index)["search"] == sorted(PHOTOS)[1:]


def test_a_damaged_structure_is_told_and_made_again(recipes: Path, tmp_path: Path, unsynced: None) -> None:
    index = index_by(recipes, VECTORS + LISTED, tmp_path / "x.resight")
    index.add(write(tmp_path / "photos", PHOTOS))
    (file,) = (index.path / "search" / "main").glob("list-1-*/ids.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    (problem,) = Index.check(index.path).problems
    assert "list-1-00000001" in problem
    file.unlink()
    assert handed(index) == {"search": None}
    index.update()
    assert handed(index) == {"search": sorted(PHOTOS)}
    assert Index.check(index.path).problems == []


def test_what_was_made_of_what_is_made_anew_is_made_anew_too(recipes: Path, tmp_path: Path, unsynced: None) -> None:
    index = index_by(recipes, VECTORS + LISTED + LISTING, tmp_path / "x.resight")
    index.add(write(tmp_path / "photos", PHOTOS))
    lists = index.path / "search" / "main"
    (lists / "list-1-00000001" / "ids.npy").unlink()
    before = (lists / "list-2-00000001").stat().st_ino
    index.update()
    assert (lists / "list-2-00000001").stat().st_ino != before


def test_two_that_would_make_one_structure_differently_are_refused() -> None:
    parse_recipe(VECTORS + LISTING + LISTING, "twice.toml")
    with pytest.raises(
        RecipeError, match=r'"listing" and "listing" need the list-2 of channel "main" made differently'
    ):
        parse_recipe(VECTORS + LISTING + LISTING + "backwards = false\n", "twice.toml")


@pytest.mark.parametrize("key", ["List", "", "a/b", "augmented"])
def test_a_structure_that_has_no_place_is_refused(key: str) -> None:
    with pytest.raises(RecipeError, match=f'"listed" keeps a structure of the name "{key}"'):
        parse_recipe(VECTORS + LISTED.replace("list-1", key), "key.toml")


def test_two_channels_keep_a_structure_each() -> None:
    text = (
        VECTORS.replace("[descriptor]", "[channel.a.descriptor]")
        + "[channel.a.search]\nkind = 'exact'\n[channel.b.words]\nkind = 'asmk'\n"
    )
    stages = "".join(f'{LISTING}channel = "{name}"\n' for name in "ab") + '[[rerank]]\nkind = "fusion"\n'
    found = parse_recipe(text + stages, "two.toml").derived
    assert found == [("a", Listed("list-2", True)), ("b", Listed("list-2", True))]


def test_a_stage_says_that_it_verifies_and_how(recipes: Path, tmp_path: Path) -> None:
    plain = parse_recipe(ASMK, "plain.toml")
    listing = parse_recipe(ASMK + LISTING + "tolerance = 0.5\n", "listing.toml")
    assert (plain.counts_inliers, listing.counts_inliers) == (False, True)
    assert (plain.verification.tolerance, listing.verification.tolerance) == (0.02, 0.5)
    both = parse_recipe(ASMK + '[[rerank]]\nkind = "spatial"\ntolerance = 0.1\n' + LISTING, "both.toml")
    assert both.verification.tolerance == 0.1
    index = index_by(recipes, ASMK, tmp_path / "x.resight")
    index.add(write(tmp_path / "photos", {"a.png": PHOTOS["00-0.png"]}))
    with pytest.raises(UsageError, match="verifies no hits"):
        index.search(PHOTOS["00-0.png"], min_inliers=1)
