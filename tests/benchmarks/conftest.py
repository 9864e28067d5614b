"""Benchmarks are scripts in a folder of their own, which find each other there; small sets for them to run on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resight.worlds.world import render_world, save_world

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def small_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small sets with ground truth, `things` and `distractors`, which is one without queries."""
    root = tmp_path_factory.mktemp("sets")
    save_world(render_world(5, objects=4, views=3, queries=1, look_alikes=0, distractors=0, size=200), root / "things")
    others = render_world(6, objects=1, views=1, queries=0, look_alikes=0, distractors=3, size=200)
    saved = save_world(others, root / "distractors") / "images"
    for file in [*saved.iterdir()]:
        file.rename(saved / f"other_{file.name}")
    return root


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A docs page with the marks of every command that writes into one."""
    commands = ("blcf", "training_ablation", *(f"deck_{one}" for one in ("components", "manifolds", "teacher")))
    commands += ("deck_merged_lists",)
    marks = [f"<!-- written by benchmarks/{one}.py -->\n<!-- end of benchmarks/{one}.py -->\n" for one in commands]
    file = tmp_path / "page.md"
    file.write_text("Before.\n\n" + "\n".join(marks) + "\nAfter.\n")
    return file
