"""Judges every recipe whose weights are at hand on one collection of several sets, and writes the table into the docs.

python benchmarks/every_recipe.py PHOTOS [--sets covers scenes products] [--photos N --queries N --others N]
python benchmarks/every_recipe.py PHOTOS --page docs/results.md

PHOTOS has a folder for each set, with images/ and groundtruth.json, and `distractors` and `domains` with photos of
other things. All recipes search the same photos, N of each set and N distractors, drawn evenly, in one index, so that
the sets are distractors for each other, and are asked the same queries. What a recipe fits on photos is fitted on some
of `domains`, of which none is searched. Words of SIFT are the 16,384 that ship, whatever the recipe asks for, so that
all have the same codebook.

What is done is kept in benchmarks/results/every-recipe.json after each recipe, and is not done again: the same command
goes on from there. Another drawing, or a recipe that has changed, is judged anew.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from blcf_sets import evenly
from every_recipe_page import write_section
from keep import commit, processor

import resight
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.datasets.folder import read_folder
from resight.errors import ResightError
from resight.evaluation.resampling import bootstrap_interval
from resight.features.kinds import networks_of
from resight.features.networks.locating import is_at_hand
from resight.files import write_whole
from resight.recipe import load_recipe, recipe_text

KEPT = Path(__file__).resolve().parent / "results" / "every-recipe.json"
FITTED_ON = "domains"
WORDS = 16_384
"""Words of SIFT that ship."""


def draw(root: Path, sets: Sequence[str], photos: int, queries: int, others: int) -> Dataset:
    """Returns one data set of so many photos and queries of each set, and so many distractors."""
    images: list[str] = []
    asked: list[JudgedQuery] = []
    for name in sets:
        whole, prefix = read_folder(root / name), f"{name}/images/"
        kept = frozenset(evenly(sorted(whole.images), photos))
        images += (prefix + one for one in sorted(kept))
        found = [one for one in whole.queries if one.positives & kept]
        asked += (_within(one, prefix, name, kept) for one in evenly(found, queries))
    folder = root / "distractors" / "images"
    images += (f"distractors/images/{one.name}" for one in evenly(sorted(folder.iterdir()), others))
    return Dataset("+".join(sets), root, tuple(images), {ALL: tuple(asked)})


def _within(query: JudgedQuery, prefix: str, group: str, kept: frozenset[str]) -> JudgedQuery:
    """Returns a query of one set as one of all sets."""
    named = {part: frozenset(prefix + one for one in getattr(query, part) & kept) for part in ("positives", "junk")}
    return replace(query, id=prefix + query.id, image=prefix + query.image, group=group, **named)


def with_shipped_words(text: str) -> str:
    """Returns the text of a recipe whose words of SIFT, if it has any, are those that ship."""
    if 'kind = "sift"' not in text:
        return text

    def same(table: re.Match[str]) -> str:
        if 'kind = "blcf"' in table[0]:
            return table[0]
        return re.sub(r"size = \d+", f"size = {WORDS}", table[0]).replace('fit = "collection"', 'fit = "builtin"')

    return re.sub(r"^\[[\w.-]*words\]\n(?:(?!\[).*\n)*", same, text, flags=re.MULTILINE)


def lacking(name: str) -> str | None:
    """Returns the first checkpoint of a recipe that is not at hand."""
    for channel in load_recipe(name).channel.values():
        for features in networks_of(channel.features):
            if not is_at_hand(features.checkpoint, Path()):
                return features.checkpoint.source
    return None


def judge(name: str, data: Dataset, fit: Path, work: Path) -> dict[str, Any]:
    """Returns the figures of one recipe."""
    recipe = work / f"{name}.toml"
    text = with_shipped_words(recipe_text(name))
    recipe.write_text(text, encoding="utf-8")
    fits = {one.fit for one in load_recipe(recipe).channel.values()}
    began = time.process_time()
    if {"collection", "builtin"} <= fits:
        # `fit` would fit all channels, those too that have what ships.
        files = {one.channel: one.output.name for one in resight.fit(recipe, fit, work / f"{name}.npz")}
        waiting = (channel for channel, one in load_recipe(recipe).channel.items() if one.fit == "collection")
        for channel in waiting:
            text = text.replace('fit = "collection"', f'fit = "{files[channel]}"', 1)
        recipe.write_text(text, encoding="utf-8")
        result = resight.evaluate(recipe, data)
    else:
        result = resight.evaluate(recipe, data, fit=fit if "collection" in fits else None)
    each = result.figures(ALL)
    figures = {}
    for group in dict.fromkeys(query.group for query in result.queries):
        own = np.array([one["AP"] for one, query in zip(each, result.queries, strict=True) if query.group == group])
        low, high = bootstrap_interval(own)
        figures[str(group)] = {"mAP": float(own.mean()), "interval": [float(low), float(high)]}
    return {
        "sets": figures,
        "bytes an image": result.costs.bytes_per_image,
        "made": {channel: made.model_dump() for channel, made in result.made.items()},
        "fits": sorted(fits - {""}),
        "seconds of the processor": round(time.process_time() - began),
    }


def judged(names: Sequence[str], data: Dataset, root: Path, terms: Mapping[str, Any]) -> Iterator[str]:
    """Judges the recipes that are not kept yet; yields a line for each."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if kept.get("terms") != terms:
        kept = {"terms": dict(terms), "recipes": {}, "lacking": {}}
    kept["lacking"] = {name: lack for name in names if (lack := lacking(name))}
    with tempfile.TemporaryDirectory(prefix="resight-") as temporary:
        work = Path(temporary)
        fit = work / FITTED_ON
        fit.mkdir()
        for one in evenly(sorted((root / FITTED_ON / "images").rglob("*.jpg")), terms["fitted on"]):
            shutil.copy(one, fit / "-".join(one.relative_to(root / FITTED_ON / "images").parts))
        for name in names:
            text = sha256(recipe_text(name).encode()).hexdigest()
            if name in kept["lacking"] or kept["recipes"].get(name, {}).get("recipe") == text:
                continue
            try:
                found = judge(name, data, fit, work)
            except ResightError as error:
                found = {"error": str(error).splitlines()[0].replace(str(work), "")}
            kept["recipes"][name] = {**found, "recipe": text, "commit": commit(), "processor": processor()}
            KEPT.parent.mkdir(exist_ok=True)
            write_whole(KEPT, json.dumps(kept, indent=1, ensure_ascii=False).encode() + b"\n")
            yield f"{name}: {json.dumps(found)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--sets", nargs="+", default=["covers", "scenes", "products"])
    parser.add_argument("--photos", dest="most", type=int, default=40, help="photos of each set, drawn evenly")
    parser.add_argument("--queries", type=int, default=16, help="queries of each set, drawn evenly")
    parser.add_argument("--others", type=int, default=40, help="distractors, drawn evenly")
    parser.add_argument("--fit-photos", type=int, default=200, help="photos that recipes are fitted on")
    parser.add_argument("--recipes", nargs="+", default=[one.name for one in resight.recipes()])
    parser.add_argument("--page", type=Path, help="only writes what is kept into this page")
    given = parser.parse_args()
    if given.page is not None:
        write_section(given.page, json.loads(KEPT.read_text(encoding="utf-8")))
        return 0
    data = draw(given.photos.resolve(), given.sets, given.most, given.queries, given.others)
    terms = {
        "sets": given.sets,
        "photos": given.most,
        "queries": given.queries,
        "distractors": given.others,
        "fitted on": given.fit_photos,
        "searched": len(data.images),
        "asked": len(data.queries),
    }
    for line in judged(given.recipes, data, given.photos.resolve(), terms):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
