"""Parts of photos in one pass of the network and in several: mAP and seconds of the processor a photo.

OMP_NUM_THREADS=1 python benchmarks/keep.py passes -- PHOTOS [--photos N --queries N --others N --fit-photos N]

PHOTOS and the drawing are those of every_recipe.py: the sets are searched together, among distractors, and whitenings
are fitted on other photos. Boxes of a file are those of selective search, 30 a photo, for the photos that are searched;
a query has none, so its whole photo asks. Seconds are of preparing and extracting one photo, without decoding, the
median of `--timed` photos one by one. Prints JSON: by kind of parts and passes, mAP of each set with its interval, and
seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from blcf_sets import evenly
from every_recipe import FITTED_ON, draw, judge

from resight.datasets.dataset import Dataset
from resight.features.opening import open_extractor
from resight.features.regions.proposals import selective_search
from resight.images import decode
from resight.recipe import load_recipe

PARTS = ("rigid", "pyramid", "dense", "proposals", "files")
PASSES = ("single", "multiple")
PROPOSED = 30


def write_boxes(data: Dataset, file: Path) -> None:
    """Writes the boxes of selective search for every photo that is searched."""
    found = {}
    for name in data.images:
        photo = decode(data.path(name))
        scale = photo.size[0] / photo.pixels.shape[1]
        found[name] = [[side * scale for side in box] for box in selective_search(photo.pixels, PROPOSED).tolist()]
    file.write_text(json.dumps(found), encoding="utf-8")


def seconds_a_photo(name: str, data: Dataset, count: int) -> float:
    """Returns the median seconds of the processor that a recipe takes for the features of a photo."""
    recipe = load_recipe(name)
    extractor = open_extractor(recipe.channel[recipe.first_channel].features, Path())
    spent = []
    for number, one in enumerate(evenly(data.images, count + 1)):
        decoded = decode(data.path(one), extractor.max_side)
        start = time.process_time()
        extractor.extract([extractor.prepare(decoded)])
        if number:  # the first opens the network
            spent.append(time.process_time() - start)
    return statistics.median(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--sets", nargs="+", default=["covers", "scenes", "products"])
    parser.add_argument("--photos", dest="most", type=int, default=40, help="photos of each set, drawn evenly")
    parser.add_argument("--queries", type=int, default=16, help="queries of each set, drawn evenly")
    parser.add_argument("--others", type=int, default=40, help="distractors, drawn evenly")
    parser.add_argument("--fit-photos", type=int, default=100, help="photos that whitenings are fitted on")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--timed", type=int, default=10)
    given = parser.parse_args()
    root = given.photos.resolve()
    data = draw(root, given.sets, given.most, given.queries, given.others)
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="resight-") as temporary:
        work = Path(temporary)
        fit = work / FITTED_ON
        fit.mkdir()
        for one in evenly(sorted((root / FITTED_ON / "images").rglob("*.jpg")), given.fit_photos):
            shutil.copy(one, fit / one.name)
        weights = work / "weights"
        weights.mkdir()
        if named := os.environ.get("RESIGHT_WEIGHTS"):
            for one in Path(named).iterdir():
                (weights / one.name).symlink_to(one.resolve())
        os.environ["RESIGHT_WEIGHTS"] = str(weights)
        if "files" in given.parts:
            write_boxes(data, weights / "boxes.json")
        for parts in given.parts:
            for passes in PASSES:
                name = f"{passes}-{parts}-mobilenet"
                judged = judge(name, data, fit, work)
                rows[name] = {
                    "sets": judged["sets"],
                    "seconds a photo": round(seconds_a_photo(name, data, given.timed), 3),
                }
    print(json.dumps({"searched": len(data.images), "queries": len(data.queries), "recipes": rows}, indent=1))


if __name__ == "__main__":
    main()
