"""Checkpoints: all that training goes on from, in one file that is whole or not there."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from resight.errors import ResightError, StorageError, UsageError
from resight.files import write_whole
from resight.images import displayed
from resight.training.begun import FOLDER

BEST, IDENTITY = "best.pt", "identity.json"
VERSION = 1
SHOWN, LONGEST = 3, 80
"""Keys of a recipe, and characters of a value, that a message shows."""


@contextmanager
def disk_errors(file: Path) -> Iterator[None]:
    """A block that writes a file of a training. Raises StorageError where the disk refuses."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{file}: cannot be written: {error.strerror}: make room, and run the same command again"
        ) from error


def save_checkpoint(file: Path, content: Mapping[str, Any]) -> None:
    """Writes tensors, numbers, texts, lists and tables by name at once. Raises StorageError where the disk refuses."""
    buffer = io.BytesIO()
    torch.save(dict(content) | {"version": VERSION}, buffer)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, buffer.getvalue())
    except OSError as error:
        raise StorageError(
            f"{file}: no checkpoint could be written: {error.strerror}; what was there is whole: make room, and run "
            "the same command again"
        ) from error


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Returns what `save_checkpoint` wrote. Raises ResightError for a damaged file, UsageError for another version."""
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError):
        # The library's own message advises to load it without protection.
        raise ResightError(f"{file}: this checkpoint is damaged; remove it to train from the start") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise UsageError(f"{file}: no checkpoint of this version of resight; remove it to train from the start")
    return found


def check_same(file: Path, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raises UsageError where a file is of another training: `there` and `here` say what each is of."""
    for what, value in here.items():
        if there.get(what) != value:
            told = _difference(what, str(there.get(what)), value)
            raise UsageError(f"{displayed(file)}: this is of another training: {told}; name another folder")


def _difference(what: str, there: str, here: str) -> str:
    """Returns in which keys two tables in JSON differ, or the two values."""
    tables = [_flat(one) for one in (there, here)]
    differing = [key for key in dict.fromkeys([*tables[0], *tables[1]]) if tables[0].get(key) != tables[1].get(key)]
    if not (tables[0] and tables[1] and differing):
        return f"{what} is {there[:LONGEST]} there and {here[:LONGEST]} here"
    shown = [f"{key} is {tables[0].get(key)!r} there and {tables[1].get(key)!r} here" for key in differing[:SHOWN]]
    left = len(differing) - SHOWN
    more = f", and {left} more key{'s' * (left > 1)}" if left > 0 else ""
    return f"{what} differs: {', '.join(shown)}{more}"


def _flat(text: str) -> dict[str, object]:
    """Returns the values of a table in JSON by keys such as "lasting.epochs"; nothing for another text."""
    try:
        table = json.loads(text)
    except ValueError:
        return {}
    found: dict[str, object] = {}
    waiting = [("", table)] if isinstance(table, dict) else []
    while waiting:
        parent, inner = waiting.pop()
        for key, value in inner.items():
            if isinstance(value, dict):
                waiting.append((f"{parent}{key}.", value))
            else:
                found[f"{parent}{key}"] = value
    return found


def checked_output(folder: Path, identity: Mapping[str, str]) -> Path:
    """Returns a folder that a training may write to: a new one, an empty one, or one of the same training.

    identity: what is known of the training so far. Raises UsageError for another, before any work is done.
    """
    if not folder.exists():
        return folder
    if not folder.is_dir():
        raise UsageError(f"{displayed(folder)}: this is a file; name a folder for the network")
    file = folder / FOLDER / IDENTITY
    if file.is_file():
        check_same(file, _read_identity(file), identity)
    elif others := sorted(one.name for one in folder.iterdir()):
        raise UsageError(
            f"{displayed(folder)}: the folder has other things in it, such as {others[0]!r}: name a new one, or one of "
            "the same training"
        )
    return folder


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lets no other process train in a folder, which is made where it is missing, until the block ends.

    A block that fails before there is a checkpoint leaves nothing in a folder that was missing or empty, nor the folder
    where it was missing. Raises UsageError where another trains there, and StorageError. The lock ends with its
    process, however that ends.
    """
    missing = not folder.exists()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{displayed(folder)}: another process trains in this folder: wait until it ends, or name another"
            ) from None
        try:
            yield
        except BaseException:
            _leave_nothing(folder, itself=missing)
            raise
    finally:
        os.close(handle)


def _leave_nothing(folder: Path, *, itself: bool) -> None:
    """Removes the identity of a training that has made nothing else yet, and the folder `itself`."""
    with suppress(OSError):
        found = {str(one.relative_to(folder)) for one in folder.rglob("*")}
        if not found <= {FOLDER, f"{FOLDER}/{IDENTITY}"}:
            return
        (folder / FOLDER / IDENTITY).unlink(missing_ok=True)
        for one in (folder / FOLDER, *([folder] if itself else [])):
            if one.is_dir():
                one.rmdir()


def claim(folder: Path, identity: Mapping[str, str]) -> None:
    """Makes a folder that of a training. Raises UsageError where it is of another; StorageError."""
    file = folder / FOLDER / IDENTITY
    if file.is_file():
        check_same(file, _read_identity(file), identity)
        return
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, (json.dumps(dict(identity), indent=1, ensure_ascii=False) + "\n").encode())


def _read_identity(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ResightError(f"{file}: this file is damaged; name another folder")
    return found
