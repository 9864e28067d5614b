"""The file systems that are mounted: which of them are no place for photos, and which are on other machines."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux tells what is mounted; other systems have no such file."""

OF_THE_SYSTEM = frozenset(
    {
        "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl",
        "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
    }
)  # fmt: skip
"""Kinds of file systems that show processes and devices as files: without end, and not on any disk."""

REMOTE = frozenset(
    {
        "9p", "afs", "autofs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs", "lustre",
        "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip
"""Kinds of file systems that another machine answers for, or fails to answer."""

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A file system. folder: where it is mounted; kind: as the kernel calls it; device: as `st_dev` has it."""

    folder: str
    kind: str
    device: int


@dataclass(frozen=True)
class Mounts:
    """The mounted file systems, in the order of mounting."""

    mounts: tuple[Mount, ...]

    @classmethod
    def now(cls) -> Mounts:
        """Reads the mounted file systems; none where the system does not tell."""
        try:
            text = os.fsdecode(MOUNTS.read_bytes())
        except OSError:
            return cls(())
        return cls(tuple(_mount(line.split(" ")) for line in text.split("\n") if " - " in line))

    @property
    def of_the_system(self) -> frozenset[int]:
        """Devices of the file systems that are no place for photos."""
        return frozenset(mount.device for mount in self.mounts if mount.kind in OF_THE_SYSTEM)

    def is_remote(self, path: str) -> bool:
        """Returns whether an absolute path lies on another machine, without asking it: it may not answer."""
        holding = [mount for mount in self.mounts if is_in(path, mount.folder)]
        # Of several in one place the last covers the others.
        return bool(holding) and max(reversed(holding), key=lambda mount: len(mount.folder)).kind in REMOTE


def is_in(path: str, folder: str) -> bool:
    """Returns whether a normal absolute path is that of a folder, or of something below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _mount(words: list[str]) -> Mount:
    """A line of mountinfo: id, parent, major:minor, root, folder, options, optional fields, "-", kind, ..."""
    major, _, minor = words[2].partition(":")
    folder = _OCTAL.sub(lambda match: chr(int(match[1], 8)), words[4])
    return Mount(folder, words[words.index("-") + 1], os.makedev(int(major), int(minor)))
