"""What the index knows of one image, and of one folder of images."""

from __future__ import annotations

from typing import NamedTuple

from resight.errors import UsageError

INDEXED = "indexed"
UNREADABLE = "unreadable"
"""The bytes of the file are no image that can be read."""
UNREACHED = "unreached"
"""The bytes could not be read or handled (permission, a fault of the disk, no memory), which may pass."""

VIDEO = "video"
"""The file is a video, whose frames are images of their own; this row says that all of them are there."""

STATES = (INDEXED, UNREADABLE, UNREACHED, VIDEO)


class Root(NamedTuple):
    """A folder that images were taken from, and the prefix that its image names begin with.

    path: where it was seen last. beside: the same from the folder that holds the index, empty where it is elsewhere.
    follow_links: whether links that lead out of the folder are followed.
    """

    path: str
    prefix: str
    beside: str = ""
    follow_links: bool = False


class Image(NamedTuple):
    """One image as it is handed to the store.

    root: number of its root. name: the user-visible key, unique in the index. size: bytes of the file.
    mtime_ns: nanoseconds since the epoch. hash: of the file's content, as text. width, height: pixels of the upright
    original, 0 where unreadable. state: one of `STATES`. reason: one line, why it is unreadable, or what is to be said
    of what was read, mostly nothing; of a video, what was seen of it. tried_by: the versions that could not read it, or
    not the whole of it; empty where it was read whole.
    mask: what identifies the mask that was laid over it, empty where there was none.
    """

    root: int
    name: str
    size: int
    mtime_ns: int
    hash: str
    width: int
    height: int
    state: str = INDEXED
    reason: str = ""
    tried_by: str = ""
    mask: str = ""


class RemovedImage(NamedTuple):
    """An image that is no longer in the index, while a segment still has its evidence.

    hash: of the file's content; width, height: pixels; reason: what is to be said of it, mostly nothing; tried_by: as
    of an `Image`.
    """

    hash: str
    segment: int
    row: int
    width: int
    height: int
    reason: str
    tried_by: str


def checked(image: Image) -> Image:
    """The image with plain Python values. Raises UsageError where a value cannot be stored."""
    if image.state not in STATES or not image.name:
        raise UsageError(f"{image.name!r}: an image needs a name and a state: {', '.join(STATES)}")
    for text in (image.name, image.hash, image.reason, image.tried_by, image.mask):
        check_text(text)
    return image._replace(
        root=int(image.root),
        size=int(image.size),
        mtime_ns=int(image.mtime_ns),
        width=int(image.width),
        height=int(image.height),
    )


def checked_root(root: Root) -> Root:
    """The root, if it can be stored. Raises UsageError."""
    for text in (root.path, root.prefix, root.beside):
        check_text(text)
    return root._replace(follow_links=bool(root.follow_links))


def check_text(text: str) -> None:
    """Raises UsageError for a text that cannot be stored."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{text!r} is not Unicode text: escape its bytes with %XX") from None
