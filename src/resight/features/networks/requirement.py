"""What networks need that resight itself does without; importing it imports nothing of that."""

from __future__ import annotations

from importlib.util import find_spec

from resight.errors import WeightsError


def require_torch() -> None:
    """To be called before what imports torch. WeightsError that says how to install it, where it is missing."""
    if find_spec("torch") is None:
        raise WeightsError("networks need PyTorch, which is not installed: pip install 'resight[deep]'")
