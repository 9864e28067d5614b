"""What a person wants left out stays out, of every later change, until it is asked for again."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

import pytest

from index_samples import texture, write
from resight.errors import UsageError
from resight.index.exclusion import with_patterns
from resight.index.index import Index
from resight.store import Choices

pytestmark = pytest.mark.usefixtures("unsynced")

PHOTOS = {
    name: texture(number, 60, 60) for number, name in enumerate(("a.png", "2019/b.png", "2019/x/c.png", "e[1].png"))
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "photos", PHOTOS)


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    return Index.create(tmp_path / "x.resight", recipes / "verified.toml")


def held(index: Index) -> list[str]:
    return sorted(Index.open(index.path).collection.snapshot.images.names)


def test_what_was_removed_stays_away_until_it_is_asked_for(index: Index, folder: Path) -> None:
    index.add(folder)
    assert index.remove(["a.png", "2019/"]) == 3
    for report in (index.add(folder), index.update()):
        assert (report.added, report.changed, report.stayed_away) == (0, 0, 3)
    assert held(index) == ["e[1].png"]
    assert (index.info().stay_away, index.info().images) == (3, 1)
    # A file that has changed since is still the photo that was removed.
    write(folder, {"a.png": texture(9, 60, 60)})
    os.utime(folder / "a.png", ns=(1, 1))
    assert index.update().added == 0
    index.compact()
    Index.check(index.path, repair=True)
    assert index.restore(["2019/b.png"]) == 1
    assert held(index) == ["e[1].png"]
    assert (index.update().added, held(index)) == (1, ["2019/b.png", "e[1].png"])
    report = index.add(folder, again=True)
    assert (report.added, report.stayed_away, held(index)) == (2, 0, sorted(PHOTOS))
    assert index.info().stay_away == 0


def test_asking_again_for_one_folder_leaves_what_was_removed_of_another(index: Index, folder: Path) -> None:
    index.add(folder, prefix="one/")
    index.add(folder, prefix="two/")
    assert index.remove(["*.png"]) == 8
    assert index.add(folder, prefix="two/", again=True).added == 4
    assert index.update().stayed_away == 4
    assert index.named(["one/a.png"], removed=True) == ["one/a.png"]


def test_a_removal_of_which_a_part_is_unknown_removes_nothing(index: Index, folder: Path) -> None:
    index.add(folder)
    with pytest.raises(UsageError, match="nothing was removed"):
        index.remove(["a.png", "*.gif"])
    assert (held(index), index.info().stay_away) == (sorted(PHOTOS), 0)


def test_patterns_hold_for_every_later_change_and_can_be_taken_back(index: Index, folder: Path) -> None:
    assert index.add(folder, exclude=["2019/"]).added == 2
    write(folder, {"2019/new.png": texture(7, 60, 60), "new.png": texture(8, 60, 60)})
    assert (index.add(folder).added, index.update().added) == (1, 0)
    report = index.update(exclude=["*.png"])
    assert (report.excluded, report.removed, held(index)) == (3, 0, [])
    assert index.info().excluded == ["2019/", "*.png"]
    assert (index.update(include=["*.png", "2019/"]).added, index.info().excluded) == (6, [])
    # What a pattern took out was never removed by a person.
    assert index.info().stay_away == 0


def test_add_forgets_nothing_but_says_what_a_pattern_will_take_out(index: Index, folder: Path) -> None:
    index.add(folder)
    report = index.add(folder, exclude=["2019/"])
    assert report.notes == ["2 photos of the index match a pattern; `resight update` takes them out"]
    assert held(index) == sorted(PHOTOS)
    assert index.update().excluded == 2


def test_a_pattern_is_matched_below_each_root_without_its_prefix(index: Index, folder: Path) -> None:
    index.add(folder, prefix="2019/")
    assert index.update(exclude=["2019/"]).excluded == 2
    assert held(index) == ["2019/a.png", "2019/e[1].png"]


def test_a_wrong_pattern_changes_nothing(index: Index, folder: Path) -> None:
    index.add(folder)
    generation = index.info().generation
    for call in (lambda: index.add(folder, exclude=["*.png", "!a"]), lambda: index.update(include=["*.png"])):
        with pytest.raises(UsageError, match="pattern"):
            call()
    index.refresh()
    assert (index.info().generation, index.info().excluded) == (generation, [])


def test_an_update_with_a_folder_that_is_unknown_changes_nothing(index: Index, folder: Path) -> None:
    index.add(folder)
    generation = index.info().generation
    (folder / "a.png").unlink()
    with pytest.raises(UsageError, match="in no folder of the index; nothing was changed"):
        index.update(exclude="*.png", removed=["/typo"])
    index.refresh()
    assert (index.info().generation, index.info().excluded, held(index)) == (generation, [], sorted(PHOTOS))


def test_what_a_pattern_takes_out_and_what_was_removed_go_at_once(index: Index, folder: Path) -> None:
    index.add(folder)
    generation = index.info().generation
    (folder / "a.png").unlink()
    report = index.update(exclude=["2019/"])
    index.refresh()
    assert (report.excluded, report.removed, report.held) == (2, 1, [])
    assert index.info().generation == generation + 1


def test_patterns_are_kept_once_in_their_order() -> None:
    choices = with_patterns(
        Choices(("b", "a", "./Köln/")), ("A", "./c", "/C"), ("b", unicodedata.normalize("NFD", "./KÖLN/"))
    )
    assert choices.excluded == ("a", "./c")


def test_left_out_files_are_counted_by_ending_over_all_folders(index: Index, folder: Path) -> None:
    for name in ("film.MP3", "2019/film.mp3", "notes.txt", ".hidden.txt", "README", "@eaDir/x.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"text")
    shutil.copy(folder / "a.png", folder / "photo")
    report = index.add(folder)
    assert (report.added, dict(report.left_out)) == (5, {".mp3": 2, ".txt": 1, "": 1})
    assert "photo" in held(index)
    index.add(folder, prefix="again/")
    assert dict(index.update().left_out) == {".mp3": 4, ".txt": 2, "": 2}


def test_a_removal_is_of_one_folder_and_keeps_no_photo_of_another_away(
    index: Index, folder: Path, tmp_path: Path
) -> None:
    index.add(folder)
    index.remove("a.png")
    other = write(tmp_path / "other", {"a.png": texture(11, 60, 60)})
    assert (index.add(other).added, index.update().stayed_away) == (1, 1)
    assert "a.png" in held(index)
    assert index.named("a.png", removed=True) == ["a.png"]
    # The name is another photo's now: to let the first one come back would break the next update.
    generation = index.info().generation
    with pytest.raises(UsageError, match=f"a.png: this name is that of a photo of {other} now; nothing was changed"):
        index.restore("a.png")
    index.refresh()
    assert index.info().generation == generation
    assert index.update().added == 0


def test_the_same_name_may_be_removed_of_two_folders(index: Index, folder: Path, tmp_path: Path) -> None:
    index.add(folder)
    index.remove("a.png")
    other = write(tmp_path / "other", {"a.png": texture(11, 60, 60)})
    index.add(other)
    index.remove("a.png")
    assert (index.info().stay_away, index.update().stayed_away) == (2, 2)
    # Asked for again in one folder, it stays away from the other.
    assert (index.add(other, again=True).added, index.info().stay_away) == (1, 1)


def test_a_name_that_was_removed_is_no_pattern_for_others(index: Index, folder: Path) -> None:
    write(folder, {"e1.png": texture(12, 60, 60)})
    index.add(folder)
    assert index.remove("e[1].png") == 1
    with pytest.raises(
        UsageError, match=r"e\[1\].png: not in the index, so nothing was removed: it was removed before"
    ):
        index.remove("e[1].png")
    assert "e1.png" in held(index)
    (understood,) = index.understood("e[0-9].png")
    assert (understood.names, understood.by_pattern) == (("e1.png",), True)


def test_what_is_left_out_outlives_the_catalogue_and_the_statement(index: Index, folder: Path) -> None:
    index.add(folder, exclude=["2019/x/"])
    index.remove("a.png")
    for file in (*index.path.glob("catalog.sqlite*"), *index.path.glob("segments/generation-*")):
        file.unlink()
    assert Index.check(index.path, repair=True).problems == []
    again = Index.open(index.path)
    assert (held(again), again.info().excluded, again.info().stay_away) == (["2019/b.png", "e[1].png"], ["2019/x/"], 1)
    assert (again.update().added, again.update().stayed_away) == (0, 1)


def test_an_index_of_which_all_photos_were_removed_says_so(index: Index, folder: Path) -> None:
    index.add(folder)
    index.remove("*")
    with pytest.raises(UsageError, match="no photos any more: 4 were removed from it"):
        index.search(PHOTOS["a.png"])


def test_a_folder_of_an_index_is_no_folder_of_photos(index: Index, folder: Path, tmp_path: Path) -> None:
    index.add(folder)
    generation = index.info().generation
    inside = index.path / "photos"
    inside.mkdir()
    (tmp_path / "link").symlink_to(inside)
    for place, said in (
        (index.path, "is an index"),
        (inside, f"lies in the index {index.path}"),
        (tmp_path / "link", "lies in the index"),
    ):
        with pytest.raises(UsageError, match=said):
            index.add(place)
    index.refresh()
    assert index.info().generation == generation


def test_an_add_that_is_refused_after_a_move_was_seen_changes_nothing(
    index: Index, folder: Path, tmp_path: Path
) -> None:
    index.add(folder)
    generation = index.info().generation
    moved = tmp_path / "moved"
    folder.rename(moved)
    with pytest.raises(UsageError, match="no exceptions"):
        index.add(moved, exclude=["!a"])
    index.refresh()
    assert (index.info().generation, index.info().roots[0]["path"]) == (generation, str(folder))
    report = index.add(moved)
    assert (report.added, report.unchanged, index.info().roots[0]["path"]) == (0, 4, str(moved))
    assert "4 photos are taken for moved" in report.notes[0]


@pytest.mark.parametrize(
    ("only", "said"),
    [
        (["a.png", "none.png", "b.png"], "2 of the 3 names that were asked for are no photos in it"),
        ([], "no name was asked for"),
        (["a.png"], ""),
    ],
)
def test_names_that_alone_count_and_are_not_there_are_told(
    index: Index, folder: Path, caplog: pytest.LogCaptureFixture, only: list[str], said: str
) -> None:
    index.add(folder, only=only)
    assert ([record.getMessage() for record in caplog.records] == []) == (not said)
    assert said in caplog.text
