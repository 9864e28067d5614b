"""Makes the arrays that ship with resight: codebooks and a mixture for SIFT, whitenings for pooled feature maps.

Fitted on rendered worlds and on folders of photos that are named on the command line, for instance

    python tools/fit_builtin.py PHOTOS/distractors/images PHOTOS/domains/images

The same photos and versions give the same files; the networks' weights are looked for where the recipes find them.
Takes about half an hour on two cores; `--only sift` or `--only maps` makes one half.
"""

from __future__ import annotations

import argparse
import itertools
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
    options = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    if options.only != "maps":
        fit_sift(options.folders)
    if options.only != "sift":
        fit_whitenings(options.folders, options.missing)


def fit_whitenings(folders: Sequence[Path], missing: bool) -> None:
    """One for each pooling of each kind of feature maps that a shipped recipe whitens with what is built in."""
    wanted: dict[Maps | ClassMaps, dict[str, Whitened]] = {}
    channels = [channel for info in recipes() for channel in load_recipe(info.name).channel.values()]
    built_in = [parts_of(channel) for channel in channels if channel.fit == "builtin"]
    for features, method in itertools.chain.from_iterable(built_in):
        if isinstance(features, Maps | ClassMaps) and isinstance(method, Whitened) and method.needs:
            name = method.shipped_name(features)
            if missing and (TARGET / f"{name}.npz").exists():
                continue
            ours = wanted.setdefault(features, {})
            known = ours.get(name)
            ours[name] = method if known is None or known.dimensions < method.dimensions else known
    found = [one for folder in folders for one in find_images(folder)]
    for features, methods in wanted.items():
        print(f"{', '.join(methods)}: {len(found)} photos", flush=True)
        rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in methods}
        for maps in features_of(found, open_extractor(features, Path())):
            for name, method in methods.items() if maps is not None else ():
                rows[name].append(method.vectors_of(maps))
        for name, method in methods.items():
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
