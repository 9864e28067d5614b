"""Pictures of several styles to descriptors by one recipe or several, and what a linear classifier makes of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from resight.arrays import Float32
from resight.errors import UsageError
from resight.evaluation.domains import DomainAccuracy, check_classifier, from_one_domain, leave_one_domain_out
from resight.folders.walking import find_images
from resight.index.index import Index
from resight.learned.kinds import Keeps
from resight.progress import Progress


def classify(
    folder: Path, recipes: Sequence[str | Path], *, one_to_one: bool = False, progress: Progress | None = None
) -> list[DomainAccuracy]:
    """Returns the accuracies of a folder DOMAIN/CLASS/IMAGE by the joined descriptors of recipes.

    one_to_one: learned in one domain instead of all others. `progress` is called with (images done, images). Raises
    UsageError where an image is not in such a folder or could not be read, or a recipe keeps no vectors; RecipeError,
    WeightsError and StorageError.
    """
    if not recipes:
        raise UsageError("no recipe was named whose descriptors are to be classified")
    # Before hours of describing: a wrong folder, and a classifier that is not there.
    if wrong := next((image.name for image in find_images(folder) if image.name.count("/") < 2), ""):
        raise UsageError(f"{folder / wrong}: is not in a folder DOMAIN/CLASS, as photo/dog")
    check_classifier()
    found = [descriptors_of(folder, recipe, progress) for recipe in recipes]
    names = found[0][0]
    if any(others != names for others, _ in found[1:]):
        raise UsageError(f"{folder}: its images changed between two recipes; classify it again")
    parts = [Path(name).parts for name in names]
    joined = np.asarray(np.concatenate([vectors for _, vectors in found], axis=1) / np.sqrt(len(found)), np.float32)
    how = from_one_domain if one_to_one else leave_one_domain_out
    return how(joined, [part[1] for part in parts], [part[0] for part in parts])


def descriptors_of(folder: Path, recipe: str | Path, progress: Progress | None = None) -> tuple[list[str], Float32]:
    """Returns the names (n) of all images below a folder, and (n, d) their vectors of all channels that keep one.

    Vectors of each channel are L2-normalised, and so is what is returned. Raises as `classify`.
    """
    with tempfile.TemporaryDirectory() as place:
        index = Index.create(Path(place) / "index", recipe)
        kept = [name for name, one in index.recipe.channel.items() if Keeps.VECTORS in one.keeps]
        if not kept:
            raise UsageError(f"{index.recipe.name} keeps no vectors that could be classified")
        report = index.add(folder, progress=progress)
        if report.unreadable:
            name, reason = report.unreadable[0]
            raise UsageError(f"{folder / name}: cannot be read, so that it has no class: {reason}")
        if not len(index):
            raise UsageError(f"{folder}: there is no image in it")
        collection = index.collection
        images = collection.snapshot.images
        order = np.argsort(np.array(images.names))
        names = [str(images.names[place]) for place in order.tolist()]
        parts = []
        for name in kept:
            view = collection.views[name]
            parts.append(np.stack([np.asarray(view.evidence(int(images.ids[row]))[0]) for row in order.tolist()]))
        return names, np.asarray(np.concatenate(parts, axis=1) / np.sqrt(len(parts)), np.float32)
