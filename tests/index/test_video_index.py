"""Indexes of videos: frames are photos with a time, a video comes, changes and goes as a whole, a shot is one hit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from index_samples import texture, write, write_recipes
from rendered_videos import shot, write_sound, write_video
from resight.errors import UsageError
from resight.images import content_hash, read_bytes
from resight.images import videos as reading
from resight.index import footage as planning
from resight.index import writer
from resight.index.index import Index

NAMES = [f"clip.mp4#t={seconds}.0" for seconds in range(3)]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipes(tmp_path_factory.mktemp("recipes")) / "verified.toml"


@dataclass
class Filmed:
    """A folder with a photo and a video of two shots, of which the second shows what the photo does."""

    folder: Path
    index: Index


@pytest.fixture
def filmed(tmp_path: Path, recipe: Path) -> Filmed:
    folder = write(tmp_path / "films", {"a.png": texture(2, 176, 136)})
    write_video(folder / "clip.mp4", shot(1, 10) + shot(2, 20))
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(folder)
    return Filmed(folder, index)


def rows(index: Index) -> list[str]:
    return sorted(index.collection.snapshot.images.names)


def changed(path: Path) -> None:
    """Makes a file look as if it had been written again."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def test_a_video_is_its_frames(filmed: Filmed) -> None:
    index = filmed.index
    assert rows(index) == ["a.png", "clip.mp4", *NAMES]
    assert index.duplicates("copies").unreadable == 0
    info = index.info()
    assert (info.images, info.videos, info.unreadable, len(index)) == (4, 1, 0, 4)
    report = index.update()
    assert (report.unchanged, report.added, report.changed, report.removed, report.videos) == (4, 0, 0, 0, 0)
    assert index.verify().problems == []


def test_a_shot_is_one_hit_with_a_time(filmed: Filmed) -> None:
    first, *rest = filmed.index.search(filmed.folder / "a.png", k=10).hits
    assert (first.video, first.label[:12]) == ("clip.mp4", "clip.mp4 at ")
    assert {first.name, *first.others} == set(NAMES[1:])
    assert first.time in (1.0, 2.0)
    assert (first.inliers or 0) > 10
    told = first.to_dict()
    assert (told["video"], told["time"], told["others"]) == ("clip.mp4", first.time, list(first.others))
    assert [hit.name for hit in rest] in ([], [NAMES[0]])


def test_as_many_shots_are_hits_as_are_asked_for(tmp_path: Path, recipe: Path) -> None:
    folder = write(tmp_path / "films", {"a.png": texture(3, 180, 140)})
    # All three are of one thing, and frames of the first shot are the most.
    write_video(folder / "clip.mp4", [*shot(3, 20), *(frame // 2 for frame in shot(3, 10)), *shot(3, 10)], rate=5)
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(folder, frames=0.4)
    hits = index.search(folder / "a.png", k=2).hits
    assert len(hits) == 2
    shots = [index.collection.shots.of(hit.name) for hit in hits]
    assert len(set(shots)) == 2
    assert all(
        index.collection.shots.of(other) == own for hit, own in zip(hits, shots, strict=True) for other in hit.others
    )


def test_a_frame_is_asked_with_by_name_and_by_path(filmed: Filmed) -> None:
    by_name = filmed.index.search(NAMES[1], k=3)
    by_path = filmed.index.search(filmed.folder / NAMES[1], k=3)
    assert [hit.name for hit in by_name] == [hit.name for hit in by_path]
    assert by_name[0].name in ("a.png", NAMES[2])
    assert filmed.index.search(NAMES[1], k=1, include_self=True)[0].name == NAMES[1]
    with pytest.raises(UsageError, match=r"this is a video; ask with a frame of it, such as clip\.mp4#t=0"):
        filmed.index.search("clip.mp4")


def test_a_frame_that_is_read_again_is_that_which_was_indexed(filmed: Filmed) -> None:
    images = filmed.index.collection.snapshot.images
    for name in NAMES:
        file = filmed.index.collection.file_of(images.by_name[name])
        assert file == filmed.folder / name
        assert content_hash(read_bytes(file)) == images.hashes[images.by_name[name]]
    changed(filmed.folder / "clip.mp4")
    assert filmed.index.collection.file_of(images.by_name[NAMES[0]]) is None


def test_a_part_of_the_index_may_be_a_video(filmed: Filmed) -> None:
    hits = filmed.index.search(filmed.folder / "a.png", within="clip.mp4", include_self=True)
    assert {hit.video for hit in hits} == {"clip.mp4"}
    assert {hit.video for hit in filmed.index.search(NAMES[0], within="*.mp4", include_self=True)} == {"clip.mp4"}


def test_a_video_is_no_photo_that_could_not_be_read(filmed: Filmed) -> None:
    found = filmed.index.duplicates()
    assert (found.photos, found.unreadable) == (4, 0)


def test_a_video_that_changed_is_read_anew(filmed: Filmed) -> None:
    write_video(filmed.folder / "clip.mp4", shot(5, 20))
    report = filmed.index.update()
    assert (report.videos, report.unchanged) == (1, 1)
    assert rows(filmed.index) == ["a.png", "clip.mp4", *NAMES[:2]]
    assert filmed.index.search(filmed.folder / "a.png").hits == [] or not any(
        (hit.inliers or 0) > 10 for hit in filmed.index.search(filmed.folder / "a.png")
    )


def test_other_frames_are_taken_where_a_person_says_so(filmed: Filmed) -> None:
    index, folder = filmed.index, filmed.folder
    index.add(folder, frames="shots")
    assert len(index) == 3
    assert index.update().unchanged == 3
    index.add(folder, frames=0.5)
    assert len(index) == 7
    assert "clip.mp4#t=2.5" in rows(index)
    # What was said holds for whatever comes.
    write_video(folder / "more.mp4", shot(6, 10))
    index.update()
    assert [name for name in rows(index) if name.startswith("more")] == [
        "more.mp4",
        "more.mp4#t=0.0",
        "more.mp4#t=0.5",
    ]
    with pytest.raises(UsageError, match="seconds"):
        index.add(folder, frames=0)


def test_a_video_is_removed_and_comes_back_whole(filmed: Filmed) -> None:
    index = filmed.index
    assert index.named("clip.mp4") == ["clip.mp4", *NAMES]
    index.remove("clip.mp4")
    assert rows(index) == ["a.png"]
    assert index.update().stayed_away == 1
    assert index.restore("clip.mp4") == 1
    assert index.update().recalled == 3
    assert rows(index) == ["a.png", "clip.mp4", *NAMES]


def test_a_frame_is_removed_by_itself_and_comes_back(filmed: Filmed) -> None:
    index = filmed.index
    index.remove(NAMES[1])
    changed(filmed.folder / "clip.mp4")
    index.update()
    assert rows(index) == ["a.png", "clip.mp4", NAMES[0], NAMES[2]]
    index.restore(NAMES[1])
    index.update()
    assert rows(index) == ["a.png", "clip.mp4", *NAMES]


def test_a_video_that_is_gone_goes_with_its_frames(filmed: Filmed) -> None:
    (filmed.folder / "clip.mp4").unlink()
    report = filmed.index.update()
    assert (report.removed, report.held) == (4, [])
    assert rows(filmed.index) == ["a.png"]


def test_videos_of_a_folder_that_vanished_are_held_back(filmed: Filmed) -> None:
    filmed.folder.rename(filmed.folder.with_name("elsewhere"))
    report = filmed.index.update()
    assert (report.removed, [held.photos for held in report.held]) == (0, [2])
    assert rows(filmed.index) == ["a.png", "clip.mp4", *NAMES]
    filmed.index.move_root(filmed.folder, filmed.folder.with_name("elsewhere"))
    assert filmed.index.update().unchanged == 4


def test_a_folder_that_moved_is_recognised_by_its_frames(filmed: Filmed) -> None:
    (filmed.folder / "a.png").unlink()
    filmed.index.update()
    new = filmed.folder.rename(filmed.folder.with_name("elsewhere"))
    report = filmed.index.add(new)
    assert "taken for moved" in report.notes[0]
    assert (report.unchanged, report.added) == (3, 0)


def test_patterns_leave_videos_out(filmed: Filmed) -> None:
    assert filmed.index.update(exclude="*.mp4").excluded == 4
    assert rows(filmed.index) == ["a.png"]


def test_an_interrupted_video_is_read_again(
    tmp_path: Path, recipe: Path, filmed: Filmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.create(tmp_path / "y.resight", recipe)
    monkeypatch.setattr(writer, "BATCH_IMAGES", 2)

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add(filmed.folder, progress=stop)
    assert rows(index) == ["a.png", NAMES[0]]
    report = index.add(filmed.folder)
    assert (report.unchanged, report.recalled) == (1, 1)
    assert rows(index) == ["a.png", "clip.mp4", *NAMES]


def test_frames_of_an_interrupted_video_that_is_gone_go(
    tmp_path: Path, recipe: Path, filmed: Filmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.create(tmp_path / "y.resight", recipe)
    monkeypatch.setattr(writer, "BATCH_IMAGES", 2)

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add(filmed.folder, progress=stop)
    (filmed.folder / "clip.mp4").unlink()
    assert index.update().removed == 1
    assert rows(index) == ["a.png"]


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(tmp_path: Path, recipe: Path) -> None:
    folder = write(tmp_path / "films", {"a.png": texture(1)})
    write_video(folder / "whole.mp4", shot(1, 10))
    (folder / "broken.mp4").write_bytes(b"nothing of the kind" * 50)
    write_sound(folder / "sound.mp4")
    (folder / "empty.mkv").touch()
    index = Index.create(tmp_path / "x.resight", recipe)
    report = index.add(folder)
    assert dict(report.unreadable).keys() == {"broken.mp4", "sound.mp4", "empty.mkv"}
    assert (report.added, report.videos, index.info().unreadable) == (2, 1, 3)
    generation = index.collection.snapshot.generation
    again = index.update()
    assert (again.unchanged, len(again.unreadable)) == (2, 3)
    assert index.collection.snapshot.generation <= generation + 2


@pytest.fixture
def without_pyav(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (reading, planning):
        monkeypatch.setattr(module, "can_read", lambda: False)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("without_pyav")
def test_without_pyav_photos_are_indexed_and_the_rest_is_told(tmp_path: Path, recipe: Path) -> None:
    folder = write(tmp_path / "films", {"a.png": texture(1)})
    write_video(folder / "clip.mp4", shot(1, 10))
    index = Index.create(tmp_path / "x.resight", recipe)
    report = index.add(folder)
    assert report.added == 1
    assert report.notes == [
        "1 video was not read, as PyAV is not installed: pip install 'resight[video]', then `resight update`; photos "
        "are indexed without"
    ]


def test_without_pyav_an_index_of_videos_stays_as_it_is(filmed: Filmed, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reading, planning):
        monkeypatch.setattr(module, "can_read", lambda: False)
    assert filmed.index.update().notes == []
    changed(filmed.folder / "clip.mp4")
    report = filmed.index.update()
    assert (report.unchanged, report.removed, len(report.notes)) == (4, 0, 1)
    assert rows(filmed.index) == ["a.png", "clip.mp4", *NAMES]


def test_what_a_recipe_fits_on_the_collection_is_fitted_on_frames(tmp_path: Path, recipe: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    write_video(folder / "clip.mp4", shot(1, 10) + shot(2, 10) + shot(3, 10))
    own = recipe.with_name("fitted.toml")
    own.write_text(
        recipe.read_text().replace('fit = "codebook.npz"', 'fit = "collection"').replace("size = 64", "size = 16")
    )
    index = Index.create(tmp_path / "x.resight", own)
    assert index.add(folder).added == 3
    assert index.info().words > 0


def test_masks_cover_frames(tmp_path: Path, recipe: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    write_video(folder / "clip.mp4", shot(1, 10))
    mask = np.zeros((120, 160, 3), np.uint8)
    mask[:, 80:] = 255
    write(tmp_path, {"mask.png": mask})
    whole, half = (Index.create(tmp_path / f"{name}.resight", recipe) for name in "xy")
    whole.add(folder)
    half.add(folder, mask=tmp_path / "mask.png")
    assert 0 < half.info().features < whole.info().features
    assert half.update().unchanged == 1
