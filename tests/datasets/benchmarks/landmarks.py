"""Miniatures of Oxford5k and Paris6k in each of their layouts."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image


def write_query(
    folder: Path, name: str, query: str, *, good: Sequence[str], ok: Sequence[str], junk: Sequence[str]
) -> None:
    """The four text files of one query."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_query.txt").write_text(query)
    for label, names in (("good", good), ("ok", ok), ("junk", junk)):
        (folder / f"{name}_{label}.txt").write_text("".join(f"{one}\n" for one in names))


def write_photos(root: Path, names: Sequence[str], size: tuple[int, int] = (40, 30)) -> None:
    """Photos of one colour."""
    for name in names:
        path = root / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, "gray").save(path)


def write_indices(
    folder: Path, name: str, images: Sequence[str], queries: Sequence[tuple[str, Sequence[float], dict[str, Any]]]
) -> None:
    """gnd_NAME.pkl and gnd_NAME.json, where each query is photo, box and names by label."""
    places = {image: place for place, image in enumerate(images)}
    rows = [
        {"bbx": [*box], **{label: [places[one] for one in names] for label, names in labels.items()}}
        for _, box, labels in queries
    ]
    document = {"imlist": [*images], "qimlist": [query for query, _, _ in queries], "gnd": rows}
    (folder / f"gnd_{name}.json").write_text(json.dumps(document))
    (folder / f"gnd_{name}.pkl").write_bytes(pickle.dumps(document, 2))
