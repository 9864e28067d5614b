"""What is mounted, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resight import filesystems
from resight.filesystems import Mount, Mounts, is_in

TOLD = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw,nosuid - proc proc rw
23 21 0:40 / /mnt/my\040photos rw shared:7 master:2 - nfs4 server:/photos rw
24 21 0:41 / /mnt/my\040photos/local rw - tmpfs tmpfs rw
25 23 0:42 / /mnt/my\040photos rw - xfs /dev/sdb rw
"""


def test_lines_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "mountinfo")
    assert Mounts.now() == Mounts(())
    (tmp_path / "mountinfo").write_text(TOLD.replace("\\\\", "\\"))
    mounts = Mounts.now()
    assert mounts.mounts[2] == Mount("/mnt/my photos", "nfs4", os.makedev(0, 40))
    assert mounts.of_the_system == {os.makedev(0, 5)}
    earlier = Mounts(mounts.mounts[:4])
    paths = ("/mnt/my photos/x", "/mnt/my photos/local/x", "/mnt/my photos 2", "/x")
    assert [earlier.is_remote(path) for path in paths] == [True, False, False, False]
    assert not mounts.is_remote("/mnt/my photos/x"), "what is mounted last covers the others"


def test_what_is_in_a_folder() -> None:
    assert [is_in(path, "/a/b") for path in ("/a/b", "/a/b/c", "/a/bc", "/a")] == [True, True, False, False]
    assert is_in("/a", "/")
