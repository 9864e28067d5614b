"""Graphics cards, asked after without importing torch."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path


def has_card() -> bool:
    """Returns whether torch is installed and has a graphics card; torch is imported only where a driver is there."""
    windows = Path(os.environ.get("SYSTEMROOT", "/")) / "System32" / "nvcuda.dll"
    drivers = (Path("/dev/nvidiactl"), Path("/dev/dxg"), windows)
    if find_spec("torch") is None or not any(driver.exists() for driver in drivers):
        return False
    import torch

    return torch.cuda.is_available()


def full_card() -> tuple[type[Exception], ...]:
    """Returns the exceptions that tell that a graphics card has too little memory; none where torch is not in use."""
    torch = sys.modules.get("torch")
    return () if torch is None else (torch.OutOfMemoryError,)
