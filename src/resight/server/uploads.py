"""Photos that clients send: counted, measured by their headers, and never written to a place of a client's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from starlette.datastructures import UploadFile

from resight.errors import ImageError
from resight.images.headers import stored_size
from resight.server.faults import Refusal
from resight.server.settings import Settings

Refused = dict[str, str]
"""A file that is not taken: its `name`, as it was given, and the `reason`."""


@dataclass(frozen=True)
class Sent:
    """A photo that was sent: the name that the client gave it, and its file, which lies on the disk if it is large."""

    name: str
    file: IO[bytes]

    def read(self) -> bytes:
        """Returns its bytes."""
        self.file.seek(0)
        return self.file.read()

    def close(self) -> None:
        """Lets go of the file."""
        self.file.close()


def sent_files(files: Sequence[UploadFile], settings: Settings) -> list[Sent]:
    """Returns the files of a request, of which nothing is read yet. Raises Refusal for too many."""
    if len(files) > settings.files:
        raise Refusal(
            413, "too-large", f"The request has {len(files)} photos.", f"Send up to {settings.files} at a time."
        )
    return [Sent(file.filename or "photo", file.file) for file in files]


def read_uploads(files: Sequence[Sent], settings: Settings) -> list[bytes]:
    """Returns the bytes of photos to ask with. Raises ImageError for one that is empty or has too many pixels."""
    found = [file.read() for file in files]
    for number, data in enumerate(found):
        check_upload(data, f"photo {number + 1}", settings)
    return found


def sorted_uploads(files: Sequence[Sent], settings: Settings) -> tuple[list[Sent], list[Refused]]:
    """Returns the files that are taken, and those that are not. One at a time is read, and none is kept in memory.

    Raises Refusal where none is taken.
    """
    taken: list[Sent] = []
    refused: list[Refused] = []
    for file in files:
        try:
            check_upload(file.read(), file.name, settings)
        except ImageError as error:
            refused.append({"name": file.name, "reason": error.reason})
        else:
            taken.append(file)
    if not taken:
        told = "; ".join(f"{one['name']}: {one['reason']}" for one in refused)
        raise Refusal(422, "image", f"No photo can be taken: {told}.", "Take other files, or save them anew.")
    return taken, refused


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
