"""Checkpoints: all that training goes on from, in one file that is whole or not there."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from resight.errors import ResightError, StorageError, UsageError
from resight.files import write_whole
from resight.images import displayed

FOLDER = "checkpoints"
LAST, BEST, IDENTITY = "last.pt", "best.pt", "identity.json"
VERSION = 1


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
            raise UsageError(
                f"{file}: this is of another training: {what} is {there.get(what)} there and {value} here; name "
                "another folder"
            )


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

    Raises UsageError where another does, and StorageError. The lock ends with its process, however that ends.
    """
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
        yield
    finally:
        os.close(handle)


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
