"""Compiled code is read only from where nobody else can have put it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resight.kernels.compiled_files import CompiledFiles, is_as_safe_as, is_private

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has no such permissions")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompiledFiles:
    """Those of a function whose source lies in tmp_path/code; the person's cache is in tmp_path/cache."""
    (tmp_path / "code").mkdir()
    monkeypatch.setenv("RESIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return CompiledFiles(str(tmp_path / "code" / "kernels.py"), "f")


def folders(tmp_path: Path) -> set[str]:
    return {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.kernel")}


def test_what_is_written_is_read_by_its_key_alone(files: CompiledFiles, tmp_path: Path) -> None:
    assert files.read("key") is None
    assert files.write("key", b"code")
    assert files.read("key") == b"code"
    assert files.read("another key") is None
    assert CompiledFiles(str(tmp_path / "code" / "kernels.py"), "g").read("key") is None
    assert folders(tmp_path) == {"code"}


def test_a_folder_that_is_named_comes_first(
    files: CompiledFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    assert files.write("key", b"code")
    assert folders(tmp_path) == {"named"}
    assert files.read("key") == b"code"


def test_beside_an_open_folder_the_cache_of_the_person_serves(files: CompiledFiles, tmp_path: Path) -> None:
    assert files.write("key", b"planted")
    beside = tmp_path / "code" / "__pycache__"
    beside.chmod(0o777)
    assert files.read("key") is None
    assert files.write("key", b"code")
    assert folders(tmp_path) == {"code", "cache"}
    assert files.read("key") == b"code"
    assert (tmp_path / "cache" / "kernels").stat().st_mode & 0o777 == 0o700
    (tmp_path / "cache" / "kernels").chmod(0o777)
    assert files.read("key") is None


@pytest.mark.parametrize("cache", ["a file", "below a file"])
def test_a_cache_that_is_no_folder_is_passed_over(
    files: CompiledFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    place = tmp_path / "it"
    place.write_text("")
    monkeypatch.setenv("RESIGHT_CACHE", str(place if cache == "a file" else place / "below"))
    (tmp_path / "code" / "__pycache__").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert files.write("key", b"code")
    assert folders(tmp_path) == {f"resight-{os.getuid()}"}
    assert files.read("key") == b"code"


def test_a_folder_is_private_where_nobody_else_can_change_what_is_in_it(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    assert is_private(inner)
    inner.mkdir(parents=True)
    inner.parent.chmod(0o755)
    assert is_private(inner)
    for mode, private in ((0o777, False), (0o1777, True), (0o755, True)):
        inner.parent.chmod(mode)
        assert is_private(inner) == private
        # What is not there yet is made with the permissions of one person.
        assert is_private(inner / "more") == private
    for mode, private in ((0o777, False), (0o1777, False), (0o702, False), (0o700, True)):
        inner.chmod(mode)
        assert is_private(inner) == private
    (inner / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o777)
    assert not is_private(inner / "link")
    (inner / "file").write_text("")
    assert not is_private(inner / "file")


def test_a_folder_beside_the_source_is_as_safe_as_the_source(tmp_path: Path) -> None:
    source, beside = tmp_path / "source", tmp_path / "source" / "__pycache__"
    source.mkdir()
    assert is_as_safe_as(beside, source)
    beside.mkdir()
    for ours, its, safe in (
        (0o755, 0o755, True),
        (0o755, 0o700, True),
        (0o755, 0o757, False),
        (0o755, 0o1777, False),
        (0o777, 0o777, True),
        (0o775, 0o775, True),
        (0o555, 0o755, True),
    ):
        source.chmod(ours)
        beside.chmod(its)
        assert is_as_safe_as(beside, source) == safe
    source.chmod(0o755)
    beside.rmdir()
    beside.symlink_to(tmp_path)
    assert not is_as_safe_as(beside, source)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_person_is_not_read(tmp_path: Path) -> None:
    folder, source = tmp_path / "theirs", tmp_path / "source"
    folder.mkdir(mode=0o755)
    source.mkdir(mode=0o755)
    assert is_private(folder)
    assert is_as_safe_as(folder, source)
    os.chown(folder, 4711, 4711)
    assert not is_private(folder)
    assert not is_private(folder / "below")
    assert not is_as_safe_as(folder, source)
    os.chown(folder, 0, 4711)
    folder.chmod(0o775)
    assert not is_private(folder)
    assert not is_as_safe_as(folder, source)
