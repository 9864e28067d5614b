"""Names of files of a training, and whether one has begun in a folder, without loading what trains."""

from __future__ import annotations

from pathlib import Path

FOLDER, LAST = "checkpoints", "last.pt"
NETWORK = "network.safetensors"


def has_begun(folder: Path) -> bool:
    """Returns whether a folder has a checkpoint that a training goes on from."""
    return (folder / FOLDER / LAST).is_file()
