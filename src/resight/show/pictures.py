"""Writes drawn pictures to files."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from resight.arrays import UInt8
from resight.errors import StorageError, UsageError
from resight.files import write_whole


def write_png(path: str | os.PathLike[str], picture: UInt8) -> Path:
    """Writes (h, w, 3) uint8 RGB as PNG, whole or not at all, and returns its path.

    Raises UsageError where the array has another type or shape, StorageError where the disk refuses.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise UsageError(f"a picture of {picture.dtype} {picture.shape} is not RGB uint8")
    target = Path(path)
    data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    try:
        write_whole(target, data)
    except OSError as error:
        raise StorageError(
            f"{target}: the picture could not be written ({error.strerror}); name a file where it can be written"
        ) from error
    return target
