"""What is made of several photos: stale after some changes, told by `info`, and the same again after an update."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_samples import collection, index_by, write
from resight.index.index import Index

VECTORS = 'name = "d"\n[descriptor]\nkind = "vlad"\nsize = 64\nfit = "codebook.npz"\n'
WORDS = 'name = "d"\n[words]\nkind = "bow"\nsize = 64\nfit = "codebook.npz"\n'
DIFFUSION = '[[rerank]]\nkind = "diffusion"\nk = 4\nquery_k = 3\nalpha = 0.8\nself_affinity = 1.0\n'
LINKS = '[[rerank]]\nkind = "spatial"\nscore = "evidence"\n[[rerank]]\nkind = "links"\nmin_inliers = 6\nhalf = 5.0\n'
RECIPES = {
    "vectors": VECTORS + '[augmentation]\nkind = "alpha"\nneighbours = 2\n',
    "words": WORDS + '[augmentation]\nkind = "verified"\nmin_inliers = 4\n',
    "graph of vectors": VECTORS + DIFFUSION,
    "graph of words": WORDS + DIFFUSION,
    "graph of augmented vectors": VECTORS + '[augmentation]\nkind = "alpha"\nneighbours = 2\n' + DIFFUSION,
    "links": WORDS + LINKS,
    "links of augmented words": WORDS + '[augmentation]\nkind = "verified"\nmin_inliers = 4\n' + LINKS,
}
STALE = {
    "vectors": {"augmented photos": 12},
    "words": {"augmented photos": 12},
    "graph of vectors": {},
    "graph of words": {"neighbours of photos": 18},
    "graph of augmented vectors": {"augmented photos": 12},
    "links": {"links between photos": 12},
    "links of augmented words": {"augmented photos": 12, "links between photos": 12},
}
PHOTOS = collection(6, 3)
FIRST = frozenset(name for name in PHOTOS if not name.endswith("-2.png"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("photos"), PHOTOS)


def plain(index: Index) -> list[list[tuple[str, float]]]:
    """Names and scores of all hits of six queries."""
    found = [index.search(PHOTOS[f"{thing:02d}-0.png"], k=18).hits for thing in range(6)]
    return [[(hit.name, hit.score) for hit in hits] for hits in found]


def answers(index: Index) -> list[list[tuple[str, object]]]:
    """`plain`, to compare with: diffusion sums in the order of ids, which is that in which photos came."""
    return [[(name, pytest.approx(score, rel=1e-5)) for name, score in hits] for hits in plain(index)]


@pytest.mark.parametrize("mend", ["update", "compact"])
@pytest.mark.parametrize("kind", RECIPES)
def test_photos_that_come_in_turn_answer_as_those_that_come_at_once(
    kind: str, mend: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    at_once = index_by(recipes, RECIPES[kind], tmp_path / "once.resight")
    at_once.add(folder)
    assert at_once.info().stale == {}
    in_turn = index_by(recipes, RECIPES[kind], tmp_path / "turn.resight")
    in_turn.add(folder, only=FIRST)
    in_turn.add(folder)
    assert in_turn.info().stale == STALE[kind]
    assert (plain(in_turn) == answers(at_once)) == (not STALE[kind])
    getattr(in_turn, mend)()
    assert in_turn.info().stale == {}
    assert plain(in_turn) == answers(at_once)


@pytest.mark.parametrize("kind", RECIPES)
def test_removed_photos_leave_nothing_behind(
    kind: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, RECIPES[kind], tmp_path / "removed.resight")
    index.add(folder)
    index.remove([name for name in PHOTOS if name not in FIRST])
    assert index.info().stale
    index.update()
    assert index.info().stale == {}
    fewer = index_by(recipes, RECIPES[kind], tmp_path / "fewer.resight")
    fewer.add(folder, only=FIRST)
    assert plain(index) == answers(fewer)


def test_an_update_that_changes_nothing_makes_nothing_anew(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, RECIPES["graph of augmented vectors"], tmp_path / "same.resight")
    index.add(folder)
    before = sorted(path.name for path in (index.path / "search" / "main").iterdir())
    index.update()
    index.compact()
    assert sorted(path.name for path in (index.path / "search" / "main").iterdir()) == before
