"""Links between photos, kept with an index: what they cost again, what a kill loses, and damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from index_samples import collection, index_by, names, told, write
from resight.index.index import Index
from resight.index.views import WordView
from resight.manifold import linking
from resight.search.ranking import Verification
from resight.words.evidence import ImageWords

RECIPE = """name = "d"
[words]
kind = "asmk"
size = 64
fit = "codebook.npz"
[[rerank]]
kind = "spatial"
score = "evidence"
[[rerank]]
kind = "links"
min_inliers = 8
half = 5.0
"""
PHOTOS = collection(4, 3)
FIRST = frozenset(name for name in PHOTOS if not name.endswith("-2.png"))
QUERY = PHOTOS["02-0.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call has verified."""
    counts: list[int] = []
    verify = WordView.verify

    def counted(self: WordView, query: ImageWords, images: Sequence[int]) -> dict[int, Verification]:
        counts.append(len(images))
        return verify(self, query, images)

    monkeypatch.setattr(WordView, "verify", counted)
    return counts


def arrays(index: Index) -> Mapping[str, list[object]]:
    """The links that are kept, by the names of the images that asked."""
    (block,) = index.collection.views["main"].kept("links").blocks
    name_of, found = index.collection.name_of, {}
    for row, image in enumerate(block["ids"].tolist()):
        others = block["others"][block["offsets"][row] : block["offsets"][row + 1]]
        links = slice(*block["link_offsets"][row : row + 2].tolist())
        columns = [block[name][links].tolist() for name in linking.COLUMNS]
        found[name_of(image)] = [[name_of(other) for other in others.tolist()], *columns]
    return found


def test_photos_that_come_in_turn_are_linked_as_those_that_come_at_once(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    at_once, in_turn = (index_by(recipes, RECIPE, tmp_path / f"{name}.resight") for name in ("once", "turn"))
    at_once.add(folder)
    in_turn.add(folder, only=FIRST)
    in_turn.add(folder)
    assert in_turn.info().stale == {"links between photos": len(FIRST)}
    in_turn.update()
    assert in_turn.info().stale == {}
    assert arrays(in_turn) == arrays(at_once)
    assert sum(len(one[1]) for one in arrays(at_once).values()) >= 12


def test_a_pair_that_is_known_is_not_verified_again(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None, verified: list[int]
) -> None:
    index = index_by(recipes, RECIPE, tmp_path / "x.resight")
    index.add(folder, only=FIRST)
    assert sum(verified) == 8 * 7
    verified.clear()
    index.add(folder)
    assert sum(verified) == 4 * 11
    verified.clear()
    index.update()
    assert sum(verified) == 8 * 4
    verified.clear()
    index.update()
    index.remove(["00-1.png"])
    index.update()
    assert sum(verified) == 0
    assert index.info().stale == {}
    assert "00-1.png" not in arrays(index)
    assert all("00-1.png" not in one[0] for one in arrays(index).values())


def test_a_query_verifies_its_own_candidates_alone(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None, verified: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = index_by(recipes, RECIPE, tmp_path / "x.resight")
    index.add(folder)
    verified.clear()
    found = index.search(QUERY, k=12, include_self=True)
    assert verified == []
    assert {name[:2] for name in names(found)[:3]} == {"02"}
    assert found.hits[0].probability > 0.9


def test_a_kill_loses_one_block_at_most(
    folder: Path,
    recipes: Path,
    tmp_path: Path,
    unsynced: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(linking, "BLOCK_IMAGES", 2)
    find, asked = linking.find_candidates, list[int]()

    def find_some(image: int, *given: object) -> linking.Candidates:
        asked.append(image)
        if len(asked) == 6:
            raise KeyboardInterrupt
        return find(image, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(linking, "find_candidates", find_some)
    index = index_by(recipes, RECIPE, tmp_path / "x.resight")
    with pytest.raises(KeyboardInterrupt):
        index.add(folder)
    assert len(list((index.path / "search" / "main").glob("links-*"))) == 2
    assert index.info().stale == {"links between photos": 8}
    assert not caplog.records
    assert len(index.search(QUERY, k=12, include_self=True).hits) == 12
    assert caplog.messages == ["8 photos are not linked with others yet: run `resight update`"]
    asked[:] = range(10)
    index.add(folder)
    assert len(asked) == 10 + 8
    assert index.info().stale == {}
    index.compact()
    whole = index_by(recipes, RECIPE, tmp_path / "whole.resight")
    asked[:] = range(10)
    whole.add(folder)
    whole.compact()
    assert told(index.search(QUERY, k=12)) == told(whole.search(QUERY, k=12))


def test_many_blocks_are_merged_into_one(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "BLOCK_IMAGES", 1)
    index = index_by(recipes, RECIPE, tmp_path / "x.resight")
    index.add(folder)
    assert len(list((index.path / "search" / "main").glob("links-*"))) == 1
    assert index.info().stale == {}
    whole = index_by(recipes, RECIPE, tmp_path / "whole.resight")
    monkeypatch.setattr(linking, "BLOCK_IMAGES", 512)
    whole.add(folder)
    assert arrays(index) == arrays(whole)


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "sums"])
def test_damaged_links_are_found_and_made_again(
    damage: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, RECIPE, tmp_path / "damaged.resight")
    index.add(folder)
    before = told(index.search(QUERY, k=12))
    (structure,) = (index.path / "search" / "main").glob("links-*")
    file = structure / ("sums.json" if damage == "sums" else "similarity.npy")
    content = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(content[:-4])
        case "gone":
            file.unlink()
        case _:
            file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    (problem,) = Index.check(index.path).problems
    assert problem.startswith(str(structure))
    Index.check(index.path, repair=True)
    assert Index.check(index.path).problems == []
    again = Index.open(index.path)
    assert len(again.search(QUERY, k=12, include_self=True).hits) == 12
    again.update()
    assert again.info().stale == {}
    assert told(again.search(QUERY, k=12)) == before


def test_an_index_that_loses_all_photos_keeps_no_links(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, RECIPE, tmp_path / "x.resight")
    index.add(folder)
    index.remove(sorted(PHOTOS))
    assert index.info().stale == {"links between photos": 12}
    index.compact()
    assert list((index.path / "search" / "main").glob("links-*")) == []
    assert index.info().stale == {}
    index.add(folder, again=True)
    assert len(arrays(index)) == len(PHOTOS)


def test_duplicates_are_found_as_before(folder: Path, recipes: Path, tmp_path: Path, unsynced: None) -> None:
    chained = RECIPE.replace('kind = "links"', 'kind = "chain"')
    groups = []
    for number, text in enumerate((RECIPE, chained)):
        index = index_by(recipes, text, tmp_path / f"{number}.resight")
        index.add(folder)
        groups.append([[photo.name for photo in group.photos] for group in index.duplicates().groups])
    assert groups[0] == groups[1]
    assert groups[0]
