"""From parameters to what extracts; each implementation is imported when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resight.features.extractor import Extractor
from resight.features.kinds import Maps, Sift
from resight.features.networks.requirement import require_torch


def open_extractor(params: Sift | Maps, folder: Path) -> Extractor[Any, Any]:
    """What extracts the features; paths of weights are relative to `folder`. Nothing large is loaded yet."""
    match params:
        case Sift():
            from resight.features.sift_extractor import SiftExtractor

            return SiftExtractor(params)
        case Maps():
            require_torch()
            from resight.features.maps import MapExtractor

            return MapExtractor(params, folder)
