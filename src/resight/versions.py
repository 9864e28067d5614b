"""The version of resight, and those of the libraries that its numbers depend on."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

__version__ = "0.1.0"


def versions(names: Iterable[str]) -> dict[str, str]:
    """Returns the version of each distribution that is installed, by name, in the order given."""
    found = {}
    for name in names:
        if name == "resight":
            # Also where it runs from its sources and no installation could say.
            found[name] = __version__
            continue
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def versions_line(names: Iterable[str]) -> str:
    """Returns the versions as one line, such as "numpy-2.4.6 numba-0.68.1"."""
    return " ".join(f"{name}-{version}" for name, version in versions(names).items())
