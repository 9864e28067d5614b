"""What `update` takes for removed, and what it holds back: every branch of the rule, without reading a photo."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from resight.errors import UsageError
from resight.images import content_hash
from resight.index.updating import Update, plan_update
from resight.index.vanished import MANY
from resight.store import Batch, Image, Root, Store

pytestmark = pytest.mark.usefixtures("unsynced")


class Library:
    """Roots `a` and `b` with the prefix b/, whose files an index knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store.create(folder / "x.resight", "", {}, created_by="test")
        self.roots = {1: Root(str(folder / "a"), ""), 2: Root(str(folder / "b"), "b/", follow_links=True)}
        for root in self.roots.values():
            Path(root.path).mkdir()
        self._count = 0

    def put(self, *names: str) -> None:
        """Writes files, each of another size, below the folder of both roots."""
        for name in names:
            self._count += 1
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * self._count)

    def know(self, *names: str) -> None:
        """Writes files and puts them into the index."""
        self.put(*names)
        self.know_as_they_are(*names)

    def know_as_they_are(self, *names: str) -> None:
        """Puts files that are there into the index."""
        images = []
        for name in names:
            status = (self.folder / name).stat()
            number, own = (1, name.removeprefix("a/")) if name.startswith("a/") else (2, name)
            content = content_hash((self.folder / name).read_bytes())
            images.append(Image(number, own, status.st_size, status.st_mtime_ns, content, 1, 1))
        with self.store.writing():
            self.store.commit(Batch(images, {}), roots=self.roots)

    def update(self, *removed: str) -> tuple[list[str], Mapping[str, tuple[int, str]]]:
        """Names that would be removed, and by folder how many photos are held back and why."""
        planned = self.plan(*removed)
        images = self.store.snapshot().images
        names = sorted(images.names[place] for place in images.positions(planned.removed).tolist())  # type: ignore[arg-type]
        return names, {os.path.relpath(one.folder, self.folder): (one.photos, one.why) for one in planned.held}

    def plan(self, *removed: str) -> Update:
        return plan_update(self.store.snapshot(), [self.folder / name for name in removed])


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def remove(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_file_that_went_from_a_folder_in_which_others_are_left_was_removed(library: Library, tmp_path: Path) -> None:
    library.know("a/x.jpg", "a/y.jpg", "a/d/1.jpg", "a/d/2.jpg", "b/z.jpg")
    remove(tmp_path, "a/x.jpg", "a/d/1.jpg")
    assert library.update() == (["d/1.jpg", "x.jpg"], {})


@pytest.mark.parametrize("emptied", [True, False], ids=["empty", "gone"])
@pytest.mark.parametrize("folder", ["a", "a/d", "a/d/e", "b", "b/d"])
def test_a_folder_that_is_empty_or_gone_is_held_back_and_the_rest_is_done(
    library: Library, tmp_path: Path, folder: str, emptied: bool
) -> None:
    library.know(f"{folder}/1.jpg", f"{folder}/deep/2.jpg", "a/other.jpg", "a/removed.jpg", "b/other.jpg", "b/d0/x.jpg")
    expected = {name for name in ("removed.jpg",) if folder != "a"}
    remove(tmp_path, folder, *(["a/removed.jpg"] if folder != "a" else []))
    if emptied:
        (tmp_path / folder).mkdir()
    count = {"a": 4, "b": 4}.get(folder, 2)
    # The folder above had nothing else: it is there, and empty.
    told = "a/d" if (folder, emptied) == ("a/d/e", False) else folder
    why = "is gone" if told == folder and not emptied else "is empty now"
    names, held = library.update()
    assert (set(names), held) == (expected, {told: (count, why)})


def test_what_is_held_back_is_removed_where_the_folder_is_named(library: Library, tmp_path: Path) -> None:
    library.know("a/d/1.jpg", "a/d/2.jpg", "a/e/3.jpg", "a/e/4.jpg", "b/x.jpg")
    remove(tmp_path, "a/d", "a/e", "b")
    assert library.update("a/d") == (["d/1.jpg", "d/2.jpg"], {"a": (2, "is empty now"), "b": (1, "is gone")})
    assert library.update("a", "b") == (["b/x.jpg", "d/1.jpg", "d/2.jpg", "e/3.jpg", "e/4.jpg"], {})
    with pytest.raises(UsageError, match="c: in no folder of the index; nothing was changed"):
        library.plan("c")


@pytest.mark.parametrize("emptied", [True, False], ids=["empty", "gone"])
def test_photos_beside_a_folder_that_is_named_are_held_back_as_before(
    library: Library, tmp_path: Path, emptied: bool
) -> None:
    library.know("a/u/a/1.jpg", "a/u/a/2.jpg", "a/u/c.jpg", "a/u/d.jpg", "b/a/1.jpg", "b/a/2.jpg", "b/c.jpg", "b/d.jpg")
    library.know("a/x.jpg")
    remove(tmp_path, "a/u", "b")
    if emptied:
        (tmp_path / "a/u").mkdir()
        (tmp_path / "b").mkdir()
    why = "is empty now" if emptied else "is gone"
    assert library.update() == ([], {"a/u": (4, why), "b": (4, why)})
    assert library.update("a/u/a", "b/a") == (
        ["b/a/1.jpg", "b/a/2.jpg", "u/a/1.jpg", "u/a/2.jpg"],
        {"a/u": (2, why), "b": (2, why)},
    )


def test_what_is_named_does_not_make_the_share_of_the_rest_smaller(library: Library, tmp_path: Path) -> None:
    gone = [f"a/{i % 3}/{i:02d}.jpg" for i in range(MANY)]
    library.know(*gone, *(f"a/{i}/x.jpg" for i in range(3)), *(f"a/d/{i:02d}.jpg" for i in range(MANY)))
    remove(tmp_path, *gone, "a/d")
    names, held = library.update("a/d")
    assert (len(names), held) == (MANY, {"a": (MANY, f"has lost {MANY} of them at once")})


def test_one_photo_that_was_alone_in_its_folder(library: Library, tmp_path: Path) -> None:
    library.know("a/d/1.jpg", "a/e/2.jpg", "a/x.jpg")
    remove(tmp_path, "a/d/1.jpg", "a/e/2.jpg")
    library.put("a/e/new.jpg")
    assert library.update() == (["e/2.jpg"], {"a/d": (1, "is empty now")})


def test_another_disk_in_the_place_of_a_folder(library: Library, tmp_path: Path) -> None:
    library.know("a/d/1.jpg", "a/d/2.jpg", "a/x.jpg")
    remove(tmp_path, "a/d")
    library.put("a/d/other.jpg")
    assert library.update() == ([], {"a/d": (2, "has other photos in the place of all of them")})


def test_a_folder_that_has_no_photo_any_more_but_something_else(library: Library, tmp_path: Path) -> None:
    library.know("a/d/1.jpg", "a/d/2.jpg", "a/x.jpg")
    remove(tmp_path, "a/d")
    (tmp_path / "a" / "d").mkdir()
    (tmp_path / "a" / "d" / "disk is not mounted").touch()
    assert library.update() == ([], {"a/d": (2, "has no photo any more")})
    remove(tmp_path, "a/d")
    (tmp_path / "a" / "d").touch()
    assert library.update() == ([], {"a/d": (2, "is a file now")})
    remove(tmp_path, "a/d")
    (tmp_path / "a" / "d").symlink_to(tmp_path / "nothing")
    assert library.update()[1]["a/d"][0] == 2


@pytest.mark.parametrize(("missing", "held"), [(MANY, True), (MANY - 1, False)])
def test_many_that_vanish_at_once_from_folders_in_which_others_are_left(
    library: Library, tmp_path: Path, missing: int, held: bool
) -> None:
    gone = [f"a/{i % 3}/{i:02d}.jpg" for i in range(missing)]
    library.know(*gone, "a/0/x.jpg", "a/1/x.jpg", "a/2/x.jpg")
    remove(tmp_path, *gone)
    names, lines = library.update()
    assert (len(names), lines) == (
        (0, {"a": (missing, f"has lost {missing} of them at once")}) if held else (missing, {})
    )


def test_half_of_many_may_go(library: Library, tmp_path: Path) -> None:
    gone = [f"a/{i:02d}.jpg" for i in range(MANY)]
    library.know(*gone, *(f"a/kept-{i}.jpg" for i in range(MANY)))
    remove(tmp_path, *gone)
    assert len(library.update()[0]) == MANY


def test_photos_that_have_another_name_now_are_not_held_back(library: Library, tmp_path: Path) -> None:
    library.know("a/d/1.jpg", "a/d/2.jpg", "a/e/3.jpg", "b/4.jpg", "b/5.jpg")
    (tmp_path / "a" / "d").rename(tmp_path / "a" / "renamed")
    (tmp_path / "b" / "4.jpg").rename(tmp_path / "a" / "e" / "3.jpg")
    (tmp_path / "b" / "5.jpg").rename(tmp_path / "a" / "e" / "another.jpg")
    assert library.update() == (["b/4.jpg", "b/5.jpg", "d/1.jpg", "d/2.jpg"], {})


def test_of_a_folder_that_was_renamed_what_is_not_in_the_new_one_was_removed(library: Library, tmp_path: Path) -> None:
    library.know("a/d/1.jpg", "a/d/2.jpg", "a/x.jpg")
    (tmp_path / "a" / "d").rename(tmp_path / "a" / "renamed")
    remove(tmp_path, "a/renamed/2.jpg")
    assert library.update() == (["d/1.jpg", "d/2.jpg"], {})


@pytest.mark.parametrize("copied", ["a/1.jpg", "c.jpg"])
def test_a_copy_of_one_photo_does_not_let_the_rest_of_its_disk_go(
    library: Library, tmp_path: Path, copied: str
) -> None:
    library.know("b/a/1.jpg", "b/a/2.jpg", "b/c.jpg", "b/d.jpg")
    shutil.copy2(tmp_path / "b" / copied, tmp_path / "a" / "copy.jpg")
    remove(tmp_path, "b")
    assert library.update() == ([], {"b": (4, "is gone")})
    assert len(library.update("b")[0]) == 4


def test_a_folder_that_was_renamed_says_nothing_of_one_beside_it(library: Library, tmp_path: Path) -> None:
    library.know("a/d/1.jpg", "a/d/2.jpg", "a/d/3.jpg", "a/e/4.jpg", "a/e/5.jpg")
    (tmp_path / "a" / "d").rename(tmp_path / "a" / "renamed")
    remove(tmp_path, "a/e")
    assert library.update() == (["d/1.jpg", "d/2.jpg", "d/3.jpg"], {"a/e": (2, "is gone")})


@pytest.mark.parametrize("folder", ["a", "a/d"])
def test_a_folder_that_cannot_be_read_is_held_back_even_where_it_is_named(
    library: Library, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.know("a/d/1.jpg", "a/d/2.jpg", "b/x.jpg", "b/y.jpg")
    remove(tmp_path, "b/x.jpg")
    scan = os.scandir

    def refused(path: str | Path | int) -> object:
        if not isinstance(path, int) and Path(path) == tmp_path / folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    why = "cannot be read" if folder == "a" else "cannot be read: Permission denied"
    assert library.update("a") == (["b/x.jpg"], {folder: (2, why)})
    assert [one.removable for one in library.plan().held] == [False]


def test_what_lies_behind_a_link_that_is_not_followed_any_more(library: Library, tmp_path: Path) -> None:
    library.put("elsewhere/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "b" / "d").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b" / "1.jpg").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    library.know("b/x.jpg")
    images = [
        Image(2, name, (tmp_path / name).stat().st_size, (tmp_path / name).stat().st_mtime_ns, "00", 1, 1)
        for name in ("b/d/2.jpg", "b/1.jpg")
    ]
    with library.store.writing():
        library.store.commit(Batch(images, {}))
    assert library.update() == ([], {})
    with library.store.writing():
        library.store.commit(roots={2: library.roots[2]._replace(follow_links=False)})
    why = "is behind a link that leads out of its root; `resight add --follow-links` follows it"
    assert library.update() == ([], {"b/d": (1, why), "b/1.jpg": (1, why)})


def test_a_root_without_photos_may_be_gone(library: Library, tmp_path: Path) -> None:
    library.know("a/x.jpg")
    remove(tmp_path, "b")
    assert library.update() == ([], {})


def same_size_and_time(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(10**18, 10**18))


def test_a_new_file_of_the_same_size_and_time_is_not_a_photo_of_other_bytes(library: Library, tmp_path: Path) -> None:
    scans = [f"a/disk/{number}.jpg" for number in range(5)]
    for number, name in enumerate(scans):
        same_size_and_time(tmp_path / name, b"scan %d" % number)
    library.know_as_they_are(*scans)
    shutil.rmtree(tmp_path / "a" / "disk")
    same_size_and_time(tmp_path / "b" / "new.jpg", b"scan 9")
    removed, held = library.update()
    assert (removed, [photos for photos, _ in held.values()]) == ([], [5])


def test_a_file_stands_for_one_photo_alone(library: Library, tmp_path: Path) -> None:
    copies = [f"a/disk/{number}.jpg" for number in range(3)]
    for name in (*copies, "a/other.jpg"):
        same_size_and_time(tmp_path / name, b"copies")
    library.know_as_they_are(*copies, "a/other.jpg")
    shutil.rmtree(tmp_path / "a" / "disk")
    same_size_and_time(tmp_path / "b" / "new.jpg", b"copies")
    removed, held = library.update()
    assert (removed, held["a/disk"][0]) == ([], 3)
