"""Makes the arrays that ship with resight: codebooks and a mixture for SIFT, whitenings for pooled feature maps.

Fitted on rendered worlds and on folders of photos that are named on the command line, for instance

    python tools/fit_builtin.py PHOTOS/distractors/images PHOTOS/domains/images

The same photos and versions give the same files; the networks' weights are looked for where the recipes find them.
Takes about half an hour on two cores; `--only sift` or `--only maps` makes one half.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resight.channels.extraction import features_of, sample_rows
from resight.descriptors.kinds import Fisher, Joined, Vlad, Whitened
from resight.features.kinds import ClassMaps, FeaturesKind, JoinedMaps, Maps, Sift
from resight.features.opening import open_extractor
from resight.features.sift_extractor import SiftExtractor
from resight.folders.walking import find_images
from resight.learned.artefact import dequantise, save
from resight.learned.method import Method
from resight.learned.passes import Terms
from resight.recipe import ChannelRecipe, load_recipe, recipes
from resight.words.kinds import Asmk
from resight.words.methods.hamming import fit_signatures
from resight.worlds.world import render_world, save_world

SEED = 20260
WORLDS = 3
WORDS = 16384
TARGET = Path(__file__).resolve().parents[1] / "src" / "resight" / "learned" / "builtin"


def descriptors(folders: Sequence[Path], limit: int) -> NDArray[np.float32]:
    """An equal share from every photo of all folders."""
    found = [one for folder in folders for one in find_images(folder)]
    print(f"{len(found)} photos", flush=True)
    return np.concatenate(list(sample_rows(found, SiftExtractor(Sift()), attrgetter("descriptors"), limit, SEED)))


def main() -> None:
    """Fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders of photos")
    parser.add_argument("--only", choices=("sift", "maps"))
    parser.add_argument("--missing", action="store_true", help="of whitenings, only those that are not there yet")
    parser.add_argument("--every", type=int, default=1, help="of whitenings, take one photo of so many of each folder")
    options = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    if options.only != "maps":
        fit_sift(options.folders)
    if options.only != "sift":
        fit_whitenings(options.folders, options.missing, options.every)


def fit_whitenings(folders: Sequence[Path], missing: bool, every: int) -> None:
    """One for each pooling of each kind of feature maps that a shipped recipe whitens with what is built in.

    Layers of one network that a recipe joins are extracted together.
    """
    wanted: dict[tuple[Maps | ClassMaps, ...], dict[str, tuple[int, Whitened]]] = {}
    done: set[str] = set()
    for channel in (channel for info in recipes() for channel in load_recipe(info.name).channel.values()):
        if channel.fit != "builtin":
            continue
        named = [
            (features, method.shipped_name(features), method)
            for features, method in parts_of(channel)
            if isinstance(features, Maps | ClassMaps) and isinstance(method, Whitened) and method.needs
        ]
        open_ones = [one for one in named if not (missing and (TARGET / f"{one[1]}.npz").exists())]
        ours = wanted.setdefault(tuple(features for features, _, _ in open_ones), {})
        for number, (_, name, method) in enumerate(open_ones):
            known = ours.get(name)
            if name not in done or (known is not None and known[1].dimensions < method.dimensions):
                ours[name] = (number, method)
            done.add(name)
    found = [one for folder in folders for one in list(find_images(folder))[::every]]
    for features, methods in wanted.items():
        if not methods:
            continue
        print(f"{', '.join(methods)}: {len(found)} photos", flush=True)
        rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in methods}
        several = len(features) > 1
        extractor = open_extractor(JoinedMaps(parts=features) if several else features[0], Path())
        for images in features_of(found, extractor):
            for name, (number, method) in methods.items() if images is not None else ():
                rows[name].append(method.vectors_of(images[number] if several else images))
        for name, (_, method) in methods.items():
            (whitening,) = method.passes
            sample = np.concatenate(rows[name])
            provenance = {"photos": len(found), "folders": listed(folders), "vectors": len(sample)}
            save(TARGET / f"{name}.npz", whitening.fit(sample, Terms(SEED)), provenance)


def parts_of(channel: ChannelRecipe) -> list[tuple[FeaturesKind, Method]]:
    """What is joined, part by part; of anything else, itself."""
    if isinstance(channel.features, JoinedMaps) and isinstance(channel.method, Joined):
        parts = zip(channel.features.parts, channel.method.parts, strict=True)
        return list(parts)
    return [(channel.features, channel.method)]


def listed(folders: Sequence[Path]) -> str:
    """The last two parts of each path: enough to know the photos by."""
    return ", ".join("/".join(folder.parts[-2:]) for folder in folders)


def fit_sift(folders: Sequence[Path]) -> None:
    """Codebook, Hamming medians and a mixture."""
    with tempfile.TemporaryDirectory() as temporary:
        rendered = [save_world(render_world(SEED + i), Path(temporary) / str(i)) for i in range(WORLDS)]
        words = Asmk(size=WORDS)
        (codebook,) = words.passes
        sample = descriptors([*folders, *rendered], codebook.limit)
    print(f"{len(sample)} descriptors", flush=True)
    provenance = {
        "seed": SEED,
        "rendered_worlds": WORLDS,
        "folders": listed(folders),
        "descriptors": len(sample),
    }
    terms = Terms(SEED, progress=print)
    arrays = codebook.fit(sample, terms)
    arrays |= fit_signatures(sample, dequantise(arrays)["centroids"], np.random.default_rng(SEED))
    save(TARGET / f"{words.shipped_name(Sift())}.npz", arrays, provenance)
    few = sample[np.random.default_rng(SEED).permutation(len(sample))]
    for method in (Vlad(), Fisher()):
        (fitted,) = method.passes
        save(TARGET / f"{method.shipped_name(Sift())}.npz", fitted.fit(few[: fitted.limit], terms), provenance)


if __name__ == "__main__":
    main()
