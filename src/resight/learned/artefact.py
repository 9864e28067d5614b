"""A fit, frozen in one file: named arrays, their provenance, and a hash of the arrays."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from resight.arrays import Array, Arrays, Float32
from resight.errors import FitError, StorageError
from resight.files import write_whole

Provenance = Mapping[str, str | int | float]

_PROVENANCE = "provenance.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can state: equal contents give equal bytes


@dataclass(frozen=True)
class Artefact:
    """Fitted arrays by name, their provenance, and the SHA-256 of the arrays (names, types, shapes and values)."""

    arrays: Arrays
    provenance: Provenance
    sha256: str


def save(path: Path, arrays: Arrays, provenance: Provenance) -> str:
    """Writes an `.npz`, whole or not at all; equal contents give equal bytes. Returns the SHA-256 of the arrays.

    numpy can read the file too. Raises StorageError where the disk refuses.
    """
    try:
        write_whole(path, to_bytes(arrays, provenance))
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error
    return hash_arrays(arrays)


def to_bytes(arrays: Arrays, provenance: Provenance) -> bytes:
    """Returns the bytes of the file that `save` writes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _write(archive, _PROVENANCE, json.dumps(dict(provenance), sort_keys=True, indent=1).encode())
        for name in sorted(arrays):
            member = io.BytesIO()
            npy.write_array(member, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False)
            _write(archive, f"{name}.npy", member.getvalue())
    return buffer.getvalue()


def load(path: Path, needs: Iterable[str] = ()) -> Artefact:
    """Reads a file that `save` wrote; `needs` names the arrays that it must have.

    Raises FitError where the file is missing, damaged, or holds something else.
    """
    # Reading from a device or a pipe would never end.
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FitError(f"{path}: not a regular file; name one that `resight.learned.artefact.save` wrote")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if _PROVENANCE not in names:
                raise FitError(f"{path}: is not a fitted artefact (it has no {_PROVENANCE}); fit again")
            provenance = json.loads(archive.read(_PROVENANCE))
            arrays = {
                name.removesuffix(".npy"): npy.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in names
                if name.endswith(".npy")
            }
    except FileNotFoundError:
        raise FitError(
            f"{path}: no such file; put it back where the recipe names it, or fit again by `resight fit`"
        ) from None
    # A changed byte in the archive can make it ask for decompression, or for a password.
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise FitError(f"{path}: the fitted artefact is damaged ({error}); restore it or fit again") from error
    missing = sorted(set(needs) - set(arrays))
    if missing:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise FitError(f"{path}: a fit of another kind: it lacks {', '.join(missing)} and holds {held}")
    endless = sorted(name for name, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all())
    if endless:
        raise FitError(f"{path}: not all numbers of {', '.join(endless)} are finite; restore it or fit again")
    return Artefact(arrays, provenance, hash_arrays(arrays))


def quantise(arrays: Mapping[str, Float32]) -> dict[str, Array]:
    """Quantises each array to uint8 in equal steps from its least to its greatest value; `NAME.range`: (least, step).

    A value is off by at most half a step, 1/510 of the range.
    """
    stored: dict[str, Array] = {}
    for name, values in arrays.items():
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        step = (high - low) / 255.0
        if step < np.finfo(np.float32).tiny:  # the values are nearly equal, and would be divided by zero
            step = 1.0
        stored[name] = np.rint((values - low) / step).astype(np.uint8)
        stored[f"{name}.range"] = np.array([low, step], np.float64)
    return stored


def dequantise(arrays: Arrays) -> dict[str, Array]:
    """Restores the arrays that `quantise` stored as float32; others stay unchanged."""
    restored = {name: array for name, array in arrays.items() if not name.endswith(".range")}
    for name in restored.keys() & {name.removesuffix(".range") for name in arrays if name.endswith(".range")}:
        low, step = arrays[f"{name}.range"]
        restored[name] = (arrays[name] * step + low).astype(np.float32)
    return restored


def hash_arrays(arrays: Arrays) -> str:
    """Returns the SHA-256 over names, types, shapes and values, in the order of the names, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(json.dumps([name, little_endian.dtype.str, list(array.shape)]).encode())
        digest.update(little_endian.tobytes())
    return digest.hexdigest()


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # Stored, not deflated: different versions of zlib compress the same bytes differently.
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, compress_type=zipfile.ZIP_STORED)
