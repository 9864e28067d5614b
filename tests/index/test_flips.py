"""A byte changes in any file of an index: the same answer, or an error or a warning that names `verify`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "flips.py"


def outcomes(*arguments: object) -> dict[str, dict[str, int]]:
    ran = subprocess.run(
        [sys.executable, str(BENCHMARK), "--json", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, dict[str, int]] = json.loads(ran.stdout)
    return found


@pytest.mark.slow
def test_a_flipped_byte_of_words_is_never_passed_over() -> None:
    found = outcomes("--flips", 40, "--layouts", "asmk")
    assert sum(sum(of.values()) for of in found.values()) == 40
    assert found["segments/list_images.npy"]["error"] == sum(found["segments/list_images.npy"].values()) > 0


@pytest.mark.slow
def test_forged_arrays_lead_no_kernel_astray() -> None:
    found = outcomes("--forged", "--flips", 60, "--layouts", "augmented", "hamming", "neighbours")
    assert sum(of["other"] for of in found.values()) > 0
    assert found["segments/list_images.npy"]["error"] > 0


@pytest.mark.slow
def test_a_flipped_byte_of_any_layout_is_never_passed_over() -> None:
    layouts = ("bow", "hamming", "match", "augmented", "summed", "fused")
    found = outcomes("--flips", 100, "--seed", 1, "--layouts", *layouts)
    assert sum(of["warning"] for of in found.values()) > 0
    assert sum(of["error"] for of in found.values()) > 30
