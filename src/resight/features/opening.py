"""Opens the extractor for given parameters; each implementation is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resight.features.edges.kinds import EdgeOrientations
from resight.features.extractor import Extractor
from resight.features.kinds import (
    ClassMaps,
    Codes,
    Convolutional,
    EdgeMaps,
    FeaturesKind,
    JoinedMaps,
    Maps,
    RegionMaps,
    Sift,
)
from resight.features.networks.requirement import require_torch


def open_extractor(params: FeaturesKind, folder: Path) -> Extractor[Any, Any]:
    """Returns the extractor of the features; paths of weights are relative to `folder`. Nothing large is loaded yet."""
    match params:
        case Sift():
            from resight.features.sift_extractor import SiftExtractor

            return SiftExtractor(params)
        case Maps():
            from resight.features.maps import MapExtractor

            return MapExtractor(params, folder)
        case EdgeOrientations():
            from resight.features.edges.orientations import OrientationExtractor

            return OrientationExtractor(params)
        case EdgeMaps():
            from resight.features.edges.extractor import EdgeExtractor

            return EdgeExtractor(params, folder)
        case ClassMaps():
            require_torch()
            from resight.features.class_maps import ClassMapExtractor

            return ClassMapExtractor(params, folder)
        case JoinedMaps():
            from resight.features.joined import JoinedExtractor

            return JoinedExtractor(params, folder)
        case Convolutional():
            from resight.features.convolutional import ConvolutionalExtractor

            return ConvolutionalExtractor(params, folder)
        case Codes():
            from resight.features.codes import CodeExtractor

            return CodeExtractor(params, folder)
        case RegionMaps():
            from resight.features.region_maps import RegionMapExtractor

            return RegionMapExtractor(params, folder)
