"""Walking folders: every image once, under a name that is its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.errors import ImageError, UsageError
from resight.filesystems import Mount, Mounts
from resight.folders.patterns import Patterns
from resight.folders.walking import SUFFIXES, Found, escape_name, find_images, unescape_name


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def names(root: Path) -> list[str]:
    return [found.name for found in find_images(root)]


def test_images_in_the_order_of_their_names(tmp_path: Path) -> None:
    make(tmp_path, "b/z.JPG", "b.jpg", "b/a.png", "b-c.tiff", "a.txt", "noext", "b0.jpeg", "B.webp", "b/deep/er/x.heic")
    assert names(tmp_path) == ["B.webp", "b-c.tiff", "b.jpg", "b/a.png", "b/deep/er/x.heic", "b/z.JPG", "b0.jpeg"]
    assert names(tmp_path) == sorted(names(tmp_path))


def test_size_time_and_path(tmp_path: Path) -> None:
    make(tmp_path, "d/x.jpg")
    path = tmp_path / "d" / "x.jpg"
    os.utime(path, ns=(1, 123_456_789_000_000_001))
    assert list(find_images(tmp_path)) == [Found(path, "d/x.jpg", 7, path.stat().st_mtime_ns)]


def test_hidden_things_and_indexes_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, ".hidden.jpg", ".thumbs/x.jpg", "photos.resight/x.jpg", "x.jpg", "y.resight.jpg")
    assert names(tmp_path) == ["x.jpg", "y.resight.jpg"]


def test_what_never_is_a_persons_photo_is_left_out_below_a_root_but_not_as_one(tmp_path: Path) -> None:
    make(tmp_path, "x.jpg", "2019/y.jpg", "#recycle/z.jpg", "__macosx.jpg", "2019/@eaDir.jpg")
    make(tmp_path, "@eaDir/x.jpg/T.jpg", "2019/@eaDir/y.jpg/T.jpg", "__MACOSX/a.jpg", "lost+found/b.jpg")
    assert names(tmp_path) == ["#recycle/z.jpg", "2019/@eaDir.jpg", "2019/y.jpg", "__macosx.jpg", "x.jpg"]
    assert names(tmp_path / "@eaDir") == ["x.jpg/T.jpg"]


def test_patterns_leave_files_and_whole_folders_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        "a.gif",
        "b.jpg",
        "2019/c.GIF",
        "2019/d.jpg",
        "old/2019/e.jpg",
        "#recycle/f.jpg",
        "2019/#recycle/g.jpg",
    )
    kept = find_images(tmp_path, excluded=Patterns(["#recycle", "*.gif", "2019/"]))
    assert [found.name for found in kept] == ["b.jpg", "old/2019/e.jpg"]


def test_a_folder_that_a_pattern_leaves_out_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "no/b.jpg")
    scan, listed = os.scandir, []
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(Path(path).name), scan(path))[1])
    assert [found.name for found in find_images(tmp_path, excluded=Patterns(["no"]))] == ["a.jpg"]
    assert listed == [tmp_path.name]


def test_a_link_to_a_folder_that_is_left_out_is_walked_by_its_own_name(tmp_path: Path) -> None:
    make(tmp_path, "#recycle/a.jpg")
    (tmp_path / "best").symlink_to(tmp_path / "#recycle")
    found = find_images(tmp_path, excluded=Patterns(["#recycle"]))
    assert [one.name for one in found] == ["best/a.jpg"]


IMAGES = {
    "jpeg": b"\xff\xd8\xff\xe0",
    "png": b"\x89PNG\r\n\x1a\n",
    "webp": b"RIFF\x00\x00\x00\x00WEBP",
    "gif": b"GIF89a",
    "bmp": b"BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
    "tiff": b"II*\x00",
    "heic": b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic",
    "avif": b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1",
}


def test_files_without_an_ending_are_told_by_their_first_bytes_and_others_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, first in IMAGES.items():
        (tmp_path / name).write_bytes(first)
    (tmp_path / "dot.").write_bytes(IMAGES["png"])
    for name, first in {"text": b"BMW and other cars", "video": b"\0\0\0\x18ftypmp42\0\0\0\0", "empty": b""}.items():
        (tmp_path / name).write_bytes(first)
    (tmp_path / "film.MP4").write_bytes(IMAGES["png"])
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.txt")
    left_out: list[str] = []
    found = [one.name for one in find_images(tmp_path, on_left_out=left_out.append)]
    assert found == sorted([*IMAGES, "dot."])
    assert sorted(left_out) == ["", "", "", ".mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_an_ending_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "locked")
    (tmp_path / "locked").chmod(0)
    errors: list[ImageError] = []
    assert list(find_images(tmp_path, errors.append)) == []
    assert [error.reason for error in errors] == ["cannot be read: Permission denied"]


def test_a_hidden_root_is_walked(tmp_path: Path) -> None:
    make(tmp_path, ".photos/x.jpg")
    assert names(tmp_path / ".photos") == ["x.jpg"]


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    make(tmp_path, "root/z/one.jpg", "elsewhere/two.jpg")
    (root / "a").symlink_to(root / "z")
    (root / "again").symlink_to(root)
    (root / "e1").symlink_to(elsewhere)
    (root / "e2").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(root)
    (elsewhere / "self").symlink_to(elsewhere)
    (root / "three.jpg").symlink_to(elsewhere / "two.jpg")
    assert names(root) == ["e1/two.jpg", "three.jpg", "z/one.jpg"]


def test_links_that_lead_out_are_told_and_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    make(tmp_path, "root/z/one.jpg", "elsewhere/two.jpg", "elsewhere/text.txt", "root-2/x.jpg")
    (root / "a").symlink_to(root / "z")
    (root / "again.jpg").symlink_to("z/one.jpg")
    (root / "alias").symlink_to(tmp_path / "other-root" / "z")
    (tmp_path / "other-root").symlink_to(root)
    (root / "e").symlink_to(elsewhere)
    (root / "f").symlink_to("../root-2")
    (root / "three.jpg").symlink_to(elsewhere / "two.jpg")
    (root / "z" / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
    (root / "text.txt").symlink_to(elsewhere / "text.txt")
    (root / ".hidden").symlink_to(elsewhere)
    outside: list[Path] = []
    errors: list[ImageError] = []
    found = find_images(root, errors.append, follow_links=False, on_outside=outside.append)
    assert [one.name for one in found] == ["again.jpg", "z/one.jpg"]
    assert sorted(path.relative_to(root).as_posix() for path in outside) == ["e", "f", "three.jpg", "z/gone.jpg"]
    assert errors == []
    next(find_images(root, follow_links=False))
    assert f"{root / 'three.jpg'}: a link that leads out of the folder was left out" in caplog.text


def test_a_walk_ends_where_the_system_shows_its_own_state(tmp_path: Path) -> None:
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("the system does not tell what is mounted")
    make(tmp_path, "x.jpg")
    for place in ("/proc", "/sys"):
        (tmp_path / place[1:]).symlink_to(place)
    (tmp_path / "state.jpg").symlink_to("/proc/self/status")
    errors: list[ImageError] = []
    assert [one.name for one in find_images(tmp_path, errors.append, follow_links=True)] == ["x.jpg"]
    assert errors == []
    with pytest.raises(UsageError, match="/proc: the system shows its own state here"):
        find_images(Path("/proc"))


def test_pipes_and_sockets_are_no_photos(tmp_path: Path) -> None:
    make(tmp_path, "x.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "pipe.jpg")
    (tmp_path / "null.jpg").symlink_to("/dev/null")
    errors: list[ImageError] = []
    assert [one.name for one in find_images(tmp_path, errors.append)] == ["x.jpg"]
    assert errors == []


def test_a_link_to_another_machine_is_left_out_without_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "root/x.jpg", "share/y.jpg")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "share" / "deep")
    monkeypatch.setattr(Mounts, "now", lambda: Mounts((Mount("/", "ext4", 1), Mount(f"{tmp_path}/share", "nfs4", 2))))
    realpath = os.path.realpath

    def looking(path: Path) -> str:
        assert Path(path).name != "link", "the other machine may not answer"
        return realpath(path)

    monkeypatch.setattr(os.path, "realpath", looking)
    outside: list[Path] = []
    found = find_images(tmp_path / "root", follow_links=False, on_outside=outside.append)
    assert ([one.name for one in found], outside) == (["x.jpg"], [tmp_path / "root" / "link"])


def test_a_link_to_a_folder_that_is_otherwise_left_out_is_followed(tmp_path: Path) -> None:
    make(tmp_path, ".store/x.jpg")
    (tmp_path / "shown").symlink_to(tmp_path / ".store")
    assert names(tmp_path) == ["shown/x.jpg"]


def test_a_link_as_root(tmp_path: Path) -> None:
    make(tmp_path, "real/d/x.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "e").symlink_to(tmp_path / "real" / "d")
    assert names(tmp_path / "link") == ["d/x.jpg"]


def test_what_cannot_be_read_is_reported_and_the_walk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path, "a/x.jpg", "b/y.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    errors: list[ImageError] = []
    assert [found.name for found in find_images(tmp_path, errors.append)] == ["b/y.jpg"]
    assert [(Path(error.path).name, error.reason) for error in errors] == [
        ("a", "cannot be read: Permission denied"),
        ("gone.jpg", "is a link to nothing"),
        ("loop.jpg", "cannot be read: Too many levels of symbolic links"),
    ]
    assert names(tmp_path) == ["b/y.jpg"]
    assert "a link to nothing" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder(tmp_path: Path) -> None:
    make(tmp_path, "a/x.jpg")
    (tmp_path / "a").chmod(0)
    errors: list[ImageError] = []
    assert list(find_images(tmp_path, errors.append)) == []
    (tmp_path / "a").chmod(0o700)
    assert len(errors) == 1


def test_bad_roots_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "x.jpg")
    with pytest.raises(UsageError, match=r"missing: no such folder"):
        find_images(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"x\.jpg: is a file"):
        find_images(tmp_path / "x.jpg")

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match="the folder cannot be read: Permission denied"):
        find_images(tmp_path)


def test_folders_nest_deeper_than_python_calls(tmp_path: Path) -> None:
    make(tmp_path, "x.jpg")
    depth = sys.getrecursionlimit() + 100
    path = tmp_path.joinpath(*["d"] * depth)
    os.makedirs(tmp_path / "d")
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(depth - 1):
            os.chdir("d")
            os.mkdir("d")
        (path / "y.jpg").touch()
        assert names(tmp_path) == ["d/" * depth + "y.jpg", "x.jpg"]
    finally:
        (path / "y.jpg").unlink()
        # Taken down here, because pytest's own clearing away is recursive.
        for _ in range(depth):
            os.rmdir("d")
            os.chdir("..")
        os.chdir(here)


def test_strange_names(tmp_path: Path) -> None:
    strange = [b"new\nline.jpg", b"quote\"'.jpg", b"\xff.jpg", b"%FF.jpg", b"100%.jpg", b"a%20b.jpg", "ü.jpg".encode()]
    for name in strange:
        (tmp_path / os.fsdecode(name)).touch()
    found = names(tmp_path)
    assert sorted(found) == sorted(
        ["new\nline.jpg", "quote\"'.jpg", "%FF.jpg", "%25FF.jpg", "100%.jpg", "a%20b.jpg", "ü.jpg"]
    )
    assert found == sorted(found)
    assert sorted(os.fsencode(unescape_name(name)) for name in found) == sorted(strange)


escapes = st.lists(st.sampled_from([b"%", b"2", b"5", b"F", b"f", b"8", b"\xff", b"\xc3", b"\xa9", b"/"])).map(b"".join)


@given(st.binary() | escapes)
def test_escaping_can_be_undone(data: bytes) -> None:
    name = os.fsdecode(data)
    escaped = escape_name(name)
    escaped.encode("utf-8")
    assert os.fsencode(unescape_name(escaped)) == data


@given(st.text())
def test_escaping_works_part_by_part(text: str) -> None:
    parts = text.split("/")
    assert escape_name(text) == "/".join(escape_name(part) for part in parts)


def test_suffixes_are_lower_case() -> None:
    assert {".jpg", ".png", ".heic", ".avif", ".webp", ".tif", ".bmp", ".gif"} <= SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
