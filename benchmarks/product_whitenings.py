"""mAP of `rmac-lite0` on rendered worlds by its whitening: what ships, or what a training would fit on the same photos.

    python benchmarks/product_whitenings.py WORK

WORK is a folder that the worlds of tuned_networks.py are rendered to, or are in. Principal components are fitted on the
photos that are searched, with a power of 1 and of 0.35; the learned whitening on their true pairs and a rendered view
of each. Photos that ask are in no fit. In brackets are 95 % intervals over queries of the difference to what ships.
"""

from __future__ import annotations

import argparse
import itertools
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from trained_networks import average_precisions, rounded
from tuned_networks import RECIPE, SIDE, rendered_sets, viewed

from resight.arrays import Float64
from resight.evaluation.resampling import paired_test
from resight.images import decode
from resight.learned.whitening import POWER_ON_COLLECTION, Whitening, fit_pca_whitening
from resight.training.indexed import from_file, from_pixels, vectors_of
from resight.training.model import parts_of
from resight.training.product import channel_of
from resight.training.starting import own_whitenings
from resight.training.whitening import described, fit_by_components, fit_on_pairs


def main() -> None:
    """Judges and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    given = parser.parse_args()
    channel = channel_of(RECIPE)[1]
    parts = parts_of(channel, RECIPE)
    shipped = own_whitenings(channel, parts, Path.cwd(), "")
    assert shipped is not None, "it ships"
    report: dict[str, Any] = {}
    for world in rendered_sets(given.work, []):
        asking = [one.photo for one in world.questions]
        searched = [photo for photo in world.database if photo not in set(asking)]
        at = {photo: number for number, photo in enumerate(searched)}
        backgrounds = [decode(photo, 400).pixels for photo in searched[:20]]
        views = [from_pixels(partial(viewed, photo, at[photo], backgrounds)) for photo in searched]
        sources = [
            *(from_file(photo, SIDE) for photo in searched),
            *views,
            *(from_file(photo, SIDE) for photo in asking),
        ]
        rows = vectors_of(channel, parts, Path.cwd(), sources)
        count = len(searched)
        same = {
            (at[one], at[other])
            for each in world.questions
            for one, other in itertools.combinations(sorted(each.positives), 2)
        }
        pairs = np.array([*sorted(same), *((number, count + number) for number in range(count))], np.int64)
        half: list[Whitening] = [
            fit_pca_whitening(np.concatenate(own.of[:count]), one.dimensions, power=POWER_ON_COLLECTION)
            for own, one in zip(rows, shipped, strict=True)
        ]
        whitenings = {
            "what ships": shipped,
            "principal components": [
                fit_by_components(own.some(range(count)), part) for own, part in zip(rows, parts, strict=True)
            ],
            f"the same, power {POWER_ON_COLLECTION:g}": half,
            "learned on true pairs": [
                fit_on_pairs(own.some(range(2 * count)), pairs, part) for own, part in zip(rows, parts, strict=True)
            ],
        }
        first: Float64 | None = None
        found: dict[str, Any] = {"photos": count, "true pairs": len(same)}
        for name, own in whitenings.items():
            vectors = described(parts, "concatenate", rows, own)
            by_photo = dict(
                zip([*searched, *asking], vectors[[*range(count), *range(2 * count, len(vectors))]], strict=True)
            )
            # Queries are photos of the world too, and are searched.
            values = average_precisions(world, by_photo)
            found[name] = rounded(values.mean())
            if first is None:
                first = values
            else:
                test = paired_test(values, first)
                found[name] += rounded(*test.interval)
        report[world.name] = found
        print(json.dumps({world.name: found}), flush=True)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
