r"""Tunes the network of `rmac-lite0` on rendered worlds and on photos without labels, and stores it as it ships.

    python tools/tune_builtin_network.py WORK PHOTOS/distractors/images PHOTOS/domains/images \
        --leave-out 'sketch_*' --every 2
    python tools/fit_builtin.py --only maps --missing --every 5 PHOTOS/distractors/images PHOTOS/domains/images \
        WORK/worlds/0

Trains several members on the same photos, which differ in what is drawn, and stores the mean of their weights, moved
on from the start: what one draw happens to teach is less of it. WORK keeps the worlds, the tuples and the members, so
that an interrupted run goes on. Members start from the weights that tools/convert_efficientnet_lite0.py makes; the same
photos, seed, versions and processor give the same file, wherever WORK is. A member takes about seven minutes of one
core.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
from convert_efficientnet_lite0 import NAME as START
from convert_efficientnet_lite0 import TARGET, compact
from numpy.random import SeedSequence
from PIL import Image
from safetensors.numpy import load_file

from resight.arrays import Arrays
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS
from resight.files import write_whole
from resight.folders.walking import find_images
from resight.training.model import open_descriptor
from resight.training.product import channel_of
from resight.training.recipe import load_training_recipe
from resight.training.training import train
from resight.training.tuples import Anchor, Photo, Positive, Tuples
from resight.worlds.stock import stock_up
from resight.worlds.things import MAKERS, Kind
from resight.worlds.world import render_world, save_world

NAME = "efficientnet_lite0-resight"
RECIPE = "general"
MEMBERS = 3
REACH = 1.4
"""Chosen among 1, 1.4 and 1.8 on rendered worlds that no member saw: benchmarks/tuned_networks.py."""
SEED = 70000
"""Of the worlds and of the printed things, which all members see."""
WORLDS = 10
SHEETS, PRINTED = 6, 50
KINDS: tuple[Kind, ...] = ("package", "poster", "painting", "package", "poster")


def main() -> None:
    """Renders, trains, stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for what is made on the way")
    parser.add_argument("folders", nargs="+", type=Path, help="folders of photos without labels")
    parser.add_argument("--leave-out", default="", help="pattern of names of photos that are not taken")
    parser.add_argument("--every", type=int, default=1, help="take one photo of so many of each folder")
    parser.add_argument("--seed", type=int, default=0, help="of the first member's draws; the others have the next")
    parser.add_argument("--members", type=int, default=MEMBERS, help="networks whose weights are averaged")
    parser.add_argument("--reach", type=float, default=REACH, help="of their mean from the start; 1 is the mean itself")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder that gets the network")
    options = parser.parse_args()
    found = [one for folder in options.folders for one in taken(folder, options.leave_out)[:: options.every]]
    named = {"/".join(path.parts[-3:]): path for path in found}
    # What is drawn follows the order of names, which must not depend on where the work is done.
    named |= {f"printed/{path.name}": path for path in printed_things(options.work)}
    tuples_of(rendered_worlds(options.work), named).write(options.work)
    members = [member(options.work, seed) for seed in range(options.seed, options.seed + options.members)]
    plan = INVERTED_RESIDUALS["efficientnet_lite0"]
    content = compact(plan, beyond_mean(start(), [load_file(file) for file in members], options.reach))
    options.target.mkdir(parents=True, exist_ok=True)
    write_whole(options.target / f"{NAME}.safetensors", content)
    write_whole(options.target / f"{NAME}.LICENSE", (TARGET / f"{START}.LICENSE").read_bytes())
    print(f"{options.target / NAME}.safetensors: {len(content)} bytes, SHA-256 {sha256(content).hexdigest()}")


def member(work: Path, seed: int) -> Path:
    """Trains the network on the tuples of a folder, unless that was done. Returns the file of its weights."""
    folder = work / "members" / str(seed)
    file = folder / "network.safetensors"
    # The recipe is what a training writes last.
    if not (folder / "recipe.toml").exists():
        train(work, folder, recipe=RECIPE, changes={"seed": str(seed)}, on_step=print, say=print)
    print(f"{file}: SHA-256 {sha256(file.read_bytes()).hexdigest()}", flush=True)
    return file


def start() -> Arrays:
    """Returns the weights that members start from, with normalisations as members have them."""
    recipe = load_training_recipe(RECIPE)
    name, channel = channel_of(recipe.descriptor)
    model = open_descriptor(channel, name, Path(), recipe.weights, recipe.frozen.until)
    return {key: value.numpy() for key, value in model.network_state().items()}


def beyond_mean(begun: Arrays, members: Sequence[Arrays], reach: float) -> Arrays:
    """Goes from the start in the direction of the members' mean: to the mean by a reach of 1, beyond it by more.

    Source: Wortsman et al., "Model soups", ICML 2022, the uniform soup, times a scale as in Ilharco et al., "Editing
    models with task arithmetic", ICLR 2023, section 2.

    Notes: members differ from their start in nearly orthogonal directions, so that their mean is much nearer to it than
    each of them, which more than 1 makes up for.
    """
    found = {}
    for key, value in begun.items():
        change = np.mean([each[key] for each in members], axis=0, dtype=np.float64) - value
        found[key] = (value + reach * change).astype(np.float32)
    return found


def taken(folder: Path, left_out: str) -> list[Path]:
    """Photos of a folder whose names are not left out, in the order of their names."""
    return [one.path for one in find_images(folder) if not fnmatch.fnmatch(one.path.name, left_out)]


def rendered_worlds(work: Path) -> list[Path]:
    """Worlds of packages, posters, paintings, carvings and facades, several photos of each thing."""
    folders = []
    for number in range(WORLDS):
        folder = work / "worlds" / str(number)
        if not folder.exists():
            world = render_world(SEED + number, objects=40, views=2, queries=2, look_alikes=6, distractors=0, size=448)
            save_world(world, folder)
        folders.append(folder)
    return folders


def printed_things(work: Path) -> list[Path]:
    """Fronts of further printed things, each alone and seen straight on, as a catalogue shows them."""
    folder = work / "printed"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{sheet}-{number:02d}.jpg" for sheet in range(SHEETS) for number in range(PRINTED)]
    if all(file.exists() for file in files):
        return files
    for sheet in range(SHEETS):
        of_stock, of_things = SeedSequence([SEED, sheet]).spawn(2)
        with ThreadPoolExecutor(1) as pool:
            stock = stock_up(of_stock, pool)
        for number, seed in enumerate(of_things.spawn(PRINTED)):
            thing = MAKERS[KINDS[number % len(KINDS)]](np.random.default_rng(seed), stock)
            front = Image.fromarray(np.ascontiguousarray(thing.front.texture[..., :3]))
            front.thumbnail((448, 448), Image.Resampling.LANCZOS)
            front.save(folder / f"{sheet}-{number:02d}.jpg", quality=92)
    return files


def tuples_of(worlds: Sequence[Path], photos: Mapping[str, Path]) -> Tuples:
    """Photos of one thing of a world are each other's positives; other photos have rendered views alone."""
    listed: dict[str, Photo] = {}
    anchors = []
    clusters = 0
    for number, folder in enumerate(worlds):
        groups = json.loads((folder / "groundtruth.json").read_text())["groups"]
        for _, names in sorted(groups.items()):
            clusters += 1
            own = {f"worlds/{number}/{name}": str((folder / "images" / name).resolve()) for name in sorted(names)}
            listed |= {name: Photo(file, "", clusters) for name, file in own.items()}
            for name in own:
                others = tuple(Positive(other, 1.0) for other in own if other != name)
                anchors.append(Anchor(name, others, weight=0.5))
    for name, path in photos.items():
        clusters += 1
        listed[name] = Photo(str(path.resolve()), "", clusters)
        anchors.append(Anchor(name))
    anchors.sort(key=lambda anchor: anchor.name)
    return Tuples("worlds", "1 where it is known", listed, anchors, sorted(listed), provenance={"seed": SEED})


if __name__ == "__main__":
    main()
