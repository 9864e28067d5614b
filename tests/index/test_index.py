from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import index_samples
from index_samples import collection, names, rankings, texture, write
from resight.channels.extraction import read_one
from resight.errors import FitError, IndexMissingError, RecipeError, UsageError
from resight.index import merging, writer
from resight.index.index import Index
from resight.learned.artefact import load
from resight.store import Store

pytestmark = pytest.mark.usefixtures("unsynced")


def contents(index: Index) -> dict[str, tuple[str, str]]:
    """Hash and reason of each image."""
    images = index.collection.snapshot.images
    return {name: (images.hashes[at], images.reasons[at]) for at, name in enumerate(images.names)}


def touch(path: Path, seconds: int) -> None:
    """Changes the time of a file, by which a change is told."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + seconds * 10**9))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read, in their order."""
    seen: list[str] = []

    def counted(found, channels, recall=None):  # type: ignore[no-untyped-def]
        seen.append(found.name)
        return read_one(found, channels, recall)

    monkeypatch.setattr("resight.channels.extraction.read_one", counted)
    return seen


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    return Index.create(tmp_path / "x.resight", recipes / "verified.toml")


def test_only_new_and_changed_files_are_read(index: Index, tmp_path: Path, read: list[str]) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(2)})
    first = index.add(folder)
    assert (first.added, first.changed, first.unchanged, sorted(read)) == (2, 0, 0, ["a.png", "b.png"])
    read.clear()
    again = index.add(folder)
    assert (again.added, again.changed, again.unchanged, read) == (0, 0, 2, [])
    write(folder, {"b.png": texture(3), "c.png": texture(4)})
    touch(folder / "b.png", 5)
    third = index.add(folder)
    assert (third.added, third.changed, third.unchanged, sorted(read)) == (1, 1, 1, ["b.png", "c.png"])
    assert names(index.search(texture(3), k=1)) == ["b.png"]
    assert names(index.search(texture(2), k=3))[0] != "b.png"


def test_a_file_that_is_gone_is_forgotten_by_update_and_not_by_add(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(2)})
    index.add(folder)
    (folder / "a.png").unlink()
    assert index.add(folder).unchanged == 1
    assert set(contents(index)) == {"a.png", "b.png"}
    report = index.update()
    assert (report.removed, report.unchanged, set(contents(index))) == (1, 1, {"b.png"})
    assert "a.png" not in names(index.search(texture(1)))


def test_update_keeps_what_is_in_a_missing_root_and_does_the_rest(index: Index, tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"a.png": texture(1), "c.png": texture(3)})
    second = write(tmp_path / "second", {"b.png": texture(2)})
    index.add(first)
    index.add(second)
    (first / "a.png").unlink()
    second.rename(tmp_path / "away")
    report = index.update()
    assert (report.removed, report.unchanged) == (1, 1)
    assert [(one.folder, one.photos, one.why) for one in report.held] == [(str(second), 1, "is gone")]
    assert set(contents(index)) == {"b.png", "c.png"}
    (tmp_path / "away").rename(second)
    again = index.update()
    assert (again.added, again.unchanged, again.held) == (0, 2, [])
    shutil.rmtree(second)
    assert index.update(removed=[second]).removed == 1
    assert (set(contents(index)), index.update().held) == ({"c.png"}, [])


def test_update_keeps_what_may_be_in_a_part_that_cannot_be_listed(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "photos", {"locked/a.png": texture(1), "b.png": texture(2), "c.png": texture(3)})
    index.add(folder)
    (folder / "c.png").unlink()
    scan = os.scandir

    def refused(path: Path | int) -> object:
        if not isinstance(path, int) and Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    report = index.update()
    assert report.removed == 1
    assert [Path(path).name for path, _ in report.unreadable] == ["locked"]
    assert set(contents(index)) == {"locked/a.png", "b.png"}


def test_a_photo_that_moved_to_another_root_keeps_its_name(index: Index, tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"a.png": texture(1)})
    second = write(tmp_path / "second", {"b.png": texture(2)})
    index.add(second)
    index.add(first)
    (first / "a.png").rename(second / "a.png")
    report = index.update()
    assert (report.removed, report.added, report.unchanged) == (1, 1, 1)
    assert set(contents(index)) == {"a.png", "b.png"}
    assert index.update().unchanged == 2


def test_a_name_of_another_root_is_refused_and_leaves_no_trace(index: Index, tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"a.png": texture(1)})
    second = write(tmp_path / "second", {"a.png": texture(2), "b.png": texture(3)})
    index.add(first)
    with pytest.raises(UsageError, match=r"a\.png: .*first.*--as PREFIX"):
        index.add(second)
    assert set(contents(index)) == {"a.png"}
    assert index.update().unchanged == 1
    index.add(second, prefix="second/")
    assert set(contents(index)) == {"a.png", "second/a.png", "second/b.png"}
    assert index.update().unchanged == 3


def test_the_same_folder_under_another_prefix_is_another_root(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1)})
    index.add(folder)
    index.add(folder, prefix="old/")
    assert set(contents(index)) == {"a.png", "old/a.png"}
    assert names(index.search("a.png")) == ["old/a.png"]
    # By its file it is asked for under both names, and neither is a copy.
    assert names(index.search(folder / "a.png")) == []
    assert names(index.search("a.png", include_self=True)) == ["a.png", "old/a.png"]


def test_only_the_named_files_count(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(2)})
    index.add(folder, only={"b.png"})
    assert set(contents(index)) == {"b.png"}


def test_remove_goes_by_name_and_is_all_or_nothing(index: Index, tmp_path: Path) -> None:
    index.add(write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(2)}))
    with pytest.raises(UsageError, match=r'c\.png: not in the index.*"(a|b)\.png"'):
        index.remove(["a.png", "c.png"])
    assert set(contents(index)) == {"a.png", "b.png"}
    assert index.remove(["a.png", "a.png"]) == 1
    assert names(index.search(texture(1), k=5)) == [] or "a.png" not in names(index.search(texture(1), k=5))


@pytest.mark.parametrize("method", index_samples.METHODS)
def test_rankings_do_not_depend_on_how_the_index_came_about(
    tmp_path: Path, recipes: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    photos = collection(7)
    # Photos that are one another's copies, with names that are not in the order of adding, tie.
    photos |= {
        "zz.png": photos["03-0.png"],
        "aa.png": photos["03-0.png"],
        "blank.png": np.full((50, 60, 3), 90, np.uint8),
    }
    queries = {name: photos[name] for name in ("00-1.png", "03-0.png", "03-1.png", "05-0.png")}
    folder = write(tmp_path / "photos", photos)

    def made(name: str) -> Index:
        return Index.create(tmp_path / name, recipes / f"{method}.toml")

    at_once = made("at-once")
    at_once.add(folder)
    expected = rankings(at_once, queries)
    assert expected["03-0.png"][0][0] in ("03-0.png", "aa.png")

    one_by_one = made("one-by-one")
    for name in sorted(photos, reverse=True):
        one_by_one.add(folder, only={name})
    assert rankings(one_by_one, queries) == expected

    changed = made("changed")
    monkeypatch.setattr(writer, "BATCH_IMAGES", 3)
    changed.add(folder)
    changed.remove(["03-0.png", "00-0.png", "05-1.png"])
    changed.add(folder, again=True)
    assert len(changed.collection.snapshot.segments) > 1
    assert rankings(changed, queries) == expected
    changed.compact()
    assert len(changed.collection.snapshot.segments) == 1
    assert rankings(changed, queries) == expected
    assert rankings(Index.open(changed.path, read_only=True), queries) == expected


def test_an_unreadable_photo_does_not_change_any_score(tmp_path: Path, recipes: Path) -> None:
    photos = collection(4)
    folder = write(tmp_path / "photos", photos)
    for method in ("bow", "hamming"):
        clean = Index.create(tmp_path / f"{method}-clean", recipes / f"{method}.toml")
        clean.add(folder)
        expected = rankings(clean, photos)
        (folder / "bad.jpg").write_bytes(b"text")
        index = Index.create(tmp_path / method, recipes / f"{method}.toml")
        index.add(folder)
        assert rankings(index, photos) == expected
        (folder / "bad.jpg").unlink()


def test_unreadable_files_have_a_reason_and_are_read_again_when_they_change(
    index: Index, tmp_path: Path, read: list[str]
) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1)})
    (folder / "bad.png").write_bytes(b"")
    report = index.add(folder)
    assert report.unreadable == [("bad.png", "the file is empty")]
    assert contents(index)["bad.png"][1] == "the file is empty"
    assert (index.info().images, index.info().unreadable) == (1, 1)
    read.clear()
    assert index.add(folder).unreadable == [("bad.png", "the file is empty")]
    assert read == []
    write(folder, {"bad.png": texture(2)})
    assert index.add(folder).changed == 1
    assert read == ["bad.png"]
    assert names(index.search(texture(2), k=1)) == ["bad.png"]


def test_a_photo_that_becomes_unreadable_is_not_found_any_more(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(1)})
    index.add(folder)
    (folder / "a.png").write_bytes(b"short")
    index.add(folder)
    assert names(index.search(texture(1))) == ["b.png"]


def test_one_by_one_stays_in_few_segments_at_little_rewriting(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "TIER_WIDTH", 3)
    folder = write(tmp_path / "photos", {f"{i:03d}.png": np.full((20, 20, 3), i, np.uint8) for i in range(60)})
    rewritten = []
    replace = Store.replace_segments

    def counted(self: Store, numbers, ids, arrays):  # type: ignore[no-untyped-def]
        rewritten.append(len(ids))
        return replace(self, numbers, ids, arrays)

    monkeypatch.setattr(Store, "replace_segments", counted)
    most = 0
    for i in range(60):
        index.add(folder, only={f"{i:03d}.png"})
        most = max(most, len(index.collection.snapshot.segments))
    levels = np.log(60) / np.log(3) + 1
    assert most <= 2 * levels
    assert sum(rewritten) <= 60 * levels
    assert rewritten, "nothing was merged"
    assert len(contents(index)) == 60


def test_merging_stops_where_it_would_take_much_memory(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "photos", {f"{i}.png": texture(i) for i in range(10)})
    monkeypatch.setattr(merging, "MERGED_BYTES", 1)
    monkeypatch.setattr(writer, "BATCH_IMAGES", 1)
    index.add(folder)
    assert len(index.collection.snapshot.segments) == 10
    monkeypatch.setattr(merging, "COMPACTED_BYTES", 1)
    index.compact()
    assert len(index.collection.snapshot.segments) == 10
    monkeypatch.undo()
    index.compact()
    assert len(index.collection.snapshot.segments) == 1


def test_many_batches_of_one_add_are_merged_on_the_way(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH_IMAGES", 1)
    monkeypatch.setattr(merging, "TIER_WIDTH", 2)
    counts = []
    commit = Store.commit

    def counted(self: Store, *arguments, **options):  # type: ignore[no-untyped-def]
        done = commit(self, *arguments, **options)
        counts.append(len(self.snapshot().segments))
        return done

    monkeypatch.setattr(Store, "commit", counted)
    index.add(write(tmp_path / "photos", {f"{i:02d}.png": texture(i) for i in range(16)}))
    assert max(counts) <= 7
    assert len(index.collection.snapshot.segments) == 1


def test_a_segment_of_which_little_is_left_is_rewritten(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {f"{i}.png": texture(i) for i in range(6)})
    index.add(folder)
    for i in range(4):
        touch(folder / f"{i}.png", 9)
    index.add(folder)
    assert sum(segment.rows for segment in index.collection.snapshot.segments) == 6


def test_readers_see_their_generation_until_they_refresh(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1)})
    index.add(folder)
    other = Index.open(index.path, read_only=True)
    assert names(other.search(texture(1))) == ["a.png"]
    write(folder, {"b.png": texture(1)})
    index.add(folder)
    assert names(index.search(texture(1))) == ["a.png", "b.png"]
    assert names(other.search(texture(1))) == ["a.png"]
    index.remove(["a.png"])
    index.compact()
    assert names(other.search(texture(1))) == ["a.png"]
    other.refresh()
    assert names(other.search(texture(1))) == ["b.png"]


def test_threads_search_while_another_writes(
    index: Index, tmp_path: Path, recipes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH_IMAGES", 2)
    photos = collection(6)
    folder = write(tmp_path / "photos", photos)
    index.add(folder, only={"00-0.png", "00-1.png"})
    stop = threading.Event()
    wrong: list[object] = []
    asked = 0

    def ask() -> None:
        nonlocal asked
        reader = Index.open(index.path, read_only=True)
        while not stop.is_set():
            reader.refresh()
            found = names(reader.search(photos["00-0.png"], k=20))
            asked += 1
            if found[:2] != ["00-0.png", "00-1.png"]:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            index.add(folder, again=True)
            index.remove([name for name in photos if not name.startswith("00")])
            index.compact()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert asked > 5


def test_open_or_create_goes_on_with_the_same_recipe_and_refuses_another(
    index: Index, tmp_path: Path, recipes: Path
) -> None:
    index.add(write(tmp_path / "photos", {"a.png": texture(1)}))
    again = Index.open_or_create(index.path, recipes / "verified.toml")
    assert set(contents(again)) == {"a.png"}
    with pytest.raises(UsageError, match='by "verified", which differs from "asmk"'):
        Index.open_or_create(index.path, recipes / "asmk.toml")


def test_opening_what_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="resight index"):
        Index.open(tmp_path / "none")


def test_a_path_in_a_recipe_is_relative_to_the_recipe(tmp_path: Path, recipes: Path) -> None:
    index = Index.create(tmp_path / "x", recipes / "asmk.toml")
    index.add(write(tmp_path / "photos", {"a.png": texture(1)}))
    shutil.copy(recipes / "asmk.toml", tmp_path / "elsewhere.toml")
    with pytest.raises(FitError, match=r"codebook\.npz: no such file"):
        Index.create(tmp_path / "y", tmp_path / "elsewhere.toml")
    assert not (tmp_path / "y").exists()
    with pytest.raises(RecipeError, match="cannot be read"):
        Index.create(tmp_path / "y", tmp_path / "none.toml")


@pytest.fixture
def shipped(recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for what ships: a codebook of 64 words."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    shutil.copy(recipes / "codebook.npz", folder / "sift-codebook-64.npz")
    monkeypatch.setattr("resight.channels.shipped.BUILTIN", folder)
    (tmp_path / "builtin.toml").write_text((recipes / "verified.toml").read_text().replace("codebook.npz", "builtin"))
    return folder


def test_what_is_built_in_is_referred_to_and_not_copied(tmp_path: Path, shipped: Path, recipes: Path) -> None:
    photos = collection(3)
    folder = write(tmp_path / "photos", photos)
    index = Index.create(tmp_path / "x", tmp_path / "builtin.toml")
    index.add(folder)
    assert (index.path / "fitted" / "main" / "fitted.npz").stat().st_size < 1000
    copied = Index.create(tmp_path / "y", recipes / "verified.toml")
    copied.add(folder)
    assert rankings(Index.open(index.path), photos) == rankings(copied, photos)
    assert index.verify().problems == []


def test_a_built_in_that_differs_is_refused(tmp_path: Path, shipped: Path, recipes: Path) -> None:
    index = Index.create(tmp_path / "x", tmp_path / "builtin.toml")
    index.add(write(tmp_path / "photos", collection(2)))
    file = shipped / "sift-codebook-64.npz"
    from resight.learned.artefact import load, save

    arrays = dict(load(file).arrays)
    arrays["centroids"] = arrays["centroids"][::-1]
    save(file, arrays, {})
    with pytest.raises(FitError, match="differs from the one of this version; install the version"):
        Index.open(index.path).search(texture(1))
    file.unlink()
    with pytest.raises(FitError, match="sift-codebook-64, which this version of resight has not"):
        Index.open(index.path).search(texture(1))
    with pytest.raises(FitError, match='nothing built in is called "sift-codebook-64"'):
        Index.create(tmp_path / "z", tmp_path / "builtin.toml")


def collection_recipe(folder: Path, size: int) -> Path:
    path = folder / "own.toml"
    path.write_text(f'name = "own"\n[words]\nkind = "asmk"\nsize = {size}\nfit = "collection"\n')
    return path


def test_a_fit_on_the_collection_is_made_once_on_what_comes_first(tmp_path: Path) -> None:
    photos = collection(4)
    folder = write(tmp_path / "photos", photos)
    index = Index.create(tmp_path / "x", collection_recipe(tmp_path, 16))
    told: list[str] = []
    index.add(folder, say=told.append)
    assert told[0] == f"fitting asmk on 8 photos of {folder}"
    fitted = (index.path / "fitted" / "main" / "fitted.npz").read_bytes()
    write(folder, {"more.png": texture(77)})
    index.add(folder)
    assert (index.path / "fitted" / "main" / "fitted.npz").read_bytes() == fitted
    assert names(Index.open(index.path).search(texture(77), k=1)) == ["more.png"]


def test_a_fit_on_too_few_photos_is_smaller_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write(tmp_path / "photos", collection(2))
    index = Index.create(tmp_path / "x", collection_recipe(tmp_path, 4096))
    with caplog.at_level(logging.WARNING):
        index.add(folder)
    assert "words, not for 4096: fitting" in caplog.text
    assert names(index.search(texture(0), k=1)) == ["00-0.png"]


def test_a_fit_on_a_folder_of_its_own(tmp_path: Path) -> None:
    other = write(tmp_path / "other", {f"{i}.png": texture(50 + i) for i in range(4)})
    index = Index.create(tmp_path / "x", collection_recipe(tmp_path, 8), fit=other)
    assert (index.path / "fitted" / "main" / "fitted.npz").exists()
    assert index.info().images == 0
    index.add(write(tmp_path / "photos", collection(2)))
    assert names(index.search(texture(1), k=1)) == ["01-0.png"]


def test_a_folder_to_fit_on_is_refused_where_the_index_was_fitted_on_another(tmp_path: Path, recipes: Path) -> None:
    fitted_on = write(tmp_path / "other", {f"{i}.png": texture(50 + i) for i in range(4)})
    recipe = collection_recipe(tmp_path, 8)
    Index.open_or_create(tmp_path / "x", recipe, fit=fitted_on)
    assert Index.open_or_create(tmp_path / "x", recipe, fit=fitted_on).info().images == 0
    assert Index.open_or_create(tmp_path / "x", recipe, fit=os.path.relpath(fitted_on)).info().images == 0
    another = write(tmp_path / "another", {"1.png": texture(1)})
    with pytest.raises(UsageError, match=r"channel main was fitted on .*other, which stays as it is"):
        Index.open_or_create(tmp_path / "x", recipe, fit=another)
    Index.open_or_create(tmp_path / "shipped", "sift-vlad")
    with pytest.raises(UsageError, match="channel main has what is built in"):
        Index.open_or_create(tmp_path / "shipped", "sift-vlad", fit=another)


def test_a_folder_to_fit_on_is_used_where_the_index_waits_for_it(tmp_path: Path) -> None:
    recipe = collection_recipe(tmp_path, 8)
    Index.open_or_create(tmp_path / "x", recipe)
    other = write(tmp_path / "other", {f"{i}.png": texture(50 + i) for i in range(4)})
    index = Index.open_or_create(tmp_path / "x", recipe, fit=other)
    assert load(index.path / "fitted" / "main" / "fitted.npz").provenance["fitted_on"] == str(other)


def test_info_counts(index: Index, tmp_path: Path) -> None:
    empty = index.info()
    assert (empty.images, empty.segments, empty.features, empty.bytes_per_image) == (0, 0, 0, None)
    folder = write(tmp_path / "photos", collection(2))
    (folder / "bad.png").write_bytes(b"x")
    index.add(folder, prefix="p/")
    index.remove(["p/00-0.png"])
    info = index.info()
    assert (info.images, info.unreadable, info.segments) == (3, 1, 1)
    assert info.roots == [{"path": str(folder), "prefix": "p/", "follow_links": False}]
    assert info.features > info.words > 0
    assert info.bytes == sum(file.stat().st_size for file in index.path.rglob("*") if file.is_file())
    assert set(info.to_dict()) >= {"recipe", "bytes_per_feature", "created_by"}
