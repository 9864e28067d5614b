"""Packages that only networks need; importing this module imports none of them."""

from __future__ import annotations

from importlib.util import find_spec

from resight.errors import WeightsError


def require_torch(extra: str = "deep") -> None:
    """Raises WeightsError with the command to install torch where it is missing; call it before importing torch.

    extra: name of the optional packages that have it.
    """
    if find_spec("torch") is None:
        raise WeightsError(f"this network needs PyTorch, which is not installed: pip install 'resight[{extra}]'")
