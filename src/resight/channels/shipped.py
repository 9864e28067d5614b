"""Arrays that were fitted before: those that ship with resight, and files."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from resight.errors import FitError
from resight.features.kinds import FeaturesKind
from resight.features.naming import JOINED
from resight.learned.artefact import Artefact, hash_arrays, load
from resight.learned.method import Method

BUILTIN = resources.files("resight.learned") / "builtin"
"""Arrays that ship with resight. A file never changes under its name: an index refers to it by name and hash."""
REFERENCE = "builtin"
"""Key of the provenance by which an artefact without arrays stands for one that ships."""


def builtin_reference(features: FeaturesKind, method: Method) -> dict[str, str]:
    """Returns the provenance that refers to the arrays that ship for a method.

    Raises FitError where there are none.
    """
    name = method.shipped_name(features)
    for one in name.split(JOINED):
        if one not in _shipped():
            raise FitError(
                f'nothing built in is called "{one}" (there is {", ".join(_shipped())}): choose what there is, or '
                'fit = "collection"'
            )
    return {REFERENCE: name, "sha256": _load_shipped(name, method).sha256}


def builtin_artefact(features: FeaturesKind, method: Method) -> Artefact:
    """Returns the arrays that ship for a method. Raises FitError where there are none."""
    return _load_shipped(builtin_reference(features, method)[REFERENCE], method)


def read_fitted(path: Path, method: Method) -> Artefact:
    """Returns arrays that were fitted before and saved, or those that ship and that the file refers to.

    Raises FitError where the file is missing or damaged, does not suit the method, or refers to what this version has
    not.
    """
    artefact = load(path)
    if REFERENCE in artefact.provenance:
        name, sha256 = str(artefact.provenance[REFERENCE]), artefact.provenance.get("sha256")
        mend = "install the version of resight that wrote it, or make a new index"
        if not set(name.split(JOINED)) <= set(_shipped()):
            raise FitError(f"{path}: it refers to the built-in {name}, which this version of resight has not; {mend}")
        if len(name.split(JOINED)) != len(method.fitted_parts):
            raise FitError(f'{path}: it refers to the built-in {name}, which is not for "{method.kind}"; fit it for it')
        shipped = _load_shipped(name, method)
        if shipped.sha256 != sha256:
            raise FitError(f"{path}: it refers to a built-in {name} that differs from the one of this version; {mend}")
        return shipped
    missing = sorted(method.needs - artefact.arrays.keys())
    if missing:
        held = ", ".join(sorted(artefact.arrays)) or "nothing"
        raise FitError(f'{path}: "{method.kind}" needs {", ".join(missing)}, and this fit holds {held}')
    return artefact


def _shipped() -> list[str]:
    """Returns names of everything built in."""
    if not BUILTIN.is_dir():
        return []
    return sorted(entry.name.removesuffix(".npz") for entry in BUILTIN.iterdir() if entry.name.endswith(".npz"))


def _load_shipped(name: str, method: Method) -> Artefact:
    """Loads the arrays called `name`, or by several names for a method that is made of others."""
    loaded = {
        prefix: _load_one(one, part)
        for (prefix, part), one in zip(method.fitted_parts.items(), name.split(JOINED), strict=True)
    }
    if "" in loaded:
        return loaded[""]
    arrays = {f"{prefix}{key}": array for prefix, own in loaded.items() for key, array in own.arrays.items()}
    return Artefact(arrays, {}, hash_arrays(arrays))


def _load_one(name: str, method: Method) -> Artefact:
    with resources.as_file(BUILTIN / f"{name}.npz") as path:
        return load(path, method.needs)
