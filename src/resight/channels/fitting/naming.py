"""What features are called in the names of what ships, and in what a fit says that it was made on."""

from __future__ import annotations

from resight.features.kinds import FeaturesKind, JoinedMaps, Sift

JOINED = " + "
"""Between the names of what ships for the parts of a joined method."""


def weights_and_layer(features: FeaturesKind) -> str:
    """Of what ships."""
    assert not isinstance(features, JoinedMaps), "its parts have names"
    return "sift" if isinstance(features, Sift) else f"{features.checkpoint.source}-{features.layer}"


def seen(features: FeaturesKind, what: str = "") -> str:
    """Of what a fit was made on: `what` of a layer of a network, or else the features themselves."""
    assert not isinstance(features, JoinedMaps), "its parts have names"
    if isinstance(features, Sift):
        return "RootSIFT" if features.root else "SIFT"
    return f"{what or features.kind} of {features.network} {features.layer}"
