"""Downloads weights: resumes after an interruption, verifies, and keeps them in one folder."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from resight.cache import cache_folder
from resight.errors import StorageError, UsageError, WeightsError

Progress = Callable[[int, int | None], None]
"""Called with the number of bytes received and the total, None where the server does not tell it."""

BUILTIN = Path(__file__).parent / "builtin"
"""Weights that ship with resight."""
_CHUNK = 1 << 20
_TIMEOUT = 30.0
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{7,64})\.[A-Za-z]+$")


def downloads_folder() -> Path:
    """Returns the folder of downloads."""
    return cache_folder("weights")


def weights_folder() -> Path | None:
    """Returns the folder that RESIGHT_WEIGHTS names, which is searched before anything is downloaded."""
    named = os.environ.get("RESIGHT_WEIGHTS")
    return Path(named) if named else None


def file_name(url: str) -> str:
    """Returns the file name of a download: the last part of the address. Raises UsageError where it has none."""
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rsplit("/", 1)[-1]
    if not name or name in (".", ".."):
        raise UsageError(f"{url}: an address of weights ends in the name of a file")
    return name


def hash_in_name(name: str) -> str:
    """Returns the first digits of the SHA-256 in a file's name, as torchvision writes them; empty where it has none."""
    found = _HASH_IN_NAME.search(name)
    return found[1] if found else ""


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(name: str) -> Path | None:
    """Returns a weights file or folder of that name in the RESIGHT_WEIGHTS folder, else in the cache, else built in."""
    for folder in (weights_folder(), downloads_folder(), BUILTIN):
        if folder is not None and (folder / name).exists():
            return folder / name
    return None


def download(url: str, folder: Path, sha256: str = "", progress: Progress | None = None) -> Path:
    """Fetches `url` into `folder` and returns the file, which appears complete and with the right hash, or not at all.

    `sha256` may be its first digits only, or empty. The rest of an interrupted download, `NAME.part`, is continued next
    time; a file with another hash is removed. Raises WeightsError, StorageError, UsageError.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"{url}: weights are fetched by http and https only")
    target = folder / file_name(url)
    part = target.with_name(target.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            _lock(file, part)
            if target.exists():
                # Another process fetched it in the meantime.
                part.unlink()
                return target
            resumed = file.tell() > 0
            try:
                _fetch(url, target, file, progress)
            except WeightsError:
                if not file.seek(0, os.SEEK_END):
                    part.unlink()  # nothing came that could be continued
                raise
            found = sha256_of(part)
            if resumed and not found.startswith(sha256):
                # The rest may belong to another file: start again, once.
                file.truncate(0)
                _fetch(url, target, file, progress)
                found = sha256_of(part)
            if not found.startswith(sha256):
                part.unlink()
                raise WeightsError(
                    f"{url}: its SHA-256 is {found}, not {sha256}…: it was removed. The file was replaced by another "
                    f"or changed on its way; {_by_hand(target)}"
                )
            os.fsync(file.fileno())
            os.replace(part, target)
    except OSError as error:
        raise StorageError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def _fetch(url: str, target: Path, file: IO[bytes], progress: Progress | None) -> None:
    """Appends to `file` the bytes of `url` that it lacks."""
    start = file.seek(0, os.SEEK_END)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-", "User-Agent": "resight"})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing; the hash shows whether it is the right file
        raise WeightsError(f"{url}: the server answers {error.code} {error.reason}; {_by_hand(target)}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(f"{url}: cannot be reached ({reason}); without a network, {_by_hand(target)}") from None
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            file.truncate(0)
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdecimal() else None
        done = start
        broken: Exception | None = None
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                broken = error
                break
            if not chunk:
                break
            file.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    file.flush()
    if broken is not None or (total is not None and done < total):
        whole = f" of {total}" if total is not None else ""
        raise WeightsError(
            f"{url}: the connection broke after {done}{whole} bytes; run it again and it goes on from there, or "
            f"{_by_hand(target)}"
        )


def _by_hand(target: Path) -> str:
    return f"fetch it by other means and put it at {target} or, under that name, into the folder RESIGHT_WEIGHTS names"


def _lock(file: IO[bytes], part: Path) -> None:
    """Locks the file until it is closed. Raises WeightsError where another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WeightsError(f"{part}: another process is fetching this file; wait for it and run again") from None
