"""Where commands may write."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.cli.output_files import check_outputs
from resight.errors import StorageError, UsageError


def test_folders_that_are_not_there_are_made_before_any_work(tmp_path: Path) -> None:
    check_outputs({"--output": tmp_path / "a" / "b" / "x.json", "--html": None}, ())
    assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a" / "b" / "x.json").exists()


def test_what_is_read_or_written_already_or_no_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("x")
    with pytest.raises(UsageError, match="name another one"):
        check_outputs({"--output": file}, [file])
    with pytest.raises(UsageError, match="name another one"):
        check_outputs({"--output": tmp_path / "y", "--html": tmp_path / "y"}, ())
    with pytest.raises(StorageError, match="not a regular file"):
        check_outputs({"--output": tmp_path}, ())
    with pytest.raises(StorageError, match="choose another place"):
        check_outputs({"--output": file / "y"}, ())
