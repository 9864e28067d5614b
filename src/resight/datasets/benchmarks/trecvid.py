"""TRECVID instance search 2013 to 2015, BBC EastEnders: topics of a few example images search for shots."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.text_files import read_rows
from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules
from resight.errors import UsageError
from resight.folders.walking import SUFFIXES, escape_name, find_images
from resight.images import VIDEO_SUFFIXES, Box, decode, displayed

_DEPTH = 1000
_FRAMES = "frames"
_EXAMPLE = re.compile(r"(?P<topic>[0-9]+)\.(?P<number>[0-9]+)\.src\.(?:bmp|png|jpg)")
_WHOLE = re.compile(r"-?[0-9]+")
_MASK_SUFFIXES = (".bmp", ".png")


def read_trecvid_ins(folder: Path, year: int) -> Dataset:
    """Reads the topics that were judged in `year`. Raises UsageError, naming the file and line, topic or shot.

    Source: imatge-upc/trecvid-2015, scripts/python/evaluate.py (the judgements; 1,000 shots; AP divides by all that are
    relevant), create_image_list.py (a folder of key frames for each shot), query_bounding_boxes.py (boxes from masks);
    imatge-upc/retrieval-2016-icmr, bow_pipeline/queries.py (tv13.example.images) and evaluate_trecvid.py (a shot counts
    as its best frame); ledduy/kaori-ins2014x, README.md (topics; .bmp as published); "Instance Search" in NIST's
    guidelines, www-nlpir.nist.gov/projects/tv2017 (1,000 shots, four examples).

    Notes: NIST distributes videos and shot boundaries: the choice of key frames for the database is free. Examples and
    masks are read as .bmp, as NIST publishes them, else as .png. A topic's query is all its examples, each with the box
    around its mask. Shots that were not judged are wrong, as for trec_eval.
    """
    relevant = _judgements(_qrels(folder, year))
    shots = _shots(folder / _FRAMES)
    seen = frozenset(shots.values())
    examples = _examples(folder / _example_folder(year))
    queries = []
    for topic, positives in relevant.items():
        if topic not in examples:
            raise UsageError(
                f"{displayed(folder / _example_folder(year))}: no {topic}.N.src.bmp or .png, topic {topic}"
            )
        if positives - seen:
            raise UsageError(
                f"{displayed(folder / _FRAMES / min(positives - seen))}: no frames of this shot, which is relevant for "
                f"topic {topic}"
            )
        (image, box), *more = examples[topic]
        queries.append(JudgedQuery(id=topic, image=image, positives=positives, box=box, more=tuple(more)))
    return Dataset(
        name=f"trecvid-ins{year}",
        root=folder / _FRAMES,
        images=tuple(shots),
        settings={ALL: tuple(queries)},
        rules=Rules(ap="rectangle", depth=_DEPTH),
        query_root=folder / _example_folder(year),
        shots=shots,
    )


def read_ins_subset(folder: Path, year: int) -> Dataset:
    """Reads the topics that were judged in `year`, which search nothing but shots that are relevant for one of them.

    Raises UsageError as `read_trecvid_ins` does. Source: Mohedano et al., "Bags of local convolutional features for
    scalable instance search" (ICMR 2016), section 5.1; imatge-upc/retrieval-2016-icmr, trecvid_subset/preprocess.py
    (all frames in the folders of such shots).

    Notes: the paper's 23,614 frames follow from its choice of key frames, which is not published; frames of other shots
    may be in the folder, and are left out.
    """
    whole = read_trecvid_ins(folder, year)
    relevant: frozenset[str] = frozenset().union(*(query.positives for query in whole.queries))
    shots = {frame: shot for frame, shot in whole.shots.items() if shot in relevant}
    return replace(whole, name="ins23k", images=tuple(shots), shots=shots)


def _qrels(folder: Path, year: int) -> Path:
    return folder / f"ins.search.qrels.tv{year % 100}"


def _example_folder(year: int) -> str:
    return f"tv{year % 100}.example.images"


def _judgements(path: Path) -> dict[str, frozenset[str]]:
    """Returns the relevant shots of every judged topic, from lines of topic, 0, shot, relevance."""
    relevant: dict[str, set[str]] = defaultdict(set)
    judged = set()
    for row in read_rows(path, ["topic", "0", "shot", "relevance"]):
        topic, shot, relevance = row.cells["topic"], escape_name(row.cells["shot"]), row.cells["relevance"]
        if not _WHOLE.fullmatch(relevance):
            raise row.wrong(f"relevance {relevance!r} is not a whole number")
        if (topic, shot) in judged:
            raise row.wrong(f"shot {shot} is judged twice for topic {topic}")
        judged.add((topic, shot))
        relevant[topic].update({shot} if int(relevance) > 0 else ())
    return {topic: frozenset(found) for topic, found in relevant.items()}


def _shots(frames: Path) -> dict[str, str]:
    """Returns the shot of every frame, the folder that it is in, and of every clip, which is called as the shot is."""
    shots = {}
    for found in find_images(frames, suffixes=SUFFIXES | VIDEO_SUFFIXES):
        path = PurePosixPath(found.name)
        shot = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.parent.name
        if not shot:
            raise UsageError(f"{displayed(found.path)}: expected in a folder that is called as the shot is")
        shots[found.name] = shot
    return shots


def _examples(folder: Path) -> dict[str, list[tuple[str, Box | None]]]:
    """Returns the examples of every topic in the order of their numbers, and their boxes."""
    examples: dict[str, dict[int, tuple[str, Box | None]]] = defaultdict(dict)
    # In the order of names .bmp comes before .png: if both exist, the one that NIST publishes is read.
    for found in find_images(folder):
        match = _EXAMPLE.fullmatch(found.name)
        if match and int(match["number"]) not in examples[match["topic"]]:
            stem = f"{match['topic']}.{match['number']}.mask"
            examples[match["topic"]][int(match["number"])] = (found.name, _box(folder, stem))
    return {topic: [numbered[number] for number in sorted(numbered)] for topic, numbered in examples.items()}


def _box(folder: Path, stem: str) -> Box | None:
    """Returns the half-open box around the marked pixels; None where there is no mask."""
    for suffix in _MASK_SUFFIXES:
        path = folder / (stem + suffix)
        if not path.exists():
            continue
        marked = decode(path).pixels.max(axis=2) > 0
        rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
        if not len(rows):
            raise UsageError(f"{displayed(path)}: the mask marks nothing")
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    return None


def _layout(year: int) -> str:
    return f"""\
{_qrels(Path(), year)}: topic, 0, shot and relevance a line
{_example_folder(year)}/TOPIC.N.src.bmp and TOPIC.N.mask.bmp, or .png
{_FRAMES}/SHOT/*.jpg: key frames, taken from the videos; or {_FRAMES}/SHOT.mp4: the shots, cut out of them"""


BENCHMARKS = (
    *(
        Benchmark(
            name=f"trecvid-ins{year}",
            title=f"TRECVID instance search {year}, BBC EastEnders",
            images=None,
            queries=queries,
            source=f"TRECVID {year}, www-nlpir.nist.gov/projects/tv{year} (the videos on request)",
            layout=_layout(year),
            confirmed=year == 2013,  # the file names of the other years are inferred from those of 2013
            read=partial(read_trecvid_ins, year=year),
        )
        for year, queries in ((2013, 30), (2014, 27), (2015, 30))
    ),
    Benchmark(
        name="ins23k",
        title="TRECVID instance search 2013, the shots that are relevant for a topic",
        images=None,
        queries=30,
        source="TRECVID 2013, www-nlpir.nist.gov/projects/tv2013 (the videos on request)",
        layout=_layout(2013),
        confirmed=True,
        read=partial(read_ins_subset, year=2013),
    ),
)
