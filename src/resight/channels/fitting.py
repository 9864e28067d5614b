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
from resight.descriptors.kinds import (
    Cam,
    CodeKind,
    Fisher,
    Gem,
    Joined,
    Mop,
    NetVlad,
    NeuralCodes,
    PooledKind,
    RegionCodes,
    Regions,
    Rmac,
    Spoc,
    SuperGlobalPooling,
    Vlad,
)
from resight.errors import FitError
from resight.features.extractor import Extractor
from resight.features.kinds import ClassMaps, FeaturesKind, JoinedMaps, Maps, Sift
from resight.learned.artefact import Artefact, dequantise, hash_arrays, load, quantise
from resight.learned.assignment import FILTER_LIMIT, Assigner
from resight.learned.codebook import affordable_size, fit_codebook
from resight.learned.hamming import fit_medians, fit_projection
from resight.learned.mixture import fit_mixture, fit_pca
from resight.learned.whitening import POWER_ON_OTHERS, VECTORS, fit_pca_whitening, to_arrays
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming

Arrays = Mapping[str, NDArray[Any]]
Method = Bow | Hamming | Asmk | Vlad | Fisher | Exhaustive | PooledKind | Cam | NetVlad | Joined | CodeKind | Mop

SAMPLE_PER_WORD = 100
"""Descriptors a word that a fit is given at most; more move the centroids by less than the noise of their start."""
SAMPLE_PER_GAUSSIAN = 4000
SAMPLE_FOR_WHITENING = 200_000
"""Vectors: a covariance of 2048 dimensions moves by less than a percent with more."""
SAMPLE_OF_VECTORS = 2000
"""Vectors whole photos are aggregated to: of 50,000 dimensions, 0.8 GB while they are whitened to a few hundred."""
SAMPLE_OF_CODES = 50_000
"""Vectors of a fully connected layer, which have 4096 dimensions: 0.8 GB."""
HAMMING_BITS = 64
BUILTIN = resources.files("resight.learned") / "builtin"
"""What ships with resight. A file never changes under its name: an index refers to it by name and hash."""
REFERENCE = "builtin"
"""Key of the provenance by which an artefact without arrays stands for one that ships."""
JOINED = " + "
"""Between the names of what ships for the parts of a joined method."""

_VECTOR_WHITENING = {f"{VECTORS}{name}" for name in ("mean", "projection", "scale")}

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
        case Cam():
            from resight.channels.class_weighted import CamChannel

            return CamChannel(extractor, method, arrays)
        case NetVlad():
            from resight.channels.netvlad import NetVladChannel
            from resight.features.maps import MapExtractor

            assert isinstance(extractor, MapExtractor), "a recipe makes it of nothing else"
            return NetVladChannel(extractor, method, arrays)
        case Joined():
            from resight.channels.joined import JoinedChannel
            from resight.features.joined import JoinedExtractor

            assert isinstance(extractor, JoinedExtractor), "a recipe joins nothing else"
            return JoinedChannel(extractor, method, arrays)
        case Regions():
            from resight.channels.pooled import RegionChannel

            return RegionChannel(extractor, method, arrays)
        case NeuralCodes():
            from resight.channels.codes import CodeChannel

            return CodeChannel(extractor, method, arrays)
        case RegionCodes():
            from resight.channels.codes import RegionCodeChannel

            return RegionCodeChannel(extractor, method, arrays)
        case Mop():
            from resight.channels.codes import MopChannel

            return MopChannel(extractor, method, arrays)
        case _:
            from resight.channels.pooled import PooledChannel

            return PooledChannel(extractor, method, arrays)


def _check_arrays(method: Method, arrays: Arrays, dimensions: int) -> None:
    missing = needed_arrays(method) - arrays.keys()
    if missing:
        raise FitError(f'"{method.kind}" needs {", ".join(sorted(missing))}, which were not fitted; fit them for it')
    # Of joined maps each part has dimensions of its own, which its channel checks.
    first = set() if isinstance(method, Joined) else {"centroids", "mean", "1.mean"} & needed_arrays(method)
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
        case Vlad(whitening="pca"):
            return {"centroids", *_VECTOR_WHITENING}
        case Mop():
            levels = {f"{level}.{name}" for level in (1, 2) for name in ("mean", "components", "centroids")}
            return levels | (_VECTOR_WHITENING if method.whitening == "pca" else set())
        case Bow() | Asmk() | Vlad():
            return {"centroids"}
        case NetVlad():
            words = {"centroids", "alpha"} if method.words == "fitted" else set()
            return words | (_VECTOR_WHITENING if method.whitening == "pca" else set())
        case Joined():
            return {f"{number}.{name}" for number, part in enumerate(method.parts) for name in needed_arrays(part)}
        case _:
            return {"mean", "projection", "scale"} if method.whitening != "none" else set()


def sample_size(method: Method) -> int:
    """How many descriptors a fit of the method uses at most; 0 where nothing is fitted."""
    match method:
        case Fisher():
            return SAMPLE_PER_GAUSSIAN * method.components
        case Bow() | Hamming() | Asmk() | Vlad():
            return SAMPLE_PER_WORD * method.size
        case Mop():
            return 2 * SAMPLE_PER_WORD * method.size
        case Exhaustive():
            return 0
        case NetVlad(words="fitted"):
            return SAMPLE_PER_WORD * method.size
        case NetVlad():
            return SAMPLE_OF_VECTORS if method.whitening == "pca" else 0
        case Joined():
            return max(sample_size(part) for part in method.parts)
        case NeuralCodes() | RegionCodes():
            return SAMPLE_OF_CODES if method.whitening == "pca" else 0
        case _:
            return SAMPLE_FOR_WHITENING if method.whitening == "pca" else 0


def photos_to_fit_on(method: Method) -> int | None:
    """How many photos at most the first rows are taken of; None: of all, an equal share of each."""
    return SAMPLE_OF_VECTORS if isinstance(method, NetVlad) and method.words == "checkpoint" else None


def rows_to_fit_on(extractor: Extractor[Any, Any], method: Method) -> Callable[[Any], NDArray[np.float32]]:
    """What a fit of the method uses of the features of one photo: (m, d) descriptors, or vectors pooled from maps."""
    match method:
        case Bow() | Hamming() | Asmk() | Vlad() | Fisher() | Exhaustive():
            return attrgetter("descriptors")
        case NeuralCodes() | RegionCodes():
            from resight.channels.codes import code_vectors

            return partial(code_vectors, method=method)
        case Mop():
            from resight.channels.codes import patch_vectors

            return patch_vectors
        case Cam():
            from resight.channels.class_weighted import likeliest_vector

            return likeliest_vector
        case NetVlad(words="fitted"):
            from resight.channels.netvlad import positions

            return positions
        case NetVlad():
            channel: Any = build_channel(extractor, method.model_copy(update={"whitening": "none"}), {})
            return lambda features: channel.raw(features)[None]
        case Joined():
            from resight.channels.joined import rows_of_parts

            return partial(rows_of_parts, method=method)
        case _:
            from resight.descriptors.pooled import raw_vectors

            return partial(raw_vectors, method=method)


def vectors_to_fit_on(
    extractor: Extractor[Any, Any], method: Method, arrays: Arrays
) -> Callable[[Any], NDArray[np.float32]] | None:
    """What a whitening of whole vectors uses of the features of one photo, (1, D) or (0, D), once they can be made with
    `arrays`; None where the method has no such whitening."""
    if not (isinstance(method, Vlad | Mop | NetVlad) and method.whitening == "pca") or photos_to_fit_on(method):
        return None
    channel: Any = build_channel(extractor, method.model_copy(update={"whitening": "none"}), arrays)
    if isinstance(method, NetVlad):
        return lambda features: channel.raw(features)[None]
    return lambda features: channel.raw(features)[None][: len(features)]


def parts_of(features: FeaturesKind, method: Method) -> list[tuple[FeaturesKind, Method]]:
    """What is joined, part by part; of anything else, itself."""
    if isinstance(features, JoinedMaps) and isinstance(method, Joined):
        return list(zip(features.parts, method.parts, strict=True))
    return [(features, method)]


def builtin_name(features: FeaturesKind, method: Method) -> str:
    """What the arrays that ship for a method on some features are called, whether there are any or not."""
    if isinstance(features, JoinedMaps):
        return JOINED.join(builtin_name(of, part) for of, part in parts_of(features, method) if needed_arrays(part))
    seen = "sift" if isinstance(features, Sift) else f"{features.checkpoint.source}-{features.layer}"
    match method:
        case Fisher():
            return f"{seen}-fisher-{method.components}x{method.pca}"
        case Bow() | Hamming() | Asmk() | Vlad():
            return f"{seen}-codebook-{method.size}"
        case Mop():
            return f"{seen}-mop-{method.size}x{method.pca}"
        case Exhaustive():
            return ""
        case NeuralCodes() | RegionCodes():
            return f"{seen}-{method.kind}-{_power(method, POWER_ON_OTHERS):g}"
        case NetVlad():
            return f"{seen}-netvlad-{method.size}"
        case Joined():
            raise AssertionError("a recipe joins nothing but joined maps")
    assert isinstance(features, Maps | ClassMaps), "a recipe pools nothing else"
    scales = str(len(features.scales))
    return "-".join((seen, scales, _pooled_name(method), f"{_power(method, POWER_ON_OTHERS):g}"))


def vectors_name(features: FeaturesKind, method: Method) -> str:
    """What a fit is made on, apart from the weights: two methods with the same may share one."""
    match features:
        case Sift():
            return "RootSIFT" if features.root else "SIFT"
        case Maps():
            pooled = _pooled_name(method) if isinstance(method, PooledKind) else method.kind
            return f"{pooled} of {features.network} {features.layer}"
        case JoinedMaps():
            return " and ".join(vectors_name(of, part) for of, part in parts_of(features, method))
        case _:
            return f"{features.kind} of {features.network} {features.layer}"


def _pooled_name(method: PooledKind | Cam) -> str:
    match method:
        case Gem():
            return f"gem{method.p:g}"
        case SuperGlobalPooling():
            return f"superglobal{method.p:g}"
        case Spoc():
            return "spoc-centred" if method.centre_prior else "spoc"
        case Rmac() | Regions():
            # Both whiten the same vectors.
            return f"regions{method.levels}"
        case _:
            return method.kind


def _power(method: PooledKind | CodeKind | Cam, otherwise: float) -> float:
    return otherwise if method.power is None else method.power


def builtin_reference(features: FeaturesKind, method: Method) -> dict[str, str]:
    """Provenance of an artefact that stands for the arrays that ship for a method. FitError where there are none."""
    name = builtin_name(features, method)
    for one in _names(name):
        if one not in _shipped():
            raise FitError(
                f'nothing built in is called "{one}" (there is {", ".join(_shipped())}): choose what there is, or '
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
        if not set(_names(name)) <= set(_shipped()):
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


def _names(name: str) -> list[str]:
    return name.split(JOINED)


def _load_shipped(name: str, method: Method) -> Artefact:
    if isinstance(method, Joined):
        fitted = [number for number, part in enumerate(method.parts) if needed_arrays(part)]
        arrays: dict[str, NDArray[Any]] = {}
        for number, one in zip(fitted, _names(name), strict=True):
            own = _load_shipped(one, method.parts[number]).arrays
            arrays |= {f"{number}.{key}": array for key, array in own.items()}
        return Artefact(arrays, {}, hash_arrays(arrays))
    with resources.as_file(BUILTIN / f"{name}.npz") as path:
        return load(path, needed_arrays(method))


def fit_arrays(
    method: Method,
    sample: NDArray[np.float32],
    seed: int,
    progress: Callable[[str], None] | None = None,
    power: float = POWER_ON_OTHERS,
) -> dict[str, NDArray[Any]]:
    """Fits what a method needs on descriptors (n, d); sizes shrink where n is too small, with a warning in the log.

    `progress` is told how far it is. power: of a whitening, where the method has none of its own. Centroids are kept as
    uint8. FitError where there is nothing to fit on.
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
        case Mop():
            from resight.channels.codes import fit_levels

            return fit_levels(method, sample, rng)
        case NetVlad(words="fitted"):
            from resight.channels.netvlad import fit_words

            return fit_words(method, sample, rng)
        case NetVlad():
            return fit_vector_whitening(method, sample, power)
        case Joined():
            from resight.channels.joined import rows_of_part

            joined: dict[str, NDArray[Any]] = {}
            for number, part in enumerate(method.parts):
                if needed_arrays(part):
                    own = fit_arrays(part, rows_of_part(sample, number), seed, progress, power)
                    joined |= {f"{number}.{key}": array for key, array in own.items()}
            return joined
        case _:
            points, d = sample.shape
            _warn_if_poor(points, d, method.dimensions)
            wanted = min(d, method.dimensions)
            return to_arrays(fit_pca_whitening(sample, wanted, power=_power(method, power)))


def fit_vector_whitening(method: Method, sample: NDArray[np.float32], power: float) -> dict[str, NDArray[Any]]:
    """Whitening of whole vectors (n, D), to fewer dimensions where n is too small, with a warning in the log."""
    assert isinstance(method, Vlad | Mop | NetVlad), "no other has one"
    wanted = max(1, min(method.dimensions, sample.shape[1], len(sample) - 1))
    _warn_if_smaller("dimensions", wanted, method.dimensions, len(sample))
    return to_arrays(fit_pca_whitening(sample, wanted, power=power), VECTORS)


def fit_signatures(
    sample: NDArray[np.float32], centroids: NDArray[np.float32], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Projection and uint8 medians of Hamming embedding for a codebook, on descriptors (n, d)."""
    projection = fit_projection(sample.shape[1], HAMMING_BITS, rng)
    words = Assigner(centroids).assign(sample)[0][:, 0]
    medians = fit_medians(sample, words, projection, len(centroids))
    return {"projection": projection, **quantise({"medians": medians})}


def _warn_if_poor(points: int, d: int, wanted: int) -> None:
    if wanted > d:
        _log.warning("vectors of %d dimensions are whitened to %d dimensions, not to %d", d, d, wanted)
    if points < d:
        _log.warning(
            "%d vectors are few for a whitening of %d dimensions: variances are drawn to their mean by %.2f "
            "(more photos to fit on would draw them less)",
            points,
            d,
            d / (d + points),
        )


def _warn_if_smaller(what: str, size: int, wanted: int, points: int) -> None:
    if size < wanted:
        _log.warning("%d descriptors are enough for %d %s, not for %d: fitting %d", points, size, what, wanted, size)
