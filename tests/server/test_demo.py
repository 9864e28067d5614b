"""The index of the demo is made once, and what is done to the one that is served changes nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.index import Index
from resight.server import demo
from resight.worlds.world import World, render_world


@pytest.fixture(scope="module")
def world() -> World:
    return render_world(0, objects=1, look_alikes=0, distractors=1)


@pytest.mark.slow
def test_the_demo_is_made_once_and_served_as_a_copy(tmp_path: Path, world: World, unsynced: None) -> None:
    said: list[str] = []
    rendered: list[World] = []

    def render() -> World:
        rendered.append(world)
        return world

    def opened(name: str) -> Index:
        (tmp_path / name).mkdir()
        return Index.open(demo.demo_index(tmp_path / "kept", tmp_path / name, said.append, lambda *_: None, render))

    first = opened("first")
    assert len(first) == len(world.files)
    first.remove(sorted(world.files)[0])
    assert len(opened("second")) == len(world.files)
    assert len(rendered) == 1
    (kept,) = (tmp_path / "kept").iterdir()
    (kept / demo.INDEX / "recipe.toml").unlink()
    assert len(opened("third")) == len(world.files), "one that cannot be opened is made anew"
    assert len(rendered) == 2
    assert sum("rendering" in line for line in said) == 2


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, world: World, unsynced: None) -> None:
    (tmp_path / "kept").write_text("no folder")
    (tmp_path / "own").mkdir()
    said: list[str] = []
    path = demo.demo_index(tmp_path / "kept", tmp_path / "own", said.append, lambda *_: None, lambda: world)
    assert len(Index.open(path)) == len(world.files)
    assert any("cannot be written" in line for line in said)
