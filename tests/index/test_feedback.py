"""Asking again with marks: right photos are asked with, wrong ones and what is like them go out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index_samples import texture, write
from resight.errors import UsageError
from resight.folders.names import Name
from resight.index import Index, Query, Wanted, all_asked, answer_asked, answer_marked
from resight.index.first_look import first_look

RED, BLUE = texture(1, 180, 180), texture(2, 180, 180)


def scene(*parts: np.ndarray, seed: int) -> np.ndarray:
    """A photo of some prints side by side on a ground of its own."""
    pixels = texture(seed, 420, 220) // 4 + 96
    for number, part in enumerate(parts):
        pixels[20:200, 20 + 200 * number : 20 + 200 * number + part.shape[1]] = part
    return np.asarray(pixels, np.uint8)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Photos of two prints; one shows the first of them and a part of the second."""
    folder = tmp_path_factory.mktemp("marks")
    photos = {
        "red-0.png": scene(RED, seed=10),
        "red-1.png": scene(RED, seed=11),
        "both.png": scene(RED, BLUE[:, :110], seed=12),
        "blue-0.png": scene(BLUE, seed=13),
        "blue-1.png": scene(BLUE, seed=14),
        **{f"other-{number}.png": scene(texture(90 + number, 180, 180), seed=20 + number) for number in range(6)},
    }
    index = Index.create(folder / "x.resight", "sift-lite0-links")
    index.add(write(folder / "photos", photos))
    return index


def marked(index: Index, query: str, right: list[str], wrong: list[str], k: int = 5) -> tuple[list[str], list[str]]:
    asked = all_asked(index.collection, iter([Query(Name(query))]), False)
    found = answer_marked(index.collection, asked, right, wrong, Wanted(k=k))
    assert len(found.queries) == 1 + len(right)
    return [str(hit.name) for hit in found.result], list(found.notes)


def test_what_is_marked_right_is_asked_with(index: Index) -> None:
    names, notes = marked(index, "red-0.png", ["both.png"], [])
    # The other print is found by the photo that shows both.
    assert set(names[:3]) == {"red-1.png", "blue-0.png", "blue-1.png"}
    assert "both.png" not in names
    assert "1 right and 0 wrong" in notes[0]


def test_what_a_wrong_photo_matches_better_goes_out(index: Index) -> None:
    names, notes = marked(index, "both.png", [], ["blue-0.png"], k=10)
    assert "red-0.png" in names
    assert "red-1.png" in names
    assert "blue-0.png" not in names
    assert "blue-1.png" not in names
    assert any("went out" in note for note in notes)


@pytest.mark.parametrize(("right", "wrong"), [(["nowhere.png"], []), ([], ["nowhere.png"])])
def test_names_that_are_not_there_are_refused(index: Index, right: list[str], wrong: list[str]) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.png"):
        marked(index, "red-0.png", right, wrong)


def test_without_vectors_scores_are_averaged(index: Index, tmp_path: Path) -> None:
    words = Index.create(tmp_path / "w.resight", "sift-asmk-spatial")
    words.add(index.path.with_name("photos"))
    names, notes = marked(words, "red-0.png", ["both.png"], [])
    assert set(names[:3]) == {"red-1.png", "blue-0.png", "blue-1.png"}
    assert any("no vectors" in note for note in notes)


def test_the_first_look_is_that_of_the_first_channel(index: Index) -> None:
    asked = all_asked(index.collection, iter([Query(Name("red-0.png"))]), False)
    found = first_look(index.collection, asked, Wanted(k=2))
    assert {str(hit.name) for hit in found} == {"red-1.png", "both.png"}
    assert all(hit.verification is None and hit.probability == 0 for hit in found)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_a_search_among_some_images_finds_no_others(index: Index) -> None:
    images = index.collection.snapshot.images
    some = np.sort(images.ids[[images.by_name[name] for name in ("blue-0.png", "other-1.png", "red-1.png")]])
    asked = all_asked(index.collection, iter([Query(Name("red-0.png"))]), False)
    for ask in (answer_asked, first_look):
        found = ask(index.collection, asked, Wanted(k=10, among=some))
        assert {str(hit.name) for hit in found} <= {"blue-0.png", "other-1.png", "red-1.png"}
        assert found[0].name == "red-1.png"
