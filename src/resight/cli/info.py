"""The contents of an index, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resight.cli.index import IndexPath, Json
from resight.cli.output import print_fields, print_json, readable
from resight.cli.reports import NAMES_SHOWN


def info(path: IndexPath, as_json: Json = False) -> None:
    """Show what an index holds and how it was made."""
    from resight.index.index import Index

    fields = Index.open(path).info().to_dict()
    if as_json:
        print_json({"index": readable(path), **fields})
    else:
        print_fields([row for key, value in fields.items() for row in _rows(key.replace("_", " "), value)])


def _rows(label: str, value: Any) -> list[tuple[str, object]]:
    """Returns a field as it is printed: a line for each folder, and no more decimals than say something."""
    if label in ("without evidence", "remarks"):
        return [(label, _listed(value))]
    if label == "excluded":
        return [(label, pattern) for pattern in value]
    if label == "stale":
        return [(label, f"{count} photos in {name}: run `resight compact`") for name, count in value.items()]
    if label == "fitted":
        return [(f"made with, {name}", fitted_text(**one)) for name, one in value.items() if one["size"]]
    if label == "search":
        return [
            (f"search of {name}", (_engine_text if "address" in facts else _search_text)(**facts))
            for name, facts in value.items()
        ]
    if label == "bytes by part":
        return [(f"  {name}", size) for name, size in value.items()]
    if label == "masks":
        return [("mask", f"{one['mask']} of {one['path']}") for one in value]
    if isinstance(value, list):
        return [("folder", _folder_text(root)) for root in value]
    if isinstance(value, dict):
        # One channel holds what the whole index does, which is printed above.
        return [(f"  {name}", _counted(**counts)) for name, counts in value.items()] if len(value) > 1 else []
    if isinstance(value, float):
        return [(label, f"{value:.1f}")]
    return [(label, "-" if value is None else value)]


def _counted(features: int, words: int) -> str:
    """Returns the numbers of features and words of one channel as text."""
    return f"{features} features" + (f", {words} words" if words else "")


def fitted_text(what: str, size: int, asked: int | None) -> str:
    """Returns how much a channel was made with as text."""
    less = asked is not None and size < asked
    return f"{size:,} {what}" + (f", not the {asked:,} of its recipe: too few photos to fit on" if less else "")


def _search_text(kind: str, images: int, added: int, removed: int, recall: float, probes: int, candidates: int) -> str:
    """Returns how a channel is searched as text."""
    since = f", {added} added and {removed} removed since" if added or removed else ""
    return (
        f"{kind} of {images} photos{since}: {recall:.3f} of the 10 nearest found, by {probes} probes and {candidates} "
        "candidates"
    )


def _engine_text(kind: str, address: str, images: int, added: int, removed: int) -> str:
    """Returns which engine searches a channel as text."""
    waiting = f"; {added} to be loaded, {removed} to be deleted" if added or removed else ""
    return f"{address}, {images} photos loaded{waiting}"


def _listed(found: Sequence[str | dict[str, str]]) -> str:
    """Returns the number of entries and the first of them as text."""
    texts = [one if isinstance(one, str) else f"{one['name']}: {one['remark']}" for one in found[:NAMES_SHOWN]]
    more = f" and {len(found) - NAMES_SHOWN} more" if len(found) > NAMES_SHOWN else ""
    return f"{len(found)} ({'; '.join(texts)}{more})" if found else "0"


def _folder_text(root: dict[str, Any]) -> str:
    prefix = f" as {root['prefix']}" if root["prefix"] else ""
    return str(root["path"]) + prefix + (" with the links that lead out of it" if root["follow_links"] else "")
