"""Saliency maps that another program wrote: a folder of PNG files, one a photo."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from resight.arrays import Float32
from resight.errors import UsageError
from resight.images import decode

_log = logging.getLogger(__name__)


def read_saliency(folder: Path, name: str) -> Float32:
    """Returns the map (h, w) in [0, 1] of the photo `name` from `folder`.

    It is FOLDER/NAME.png, or with that suffix instead of the photo's. Of a map in colour the mean of the channels
    counts. One that is black says nothing, which is logged. Raises UsageError, naming both files, where there is none;
    ImageError where it cannot be read.
    """
    if not name:
        raise UsageError("saliency from files is read by the name of a photo, and these pixels have none")
    candidates = [folder / f"{name}.png", (folder / name).with_suffix(".png")]
    path = next((one for one in candidates if one.is_file()), None)
    if path is None:
        raise UsageError(
            f"no saliency map of {name}: neither {candidates[0]} nor {candidates[1]} is there; write one, or choose "
            "another saliency"
        )
    saliency = np.asarray(decode(path).pixels.mean(axis=2) / 255.0, np.float32)
    if not saliency.any():
        _log.warning("%s is black all over: every position of the photo counts alike", path)
    return saliency
