"""Fits what a recipe fits on the photos of a folder, and keeps it in files that recipes name."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight import arguments
from resight.channels.fits import fit_channel, is_carried
from resight.descriptors.methods.whitened import Whitened
from resight.errors import UsageError
from resight.folders.walking import existing_folder, find_images
from resight.learned.artefact import save
from resight.progress import Progress, Say
from resight.recipe import Recipe, load_recipe, recipe_folder


@dataclass(frozen=True)
class FitReport:
    """The fit of one channel, and the file `output` that holds it.

    photos, descriptors: how many it was fitted on; arrays: their shapes by name; unreadable: (name, reason) of photos
    that were left out; seconds: how long it took.
    """

    recipe: str
    channel: str
    kind: str
    output: Path
    photos: int
    descriptors: int
    arrays: Mapping[str, Sequence[int]]
    sha256: str
    unreadable: Sequence[tuple[str, str]]
    seconds: float


def fit(
    recipe: str | Path,
    photos: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    say: Say | None = None,
) -> list[FitReport]:
    """Fits every channel that a recipe fits on all photos below a folder; writes files that recipes name by `fit`.

    recipe: the name of one that ships, or its file. Where one channel is fitted, `output` is its file, an `.npz`; where
    several are, each has a file beside it, whose name ends in the channel's. `progress` is called with (photos done,
    photos), and `say` with lines about fitting. A file is written whole or not at all. Returns a report of each
    channel. Raises UsageError where the recipe fits nothing or there is no such folder; FitError where no photo gives a
    feature; RecipeError, WeightsError and StorageError.
    """
    arguments.callback("progress", progress, "done", "total")
    arguments.callback("say", say, "line")
    folder, file = existing_folder(arguments.path("photos", photos)), arguments.path("output", output)
    parsed = load_recipe(arguments.path_or_name("recipe", recipe))
    channels = [name for name, channel in parsed.channel.items() if not is_carried(channel) and channel.method.passes]
    if not channels:
        raise UsageError(f"{parsed.name} fits nothing: {_nothing_to_fit(parsed)}")
    unlisted: list[tuple[str, str]] = []
    found = list(find_images(folder, lambda error: unlisted.append((error.path, error.reason)), follow_links=False))
    file.parent.mkdir(parents=True, exist_ok=True)
    reports = []
    for name in channels:
        start = time.monotonic()
        fitted = fit_channel(parsed, name, recipe_folder(recipe), found, str(folder), say, progress=progress)
        path = file if len(channels) == 1 else file.with_name(f"{file.stem}-{name}{file.suffix}")
        report = FitReport(
            recipe=parsed.name,
            channel=name,
            kind=parsed.channel[name].method.kind,
            output=path,
            photos=int(fitted.provenance["photos"]),
            descriptors=int(fitted.provenance["descriptors"]),
            arrays={key: list(array.shape) for key, array in sorted(fitted.arrays.items())},
            sha256=save(path, fitted.arrays, fitted.provenance),
            unreadable=[*unlisted, *fitted.unreadable],
            seconds=time.monotonic() - start,
        )
        reports.append(report)
    return reports


def _nothing_to_fit(recipe: Recipe) -> str:
    """Returns the reason why a recipe fits nothing."""
    if any(is_carried(channel) for channel in recipe.channel.values()):
        return 'its whitening comes with its checkpoint; set whitening = "pca" to fit another'
    methods = [channel.method for channel in recipe.channel.values()]
    if any(isinstance(method, Whitened) and method.whitening == "pairs" for method in methods):
        return 'its whitening is learned on pairs that match, which a folder of photos has not; set whitening = "pca"'
    kinds = " and ".join(f'"{channel.method.kind}"' for channel in recipe.channel.values())
    return f"{kinds} works without, as the recipe has it"
