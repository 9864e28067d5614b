"""Writes the kept figures of `blcf.py` into the results page, between two comments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

START, END = "<!-- written by benchmarks/blcf.py -->", "<!-- end of benchmarks/blcf.py -->"
CHAINS = ("", "R as published", "R", "GQE", "R + GQE", "R + LQE")
SALIENCY = {
    "None": "none",
    "gaussian": "Gaussian",
    "l2": "l2",
    "rmac-1": "R-MAC, 1 level",
    "rmac-2": "R-MAC, 2 levels",
    "rmac-3": "R-MAC, 3 levels",
    "rmac-7": "R-MAC, 7 levels",
    "spectral-residual": "spectral residual",
    "itti-koch": "Itti-Koch",
    "boolean-maps": "Boolean maps",
}
CONTEXTS = {"GS": "all", "LS": "in the box", "FS": "fading around the box"}
Kept = Mapping[str, Mapping[str, Mapping[str, Any]]]


def write_section(page: Path, files: Mapping[str, Path]) -> None:
    """Replaces what is between the comments; sets without a file are left out."""
    kept = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.exists()}
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    lines = [
        START,
        "",
        *terms(kept),
        "",
        *looks(kept),
        "",
        *weights(kept),
        "",
        *merged(kept),
        "",
        *places(kept),
        "",
        END,
    ]
    page.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def terms(kept: Kept) -> Iterator[str]:
    yield "mAP x 100, MobileNetV2 at a long side of 336 pixels; photos, distractors and queries are drawn evenly:"
    yield ""
    yield "    python benchmarks/blcf.py PHOTOS [--sets SET --tables TABLE --most N --queries N --size N ...]"
    yield ""
    yield from table(
        ["", "photos searched", "queries", "words"],
        [
            [f"{name}, {table}", *(str(one[key][what]) for what in ("photos", "queries", "words"))]
            for name, one in kept.items()
            for table, key in ((table, f"terms of {table}") for table in ("looks", "weights", "merged"))
            if key in one
        ],
    )


def looks(kept: Kept) -> Iterator[str]:
    yield (
        "Second looks: windows (R; as published, and damped), and expansion by whole photos (GQE) or by windows (LQE), "
        "ten of them; with Qaug the query is seen mirrored and enlarged too:"
    )
    yield ""
    rows = []
    for name, one in kept.items():
        for context, told in CONTEXTS.items() if "looks" in one else ():
            for views in ("plain", "Qaug"):
                found = [one["looks"].get(f"{context}|{views}|{chain}") for chain in CHAINS]
                if found[0] is not None:
                    what = f"{name}, {told}{' + Qaug' if views == 'Qaug' else ''}"
                    rows.append([what, *percent(found)])
    yield from table(["words of the query", "plain", *CHAINS[1:]], rows)


def weights(kept: Kept) -> Iterator[str]:
    yield "Weights of the positions of the photos that are searched, for words and for sum pooling, whitened:"
    yield ""
    columns = [
        (name, what, context)
        for name, one in kept.items()
        for what in ("words", "sum")
        for context in ("GS", "LS")
        if f"{what}|None|{context}" in one.get("weights", {})
    ]
    boxed = {name for name, _, context in columns if context == "LS"}
    head = [f"{name}, {what}{f' {context}' if name in boxed else ''}" for name, what, context in columns]
    rows = [
        [told, *percent([kept[name]["weights"][f"{what}|{key}|{context}"] for name, what, context in columns])]
        for key, told in SALIENCY.items()
    ]
    yield from table(["", *head], rows)


def merged(kept: Kept) -> Iterator[str]:
    yield (
        "Merged lists: SIFT words (tf-idf, the built-in codebook), words of maps with windows and LQE, and both, by "
        "the sum of their scores as in `sift-blcf-merged`, and by reciprocal ranks:"
    )
    yield ""
    keys = ("SIFT", "maps", "merged", "merged by rank")
    rows = [[name, *percent([one["merged"][key] for key in keys])] for name, one in kept.items() if "merged" in one]
    yield from table(["", *keys], rows)


def places(kept: Kept) -> Iterator[str]:
    keys = ("as published", "damped", "damped, moved", "the whole photo")
    rows = [[name, *(f"{one['places'][key]:.2f}" for key in keys)] for name, one in kept.items() if one.get("places")]
    yield "Where references are found in photos with a known box, overlap (IoU) with it, mean of all right photos:"
    yield ""
    yield from table(["", *keys], rows)


def percent(values: Sequence[float | None]) -> list[str]:
    return ["" if value is None else f"{100 * value:.1f}" for value in values]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in rows)
