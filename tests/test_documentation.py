"""The documentation is true: its snippets run, its links lead somewhere, and it lists what there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import resight

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
# Commands run in the program of their page: starting Python for each would take most of the time.
PREAMBLE = """
import sys
from resight.cli.main import main

def run(*arguments):
    sys.argv = ["resight", *arguments]
    try:
        main()
    except SystemExit as error:
        assert not error.code, (arguments, error.code)
"""


def snippets(page: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of each fenced block."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def run_snippets(page: Path, folder: Path) -> int:
    """Runs python snippets in one namespace and console snippets by the command, in their order; returns how many."""
    program = [PREAMBLE]
    count = 0
    for language, text in snippets(page):
        if language == "python":
            program.append(text)
            count += 1
        elif language == "console":
            for line in text.splitlines():
                if line.startswith("$ "):
                    assert line.startswith("$ resight "), f"{page.name}: only resight is run: {line}"
                    program.append(f"run(*{shlex.split(line)[2:]!r})")
                    count += 1
    path = folder / "snippets.py"
    path.write_text("\n".join(program), encoding="utf-8")
    done = subprocess.run([sys.executable, str(path)], cwd=folder, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, f"{page.name}: {done.stderr}"
    return count


@pytest.mark.slow
def test_the_snippets_of_the_tutorial_run(tmp_path: Path) -> None:
    assert run_snippets(ROOT / "docs" / "tutorial.md", tmp_path) > 15


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in ("README", "tutorial")], ids=lambda p: p.stem
)
def test_the_snippets_of_a_page_run(page: Path, tmp_path: Path, world_folder: Path) -> None:
    (tmp_path / "world").symlink_to(world_folder)
    run_snippets(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).is_file(), f"{page.name}: {target}"


def test_modules_have_what_their_page_says_they_have() -> None:
    """In `docs/ROOM.md`, what an entry of a list names beside `FILE.py` is in src/resight/ROOM/FILE.py."""
    named = 0
    for page in PAGES:
        for entry in re.findall(r"^- (`\w+\.py`.*?)(?=^- |^$)", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            room = ROOT / "src" / "resight" / page.stem
            source = "".join((room / file).read_text("utf-8") for file in re.findall(r"`(\w+\.py)`", entry))
            for name in re.findall(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`", entry):
                for part in () if name.endswith(".py") else name.split("."):
                    assert re.search(rf"\b{part}\b", source), f"{page.name}: {part} is not in the modules of: {entry}"
                    named += 1
    assert named > 30


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\(docs/([\w-]+\.md)\)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert linked == {page.name for page in PAGES if page.name != "README.md"}


def test_the_readme_has_two_commands_and_ci_runs_the_second() -> None:
    commands = [text for language, text in snippets(ROOT / "README.md") if language]
    assert len(commands) == 2
    install, check = commands
    assert install.rstrip().endswith("&& resight demo")
    assert check.rstrip().endswith("&& pytest")
    assert "-c constraints.txt" in check
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_every_recipe_is_listed() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)`", text, re.MULTILINE)
    assert sorted(listed) == sorted(recipe.name for recipe in resight.recipes())
    # Parted by what a recipe needs: each row says what the recipe itself says.
    for recipe in resight.recipes():
        (row,) = re.findall(rf"^\| `{recipe.name}`.*$", text, re.MULTILINE)
        assert row.endswith(f"| {recipe.checked_by} |")


def test_published_figures_stand_under_the_network_that_made_them() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    published = text[text.index("## Published") : text.index("## Measured")]
    listed = set(re.findall(r"\| `([\w-]+)` \|[^|]*\| `resight evaluate", published))
    ours = {recipe.name for recipe in resight.recipes() if "mobilenet" not in recipe.name}
    ours -= {"sift-cnn-fused", "sift-asmk-links", "sift-lite0-links", "rmac-lite0", "sketches"}
    assert listed == ours


def test_the_page_of_keys_is_that_of_the_models() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "recipe_keys.py"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "recipe-keys.md").read_text(encoding="utf-8") == made.stdout, (
        "run: python tools/recipe_keys.py > docs/recipe-keys.md"
    )
    assert re.findall(r"^\| `.*\| *\|$", made.stdout, re.MULTILINE) == [], "a key has no description, and no comment"


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
    for name in sorted(set(resight.__all__) - {"__version__"}):
        assert f".{name}" in page, f"{name} has no entry on the page of the API"


def test_every_command_has_a_line() -> None:
    from resight.cli.main import app

    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"`{command.callback.__name__}" in text


def test_pictures_are_small() -> None:
    for path in (ROOT / "docs").iterdir():
        assert path.stat().st_size < 300_000, path.name
