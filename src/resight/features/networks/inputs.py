"""The input that the weights of a network were trained on: what the recipe, the file and the published table say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resight.errors import WeightsError
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS, Padding
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.published import IMAGENET_DEVIATION, IMAGENET_MEAN, PUBLISHED, Published, Triple
from resight.features.networks.safetensors_files import Stated


@dataclass(frozen=True)
class Input:
    """Normalisation, (value - mean) / deviation of values from 0 to 1 in RGB, and padding."""

    mean: Triple
    deviation: Triple
    padding: Padding


def input_of(checkpoint: Checkpoint, stated: Stated, published: Published | None) -> Input:
    """Returns the input of weights. Recipe, file and published table give each value, in this order of precedence."""
    return Input(
        checkpoint.mean or stated.mean or (published.mean if published else IMAGENET_MEAN),
        checkpoint.deviation or stated.deviation or (published.deviation if published else IMAGENET_DEVIATION),
        checkpoint.padding or stated.padding or (published.padding if published else "torch"),
    )


def known_by(sha256: str) -> Published | None:
    """Returns the published checkpoint with this hash: one that is named by its path is the same file."""
    return next((known for known in PUBLISHED.values() if sha256.startswith(known.sha256)), None)


def check_architecture(path: Path, stated: Stated, name: str) -> None:
    """Raises WeightsError where a file says that its weights are of another network than `name`."""
    if stated.architecture not in (None, name):
        known = {published.network for published in PUBLISHED.values()} | INVERTED_RESIDUALS.keys()
        mend = f': set network = "{stated.architecture}"' if stated.architecture in known else ""
        raise WeightsError(f"{path}: weights of {stated.architecture}, not of {name}{mend}")
