"""Reads JSON, and names in it, so that whatever is wrong is told instead of let through."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

from resight.errors import UsageError


def read_json(path: Path) -> object:
    """A JSON document. Raises UsageError where it cannot be read, is no JSON, or has NaN or Infinity in it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error})") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def is_below(name: str) -> bool:
    """Whether a name is the path of a file below a folder, with "/" between its parts and no way out of the folder."""
    parts = PurePosixPath(name).parts
    if "\0" in name or not parts or name != "/".join(parts) or {"..", "."} & {*parts}:
        return False
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # half a character, which JSON can spell and no file name has
        return False
    return True


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")
