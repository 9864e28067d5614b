"""Making an index: its folder appears whole or not at all, whoever else is making the same one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from resight.errors import UsageError
from resight.store import catalogue
from resight.store.choices import Choices, ChoicesFile, write_choices
from resight.store.disk import FileSum, storage_errors, sync_folder, write_new
from resight.store.generations import Generation, write_generation
from resight.store.leftovers import UNLOCKED, abandoned_prefix, clear_abandoned
from resight.store.lock import writer_lock
from resight.store.segments import check_key

RECIPE = "recipe.toml"


def create_folder(path: Path, recipe: str, fitted: Mapping[str, bytes], created_by: str) -> None:
    """Makes the folder of an empty index; see `Store.create`."""
    path = Path(path)
    with storage_errors(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise _taken(path)
        path.parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(path)
    # Locked before it has the name by which others find, and clear, what is left of killed creations.
    temporary = path.with_name(f"{abandoned_prefix(path)}{os.getpid()}")
    unlocked = temporary.with_name(temporary.name + UNLOCKED)
    with storage_errors(path):
        try:
            shutil.rmtree(unlocked, ignore_errors=True)
            unlocked.mkdir()
            with writer_lock(unlocked, shown=path):
                unlocked.rename(temporary)
                _fill(temporary, recipe, fitted, created_by)
                temporary.rename(path)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise _taken(path) from None
            raise
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(path.parent)


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path} exists and is not empty: choose another path, or add to it with `resight add`")


def _fill(folder: Path, recipe: str, fitted: Mapping[str, bytes], created_by: str) -> None:
    text = recipe.encode()
    files = {RECIPE: write_new(folder / RECIPE, lambda file: file.write(text))}
    files |= write_fitted(folder / "fitted", fitted)
    (folder / "search").mkdir()
    (folder / "segments").mkdir()
    first = Generation(0, 1, {}, {}, {}, files, created_by, chosen=0)
    # Nothing has been chosen yet, which is said: a file that is missing is one that was lost.
    write_choices(folder / "segments", ChoicesFile(0, {}, Choices()))
    write_generation(folder / "segments", first)
    catalogue.build(folder / catalogue.CATALOGUE, first, Choices(), [])
    sync_folder(folder)


def write_fitted(folder: Path, fitted: Mapping[str, bytes]) -> dict[str, FileSum]:
    """Makes a folder of fitted files, by `CHANNEL/NAME.npz`; their sums by path below the index. Raises OSError."""
    folder.mkdir()
    files = {}
    for name, data in fitted.items():
        channel, _, file_name = name.partition("/")
        check_key(channel)
        check_key(file_name.removesuffix(".npz"))
        (folder / channel).mkdir(exist_ok=True)
        files[f"fitted/{name}"] = write_new(folder / name, lambda file, data=data: file.write(data))  # type: ignore[misc]
        sync_folder(folder / channel)
    sync_folder(folder)
    return files
