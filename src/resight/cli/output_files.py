"""Checks that the output files of a command can be written, and are not its inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from resight.errors import StorageError, UsageError


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path]) -> None:
    """Refuses, before any work, to overwrite an input, to write one file twice, or to write where it is impossible.

    Makes missing folders of outputs. outputs: by option. inputs: files that the command reads, whether they exist or
    not. Raises UsageError and StorageError.
    """
    taken = {os.path.realpath(path) for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        real = Path(os.path.realpath(path))
        if str(real) in taken:
            raise UsageError(f"{option} {path}: this command reads or writes that file already; name another one")
        taken.add(str(real))
        folder = next(one for one in real.parents if one.exists())
        if real.exists() and not real.is_file():
            raise StorageError(f"{option} {path}: not a regular file; name another one")
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise StorageError(f"{option} {path}: {folder} cannot be written to; choose another place")
    for option, path in outputs.items():
        if path is not None:
            try:
                Path(os.path.realpath(path)).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(f"{option} {path}: {error.strerror}; choose another place") from None
