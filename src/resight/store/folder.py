"""The folder of an index: whether it is one, and what in it was frozen when it was made or fitted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from resight.errors import DamagedFileError, IndexCorruptError, IndexMissingError
from resight.store import catalogue
from resight.store.checked import Checked, Version
from resight.store.creation import RECIPE
from resight.store.disk import FileSum, read_regular, storage_errors, sum_bytes
from resight.store.generations import Generation, files_content
from resight.store.segments import fault_of, sum_fault


def existing(path: Path) -> Path:
    """The path, if it is that of an index, whole or damaged. Raises IndexMissingError."""
    path = Path(path)
    if not path.is_dir():
        raise IndexMissingError(f"{path}: there is no index here; make one with `resight index PHOTOS -o {path}`")
    if not (path / catalogue.CATALOGUE).exists() and not (path / "segments").is_dir():
        raise IndexMissingError(f"{path}: this folder is not an index; make one with `resight index PHOTOS -o {path}`")
    return path


def index_around(path: Path) -> Path | None:
    """The index that a folder is, or lies in; None where there is none. path: absolute, without links."""
    for folder in (path, *path.parents):
        if (folder / RECIPE).is_file() and (folder / "segments").is_dir():
            return folder
    return None


def recipe_text(folder: Path, generation: Generation) -> str:
    """The text of the recipe. Raises IndexCorruptError where it is not what was written, and StorageError."""
    path = folder / RECIPE
    expected = generation.files.get(RECIPE)
    if expected is None:
        raise IndexCorruptError(f"{path} is lost, and nothing says what was in it: make a new index")
    with storage_errors(path):
        try:
            text = read_regular(path)
        except (FileNotFoundError, DamagedFileError) as error:
            what = fault_of(error)
        else:
            what = "" if sum_bytes(text) == expected else "was changed after the index was made"
    if what:
        raise IndexCorruptError(
            f"{path} {what}: `resight verify --repair` puts a recipe that ships with resight back; of one of your "
            "own, put the former text back, or make a new index"
        )
    return text.decode()


def fitted_files(folder: Path, generation: Generation, checked: Checked) -> dict[str, Path]:
    """Paths of the fitted files by `CHANNEL/NAME.npz`, each as it was written.

    Raises IndexCorruptError and StorageError.
    """
    found = {}
    for name, expected in generation.files.items():
        if name.startswith("fitted/"):
            _check_fitted(folder / name, name, expected, checked)
            found[name.removeprefix("fitted/")] = folder / name
    checked.save()
    return found


def terms(generation: Generation) -> str:
    """Returns a digest of the recipe and fits that the arrays of an index must suit."""
    return hashlib.sha256(json.dumps(files_content(generation.files)).encode()).hexdigest()


def _check_fitted(path: Path, name: str, expected: FileSum, checked: Checked) -> None:
    def check() -> None:
        if what := sum_fault(path, expected):
            raise IndexCorruptError(
                f"{path}: {what}: `resight verify --repair` puts back what ships with resight; of what was fitted "
                "for this index, put a copy of the former file back, or make a new index"
            )

    with storage_errors(path):
        versions = [Version.of(path.stat())] if path.exists() else []
        checked.once(name, [expected.size, expected.sha256], versions, check)
