"""What each step of `sift-asmk-spatial` gains on photo sets with ground truth.

    cd PHOTOS && python .../benchmarks/ablation.py covers scenes products --distractors distractors --small covers

Every step is that recipe up to there. One index a set serves all steps: bags of words are made of its words.
Intervals are the 2.5 and 97.5 % quantiles of the mean over queries when whole groups are drawn again (1000 times);
without groups a query is its own. `--small NAME` adds the set with its queries first reduced to 112 pixels (Lanczos,
JPEG quality 92).
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from resight.channels.words import WordLayout
from resight.datasets.dataset import Dataset, JudgedQuery
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.metrics import oxford_ap, positions
from resight.features.kinds import Sift
from resight.features.sift_extractor import SiftExtractor
from resight.images import Decoded, decode, decode_bytes
from resight.index.collection import ChannelView, Collection
from resight.index.index import Index
from resight.recipe import load_recipe
from resight.rerank.kinds import Chain, Spatial
from resight.search.inverted import Block, InvertedFile, PostingRows
from resight.words.evidence import ImageWords
from resight.words.kinds import Bow
from resight.words.postings import build_postings
from resight.words.vocabulary import Vocabulary

SMALL_SIDE, SMALL_QUALITY = 112, 92
RESAMPLES = 1000


RECIPE = "sift-asmk-spatial"


@dataclass(frozen=True)
class Step:
    """One row of the table. tf: of a bag of words, or "" for ASMK*; words: of a query feature; enlarge: of queries."""

    name: str
    tf: Literal["", "raw", "clipped"]
    words: int
    enlarge: bool
    spatial: bool
    chain: bool


STEPS = (
    Step("bag of words", "raw", 1, False, False, False),
    Step("term frequencies clipped to one", "clipped", 1, False, False, False),
    Step("ASMK*, one word a query feature", "", 1, False, False, False),
    Step("5 words", "", 5, False, False, False),
    Step("10 words", "", 10, False, False, False),
    Step("small queries enlarged", "", 10, True, False, False),
    Step("verified", "", 10, True, True, False),
    Step("verified images asked in turn", "", 10, True, True, True),
)


def main() -> None:
    """Measures, prints a line for each step and set, and writes JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--distractors", type=Path, required=True)
    parser.add_argument("--small", nargs="*", default=[], help="names of sets that also count with small queries")
    parser.add_argument("--every", type=int, default=1, help="take every n-th query")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table: dict[str, dict[str, Any]] = {}
    for folder in options.sets:
        for name, results in measure(folder, options).items():
            table[name] = results
            for step, figures in results.items():
                low, high = figures["interval"]
                print(f"{name:16} {step:42} {figures['mAP']:.4f}  [{low:.4f}, {high:.4f}]", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"every": options.every, "sets": table}))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures of every step, by set and step; a set with small queries is one of its own."""
    data = read_folder(folder)
    groups = json.loads((folder / "groundtruth.json").read_text()).get("groups") or {}
    group_of = {name: group for group, names in groups.items() for name in names}
    queries = data.queries[:: options.every]
    kinds = {folder.name: False} | ({f"{folder.name} (112 px)": True} if folder.name in options.small else {})
    found: dict[str, dict[str, Any]] = {name: {} for name in kinds}
    with tempfile.TemporaryDirectory() as temporary:
        index = Index.create(Path(temporary) / "ablation.resight")
        index.add(data.root, only=frozenset(data.images))
        index.add(photo_root(options.distractors), prefix="distractors/")
        for step in STEPS:
            for name, small in kinds.items():
                aps = np.array(list(precisions(index.collection, step, data, queries, small)))
                owners = [group_of.get(query.image, query.image) for query in queries]
                bounds = interval(aps, owners)
                found[name][step.name] = {"mAP": float(aps.mean()), "interval": bounds, "ap": aps.tolist()}
    return found


def interval(aps: np.ndarray, groups: Sequence[str]) -> tuple[float, float]:
    """The middle 95 % of means when groups of queries are drawn again."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(np.array(groups) == group) for group in sorted(set(groups))]
    means = [
        aps[np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])].mean()
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def precisions(
    reader: Collection, step: Step, data: Dataset, queries: Sequence[JudgedQuery], small: bool
) -> Iterator[float]:
    """The average precision of each query at a step."""
    default = load_recipe(RECIPE)
    spatial = next(kind for kind in default.rerank if isinstance(kind, Spatial))
    chain = next(kind for kind in default.rerank if isinstance(kind, Chain))
    ((name, view),) = reader.views.items()
    words_view = replace(reader.word_view(name), spatial=spatial)
    looks = [spatial.open(words_view)] * step.spatial + [chain.open(words_view)] * step.chain
    assert isinstance(view.channel.layout, WordLayout), "the recipe has words"
    given = view.channel.layout.vocabulary
    method = given.method.model_copy(update={"query_assignment": step.words})
    vocabulary = Vocabulary({"centroids": given.centroids}, method)
    searcher = bags_of_words(view, Bow(size=len(given), tf=step.tf)) if step.tf else view.searcher
    features = default.channel[name].features
    assert isinstance(features, Sift), "the recipe is of SIFT"
    features = features.model_copy(update={"enlarge_to": features.enlarge_to * step.enlarge})
    for query in queries:
        photo = _photo(data.path(query.image), features.max_side, small)
        extractor = SiftExtractor(features)
        (found,) = extractor.extract([extractor.prepare_query(photo, None)])
        words = vocabulary.query(found, photo.size)
        ranking = searcher.search(words, len(reader.snapshot.images))
        for look in looks:
            ranking = look(words, ranking)
        names = [reader.name_of(image) for image in ranking.ids.tolist()]
        yield oxford_ap(positions(names, query.positives, query.junk), len(query.positives))


def bags_of_words(view: ChannelView, method: Bow) -> InvertedFile:
    """The words of an index of another kind, searched as bags of words."""
    ids = sorted(view.places)
    images = []
    for image in ids:
        kept = view.evidence(image)
        assert isinstance(kept, ImageWords), "the recipe has words"
        images.append(replace(kept, signatures=None, aggregated=None))
    block = Block(build_postings(images, method.size, "bow"), np.array(ids, np.int64), np.ones(len(ids), np.bool_))
    return InvertedFile(PostingRows([block], method, codebook_size=method.size))


def _photo(path: Path, max_side: int, small: bool) -> Decoded:
    if not small:
        return decode(path, max_side)
    data = io.BytesIO()
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.LANCZOS)
    image.save(data, "JPEG", quality=SMALL_QUALITY)
    return decode_bytes(data.getvalue(), str(path))


if __name__ == "__main__":
    main()
