"""Packages that only networks need; importing this module imports none of them."""

from __future__ import annotations

from importlib.util import find_spec

from resight.errors import WeightsError


def require_torch() -> None:
    """Raises WeightsError with the command to install torch where it is missing; call it before importing torch."""
    if find_spec("torch") is None:
        raise WeightsError("this network needs PyTorch, which is not installed: pip install 'resight[deep]'")
