"""Where a channel's frozen arrays come from: shipped with resight, a file, or fitted on photos."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.descriptors.kinds import Fisher, Gem, PooledKind, Regions, Rmac, Vlad
from resight.errors import FitError
from resight.features.extractor import Extractor
from resight.features.kinds import Maps, Sift
from resight.learned.artefact import Artefact, dequantise, load, quantise
from resight.learned.assignment import FILTER_LIMIT, Assigner
from resight.learned.codebook import affordable_size, fit_codebook
from resight.learned.hamming import fit_medians, fit_projection
from resight.learned.mixture import fit_mixture, fit_pca
from resight.learned.whitening import fit_pca_whitening, to_arrays
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming

Arrays = Mapping[str, NDArray[Any]]
Method = Bow | Hamming | Asmk | Vlad | Fisher | Exhaustive | PooledKind

SAMPLE_PER_WORD = 100
"""Descriptors a word that a fit is given at most; more move the centroids by less than the noise of their start."""
SAMPLE_PER_GAUSSIAN = 4000
SAMPLE_FOR_WHITENING = 200_000
"""Vectors: a covariance of 2048 dimensions moves by less than a percent with more."""
HAMMING_BITS = 64
BUILTIN = resources.files("resight.learned") / "builtin"
"""What ships with resight. A file never changes under its name: an index refers to it by name and hash."""
REFERENCE = "builtin"
"""Key of the provenance by which an artefact without arrays stands for one that ships."""

_log = logging.getLogger(__name__)


def build_channel(extractor: Extractor[Any, Any], method: Method, fitted: Arrays) -> Channel:
    """The channel of a method with its fitted arrays, as `read_fitted` or `fit_arrays` give them.

    FitError where they do not suit it.
    """
    arrays = dequantise(fitted)
    _check_arrays(method, arrays, extractor.dimensions)
    match method:
        case Bow() | Hamming() | Asmk():
            from resight.channels.words import WordsChannel

            return WordsChannel(extractor, method, arrays)
        case Vlad():
            from resight.channels.vectors import VladChannel

            return VladChannel(extractor, method, arrays)
        case Fisher():
            from resight.channels.vectors import FisherChannel

            return FisherChannel(extractor, method, arrays)
        case Exhaustive():
            from resight.channels.descriptors import DescriptorChannel

            return DescriptorChannel(extractor, method)
        case Regions():
            from resight.channels.pooled import RegionChannel

            return RegionChannel(extractor, method, arrays)
        case _:
            from resight.channels.pooled import PooledChannel

            return PooledChannel(extractor, method, arrays)


def _check_arrays(method: Method, arrays: Arrays, dimensions: int) -> None:
    missing = needed_arrays(method) - arrays.keys()
    if missing:
        raise FitError(f'"{method.kind}" needs {", ".join(sorted(missing))}, which were not fitted; fit them for it')
    first = {"centroids", "mean"} & needed_arrays(method)
    for name in first:
        if arrays[name].shape[-1] != dimensions or not arrays[name].size:
            raise FitError(
                f"{name} of shape {arrays[name].shape} were fitted on other features, not on {dimensions} dimensions"
            )


def needed_arrays(method: Method) -> set[str]:
    """Names of the arrays that a method cannot do without."""
    match method:
        case Hamming():
            return {"centroids", "projection", "medians"}
        case Fisher():
            return {"mean", "components", "weights", "means", "variances"}
        case Exhaustive():
            return set()
        case Bow() | Asmk() | Vlad():
            return {"centroids"}
        case _:
            return {"mean", "projection", "scale"} if method.whitening == "pca" else set()


def sample_size(method: Method) -> int:
    """How many descriptors a fit of the method uses at most; 0 where nothing is fitted."""
    match method:
        case Fisher():
            return SAMPLE_PER_GAUSSIAN * method.components
        case Bow() | Hamming() | Asmk() | Vlad():
            return SAMPLE_PER_WORD * method.size
        case Exhaustive():
            return 0
        case _:
            return SAMPLE_FOR_WHITENING if method.whitening == "pca" else 0


def rows_to_fit_on(method: Method) -> Callable[[Any], NDArray[np.float32]]:
    """What a fit of the method uses of the features of one photo: (m, d) descriptors, or vectors pooled from maps."""
    match method:
        case Bow() | Hamming() | Asmk() | Vlad() | Fisher() | Exhaustive():
            return attrgetter("descriptors")
        case _:
            from resight.descriptors.pooled import raw_vectors

            return partial(raw_vectors, method=method)


def builtin_name(features: Sift | Maps, method: Method) -> str:
    """What the arrays that ship for a method on some features are called, whether there are any or not."""
    match method:
        case Fisher():
            return f"{features.kind}-fisher-{method.components}x{method.pca}"
        case Bow() | Hamming() | Asmk() | Vlad():
            return f"{features.kind}-codebook-{method.size}"
        case Exhaustive():
            return ""
    assert isinstance(features, Maps), "a recipe pools nothing else"
    match method:
        case Gem():
            pooled = f"gem{method.p:g}"
        case Rmac() | Regions():
            # Both whiten the same vectors.
            pooled = f"regions{method.levels}"
        case _:
            pooled = method.kind
    parts = (features.checkpoint.source, features.layer, str(len(features.scales)), pooled, f"{method.power:g}")
    return "-".join(parts)


def builtin_reference(features: Sift | Maps, method: Method) -> dict[str, str]:
    """Provenance of an artefact that stands for the arrays that ship for a method. FitError where there are none."""
    name = builtin_name(features, method)
    if name not in _shipped():
        raise FitError(
            f'nothing built in is called "{name}" (there is {", ".join(_shipped())}): choose what there is, or '
            'fit = "collection"'
        )
    return {REFERENCE: name, "sha256": _load_shipped(name, method).sha256}


def read_fitted(path: Path, method: Method) -> Artefact:
    """Arrays that were fitted before and saved, or those that ship and that the file refers to.

    FitError where the file is missing or damaged, does not suit the method, or refers to what this version has not.
    """
    artefact = load(path)
    if REFERENCE in artefact.provenance:
        name, sha256 = str(artefact.provenance[REFERENCE]), artefact.provenance.get("sha256")
        mend = "install the version of resight that wrote it, or make a new index"
        if name not in _shipped():
            raise FitError(f"{path}: it refers to the built-in {name}, which this version of resight has not; {mend}")
        shipped = _load_shipped(name, method)
        if shipped.sha256 != sha256:
            raise FitError(f"{path}: it refers to a built-in {name} that differs from the one of this version; {mend}")
        return shipped
    missing = sorted(needed_arrays(method) - artefact.arrays.keys())
    if missing:
        held = ", ".join(sorted(artefact.arrays)) or "nothing"
        raise FitError(f'{path}: "{method.kind}" needs {", ".join(missing)}, and this fit holds {held}')
    return artefact


def _shipped() -> list[str]:
    """Names of everything built in."""
    if not BUILTIN.is_dir():
        return []
    return sorted(entry.name.removesuffix(".npz") for entry in BUILTIN.iterdir() if entry.name.endswith(".npz"))


def _load_shipped(name: str, method: Method) -> Artefact:
    with resources.as_file(BUILTIN / f"{name}.npz") as path:
        return load(path, needed_arrays(method))


def fit_arrays(
    method: Method, sample: NDArray[np.float32], seed: int, progress: Callable[[str], None] | None = None
) -> dict[str, NDArray[Any]]:
    """Fits what a method needs on descriptors (n, d); sizes shrink where n is too small, with a warning in the log.

    `progress` is told how far it is. Centroids are kept as uint8. FitError where there is nothing to fit on.
    """
    rng = np.random.default_rng(seed)
    match method:
        case Exhaustive():
            return {}
        case Fisher():
            components = affordable_size(len(sample), method.components)
            _warn_if_smaller("Gaussians", components, method.components, len(sample))
            pca = fit_pca(sample, min(method.pca, sample.shape[1]))
            mixture = fit_mixture(pca.apply(sample), components, seed)
            return {
                "mean": pca.mean,
                "components": pca.components,
                "weights": mixture.weights,
                "means": mixture.means,
                "variances": mixture.variances,
            }
        case Bow() | Hamming() | Asmk() | Vlad():
            size = affordable_size(len(sample), method.size)
            _warn_if_smaller("words", size, method.size, len(sample))
            arrays = dict(quantise({"centroids": fit_codebook(sample, size, rng, progress=progress)}))
            if size > FILTER_LIMIT:
                # Built once: for a million words it takes minutes, and every opening would wait for it.
                arrays["graph"] = Assigner(dequantise(arrays)["centroids"]).graph()
            if isinstance(method, Hamming):
                arrays.update(fit_signatures(sample, dequantise(arrays)["centroids"], rng))
            return arrays
        case _:
            return to_arrays(fit_pca_whitening(sample, method.dimensions, power=method.power))


def fit_signatures(
    sample: NDArray[np.float32], centroids: NDArray[np.float32], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Projection and uint8 medians of Hamming embedding for a codebook, on descriptors (n, d)."""
    projection = fit_projection(sample.shape[1], HAMMING_BITS, rng)
    words = Assigner(centroids).assign(sample)[0][:, 0]
    medians = fit_medians(sample, words, projection, len(centroids))
    return {"projection": projection, **quantise({"medians": medians})}


def _warn_if_smaller(what: str, size: int, wanted: int, points: int) -> None:
    if size < wanted:
        _log.warning("%d descriptors are enough for %d %s, not for %d: fitting %d", points, size, what, wanted, size)
