"""Where a channel's frozen arrays come from: shipped with resight, a file, or fitted on photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.descriptors import DescriptorChannel
from resight.channels.vectors import FisherChannel, VladChannel
from resight.channels.words import WordsChannel
from resight.descriptors.kinds import Fisher, Vlad
from resight.errors import FitError
from resight.features.kinds import Sift
from resight.learned.artefact import Artefact, dequantise, load, quantise
from resight.learned.assignment import Assigner
from resight.learned.codebook import affordable_size, fit_codebook
from resight.learned.hamming import fit_medians, fit_projection
from resight.learned.mixture import fit_mixture, fit_pca
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming

Arrays = Mapping[str, NDArray[Any]]
Method = Bow | Hamming | Asmk | Vlad | Fisher | Exhaustive

POINTS_PER_WORD = 100
"""Descriptors a word that a fit is given at most; more move the centroids by less than the noise of their start."""
POINTS_PER_GAUSSIAN = 4000
HAMMING_BITS = 64


def build_channel(features: Sift, method: Method, fitted: Arrays) -> Channel:
    """The channel of a method with its fitted arrays, as `load` or `fit_arrays` give them. FitError if they differ."""
    arrays = dequantise(fitted)
    missing = needed_arrays(method) - arrays.keys()
    if missing:
        raise FitError(f'"{method.kind}" needs {", ".join(sorted(missing))}, which were not fitted; fit them for it')
    match method:
        case Bow() | Hamming() | Asmk():
            return WordsChannel(features, method, arrays)
        case Vlad():
            return VladChannel(features, method, arrays)
        case Fisher():
            return FisherChannel(features, method, arrays)
        case Exhaustive():
            return DescriptorChannel(features, method)


def needed_arrays(method: Method) -> set[str]:
    """Names of the arrays that a method cannot do without."""
    match method:
        case Hamming():
            return {"centroids", "projection", "medians"}
        case Fisher():
            return {"mean", "components", "weights", "means", "variances"}
        case Exhaustive():
            return set()
        case _:
            return {"centroids"}


def sample_size(method: Method) -> int:
    """How many descriptors a fit of the method uses at most; 0 where nothing is fitted."""
    match method:
        case Fisher():
            return POINTS_PER_GAUSSIAN * method.components
        case Exhaustive():
            return 0
        case _:
            return POINTS_PER_WORD * method.size


def builtin(method: Method) -> Artefact:
    """The arrays that ship with resight for a method. FitError where none has its size."""
    if isinstance(method, Fisher):
        name, wanted = f"sift-fisher-{method.components}x{method.pca}", f"{method.components} components"
    elif isinstance(method, Exhaustive):
        raise FitError('"exhaustive" has nothing to fit')
    else:
        name, wanted = f"sift-codebook-{method.size}", f"size = {method.size}"
    folder = resources.files("resight.learned") / "builtin"
    shipped = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".npz"))
    if f"{name}.npz" not in shipped:
        have = ", ".join(entry.removesuffix(".npz") for entry in shipped)
        raise FitError(
            f'nothing built in has {wanted} (there is {have}): choose one of these sizes, or fit = "collection"'
        )
    with resources.as_file(folder / f"{name}.npz") as path:
        return load(path, needed_arrays(method))


def from_file(path: Path, method: Method) -> Artefact:
    """Arrays that were fitted before and saved, for instance in another index. FitError where they do not suit."""
    return load(path, needed_arrays(method))


def fit_arrays(
    method: Method, sample: NDArray[np.float32], seed: int, progress: Callable[[str], None] | None = None
) -> dict[str, NDArray[Any]]:
    """Fits what a method needs on descriptors (n, d); sizes shrink where n is too small, and `progress` says so.

    Centroids are kept as uint8. FitError where there is nothing to fit on.
    """
    rng = np.random.default_rng(seed)
    say = progress or (lambda _: None)
    match method:
        case Exhaustive():
            return {}
        case Fisher():
            components = affordable_size(len(sample), method.components)
            _say_if_smaller(say, "Gaussians", components, method.components, len(sample))
            pca = fit_pca(sample, min(method.pca, sample.shape[1]))
            mixture = fit_mixture(pca.apply(sample), components, seed)
            return {
                "mean": pca.mean,
                "components": pca.components,
                "weights": mixture.weights,
                "means": mixture.means,
                "variances": mixture.variances,
            }
        case _:
            size = affordable_size(len(sample), method.size)
            _say_if_smaller(say, "words", size, method.size, len(sample))
            arrays = dict(quantise({"centroids": fit_codebook(sample, size, rng, progress=progress)}))
            if isinstance(method, Hamming):
                arrays.update(fit_signatures(sample, dequantise(arrays)["centroids"], rng))
            return arrays


def fit_signatures(
    sample: NDArray[np.float32], centroids: NDArray[np.float32], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Projection and uint8 medians of Hamming embedding for a codebook, on descriptors (n, d)."""
    projection = fit_projection(sample.shape[1], HAMMING_BITS, rng)
    words = Assigner(centroids).assign(sample)[0][:, 0]
    medians = fit_medians(sample, words, projection, len(centroids))
    return {"projection": projection, **quantise({"medians": medians})}


def _say_if_smaller(say: Callable[[str], None], what: str, size: int, wanted: int, points: int) -> None:
    if size < wanted:
        say(f"{points} descriptors are enough for {size} {what}, not for {wanted}: fitting {size}")
