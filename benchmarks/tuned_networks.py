"""mAP of networks in the place of that of `rmac-lite0`: on rendered worlds that no training saw, or on sets.

    python benchmarks/keep.py tuned_networks -- WORK PHOTOS NETWORK...
    python benchmarks/keep.py tuned_networks --as NAME -- WORK PHOTOS NETWORK... --sets covers scenes products

A NETWORK is the name of a checkpoint or a file, and is told apart by its last two names. WORK is that of
tools/tune_builtin_network.py, PHOTOS the folder of the sets. Each network gets whitenings of its own, fitted as
tools/fit_builtin.py does it for the one that ships: on every fifth photo of distractors and domains, and of the first
world in WORK. Worlds have every fourth distractor as well, of the half that training leaves out; "views" is the mean
reciprocal rank of photos of that half of distractors and domains, which rendered views of them ask for. Sets have
all distractors; queries are described as photos of an index are, without enlarging small ones as `resight evaluate`
does. In brackets are 95 % intervals over queries, of the mean and of the difference to the first network.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from trained_networks import Judged, average_precisions, judged, photos_of, rounded

from resight.arrays import Float32, Float64, Pixels
from resight.evaluation.resampling import bootstrap_interval, paired_test
from resight.features.networks.published import PUBLISHED
from resight.folders.walking import find_images
from resight.images import decode
from resight.recipe import ChannelRecipe, recipe_text
from resight.recipe.reading import parse_recipe
from resight.training.indexed import Source, from_file, from_pixels, vectors_of
from resight.training.model import parts_of
from resight.training.rendering import STRONG, second_view
from resight.training.whitening import PhotoVectors, described, fit_by_components
from resight.worlds.world import render_world, save_world

RECIPE = "rmac-lite0"
START = "efficientnet_lite0-imagenet"
SHIPPED = 'source = "efficientnet_lite0-resight"'
SIDE = 340
"""Long side of the pictures of the recipe."""
HELD_OUT: Mapping[int, Mapping[str, int]] = {
    91001: {"objects": 40, "views": 2, "queries": 3, "look_alikes": 12, "distractors": 60, "size": 448},
    91002: {"objects": 40, "views": 2, "queries": 3, "look_alikes": 12, "distractors": 60, "size": 448},
    91003: {"objects": 60, "views": 1, "queries": 3, "look_alikes": 20, "distractors": 0, "size": 360},
}
"""Seeds and arguments of worlds that training does not see."""


def found_in(folder: Path) -> list[Path]:
    """Returns the photos of a folder, in the order of their names."""
    return [one.path for one in find_images(folder)]


def channel_with(network: str) -> ChannelRecipe:
    """Returns the channel of the recipe with another network, whose file may not say how its input is normalised."""
    form = PUBLISHED[START]
    given = {"source": network, "mean": form.mean, "deviation": form.deviation, "padding": form.padding}
    text = recipe_text(RECIPE).replace(SHIPPED, ", ".join(f"{key} = {json.dumps(one)}" for key, one in given.items()))
    (channel,) = parse_recipe(text, RECIPE).channel.values()
    return channel


def rendered_sets(work: Path, others: Sequence[Path]) -> list[Judged]:
    """Returns the worlds that are held out, each with further photos; renders those that are not there."""
    sets = []
    for seed, arguments in HELD_OUT.items():
        folder = work / "held-out" / str(seed)
        if not folder.exists():
            save_world(render_world(seed, **arguments), folder)
        world = judged(folder, None, 1)
        sets.append(Judged(world.name, world.questions, [*world.database, *others]))
    return sets


def viewed(photo: Path, number: int, backgrounds: Sequence[Pixels]) -> Pixels:
    """Returns a rendered view of a photo."""
    return second_view(decode(photo, 400).pixels, backgrounds, STRONG, np.random.default_rng([5, number]))


def vectors(network: str, sources: Sequence[Source], fitted_on: Sequence[int]) -> Float32:
    """Describes photos by the recipe with a network, whitened by some of them."""
    channel = channel_with(network)
    parts = parts_of(channel, RECIPE)
    rows = vectors_of(channel, parts, Path.cwd(), sources)
    whitenings = [
        fit_by_components(PhotoVectors([own.of[number] for number in fitted_on]), part)
        for own, part in zip(rows, parts, strict=True)
    ]
    return described(parts, str(getattr(channel.method, "how", "concatenate")), rows, whitenings)


def reciprocal_ranks(asked: Float32, searched: Float32) -> Float64:
    """Returns the reciprocal rank of the photo of the same number for each that asks."""
    scores = asked @ searched.T
    return 1.0 / (1 + (scores > np.diag(scores)[:, None]).sum(axis=1))


def main() -> None:
    """Judges and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--sets", nargs="+", default=[], help="names of sets; rendered worlds where there are none")
    given = parser.parse_args()
    distractors, domains = (found_in(given.photos / name / "images") for name in ("distractors", "domains"))
    fitting = [*distractors[::5], *domains[::5], *found_in(given.work / "worlds" / "0")[::5]]
    asking: list[Path] = []
    if given.sets:
        sets = [judged(given.photos / name, given.photos / "distractors", 1) for name in given.sets]
    else:
        sets = rendered_sets(given.work, distractors[1::4])
        # Drawings by hand are in no training, and no photos.
        pictures = [one for one in domains if not fnmatch.fnmatch(one.name, "sketch_*")]
        asking = [*pictures[1::2][::3][:150], *distractors[1::2][::3][:100]]
    photos = sorted({*photos_of(sets), *fitting, *asking})
    at = {photo: number for number, photo in enumerate(photos)}
    backgrounds = [decode(one, 400).pixels for one in distractors[2::50]] if asking else []
    views = [from_pixels(partial(viewed, photo, number, backgrounds)) for number, photo in enumerate(asking)]
    sources = [*(from_file(photo, SIDE) for photo in photos), *views]
    report: dict[str, Any] = {"photos": len(photos)}
    first: dict[str, Float64] = {}
    for network in given.networks:
        rows = vectors(network, sources, [at[photo] for photo in fitting])
        by_photo = dict(zip(photos, rows[: len(photos)], strict=True))
        values = {one.name: average_precisions(one, by_photo) for one in sets}
        if asking:
            values["views"] = reciprocal_ranks(rows[len(photos) :], np.stack([by_photo[one] for one in asking]))
        own: dict[str, Any] = {}
        for name, of_queries in values.items():
            own[name] = {"mean": rounded(of_queries.mean()), "interval": rounded(*bootstrap_interval(of_queries))}
            if name in first:
                test = paired_test(of_queries, first[name])
                own[name]["more than the first"] = rounded(test.difference, *test.interval)
            first.setdefault(name, of_queries)
        report["/".join(Path(network).parts[-2:])] = own
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
