"""What the recipe of an index fits on photos: on a folder that a person names, or on the first photos that come."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from resight.errors import UsageError
from resight.folders.walking import Found, escape_name, existing_folder, find_images
from resight.index.planning import Plan
from resight.index.roots import root_path
from resight.progress import Say
from resight.recipe import Recipe


def files_of_new_index(recipe: Recipe, folder: Path, fit: str | Path | None, say: Say | None) -> Mapping[str, bytes]:
    """Returns weights and fitted files of a new index.

    They are fitted on the photos of `fit`, or as the recipe has it, by paths from `folder`.
    """
    from resight.channels.fits import fitted_arrays, given_arrays, unfitted, weights

    networks = weights(recipe, folder)
    if fit is None:
        return networks | given_arrays(recipe, folder)
    found = list(find_images(existing_folder(fit), follow_links=False))
    return networks | fitted_arrays(recipe, folder, unfitted(recipe, networks), found, fitted_from(fit), say)


def fitted_from(folder: str | Path) -> str:
    """Returns what a fit calls the folder of its photos: the same for "photos" and its absolute path."""
    return escape_name(os.path.realpath(folder))


def fitted_on_folder(
    recipe: Recipe, index: Path, files: Mapping[str, Path], folder: Path, say: Say | None
) -> Mapping[str, bytes]:
    """Fits on the photos of a folder whatever is not fitted yet. files: of the index, fitted.

    UsageError where something was fitted on other photos.
    """
    from resight.channels.fits import fitted_arrays, fitted_elsewhere, unfitted, with_weights

    if other := fitted_elsewhere(recipe, files, fitted_from(folder)):
        raise UsageError(
            f"{index}: its channel {other.channel} {other.how}, which stays as it is: name no folder to fit on, or "
            "choose another path for the index"
        )
    if not (waiting := unfitted(recipe, files)):
        return {}
    found = list(find_images(folder, follow_links=False))
    return fitted_arrays(with_weights(recipe, files), index, waiting, found, fitted_from(folder), say)


def fitted_on_collection(
    recipe: Recipe, index: Path, files: Mapping[str, Path], planned: Plan, say: Say | None
) -> Mapping[str, bytes]:
    """Fits whatever is not fitted yet on the photos that are about to be read; arguments as of `fitted_on_folder`."""
    from resight.channels.fits import unfitted
    from resight.channels.video_frames import frames_to_fit_on

    if not unfitted(recipe, files):
        return {}
    frames = [one for video in planned.videos for one in frames_to_fit_on(video.found, video.sampling)]
    return fitted_on_found(recipe, index, files, [*planned.work, *frames], str(root_path(planned.root)), say)


def fitted_on_found(
    recipe: Recipe, index: Path, files: Mapping[str, Path], found: Iterable[Found], source: str, say: Say | None
) -> Mapping[str, bytes]:
    """Fits whatever is not fitted yet on photos of `source` that are searched; arguments as of `fitted_on_folder`."""
    from resight.channels.fits import fitted_arrays, unfitted, with_weights

    if not (waiting := unfitted(recipe, files)):
        return {}
    return fitted_arrays(with_weights(recipe, files), index, waiting, [*found], source, say, searched=True)
