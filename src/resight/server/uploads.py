"""Photos that clients send: counted, measured by their headers, and never written to a place of a client's choice."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import UploadFile

from resight.errors import ImageError
from resight.images.headers import stored_size
from resight.server.faults import Refusal
from resight.server.settings import Settings

Refused = dict[str, str]
"""A file that is not taken: its `name`, as it was given, and the `reason`."""


async def read_uploads(files: Sequence[UploadFile], settings: Settings) -> list[bytes]:
    """Returns the bytes of all files of a request. Raises Refusal, and ImageError for one that has too many pixels."""
    _check_count(files, settings)
    found = [await file.read() for file in files]
    for number, data in enumerate(found):
        check_upload(data, f"photo {number + 1}", settings)
    return found


async def sorted_uploads(
    files: Sequence[UploadFile], settings: Settings
) -> tuple[list[tuple[str, bytes]], list[Refused]]:
    """Returns names, as clients gave them, and bytes of the files that are taken, and those that are not.

    Raises Refusal where there are too many files, or none that is taken.
    """
    _check_count(files, settings)
    taken: list[tuple[str, bytes]] = []
    refused: list[Refused] = []
    for file in files:
        name, data = file.filename or "photo", await file.read()
        try:
            check_upload(data, name, settings)
        except ImageError as error:
            refused.append({"name": name, "reason": error.reason})
        else:
            taken.append((name, data))
    if not taken:
        told = "; ".join(f"{one['name']}: {one['reason']}" for one in refused)
        raise Refusal(422, "image", f"No photo can be taken: {told}.", "Take other files, or save them anew.")
    return taken, refused


def _check_count(files: Sequence[UploadFile], settings: Settings) -> None:
    """Raises Refusal for too many files."""
    if len(files) > settings.files:
        raise Refusal(
            413, "too-large", f"The request has {len(files)} photos.", f"Send up to {settings.files} at a time."
        )


def check_upload(data: bytes, title: str, settings: Settings) -> None:
    """Raises ImageError for bytes that are none or those of an image with more pixels than are taken."""
    if not data:
        raise ImageError(title, "the file is empty")
    size = stored_size(data)
    if size is not None and size[0] * size[1] > settings.upload_pixels:
        raise ImageError(
            title,
            f"it has {size[0] * size[1] / 1e6:.0f} megapixels, and up to {settings.upload_pixels // 10**6} are taken",
        )
