"""The logic of the page that needs no browser, where Node.js is at hand."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

LEAST = 20
"""The oldest Node.js that reads a module by its content."""


def test_links_boxes_lines_and_figures() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js at hand: install it to test the logic of the page without a browser")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < LEAST:
        pytest.skip(f"Node.js is {version.strip()}: version {LEAST} or later reads the modules of the page")
    page = resources.files("resight.server") / "page"
    told = subprocess.run(
        [node, str(Path(__file__).with_name("page_logic.mjs")), str(page)], capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stdout + told.stderr
