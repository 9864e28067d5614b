"""Checkpoints: all that training goes on from, in one file that is whole or not there."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from resight.errors import ResightError, StorageError, UsageError
from resight.files import write_whole

FOLDER = "checkpoints"
LAST, BEST = "last.pt", "best.pt"
VERSION = 1


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
    """Raises UsageError where a checkpoint is of another training: `there` and `here` say what each is of."""
    for what, value in here.items():
        if there.get(what) != value:
            raise UsageError(
                f"{file}: a checkpoint of another training: {what} is {there.get(what)} there and {value} here; name "
                "another folder, or remove it to train from the start"
            )
