"""A damaged recipe or built-in fit is put back from what ships with resight, and only where it is the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from resight.errors import IndexCorruptError
from resight.index.copies import shipped_copies
from resight.index.index import Index
from resight.recipe import recipe_text, recipes
from resight.store.disk import sum_bytes

FILES = ("recipe.toml", "fitted/main/fitted.npz")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Index.create(tmp_path_factory.mktemp("shipped") / "x.resight", "sift-asmk-spatial").path


@pytest.fixture
def path(shipped: Path, tmp_path: Path) -> Path:
    return shutil.copytree(shipped, tmp_path / "x.resight")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("damage", [flip, put_pipe, Path.unlink])
@pytest.mark.parametrize("damaged", [FILES[:1], FILES[1:], FILES])
def test_what_ships_is_put_back(path: Path, damage: object, damaged: tuple[str, ...]) -> None:
    assert callable(damage)
    before = {name: (path / name).read_bytes() for name in FILES}
    for name in damaged:
        damage(path / name)
    problems = Index.check(path).problems
    assert len(problems) == len(damaged)
    assert all("ships with resight" in line and "`resight verify --repair` mends it" in line for line in problems)
    report = Index.check(path, repair=True)
    assert (report.problems, report.remarks, len(report.repaired)) == ([], [], len(damaged))
    assert {name: (path / name).read_bytes() for name in FILES} == before
    assert Index.open(path).info().images == 0


def test_what_was_there_is_kept(path: Path) -> None:
    file = path / "recipe.toml"
    file.write_text("my own recipe")
    Index.check(path, repair=True)
    assert (path / "damaged-recipe.toml").read_text() == "my own recipe"
    file.write_text("another one")
    Index.check(path, repair=True)
    assert (path / "damaged-recipe.toml").read_text() == "another one"


def test_a_recipe_of_ones_own_is_not_put_back_while_its_built_in_fit_is(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(recipe_text("sift-asmk-spatial") + "# mine\n")
    path = Index.create(tmp_path / "x.resight", own).path
    flip(path / "fitted" / "main" / "fitted.npz")
    assert len(Index.check(path, repair=True).repaired) == 1
    assert Index.check(path).problems == []
    put_pipe(path / "recipe.toml")
    with pytest.raises(IndexCorruptError, match=r"is a pipe and not a file: .* put the former text back"):
        Index.open(path)
    report = Index.check(path, repair=True)
    assert report.repaired == []
    (line,) = report.problems
    assert "is a pipe and not a file" in line
    assert "put a copy of the former file back, or make a new index (this cannot be mended)" in line


def test_random_weights_are_put_back_and_nothing_is_fetched(path: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    text = '[features]\nkind = "maps"\nnetwork = "mobilenet_v2"\nlayer = "features.14"\ncheckpoint.source = "{}"\n'
    text = f'name = "own"\n{text}[descriptor]\nkind = "mac"\nwhitening = "none"\n'
    own.write_text(text.format("random"))
    file = Index.create(path := tmp_path / "random.resight", own).path / "fitted/_weights/main.npz"
    sound = file.read_bytes()
    flip(file)
    assert Index.check(path, repair=True).problems == []
    assert file.read_bytes() == sound
    (path / "recipe.toml").write_text(text.format("https://nowhere.invalid/weights.pth"))
    files = {"recipe.toml": sum_bytes((path / "recipe.toml").read_bytes())}
    assert shipped_copies(path, files).keys() == files.keys()


def test_a_recipe_that_ships_is_found_by_its_sum(tmp_path: Path) -> None:
    for recipe in recipes()[::16]:
        text = recipe_text(recipe.name).encode()
        assert shipped_copies(tmp_path, {"recipe.toml": sum_bytes(text)})["recipe.toml"] == text


def test_a_recipe_of_which_nothing_is_left_is_said_to_be_lost(path: Path) -> None:
    for lost in (path / "recipe.toml", path / "catalog.sqlite", *path.glob("segments/generation-*.json")):
        lost.unlink()
    lines = [line for line in Index.check(path).problems if "recipe.toml" in line]
    assert len(lines) == 1
    assert "nothing says what was in it: make a new index" in lines[0]
    Index.check(path, repair=True)
    with pytest.raises(IndexCorruptError, match=r"recipe\.toml is lost"):
        Index.open(path)
