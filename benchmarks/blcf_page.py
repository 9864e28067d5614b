"""Writes the kept figures of `blcf.py` into the results page, between two comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pages import replace_section, table

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


def write_section(page: Path, document: Mapping[str, Any]) -> None:
    """Writes the figures of every set into a page; `document` is that of `blcf.py`."""
    kept: Kept = document["sets"]
    lines = [
        *terms(kept, document),
        "",
        *looks(kept),
        "",
        *weights(kept),
        "",
        *merged(kept),
        "",
        *places(kept),
    ]
    replace_section(page, "benchmarks/blcf.py", lines)


def terms(kept: Kept, document: Mapping[str, Any]) -> Iterator[str]:
    yield "mAP x 100, MobileNetV2 at a long side of 336 pixels; photos, distractors and queries are drawn evenly, by"
    yield f"one command at commit {document['commit']} (`benchmarks/results/blcf.json`):"
    yield ""
    yield f"    python benchmarks/blcf.py {' '.join(document['arguments'])}"
    yield ""
    columns = ("photos searched", "queries", "words")
    yield from table(
        ["", *columns], [[name, *(str(one["terms"][each]) for each in columns)] for name, one in kept.items()]
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
        if all(f"{what}|{key}|{context}" in kept[name]["weights"] for name, what, context in columns)
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
