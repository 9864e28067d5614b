"""Names of what a fit was made on: of files that ship, and in what a fit says of itself.

Two fits may share arrays only where everything agrees that changes what a vector means. So every field of the features
and of the method is in the name, but for those listed here and by the method, which change how many vectors there are,
how fast they come, or how a query is treated. Of SIFT, only RootSIFT is another vector.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from resight.features.kinds import EdgeOrientations, FeaturesKind, JoinedMaps, NetworkFeatures, Sift
from resight.features.networks.kinds import Checkpoint

JOINED = " + "
"""Between the names of what ships for the parts of a joined method."""

_CHOICE_OF_FEATURES = {"kind", "max_side"}
_NAMED_BY_ITSELF = {"network", "checkpoint", "layer"}
_HOW_IT_IS_RUN = {
    "precision",
    "runtime",
    "box",
    "boxes_file",
    "enlarge_to",
    "saliency_folder",
    "context",
    "views",
}
"""Saliency maps from files are whatever the folder has."""


def weights_and_layer(features: FeaturesKind) -> str:
    """Returns the name of the features in what ships."""
    assert not isinstance(features, JoinedMaps), "its parts have names"
    if isinstance(features, Sift):
        return "sift" if features.root else "sift-without-root"
    if isinstance(features, EdgeOrientations):
        return "-".join([features.kind, *settings(features, {"kind"})])
    return "-".join([features.checkpoint.source, features.layer, *_details(features)])


def seen(features: FeaturesKind, what: str = "") -> str:
    """Returns names the sample of a fit: `what` of a layer of a network, or else the features themselves."""
    assert not isinstance(features, JoinedMaps), "its parts have names"
    if isinstance(features, Sift):
        return "RootSIFT" if features.root else "SIFT"
    if isinstance(features, EdgeOrientations):
        return " ".join([what or features.kind, *settings(features, {"kind"})])
    return " ".join([f"{what or features.kind} of {features.network} {features.layer}", *_details(features)])


def _details(features: NetworkFeatures) -> list[str]:
    """Returns the fields of a network's features and input that are no name of their own."""
    own = settings(features, _CHOICE_OF_FEATURES | _NAMED_BY_ITSELF | _HOW_IT_IS_RUN)
    return [*own, *settings(features.checkpoint, {"source", "sha256", "seed"})]


def settings(model: BaseModel, without: Collection[str]) -> list[str]:
    """Returns the fields that are set, as NAME=VALUE."""
    fields = {key: getattr(model, key) for key in type(model).model_fields if key not in without}
    return [f"{key}={_shown(value)}" for key, value in fields.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Checkpoint):
        # Of a model of saliency; where its file lies says nothing of what it sees.
        return PurePath(value.source).name
    return "+".join(map(_shown, value)) if isinstance(value, tuple) else str(value)
