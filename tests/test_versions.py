"""Versions are found with and without an installation."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import resight
from resight.versions import __version__, versions, versions_line


def test_the_version_is_that_of_the_package() -> None:
    assert resight.__version__ == __version__ == metadata.version("resight")


def test_what_is_not_installed_is_left_out() -> None:
    assert versions(["numpy", "no-such-distribution", "resight"]) == {
        "numpy": metadata.version("numpy"),
        "resight": __version__,
    }
    assert versions_line(["resight", "no-such-distribution"]) == f"resight-{__version__}"


def test_an_index_is_made_from_sources_without_an_installation(tmp_path: Path) -> None:
    program = """
import sys
from importlib import metadata
find = metadata.version
def version(name):
    if name == "resight":
        raise metadata.PackageNotFoundError(name)
    return find(name)
metadata.version = version
import resight
print(resight.Index.create(sys.argv[1], "sift-asmk").info().images)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "x.resight")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"
