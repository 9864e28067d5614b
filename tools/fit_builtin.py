"""Makes the arrays that ship with resight: codebooks and a mixture for SIFT.

Fitted on rendered worlds and on folders of photos that are named on the command line, for instance

    python tools/fit_builtin.py PHOTOS/distractors/images PHOTOS/domains/images

The same photos and versions give the same files. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resight.channels.fitting import builtin_name, fit_arrays, fit_signatures, sample_size
from resight.descriptors.kinds import Fisher, Vlad
from resight.extraction import sample_descriptors
from resight.features.kinds import Sift
from resight.folders import find_images
from resight.learned.artefact import dequantise, save
from resight.words.kinds import Asmk
from resight.worlds.world import render_world, save_world

SEED = 20260
WORLDS = 3
WORDS = 16384
TARGET = Path(__file__).resolve().parents[1] / "src" / "resight" / "learned" / "builtin"


def descriptors(folders: Sequence[Path], limit: int) -> NDArray[np.float32]:
    """An equal share from every photo of all folders."""
    found = [one for folder in folders for one in find_images(folder)]
    print(f"{len(found)} photos", flush=True)
    return np.concatenate(list(sample_descriptors(found, Sift(), limit, SEED)))


def main() -> None:
    """Renders, samples, fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders of photos")
    folders = parser.parse_args().folders
    with tempfile.TemporaryDirectory() as temporary:
        rendered = [save_world(render_world(SEED + i), Path(temporary) / str(i)) for i in range(WORLDS)]
        method = Asmk(size=WORDS)
        sample = descriptors([*folders, *rendered], sample_size(method))
    print(f"{len(sample)} descriptors", flush=True)
    provenance = {
        "seed": SEED,
        "rendered_worlds": WORLDS,
        "folders": ", ".join("/".join(folder.parts[-2:]) for folder in folders),
        "descriptors": len(sample),
    }
    TARGET.mkdir(exist_ok=True)
    arrays = fit_arrays(method, sample, SEED, print)
    arrays |= fit_signatures(sample, dequantise(arrays)["centroids"], np.random.default_rng(SEED))
    save(TARGET / f"{builtin_name(method)}.npz", arrays, provenance)
    few = sample[np.random.default_rng(SEED).permutation(len(sample))]
    for method in (Vlad(), Fisher()):
        fitted = fit_arrays(method, few[: sample_size(method)], SEED, print)
        save(TARGET / f"{builtin_name(method)}.npz", fitted, provenance)


if __name__ == "__main__":
    main()
