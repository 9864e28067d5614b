"""Words that the files of all photos hold, read once and kept by the content of the files."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from resight.errors import ImageError
from resight.files import write_whole
from resight.images.embedded import embedded_fields
from resight.progress import Progress
from resight.server.faults import Refusal
from resight.server.photos import photo_bytes
from resight.server.shelf import ServedIndex

BATCH = 500
"""Photos that become known at a time."""

_log = logging.getLogger(__name__)


def read_embedded(served: ServedIndex, folder: Path, progress: Progress) -> dict[str, Any]:
    """Lets the metadata of an index learn what its files hold, and keeps it below `folder` for the next time."""
    now = served.now
    snapshot = now.collection.snapshot
    hashes = snapshot.images.hashes
    path = folder / f"{hashlib.blake2b(str(served.path.resolve()).encode(), digest_size=16).hexdigest()}.json"
    known = _kept(path)
    found: dict[str, dict[str, str]] = {}
    names = now.listing.names
    for start in range(0, len(names), BATCH):
        batch: list[tuple[str, dict[str, str]]] = []
        for name in names[start : start + BATCH]:
            key = hashes[now.listing.place(name)]
            fields = known.get(key)
            if fields is None:
                try:
                    fields = embedded_fields(photo_bytes(now, name))
                except (Refusal, ImageError):
                    continue
            found[key] = fields
            batch.append((name, fields))
        served.metadata.learn(batch)
        progress(min(start + BATCH, len(names)), len(names))
    if found != known:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(found).encode())
        except OSError as error:
            _log.warning("what photos hold in words is not kept, %s cannot be written: %s", path, error.strerror)
    return {"photos": len(found), "with_fields": sum(bool(fields) for fields in found.values())}


def _kept(path: Path) -> dict[str, dict[str, str]]:
    with suppress(OSError, ValueError):
        read = json.loads(path.read_bytes())
        if isinstance(read, dict):
            return read
    return {}
