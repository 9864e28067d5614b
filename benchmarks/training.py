"""The rate at which a network trains here: images a second, and the share of the loop that is not the network.

    python benchmarks/training.py [--recipe small] [--sides 224 320] [--steps 6] [-o FILE.json]

Photos are rendered; weights are those that the recipe starts from. One image a second is one that went forward and
backward in steps of the recipe's size, without the rendering of views; the share is that of a whole loop with them, for
which the process may use all its cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from resight.cores import cores
from resight.images import content_hash
from resight.training.drawing import Seen
from resight.training.gradients import Gradients
from resight.training.loop import Loop
from resight.training.material import held_out, material_of
from resight.training.model import open_descriptor
from resight.training.photos import TrainingPhotos, open_photos
from resight.training.product import channel_of
from resight.training.recipe import load_training_recipe
from resight.training.tuples import Anchor, Photo, Positive, Tuples
from resight.training.validation import Validation
from resight.training.views import Views
from resight.worlds.world import render_world, save_world

THINGS = 8


def rendered(folder: Path) -> Tuples:
    """Renders a world, and returns its things as tuples."""
    world = render_world(1, objects=THINGS, views=3, queries=0, look_alikes=0, distractors=THINGS, size=480)
    files = sorted((save_world(world, folder / "world") / "images").glob("*.jpg"))
    group = {file.name: file.name.rsplit("_", 1)[0] for file in files}
    clusters = sorted(set(group.values()))
    photos = {f.name: Photo(str(f), content_hash(f.read_bytes()), clusters.index(group[f.name])) for f in files}
    anchors = [
        Anchor(name, tuple(Positive(other, 50.0) for other in photos if other != name and group[other] == group[name]))
        for name in photos
    ]
    return Tuples("verified", "inliers", photos, anchors, sorted(photos))


def images_per_second(gradients: Gradients, loop: Loop, photos: TrainingPhotos, count: int, steps: int) -> float:
    """Returns the median over steps of forward and backward passes of so many images."""
    rates = []
    for number in range(steps + 1):
        seen = [Seen((number + one) % len(photos), "plain", ()) for one in range(count)]
        images = [loop.views.image(one) for one in seen]
        begun = time.perf_counter()
        vectors = gradients.vectors(loop.model, images)
        torch.autograd.backward(torch.stack([own.square().mean(dim=0).sum() for own in vectors]).sum())
        rates.append(count / (time.perf_counter() - begun))
    return statistics.median(rates[1:])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="small")
    parser.add_argument("--sides", type=int, nargs="+", default=[224, 320])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as place:
        tuples = rendered(Path(place))
        for side in given.sides:
            changes = {"photos.side": str(side), "lasting.epochs": "1", "lasting.steps": str(given.steps)}
            recipe = load_training_recipe(given.recipe, changes)
            photos = open_photos(tuples, Path(place), recipe.photos.decoded, 1 << 30)
            material = material_of(tuples, photos.names)
            _, channel = channel_of(recipe.descriptor, recipe.channel)
            model = open_descriptor(channel, recipe.descriptor, Path(), recipe.weights, recipe.frozen.until)
            if torch.cuda.is_available():
                model.to("cuda")
            views = Views(photos, recipe.photos, np.arange(len(photos)), least=model.least, square=model.fixed_side)
            nothing = Validation([], np.zeros(0, np.int64), np.zeros(0, np.int64))
            folder = Path(place) / str(side)
            folder.mkdir()
            loop = Loop(model, recipe, material.without(held_out(material, 0.0, 0)), views, nothing, folder, {})
            gradients = Gradients(model, recipe, loop.material, views, loop.how)
            rate = images_per_second(gradients, loop, photos, 2 * recipe.drawing.anchors, given.steps)
            trained = loop.run()
            found.append(
                {
                    "side": side,
                    "images_per_second": round(rate, 2),
                    "loop_images_per_second": round(trained.images_per_second, 2),
                    "share_outside_the_network": round(trained.share_outside, 4),
                }
            )
            print(json.dumps(found[-1]), flush=True)
    document = {"recipe": given.recipe, "cores": cores(), "threads": torch.get_num_threads(), "sides": found}
    if given.output is not None:
        given.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
