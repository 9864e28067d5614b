"""What one person's processes have checked already, by version of the file: bytes are read for their sums once.

It lies in that person's cache, not in the index, which may be read-only or somebody else's, and is only ever a saving:
lost, damaged or not writable, it costs another check and is no error.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from resight.cache import cache_folder
from resight.errors import IndexCorruptError
from resight.store.disk import TEMPORARY, sealed, unsealed

RULES = 1
"""Raised when what is checked becomes stricter: what was checked by other rules counts as unchecked."""
MOST = 1000
"""Most folders whose checks are remembered; beyond it, the folders written longest ago are forgotten."""

_TICK_NS = 20_000_000
"""Longer than the steps in which a local file system's clock goes, which are 10 ms at most."""
_SECOND_NS = 1_000_000_000


class Version(NamedTuple):
    """The version of a file, without reading it: any change of its bytes gives another one."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> Version:
        """The version of a file from what the system says of it."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)

    def is_settled(self, now: int) -> bool:
        """Tells that whoever changed the file from `now` on (ns since the epoch) would have given it another version.

        A change within the same tick of the clock would not. Some file systems count whole seconds, or two.
        """
        tick = _TICK_NS if self.ctime_ns % _SECOND_NS else 2 * _SECOND_NS
        return now - self.ctime_ns > tick


class Checked:
    """The checks that were made in one folder, by a key that is a path below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: dict[str, str] | None = None
        self._changed = False
        self._trusted_at = 0.0

    def once(self, key: str, stated: object, versions: Sequence[Version], check: Callable[[], None]) -> None:
        """Calls `check`, unless it has returned before for these versions of the files, and remembers that it did.

        stated: plain values for JSON that say what the files were checked for; others count as unchecked.
        """
        digest = _digest(key, stated, versions)
        if self._known().get(key) == digest:
            return
        begun = time.time_ns()
        check()
        if all(version.is_settled(begun) for version in versions):
            self._remember(key, digest)

    def trust(self, key: str, stated: object, versions: Sequence[Version]) -> None:
        """Remembers files as checked that were written just now, by a caller that knows what it wrote."""
        self._remember(key, _digest(key, stated, versions))
        self._trusted_at = time.monotonic()

    def settle(self) -> None:
        """Waits until a change to what was trusted last would be seen by its version, and saves."""
        if self._trusted_at:
            time.sleep(max(0.0, self._trusted_at + _TICK_NS / _SECOND_NS - time.monotonic()))
        self.save()

    def save(self) -> None:
        """Writes the remembered checks for later processes, where the cache can be written."""
        if not self._changed:
            return
        path = _path(self._folder)
        if path.parts[0] == "~":
            # A user without a home: the name would be taken for a folder here.
            return
        kept = {**_read(path), **self._known()}
        folder = os.fspath(self._folder)
        kept = {key: digest for key, digest in kept.items() if os.path.lexists(f"{folder}/{key}")}
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _forget_oldest(path.parent)
            temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
            temporary.write_bytes(sealed(kept))
            os.replace(temporary, path)
        self._changed = False

    def _known(self) -> dict[str, str]:
        if self._digests is None:
            self._digests = dict(_read(_path(self._folder)))
        return self._digests

    def _remember(self, key: str, digest: str) -> None:
        self._known()[key] = digest
        self._changed = True


def _digest(key: str, stated: object, versions: Sequence[Version]) -> str:
    return hashlib.sha256(json.dumps([RULES, key, stated, versions]).encode()).hexdigest()


def _path(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()
    return cache_folder("checked") / f"{name}.json"


def _read(path: Path) -> Mapping[str, str]:
    with contextlib.suppress(OSError, IndexCorruptError):
        content = unsealed(path)
        if isinstance(content, dict):
            return content
    return {}


def _forget_oldest(folder: Path) -> None:
    files = [path for path in folder.glob("*.json") if path.is_file()]
    if len(files) >= MOST:
        for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)[: len(files) - MOST + 1]:
            path.unlink(missing_ok=True)
