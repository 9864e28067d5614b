"""What is said where torch is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from resight.errors import WeightsError
from resight.features.networks import requirement


def test_a_missing_torch_is_answered_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    requirement.require_torch()
    monkeypatch.setattr(requirement, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'resight\[deep\]'"):
        requirement.require_torch()
    with pytest.raises(WeightsError, match=r"pip install 'resight\[train\]'"):
        requirement.require_torch("train")


def test_parameters_of_networks_import_nothing_heavy() -> None:
    modules = "kinds", "published", "requirement", "download"
    code = f"import sys; from resight.features.networks import {', '.join(modules)}; print('torch' in sys.modules, "
    code += "'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False False\n"
