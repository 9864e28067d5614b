"""The fits of an index: arrays that ship with resight, come from a file, or are fitted on photos."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resight.arrays import Arrays, Float32
from resight.channels.channel import Channel
from resight.channels.extraction import sample_rows
from resight.channels.opening import open_channel
from resight.channels.shipped import REFERENCE, builtin_reference, read_fitted
from resight.descriptors.methods.whitened import Whitened
from resight.errors import FitError
from resight.features.extractor import Extractor
from resight.features.kinds import (
    FeaturesKind,
    JoinedMaps,
    Maps,
    NetworkFeatures,
    networks_of,
    saliency_model_of,
)
from resight.features.networks.kinds import Checkpoint
from resight.features.opening import open_extractor
from resight.folders.walking import Found
from resight.learned.artefact import Artefact, load, to_bytes
from resight.learned.passes import Pass, Terms
from resight.progress import Progress, Say
from resight.recipe import ChannelRecipe, Recipe
from resight.versions import versions_line

FILE = "fitted.npz"
"""Name of a channel's fitted arrays."""
WEIGHTS = "_weights"
"""Folder, beside those of the channels, of what says which weights their networks have: files without arrays. They are
there from the start, while fitted arrays may come later."""


@dataclass(frozen=True)
class Fit:
    """The fitted arrays of a channel. unreadable: (name, reason) of photos that were left out."""

    arrays: Arrays
    provenance: Mapping[str, str | int]
    unreadable: Sequence[tuple[str, str]]


def weights(recipe: Recipe, folder: Path) -> dict[str, bytes]:
    """Returns files that name the weights of a recipe's networks, and what was learned with these weights.

    Keys are `CHANNEL/NAME.npz`; paths of weights in the recipe are relative to `folder`.

    Raises WeightsError where weights cannot be found, and FitError where they lack what the recipe asks them for.
    """
    kept = {}
    for name, channel in recipe.channel.items():
        for number, features in enumerate(networks_of(channel.features)):
            from resight.features.networks.locating import pin

            pinned = pin(features.checkpoint, folder)
            kept[_weights_file(name, number)] = to_bytes({}, {"source": pinned.source, "sha256": pinned.sha256})
            if (model := saliency_model_of(features)) is not None:
                model = pin(model, folder)
                kept[_saliency_file(name, number)] = to_bytes({}, {"source": model.source, "sha256": model.sha256})
            if is_carried(channel):
                from resight.descriptors.carried import carried_arrays
                from resight.features.maps import MapExtractor

                if not (isinstance(channel.features, Maps) and isinstance(channel.method, Whitened)):
                    raise FitError(
                        f'"{channel.method.kind}": no checkpoint carries a whitening of it; fit one on photos'
                    )
                arrays = carried_arrays(MapExtractor(channel.features, folder), channel.method)
                kept[f"{name}/{FILE}"] = to_bytes(arrays, {"fitted_on": pinned.source, "sha256": pinned.sha256})
    return kept


def is_carried(channel: ChannelRecipe) -> bool:
    """Returns whether the arrays of a channel were learned with its network and come with the weights."""
    return channel.source is not None and channel.source.kind == "checkpoint"


def builtin_arrays(recipe: Recipe) -> dict[str, bytes]:
    """Returns the fitted files, by `CHANNEL/NAME.npz`, of channels with built-in arrays: their name and hash.

    Raises FitError.
    """
    return {
        f"{name}/{FILE}": to_bytes({}, builtin_reference(channel.features, channel.method))
        for name, channel in recipe.channel.items()
        if channel.source is not None and channel.source.kind == "builtin"
    }


def given_arrays(recipe: Recipe, folder: Path) -> dict[str, bytes]:
    """Returns fitted files, by `CHANNEL/NAME.npz`, that wait for no photos.

    Paths in the recipe are relative to `folder`.

    What is built in is referred to, not copied. Raises FitError.
    """
    given = builtin_arrays(recipe)
    for name, channel in recipe.channel.items():
        if channel.source is not None and channel.source.kind == "file":
            path = folder / channel.source.path
            artefact = read_fitted(path, channel.method)
            _check_origin(path, artefact, _origin(channel, folder))
            open_channel(channel.method, open_extractor(channel.features, folder), artefact.arrays)
            given[f"{name}/{FILE}"] = to_bytes(artefact.arrays, artefact.provenance)
    return given


def fitted_arrays(
    recipe: Recipe,
    folder: Path,
    channels: Sequence[str],
    found: Sequence[Found],
    source: str,
    say: Say | None,
    searched: bool = False,
) -> dict[str, bytes]:
    """Returns fitted files of the given channels, by `CHANNEL/NAME.npz`, fitted on photos of `source`.

    searched: whether they are the photos that are searched. Raises FitError where no photo gives a feature.
    """
    fits = {name: fit_channel(recipe, name, folder, found, source, say, searched) for name in channels}
    return {f"{name}/{FILE}": to_bytes(fit.arrays, fit.provenance) for name, fit in fits.items()}


def fit_channel(
    recipe: Recipe,
    name: str,
    folder: Path,
    found: Sequence[Found],
    source: str,
    say: Say | None,
    searched: bool = False,
    progress: Progress | None = None,
) -> Fit:
    """Fits what a channel needs on photos of `source`; paths in the recipe are relative to `folder`.

    searched: whether they are the photos that are searched. `progress` is called with (photos done, photos). FitError
    where no photo gives a feature; what opening the weights raises.
    """
    channel = recipe.channel[name]
    if say is not None:
        say(f"fitting {channel.method.kind} on {len(found)} photos of {source}")
    origin = _origin(channel, folder, searched)
    extractor = open_extractor(channel.features, folder)
    first, *others = channel.method.passes
    unreadable: list[tuple[str, str]] = []
    photos, limit = _photos_of(first, found, recipe.seed)
    rows = sample_rows(
        photos,
        extractor,
        first.rows_of(extractor, {}),
        limit,
        recipe.seed,
        on_error=lambda one, reason: unreadable.append((one.name, reason)),
    )
    sample = _joined(_told(rows, len(photos), progress), limit + len(photos))
    if not len(sample):
        raise FitError(
            f"{source}: no photo here gives a single feature to fit the recipe on; add photos that can be read "
            "and show some texture"
        )
    terms = Terms(recipe.seed, searched, say)
    arrays = first.fit(sample, terms)
    for later in others:
        again, limit = _photos_of(later, found, recipe.seed)
        rows = sample_rows(again, extractor, later.rows_of(extractor, arrays), limit, recipe.seed)
        arrays |= later.fit(_joined(rows, limit + len(again)), terms)
    provenance: dict[str, str | int] = {
        "recipe": recipe.name,
        "fitted_on": source,
        "photos": len(photos) - len(unreadable),
        "descriptors": len(sample),
        "seed": recipe.seed,
        "versions": _versions(channel.features),
    }
    return Fit(arrays, provenance | origin, sorted(unreadable))


def opened_channels(recipe: Recipe, folder: Path, files: Mapping[str, Path]) -> dict[str, Channel]:
    """Returns the channels of an index with its fitted files, by `CHANNEL/NAME.npz`. Raises FitError.

    Paths of weights are relative to `folder`. Channels of the same features share their extractor.
    """
    extractors: dict[FeaturesKind, Extractor[Any, Any]] = {}
    opened = {}
    for name, channel in with_weights(recipe, files).channel.items():
        file = files.get(f"{name}/{FILE}")
        if channel.source is not None and file is None:
            raise FitError(f"channel {name} has not been fitted yet; add photos first")
        arrays = read_fitted(file, channel.method).arrays if file else {}
        if channel.features not in extractors:
            extractors[channel.features] = open_extractor(channel.features, folder)
        opened[name] = open_channel(channel.method, extractors[channel.features], arrays)
    return opened


def with_weights(recipe: Recipe, files: Mapping[str, Path]) -> Recipe:
    """Returns the recipe with the weights that an index with these files, by `CHANNEL/NAME.npz`, was made with."""
    channels = dict(recipe.channel)
    for name, channel in recipe.channel.items():
        pinned = [
            _pinned(features, files.get(_weights_file(name, number)), files.get(_saliency_file(name, number)))
            for number, features in enumerate(networks_of(channel.features))
        ]
        if isinstance(channel.features, JoinedMaps):
            joined = channel.features.model_copy(update={"parts": tuple(pinned)})
            channels[name] = channel.model_copy(update={"features": joined})
        elif pinned:
            channels[name] = channel.model_copy(update={"features": pinned[0]})
    return recipe.model_copy(update={"channel": channels})


def _weights_file(channel: str, number: int) -> str:
    """Returns the file of one network of a channel; that of the first has the channel's name alone."""
    return f"{WEIGHTS}/_{number}_{channel}.npz" if number else f"{WEIGHTS}/{channel}.npz"


def _saliency_file(channel: str, number: int) -> str:
    """Returns the file of the model of saliency beside one network of a channel."""
    return f"{WEIGHTS}/_saliency_{number}_{channel}.npz"


def _pinned(features: NetworkFeatures, file: Path | None, saliency: Path | None) -> NetworkFeatures:
    update: dict[str, Checkpoint] = {}
    if file is not None:
        update["checkpoint"] = _as_kept(features.checkpoint, file)
    if saliency is not None and (model := saliency_model_of(features)) is not None:
        update["saliency_model"] = _as_kept(model, saliency)
    return features.model_copy(update=update)


def _as_kept(checkpoint: Checkpoint, file: Path) -> Checkpoint:
    kept = {key: str(value) for key, value in load(file).provenance.items() if key in ("source", "sha256")}
    return checkpoint.model_copy(update=kept)


def unfitted(recipe: Recipe, files: Container[str]) -> list[str]:
    """Channels that wait for photos to be fitted on."""
    return [
        name for name, channel in recipe.channel.items() if channel.source is not None and f"{name}/{FILE}" not in files
    ]


@dataclass(frozen=True)
class Elsewhere:
    """A channel that was not fitted on the photos that were named, and how it was."""

    channel: str
    how: str


def fitted_elsewhere(recipe: Recipe, files: Mapping[str, Path], source: str) -> Elsewhere | None:
    """Returns the first channel of an index that has a fit of other photos, if any.

    files: of the index, by `CHANNEL/NAME.npz`.

    FitError where a file is damaged.
    """
    for name, channel in recipe.channel.items():
        if channel.source is None or is_carried(channel) or (file := files.get(f"{name}/{FILE}")) is None:
            continue
        provenance = load(file).provenance
        if REFERENCE in provenance:
            return Elsewhere(name, "has what is built in")
        if provenance.get("fitted_on") != source:
            return Elsewhere(name, f"was fitted on {provenance.get('fitted_on', 'other photos')}")
    return None


def _photos_of(one: Pass, found: Sequence[Found], seed: int) -> tuple[Sequence[Found], int]:
    """Returns the photos that a pass is made over, and its rows at most.

    Where the pass takes only some photos, they are drawn by seed over names.
    """
    if not one.one_each:
        return found, one.limit
    order = sorted(found, key=lambda each: each.name)
    drawn = [order[row] for row in np.sort(np.random.default_rng(seed).permutation(len(order))[: one.limit])]
    return drawn, len(drawn)


def _origin(channel: ChannelRecipe, folder: Path, searched: bool = False) -> dict[str, str]:
    """Returns the origin of a channel's arrays: those of another network or pooling may have the same shape."""
    origin = {"fitted_for": channel.method.fitted_for(channel.features, searched)}
    if networks := networks_of(channel.features):
        from resight.features.networks.locating import pin

        pinned = [pin(features.checkpoint, folder) for features in networks]
        origin["weights"] = " and ".join(each.sha256 or f"{each.source} {each.seed}" for each in pinned)
    return origin


def _check_origin(path: Path, artefact: Artefact, origin: Mapping[str, str]) -> None:
    """FitError where a file says that it was fitted for something else; one that says nothing is taken at its shape."""
    mend = "fit it again with `resight fit`, or name the file that belongs to the recipe"
    there, here = artefact.provenance.get("fitted_for"), origin["fitted_for"]
    if there not in (None, here):
        raise FitError(f"{path}: it was fitted for {there}, and the recipe has {here}; {mend}")
    there, here = artefact.provenance.get("weights"), origin.get("weights", "")
    if there not in (None, here):
        raise FitError(f"{path}: it was fitted for weights {there}, and the recipe's are {here}; {mend}")


def _versions(features: FeaturesKind) -> str:
    """Returns the versions of what the numbers of a fit depend on."""
    names = (
        "resight",
        "numpy",
        "faiss-cpu",
        "torch" if networks_of(features) else "opencv-contrib-python-headless",
    )
    return versions_line(names)


def _told(parts: Iterator[Float32], total: int, progress: Progress | None) -> Iterator[Float32]:
    for done, part in enumerate(parts, start=1):
        if progress is not None:
            progress(done, total)
        yield part


def _joined(parts: Iterator[Float32], limit: int) -> Float32:
    """Returns the rows of all parts, at most `limit`. Memory is taken once."""
    first = next(parts, np.empty((0, 0), np.float32))
    rows = np.empty((limit, first.shape[1]), np.float32)
    filled = 0
    for part in itertools.chain([first], parts):
        rows[filled : filled + len(part)] = part
        filled += len(part)
    return rows[:filled]
