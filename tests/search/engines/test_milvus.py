"""Milvus by real servers, in a private network namespace: the cases are in `milvus_cases.py`."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from resight.errors import EngineError
from resight.search.engines.milvus import Milvus

CASES = Path(__file__).with_name("milvus_cases.py")
NAMES = [
    one.name
    for one in ast.parse(CASES.read_text(encoding="utf-8")).body
    if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
]
INSIDE = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def why_not(server: str) -> str:
    """Returns why a server cannot be started here; empty where it can."""
    for package in ("pymilvus", server.replace("-", "_")):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is not installed"
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "there is no `unshare` or no `ip`: a server that listens on every address needs a namespace of its own"
    if subprocess.run([*INSIDE, "true"], capture_output=True, check=False).returncode:
        return "no network namespace can be made: a server that listens on every address needs one of its own"
    return ""


@cache
def outcomes(server: str, folder: Path) -> Mapping[str, str]:
    """Runs all cases by a server; returns what went wrong with each, by name."""
    folder.mkdir()
    report = folder / "report.xml"
    pytest_of = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-q",
        f"--junitxml={report}",
        f"--basetemp={folder / 'temporary'}",
    ]
    done = subprocess.run(
        [*INSIDE, *pytest_of, str(CASES)],
        env={**os.environ, "RESIGHT_SERVER": server},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    cases = ElementTree.parse(report).iter("testcase")
    return {
        case.attrib["name"]: "\n".join(one.text or one.tag for one in case if one.tag in ("failure", "error"))
        for case in cases
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("server", ["milvus", "milvus-lite"])
def test_a_case(server: str, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if reason := why_not(server):
        pytest.skip(reason)
    found = outcomes(server, tmp_path_factory.getbasetemp().joinpath(f"engine-{server}").resolve())
    assert not found[name], found[name]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(EngineError, match=r"pymilvus is missing: pip install 'resight\[milvus\]'"):
        Milvus(address="milvus://localhost:1/x").connected()
