"""The practical session runs, shortened, and its page is that of the notebook."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import practical  # noqa: E402

SHORT = {"OBJECTS": 3, "VIEWS": 2, "QUERIES": 1, "SIDE": 200, "WORDS": 100, "STEPS": 8}


def notebook() -> dict[str, object]:
    found: dict[str, object] = json.loads(practical.NOTEBOOK.read_text(encoding="utf-8"))
    return found


def test_the_page_is_that_of_the_notebook() -> None:
    made = "\n".join(practical.page(notebook())).rstrip() + "\n"
    assert practical.PAGE.read_text(encoding="utf-8") == made, "run: python tools/practical.py"


@pytest.mark.slow
def test_every_cell_runs_shortened() -> None:
    given = notebook()
    names, _ = practical.run(given, SHORT)
    assert list(names["table"]) == ["bag of words", "words, verified", "GeM", "GeM, whitened", "siamese"]
    assert all(0.0 <= figure <= 1.0 for figures in names["table"].values() for figure in figures)
    assert len(names["seen"].queries) == SHORT["OBJECTS"] * SHORT["QUERIES"] + 2
    # Verified words find things that are rendered again, and training took its steps.
    assert names["table"]["words, verified"][0] > 0.5
    assert len(names["losses"]) == SHORT["STEPS"]
    assert np.isfinite(names["losses"]).all()
    drawn = [one for cell in given["cells"] for one in cell.get("outputs", []) if "image/jpeg" in one.get("data", {})]  # type: ignore[attr-defined]
    assert len(drawn) == 3


def test_what_a_cell_prints_and_returns_is_kept() -> None:
    given = {
        "cells": [
            {"cell_type": "code", "source": ["N = 2\n"], "metadata": {"tags": ["parameters"]}},
            {"cell_type": "code", "source": ["print(N)\n", "N + 1"], "metadata": {}},
        ]
    }
    practical.run(given, {"N": 5})
    printed, value = given["cells"][1]["outputs"]  # type: ignore[misc]
    assert printed["text"] == ["5\n"]
    assert value["data"] == {"text/plain": ["6"]}
