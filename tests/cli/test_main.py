"""How the command answers: help, versions, exit codes, interruption, a reader that goes away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.cli.main import COMMANDS
from resight.errors import IndexMissingError, ResightError, StorageError
from resight.index.index import Index

if TYPE_CHECKING:
    from conftest import Run

COMMAND = [sys.executable, "-m", "resight"]


def test_help_names_every_verb(run: Run) -> None:
    answer = run("--help")
    assert answer.exit_code == 0
    verbs = [command.split(".")[1] for command in COMMANDS] + ["show"]
    assert {"index", "add", "update", "remove", "search", "duplicates", "info", "verify", "compact"} < set(verbs)
    assert re.findall(r"^  ([a-z]+) +[A-Z]", answer.stdout.split("Commands:")[1], re.MULTILINE) == verbs
    for verb in verbs:
        assert run(verb, "--help").exit_code == 0


def test_the_version_is_told(run: Run) -> None:
    answer = run("--version")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("resight ")


@pytest.mark.parametrize("arguments", [("no-such-verb",), ("search", "--no-such-option"), ("index",), ("search", "x")])
def test_wrong_usage_is_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (IndexMissingError("x.resight: no index\x1b[2J"), 2, "Error: x.resight: no index\\x1b[2J\n"),
        (StorageError("the disk is full"), 1, "Error: the disk is full\n"),
        (ResightError("one\ntwo"), 1, "Error: one\n  two\n"),
        (PermissionError(13, "Permission denied", "/nowhere"), 1, "Error: /nowhere: Permission denied\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_errors_become_a_line_and_an_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    def fail(path: Path) -> Index:
        raise error

    monkeypatch.setattr(Index, "open", fail)
    answer = run("compact", "x.resight")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (code, "", message)


def test_help_imports_nothing_heavy() -> None:
    heavy = ["numpy", "cv2", "numba", "faiss", "scipy", "PIL", "pydantic", "torch", "rich"]
    program = f"""
import atexit, sys
from resight.cli.main import main
atexit.register(lambda: print([name for name in {heavy} if name in sys.modules]))
sys.argv = ["resight", "--help"]
main()
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "evaluate" in out
    assert out.endswith("\n[]\n")


@pytest.mark.slow
def test_the_installed_command_answers(indexed: Path, photos_of_world: Path) -> None:
    command = Path(sys.executable).with_name("resight")
    if not command.exists():
        pytest.skip(f"no {command}: install the package")
    query = photos_of_world / "poster-02_1.jpg"
    subprocess.run([command, "search", indexed, query], capture_output=True, check=True)  # says that it compiles
    found = subprocess.run([command, "search", indexed, query, "-k", "1"], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
    hits = [line for line in found.stdout.splitlines() if line.endswith(".jpg")]
    assert hits[0].endswith("poster-02_2.jpg")
    refused = subprocess.run([command, "search", indexed, query, "-k", "0"], capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (2, "")


@pytest.mark.slow
def test_arguments_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff\x1b[2J"
    answer = subprocess.run([*COMMAND, "evaluate", folder, "--recipe", "x"], capture_output=True)
    assert answer.returncode == 2
    assert b"\\xff\\x1b[2J: no such folder" in answer.stderr
    assert b"Traceback" not in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 10_000])
def test_a_reader_that_goes_away_is_no_complaint(rows: int) -> None:
    program = (
        "import sys, types\n"
        "recipe = sys.modules['resight.recipe'] = types.ModuleType('resight.recipe')\n"
        "row = types.SimpleNamespace(to_dict=lambda: {'name': 'x' * 100})\n"
        f"recipe.recipes = lambda: [row] * {rows}\n"
        "from resight.cli.main import main\n"
        "main()\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-c", program, "recipes", "--json"]
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        answer = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=buffered)
    finally:
        os.close(writer)
    assert (answer.returncode, answer.stderr) == (141, b"")


@pytest.mark.slow
def test_letters_that_the_terminal_lacks_are_escaped(tmp_path: Path) -> None:
    program = (
        "import sys, types\n"
        "recipe = sys.modules['resight.recipe'] = types.ModuleType('resight.recipe')\n"
        "row = types.SimpleNamespace(name='Köln', alias='default', needs='', checked_by='', summary='')\n"
        "recipe.recipes = lambda: [row]\n"
        "from resight.cli.main import main\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    answer = subprocess.run([sys.executable, "-c", program, "recipes"], capture_output=True, env=environment)
    assert answer.returncode == 0
    assert b"K\\xf6ln    default" in answer.stdout


def test_python_runs_it_as_a_module() -> None:
    answer = subprocess.run([sys.executable, "-m", "resight", "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout == f"resight {version('resight')}\n"
