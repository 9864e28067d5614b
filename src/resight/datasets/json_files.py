"""Reads JSON files strictly: every fault is reported."""

from __future__ import annotations

import json
from pathlib import Path

from resight.errors import UsageError


def read_json(path: Path) -> object:
    """Reads a JSON document.

    Raises UsageError where it cannot be read, is not JSON, or has NaN, Infinity or a repeated key.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_object)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error})") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {json.dumps(next(key for key in keys if keys.count(key) > 1))} stands twice")
    return members


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")
