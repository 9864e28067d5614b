"""Compiled functions: kept for the next process, made anew as soon as anything they are made of differs."""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import resight
from resight.kernels import compiled_files
from resight.kernels import compiling as kernels

CALLED = """
from resight.kernels.compiling import kernel

@kernel()
def scaled(x):
    return FACTOR * x
"""
CALLING = """
from resight.kernels.compiling import kernel
from kernel_called import scaled

OFFSET = SHIFT

@kernel(error_model="numpy")
def asked(x):
    return scaled(x) + OFFSET + later(x)

@kernel()
def later(x):
    return 0 * x
"""

PICKING = """
import sys
import numpy as np
from resight.kernels.compiling import kernel

@kernel()
def picked(values, at):
    return values[at]

picked(np.arange(3), int(sys.argv[1]))
"""

Write = Callable[[int, int], int]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes two modules with kernels, imports them afresh, and returns what they say of 10."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("RESIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def imported(factor: int, shift: int) -> int:
        (folder / "kernel_called.py").write_text(CALLED.replace("FACTOR", str(factor)))
        (folder / "kernel_calling.py").write_text(CALLING.replace("SHIFT", str(shift)))
        for name in ("kernel_called", "kernel_calling"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return int(importlib.import_module("kernel_calling").asked(10))

    yield imported
    for name in ("kernel_called", "kernel_calling"):
        sys.modules.pop(name, None)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each function that is compiled from now on, whether it was kept."""
    made: list[bool] = []
    monkeypatch.setattr(kernels._watch, "compiled", lambda seconds, kept: made.append(kept))
    return made


def kept(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.rglob("*.kernel"))


def test_what_is_compiled_is_kept_and_made_anew_where_anything_differs(
    asked: Write, compiled: list[bool], tmp_path: Path
) -> None:
    assert asked(2, 5) == 25
    assert compiled == [True, True, True]
    assert {path.parent.name for path in kept(tmp_path)} == {"__pycache__"}
    assert asked(2, 5) == 25
    assert len(compiled) == 3
    # The constant of the module itself, and the code of a function in another one, which numba's own cache overlooks.
    assert asked(2, 6) == 26
    assert len(compiled) == 4
    assert asked(3, 6) == 36
    assert asked(2, 5) == 25
    assert len(compiled) == 6


@pytest.mark.parametrize("damage", ["emptied", "cut", "a bit", "a folder", "another format"])
def test_a_damaged_file_is_compiled_anew(asked: Write, compiled: list[bool], tmp_path: Path, damage: str) -> None:
    assert asked(2, 5) == 25
    for path in kept(tmp_path):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        if damage == "a folder":
            path.unlink()
            path.mkdir()
        elif damage == "another format":
            whole = compiled_files.CompiledFiles(str(path.parent.parent / "x.py"), "x")
            assert whole.write("x", b"not what it was")
            shutil.copy(next(path.parent.glob("x.x-*")), path)
        else:
            path.write_bytes({"emptied": b"", "cut": bytes(data[:100]), "a bit": bytes(data)}[damage])
    assert asked(2, 5) == 25
    assert len(compiled) == 6
    assert asked(2, 5) == 25
    assert len(compiled) == (9 if damage == "a folder" and not any(compiled[3:]) else 6)


def test_where_nothing_can_be_written_everything_works(
    asked: Write, compiled: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(compiled_files, "write_whole", full)
    assert asked(2, 5) == 25
    assert compiled == [False, False, False]
    assert kept(tmp_path) == []


def test_a_person_is_told_once_what_takes_so_long(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="resight.kernels.compiling")
    watch = kernels._Watch()
    watch.compiled(0.6, True)
    assert caplog.messages == []
    watch.compiled(0.6, True)
    watch.compiled(9.0, True)
    assert caplog.messages == ["compiling for this processor, which takes a while and is done once"]
    kernels._Watch().compiled(2.0, False)
    assert "set RESIGHT_CACHE" in caplog.messages[1]


ALL = """
import importlib, os
from pathlib import Path
import numpy as np
import resight

package = Path(resight.__file__).parent
assert package.parent == Path(os.environ["INSTALLED"])
for path in package.rglob("*.py"):
    text = path.read_text(encoding="utf-8")
    if "\\n@kernel(" in text and "import torch" not in text:
        importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
from resight.words.postings import seek

print(seek(np.array([1, 3, 5]), 3, 0))
"""


def test_a_read_only_installation_serves_a_user_without_a_home(tmp_path: Path) -> None:
    installed, without = tmp_path / "site", {"PATH": os.defpath, "LC_ALL": "C"}
    shutil.copytree(Path(resight.__file__).parent, installed / "resight", ignore=shutil.ignore_patterns("__pycache__"))
    places = [installed, *installed.rglob("*"), tmp_path]
    before = [path.stat().st_mode for path in places]
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        done = subprocess.run(
            [*without_privileges(), sys.executable, "-c", ALL],
            env={**without, "PYTHONPATH": str(installed), "INSTALLED": str(installed), "TMPDIR": str(tmp_path)}
            | {"HOME": str(tmp_path / "none")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
        )
    finally:
        for path, mode in zip(places, before, strict=True):
            path.chmod(mode)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
    assert kept(tmp_path) == []


def without_privileges() -> list[str]:
    """What to put before a command so that permissions count for it, also where the tests run as root."""
    if os.getuid() != 0:
        return []
    command = shutil.which("setpriv")
    if command is None:
        pytest.skip("root without setpriv: nothing is read-only here")
    return [command, "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"]


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    program = (
        "from resight.kernels.compiling import fingerprint; from resight.rerank.refinement import _search;"
        "print(fingerprint(_search.py_func))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_options_are_told_apart() -> None:
    def own(x: Any) -> Any:
        return x

    plain, exact = kernels._KeptKernel(own, "a"), kernels._KeptKernel(own, "b")

    class Codegen:
        def magic_tuple(self) -> tuple[str, ...]:
            return ("here",)

    assert plain._key((), Codegen()) != exact._key((), Codegen())


def test_whoever_asks_for_checked_bounds_is_not_given_code_without(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PICKING)
    environment = {**os.environ, "RESIGHT_CACHE": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    kept = subprocess.run([sys.executable, program, "1"], env=environment, capture_output=True, text=True)
    assert (kept.returncode, kept.stderr) == (0, "")
    assert list(tmp_path.rglob("*.kernel"))
    checked = {**environment, "NUMBA_BOUNDSCHECK": "1"}
    ran = subprocess.run([sys.executable, program, "5"], env=checked, capture_output=True, text=True)
    assert "IndexError: index is out of bounds" in ran.stderr


LOADING = """
import sys
from resight.kernels.compiling import kernel

@kernel()
def asked(value):
    return value + 1

assert asked(2) == 3
print("numba.np.arraymath" in sys.modules)
"""


def test_what_is_kept_runs_without_all_that_numba_can_compile(tmp_path: Path) -> None:
    program = tmp_path / "loading.py"
    program.write_text(LOADING)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, str(program)]
    found = [subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert found == ["True\n", "False\n"]


@pytest.mark.parametrize(("name", "all_loaded"), [("nothing_has_this_name", True), ("cos", False)])
def test_all_is_loaded_where_a_kept_function_needs_what_is_not_there(name: str, all_loaded: bool) -> None:
    @kernels.kernel()
    def asked(x: float) -> float:
        return x

    asked(1.0)  # so that numba has a context
    loaded: list[str] = []
    context = SimpleNamespace(refresh=lambda: loaded.append("all"))
    # What cannot be restored is nothing: the data has no function in it.
    assert kernels._restored(pickle.dumps(([name], None)), context) is None
    assert bool(loaded) == all_loaded
