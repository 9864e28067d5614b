"""What an index is fitted with: arrays that ship with resight, come from a file, or are fitted on photos."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.fitting import (
    build_channel,
    builtin_reference,
    fit_arrays,
    read_fitted,
    rows_to_fit_on,
    sample_size,
)
from resight.errors import FitError
from resight.extraction import sample_rows
from resight.features.extractor import Extractor
from resight.features.kinds import Maps, Sift
from resight.features.networks.requirement import require_torch
from resight.features.opening import open_extractor
from resight.folders import Found
from resight.learned.artefact import load, to_bytes
from resight.recipe import Recipe

FILE = "fitted.npz"
"""Name of a channel's fitted arrays."""
WEIGHTS = "_weights"
"""Folder, beside those of the channels, of what says which weights their networks have: files without arrays. They are
there from the start, while fitted arrays may come later."""

Say = Callable[[str], None]


def weights(recipe: Recipe, folder: Path) -> dict[str, bytes]:
    """Files, by `CHANNEL/NAME.npz`, that say which weights the networks of a recipe have, found from `folder`.

    Raises WeightsError where weights cannot be had.
    """
    kept = {}
    for name, channel in recipe.channel.items():
        if isinstance(channel.features, Maps):
            require_torch()
            from resight.features.networks.checkpoint import pin

            pinned = pin(channel.features.checkpoint, folder)
            kept[f"{WEIGHTS}/{name}.npz"] = to_bytes({}, {"source": pinned.source, "sha256": pinned.sha256})
    return kept


def given_arrays(recipe: Recipe, folder: Path) -> dict[str, bytes]:
    """Fitted files, by `CHANNEL/NAME.npz`, that wait for no photos; paths in the recipe are relative to `folder`.

    What is built in is referred to, not copied. Raises FitError.
    """
    given = {}
    for name, channel in recipe.channel.items():
        if channel.fit == "builtin":
            given[f"{name}/{FILE}"] = to_bytes({}, builtin_reference(channel.features, channel.method))
        elif channel.fit not in ("", "collection"):
            artefact = read_fitted(folder / channel.fit, channel.method)
            build_channel(open_extractor(channel.features, folder), channel.method, artefact.arrays)
            given[f"{name}/{FILE}"] = to_bytes(artefact.arrays, artefact.provenance)
    return given


def fitted_arrays(
    recipe: Recipe, folder: Path, channels: Sequence[str], found: Sequence[Found], source: str, say: Say | None
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
        extractor = open_extractor(channel.features, folder)
        rows = sample_rows(found, extractor, rows_to_fit_on(channel.method), limit, recipe.seed)
        sample = _joined(rows, limit + len(found))
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


def opened_channels(recipe: Recipe, folder: Path, files: Mapping[str, Path]) -> dict[str, Channel]:
    """The channels of an index with its fitted files, by `CHANNEL/NAME.npz`. Raises FitError.

    Paths of weights are relative to `folder`. Channels of the same features share their extractor.
    """
    extractors: dict[Sift | Maps, Extractor[Any, Any]] = {}
    opened = {}
    for name, channel in with_weights(recipe, files).channel.items():
        file = files.get(f"{name}/{FILE}")
        if channel.fit and file is None:
            raise FitError(f"channel {name} has not been fitted yet; add photos first")
        arrays = read_fitted(file, channel.method).arrays if file else {}
        if channel.features not in extractors:
            extractors[channel.features] = open_extractor(channel.features, folder)
        opened[name] = build_channel(extractors[channel.features], channel.method, arrays)
    return opened


def with_weights(recipe: Recipe, files: Mapping[str, Path]) -> Recipe:
    """The recipe with the weights that an index with these files, by `CHANNEL/NAME.npz`, was made with."""
    channels = dict(recipe.channel)
    for name, channel in recipe.channel.items():
        file = files.get(f"{WEIGHTS}/{name}.npz")
        if file is not None and isinstance(channel.features, Maps):
            kept = {key: str(value) for key, value in load(file).provenance.items() if key in ("source", "sha256")}
            checkpoint = channel.features.checkpoint.model_copy(update=kept)
            features = channel.features.model_copy(update={"checkpoint": checkpoint})
            channels[name] = channel.model_copy(update={"features": features})
    return recipe.model_copy(update={"channel": channels})


def unfitted(recipe: Recipe, files: Mapping[str, Path]) -> list[str]:
    """Channels that wait for photos to be fitted on."""
    return [name for name, channel in recipe.channel.items() if channel.fit and f"{name}/{FILE}" not in files]


def _joined(parts: Iterator[NDArray[np.float32]], limit: int) -> NDArray[np.float32]:
    """The rows of all parts, at most `limit`. Memory is taken once and only as far as it is filled."""
    first = next(parts, np.empty((0, 0), np.float32))
    rows = np.empty((limit, first.shape[1]), np.float32)
    filled = 0
    for part in itertools.chain([first], parts):
        rows[filled : filled + len(part)] = part
        filled += len(part)
    return rows[:filled]
