"""Photos to take away: a table, JSON, or the files themselves in a ZIP archive."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

from resight.errors import ImageError
from resight.images import parse_frame
from resight.server.faults import Refusal
from resight.server.photos import photo_bytes
from resight.server.shelf import Generation

MOST_ZIPPED = 2 << 30
"""Bytes of the files of one archive."""
IN_MEMORY = 8 << 20

_NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?")


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Returns rows as CSV (RFC 4180) in UTF-8 with the mark by which spreadsheets know it.

    Notes: a spreadsheet would compute what begins like a formula, and a photo's file or name may be anybody's: such
    cells begin with an apostrophe. JSON has them as they are.
    """
    text = io.StringIO()
    csv.writer(text).writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def as_json(document: Any) -> bytes:
    """Returns a JSON document."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def table(photos: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Returns a heading and a row a photo; metadata get columns behind the others."""
    plain = [
        key for key in dict.fromkeys(key for photo in photos for key in photo) if key not in ("metadata", "transform")
    ]
    fields = list(dict.fromkeys(field for photo in photos for field in photo.get("metadata", {})))
    rows = [[*plain, *fields]]
    for photo in photos:
        own = [_cell(photo.get(key)) for key in plain]
        rows.append(own + [photo.get("metadata", {}).get(field, "") for field in fields])
    return rows


def archive(generation: Generation, names: Sequence[str], listed: bytes) -> IO[bytes]:
    """Returns a file, at its start, with a ZIP archive of photos as they were indexed, and `photos.csv`.

    Names that would meet where they are unpacked get numbers, and `renamed.csv` tells of all that are not as they were.
    A photo whose file is gone or has changed is left out, and `missing.txt` names it. Raises Refusal.
    """
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
    missing: list[str] = []
    renamed = [["name", "file"]]
    taken: set[str] = set()
    total = 0
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
            packed.writestr("photos.csv", listed)
            for name in dict.fromkeys(names):
                try:
                    data = photo_bytes(generation, name)
                except (Refusal, ImageError):
                    missing.append(name)
                    continue
                total += len(data)
                if total > MOST_ZIPPED:
                    raise Refusal(
                        413,
                        "too-large",
                        f"These photos have more than {MOST_ZIPPED >> 30} GiB together.",
                        "Take fewer at a time, or take the table of their names.",
                    )
                # The name of a frame has no ending that says that it is a picture.
                inside = _free(_inside(name if parse_frame(name) is None else f"{name}.bmp"), taken)
                if inside != name:
                    renamed.append([name, f"photos/{inside}"])
                packed.writestr(f"photos/{inside}", data)
            if len(renamed) > 1:
                packed.writestr("renamed.csv", as_csv(renamed))
            if missing:
                packed.writestr("missing.txt", "\n".join(missing) + "\n")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _inside(name: str) -> str:
    """Returns a name that leads to no other folder, whoever unpacks it."""
    parts = [
        part for part in posixpath.normpath("/" + name.replace("\\", "/")).split("/") if part not in ("", ".", "..")
    ]
    return "/".join(part.replace(":", "_") for part in parts) or "photo"


def _free(inside: str, taken: set[str]) -> str:
    """Takes a name that no other has, also where capitals and composed letters make no difference."""
    stem, ending = posixpath.splitext(inside)
    free, number = inside, 1
    while (key := unicodedata.normalize("NFC", free).casefold()) in taken:
        number += 1
        free = f"{stem}-{number}{ending}"
    taken.add(key)
    return free


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not _NUMBER.fullmatch(cell) else cell


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)
