"""Folders as classes, and their cleaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, texture, write
from resight.errors import UsageError
from resight.index.index import Index
from resight.training.mining.classes import class_anchors, folder_of
from resight.training.mining.cleaning import cleaned, in_class_pairs
from resight.training.mining.kinds import Classes
from resight.training.mining.miner import mine
from resight.training.mining.reconstruction import PairMatches

pytestmark = pytest.mark.usefixtures("unsynced")


def pair(a: int, b: int, count: int) -> PairMatches:
    return PairMatches(a, b, np.zeros((count, 2), np.int64))


def test_the_largest_component_of_each_class_stays() -> None:
    classes = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2]
    graph = [pair(0, 1, 20), pair(1, 2, 20), pair(3, 4, 90), pair(2, 6, 50), pair(2, 3, 9), pair(7, 8, 12)]
    assert np.flatnonzero(cleaned(classes, graph, 10)).tolist() == [0, 1, 2, 7, 8]
    assert np.flatnonzero(cleaned(classes, graph, 9)).tolist() == [0, 1, 2, 3, 4, 7, 8]
    assert not cleaned(classes, [], 10).any()


def test_of_equal_components_the_one_that_matches_better_stays() -> None:
    classes = [0, 0, 0, 0]
    assert np.flatnonzero(cleaned(classes, [pair(0, 1, 20), pair(2, 3, 30)], 10)).tolist() == [2, 3]
    assert np.flatnonzero(cleaned(classes, [pair(0, 1, 20), pair(2, 3, 20)], 10)).tolist() == [0, 1]


def test_pairs_are_those_of_one_class() -> None:
    assert in_class_pairs([0, 1, 0, 1, 0]) == [(0, 2), (0, 4), (1, 3), (2, 4)]


def test_a_class_is_the_folders_of_a_name() -> None:
    assert folder_of("a/b/c.jpg", 0) == "a/b"
    assert folder_of("a/b/c.jpg", 1) == "a"
    assert folder_of("c.jpg", 0) == ""


def test_some_of_a_large_class_are_drawn_as_positives() -> None:
    classes = [0] * 9 + [1] * 3 + [2]
    names = [f"{row:02}" for row in range(len(classes))]
    every = np.ones(len(classes), np.bool_)

    def drawn(seed: int) -> dict[str, list[str]]:
        anchors = class_anchors(names, classes, every, [], Classes(most=4, seed=seed))
        assert [one.weight for one in anchors] == [1 / 9] * 9 + [1 / 3] * 3
        return {one.name: [positive.name for positive in one.positives] for one in anchors}

    found = drawn(0)
    assert found == drawn(0) != drawn(1)
    assert [len(own) for own in found.values()] == [4] * 9 + [2] * 3
    for name, own in found.items():
        assert name not in own
        assert own == sorted(set(own))
    # All the others of a class can be drawn.
    assert {other for seed in range(30) for other in drawn(seed)["04"]} == set(names[:9]) - {"04"}
    assert [found[name] for name in names[9:12]] == [["10", "11"], ["09", "11"], ["09", "10"]]


def test_of_a_cleaned_class_the_best_matches_are_positives() -> None:
    graph = [pair(0, 1, 20), pair(0, 2, 40), pair(0, 3, 30)]
    anchors = class_anchors(list("abcd"), [0] * 4, np.ones(4, np.bool_), graph, Classes(clean=True, most=2))
    assert [one.name for one in anchors[0].positives] == ["c", "d"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, recipes: Path) -> Index:
    root = tmp_path_factory.mktemp("classes")
    photos = {f"{name[:2]}/{name}": pixels for name, pixels in collection(3, 3).items()}
    photos |= {"00/wrong.png": texture(81), "02/01-other.png": texture(82), "03/alone.png": texture(83)}
    for folder in ("00", "01", "02", "03"):
        (root / "photos" / folder).mkdir(parents=True)
    found = Index.create(root / "x.resight", recipes / "verified.toml")
    found.add(write(root / "photos", photos))
    return found


def test_photos_of_a_folder_are_positives_of_each_other(index: Index) -> None:
    mined = mine(index, "classes")
    assert {one.name: len(one.positives) for one in mined.tuples.anchors} == {
        **{f"00/{name}": 3 for name in ("00-0.png", "00-1.png", "00-2.png", "wrong.png")},
        **{f"01/01-{view}.png": 2 for view in range(3)},
        **{f"02/{name}": 3 for name in ("01-other.png", "02-0.png", "02-1.png", "02-2.png")},
    }
    assert "03/alone.png" in mined.tuples.pool
    assert not mined.left_out


def test_cleaning_throws_out_what_matches_nothing_and_says_so(index: Index) -> None:
    mined = mine(index, "classes", parameters={"clean": "true"})
    out = ["00/wrong.png", "02/01-other.png", "03/alone.png"]
    assert [one.name for one in mined.left_out] == out
    assert mined.tuples.provenance["left_out"] == out
    assert not set(out) & set(mined.tuples.photos)
    assert mined.figures["photos thrown out"] == 3
    assert any("1 classes have no two photos" in note for note in mined.notes)
    assert all(one.name[:2] == two.name[:2] for one in mined.tuples.anchors for two in one.positives)
    assert len(mined.tuples.anchors) == 9


def test_one_class_is_no_class(tmp_path: Path, recipes: Path) -> None:
    found = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    found.add(write(tmp_path / "photos", collection(2)))
    with pytest.raises(UsageError, match="all 4 photos are in one folder, 'the root'"):
        mine(found, "classes")
