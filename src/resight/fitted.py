"""What an index is fitted with: arrays that ship with resight, come from a file, or are fitted on photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.fitting import build_channel, builtin_reference, fit_arrays, read_fitted, sample_size
from resight.errors import FitError
from resight.extraction import sample_descriptors
from resight.features.sift import DIMENSIONS
from resight.folders import Found
from resight.learned.artefact import to_bytes
from resight.recipe import Recipe

FILE = "fitted.npz"
"""Name of a channel's fitted arrays."""

Say = Callable[[str], None]


def given_arrays(recipe: Recipe, folder: Path) -> dict[str, bytes]:
    """Fitted files, by `CHANNEL/NAME.npz`, that wait for no photos; paths in the recipe are relative to `folder`.

    What is built in is referred to, not copied. Raises FitError.
    """
    given = {}
    for name, channel in recipe.channel.items():
        if channel.fit == "builtin":
            given[f"{name}/{FILE}"] = to_bytes({}, builtin_reference(channel.method))
        elif channel.fit not in ("", "collection"):
            artefact = read_fitted(folder / channel.fit, channel.method)
            build_channel(channel.features, channel.method, artefact.arrays)
            given[f"{name}/{FILE}"] = to_bytes(artefact.arrays, artefact.provenance)
    return given


def fitted_arrays(
    recipe: Recipe, channels: Sequence[str], found: Sequence[Found], source: str, say: Say | None
) -> dict[str, bytes]:
    """Fitted files of the given channels, by `CHANNEL/NAME.npz`, fitted on photos of `source`.

    Raises FitError where no photo gives a feature.
    """
    made = {}
    for name in channels:
        channel = recipe.channel[name]
        if say is not None:
            say(f"fitting {channel.method.kind} on {len(found)} photos of {source}")
        limit = sample_size(channel.method)
        sample = _joined(sample_descriptors(found, channel.features, limit, recipe.seed), limit + len(found))
        if not len(sample):
            raise FitError(
                f"{source}: no photo here gives a single feature to fit the recipe on; add photos that can be read "
                "and show some texture"
            )
        arrays = fit_arrays(channel.method, sample, recipe.seed, say)
        provenance: dict[str, str | int] = {
            "fitted_on": source,
            "photos": len(found),
            "descriptors": len(sample),
            "seed": recipe.seed,
        }
        made[f"{name}/{FILE}"] = to_bytes(arrays, provenance)
    return made


def opened_channels(recipe: Recipe, files: Mapping[str, Path]) -> dict[str, Channel]:
    """The channels of an index with its fitted files, by `CHANNEL/NAME.npz`. Raises FitError."""
    opened = {}
    for name, channel in recipe.channel.items():
        file = files.get(f"{name}/{FILE}")
        if channel.fit and file is None:
            raise FitError(f"channel {name} has not been fitted yet; add photos first")
        arrays = read_fitted(file, channel.method).arrays if file else {}
        opened[name] = build_channel(channel.features, channel.method, arrays)
    return opened


def unfitted(recipe: Recipe, files: Mapping[str, Path]) -> list[str]:
    """Channels that wait for photos to be fitted on."""
    return [name for name, channel in recipe.channel.items() if channel.fit and f"{name}/{FILE}" not in files]


def _joined(parts: Iterator[NDArray[np.float32]], limit: int) -> NDArray[np.float32]:
    """The rows of all parts, at most `limit`. Memory is taken once and only as far as it is filled."""
    rows = np.empty((limit, DIMENSIONS), np.float32)
    filled = 0
    for part in parts:
        rows[filled : filled + len(part)] = part
        filled += len(part)
    return rows[:filled]
