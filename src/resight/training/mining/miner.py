"""Mines an index, and writes what was found as a folder: the tuples, and a page that shows them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resight import arguments
from resight.errors import StorageError, UsageError
from resight.images import displayed
from resight.index.index import Index
from resight.index.opened import OpenedIndex
from resight.progress import NamedProgress
from resight.training.mining.kinds import Mining, mining_of
from resight.training.mining.mined import Mined
from resight.training.tuples import TUPLES

PAGE = "report.html"


def mine(
    index: OpenedIndex | str | Path,
    by: str | Mining = "verified",
    output: str | Path | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    progress: NamedProgress | None = None,
) -> Mined:
    """Finds photos of an index that show the same thing, without a label, and returns the tuples that training takes.

    index: an open one, or its path. by: a kind of `KINDS` with `parameters`, or a parameter model of one. output: a
    folder for `tuples.json` and `report.html`, which both appear whole or not at all; it must be new or empty, or hold
    tuples that were mined before, which are replaced. `progress` is told what is done, and (done, total) of it. Raises
    UsageError for a kind, a parameter or a folder that cannot be meant, and where there is nothing to mine;
    IndexMissingError and other errors of opening an index; StorageError.
    """
    arguments.callback("progress", progress, "what", "done", "total")
    folder = None if output is None else checked_output(arguments.path("output", output))
    mining = by if isinstance(by, Mining) else mining_of(arguments.text("by", by), parameters or {})
    if isinstance(by, Mining) and parameters:
        raise UsageError("parameters are given twice: put them into the model, or give the name of the kind")
    opened = index if isinstance(index, OpenedIndex) else Index.open(arguments.path("index", index), read_only=True)
    mined = mining.mine(opened.collection, progress)
    if folder is not None:
        write_mined(folder, mined, opened, progress)
    return mined


def checked_output(folder: Path) -> Path:
    """Returns a folder that tuples may be written to. Raises UsageError where something else is there."""
    folder = Path(os.path.realpath(folder))
    if not folder.exists():
        return folder
    if not folder.is_dir():
        raise UsageError(f"{displayed(folder)}: this is a file; name a folder for the tuples")
    others = sorted(one.name for one in folder.iterdir() if one.name not in (TUPLES, PAGE))
    if others:
        raise UsageError(
            f"{displayed(folder)}: the folder has other things in it, such as {others[0]!r}: name a new one, or one of "
            "tuples that were mined before"
        )
    return folder


def write_mined(folder: Path, mined: Mined, index: OpenedIndex, progress: NamedProgress | None = None) -> None:
    """Writes tuples and their page into a folder, both whole or neither. Raises StorageError where the disk refuses."""
    from resight.training.mining.page import write_mining_page

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as staging:
            new = Path(staging) / "new"
            mined.tuples.write(new)
            write_mining_page(new / PAGE, index.collection, mined, note=str(index.path), progress=progress)
            if folder.exists() and any(folder.iterdir()):
                # What a training reads comes last: it never is newer than the page that shows it.
                for name in (PAGE, TUPLES):
                    os.replace(new / name, folder / name)
            else:
                os.replace(new, folder)
    except OSError as error:
        raise StorageError(
            f"{displayed(folder)}: the tuples could not be written ({error.strerror}); free space, or name another"
        ) from error
