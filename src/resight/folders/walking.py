"""Walking the folders of photos: which files are images, and what each is called."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from resight.errors import ImageError, UsageError
from resight.filesystems import Mounts, is_in
from resight.folders.patterns import NEVER_PHOTOS, Patterns
from resight.images import FIRST_BYTES, begins_like_an_image, displayed
from resight.images.masks import PhotoMask

SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".hif",
        ".avif",
        ".jxl",
        # Camera raw, by maker.
        ".dng",
        ".cr2",
        ".cr3",
        ".crw",
        ".nef",
        ".nrw",
        ".arw",
        ".srf",
        ".sr2",
        ".orf",
        ".rw2",
        ".rwl",
        ".raf",
        ".pef",
        ".srw",
        ".x3f",
        ".3fr",
        ".fff",
        ".iiq",
        ".mrw",
        ".erf",
        ".dcr",
        ".kdc",
        ".mef",
        ".mos",
    }
)
"""Ends of the names of files that are taken for images, in lower case; capitals count as the same."""

INDEX_SUFFIX = ".resight"
"""End of the names of folders that are indexes; they are never searched for photos."""

# os.fsdecode stands a byte that is not UTF-8 for as one of these lone surrogates.
_RAW_BYTE = "[\udc80-\udcff]"
_ESCAPE = "(?:25|[89A-F][0-9A-F])"
_TO_ESCAPE = re.compile(f"{_RAW_BYTE}|%(?={_ESCAPE})")
_ESCAPED = re.compile(f"%{_ESCAPE}")

_NO_LETTERS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of Unicode that no prefix has: control characters, halves of characters, ends of lines."""

_NEVER_PHOTOS = Patterns(NEVER_PHOTOS)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """An image file. name: path below the root, "/" between parts, escaped; size in bytes; mtime_ns since the epoch.

    mask: what is laid over it, if anything.
    """

    path: Path
    name: str
    size: int
    mtime_ns: int
    mask: PhotoMask | None = None


def find_images(
    root: Path,
    on_error: Callable[[ImageError], None] | None = None,
    *,
    follow_links: bool = True,
    on_outside: Callable[[Path], None] | None = None,
    excluded: Patterns | None = None,
    on_left_out: Callable[[str], None] | None = None,
    suffixes: Collection[str] = SUFFIXES,
) -> Iterator[Found]:
    """Returns the image files below `root` in the order of their names.

    Raises UsageError where `root` is no folder that can be read.

    Links that stay below the root are followed, those that lead out of it only where `follow_links`; each other one
    goes to `on_outside` (without it, to the log). A folder is listed once: a link to a folder that is below the root
    anyway adds nothing, and of several links to the same folder elsewhere the first counts. Left out are hidden files
    and folders, indexes, `NEVER_PHOTOS`, what the patterns `excluded` match, what is no regular file, and the file
    systems on which the system shows processes and devices, whatever leads there.
    The first bytes of a file without an ending tell whether it is an image. `on_left_out` is called with the ending of
    each file that is left out because of its ending, in small letters; with "" for a file without one.
    suffixes: ends of names, in small letters, that count.
    What cannot be read below the root goes to `on_error` (without it, to the log as a warning) and the walk goes on.
    """
    bounds = _Bounds(
        os.path.realpath(root), follow_links, Mounts.now(), on_outside or _warn_of_link, excluded, on_left_out, suffixes
    )
    try:
        if os.stat(root).st_dev in bounds.mounts.of_the_system:
            raise UsageError(f"{displayed(root)}: the system shows its own state here; name a folder of photos")
        entries = _entries(root, "", bounds)
    except FileNotFoundError:
        raise UsageError(f"{displayed(root)}: no such folder") from None
    except NotADirectoryError:
        raise UsageError(f"{displayed(root)}: is a file; give the folder that it is in") from None
    except OSError as error:
        raise UsageError(f"{displayed(root)}: the folder cannot be read: {error.strerror}") from None
    return _walk(root, entries, bounds, on_error or _warn)


def existing_folder(path: str | Path) -> Path:
    """Returns the path of a folder. Raises UsageError where there is none."""
    folder = Path(path)
    if not folder.exists():
        raise UsageError(f"{displayed(folder)}: there is no such folder; name a folder of photos")
    if not folder.is_dir():
        raise UsageError(f"{displayed(folder)}: not a folder; name the folder that the photos are in")
    return folder


def escape_name(name: str) -> str:
    """Returns a file name as text that is valid Unicode, different for different files.

    A byte that is not UTF-8 becomes %80 to %FF. A "%" becomes %25 only before what would otherwise read as such an
    escape ("25", or two capital hexadecimal digits from 80 on), so "100%.jpg" and "a%20b.jpg" stay as they are.
    """
    return _TO_ESCAPE.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", name)


def unescape_name(name: str) -> str:
    """Returns the file name that `escape_name` wrote as `name`, as os.fsdecode gives it."""
    return _ESCAPED.sub(lambda match: "%" if match[0] == "%25" else chr(0xDC00 + int(match[0][1:], 16)), name)


def is_below(name: str) -> bool:
    """Returns whether a name is a path below a folder, with "/" between its parts and no way out of it."""
    parts = PurePosixPath(name).parts
    if "\0" in name or not parts or name != "/".join(parts) or {"..", "."} & {*parts}:
        return False
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # half a character, which JSON can spell and no file name has
        return False
    return True


def check_prefix(prefix: str) -> str:
    """Returns the folder that goes before names as "" or with "/" at its end.

    Raises UsageError where it leads elsewhere.
    """
    folder = prefix.removesuffix("/")
    if not prefix:
        return ""
    printable = not any(unicodedata.category(letter) in _NO_LETTERS for letter in folder)
    if not printable or not is_below(folder):
        raise UsageError(
            f"{prefix!r}: a prefix of names is one or more names of folders, such as holidays or archive/2019; it has "
            'no "..", no empty part and no control character, and does not begin with "/"'
        )
    return folder + "/"


@dataclass(frozen=True)
class _Bounds:
    """The places that a walk may enter."""

    real_root: str
    follow_links: bool
    mounts: Mounts
    on_outside: Callable[[Path], None]
    excluded: Patterns | None
    on_left_out: Callable[[str], None] | None
    suffixes: Collection[str]

    def leaves_out(self, name: str, is_folder: bool) -> bool:
        """Returns whether the file or folder of a name is left out because of what it is called."""
        if is_folder and (name.lower().endswith(INDEX_SUFFIX) or _NEVER_PHOTOS.match(name, is_folder)):
            return True
        return self.excluded is not None and self.excluded.match(name, is_folder)

    def tell_left_out(self, ending: str) -> None:
        """Tells that a file was left out because of its ending."""
        if self.on_left_out is not None:
            self.on_left_out(ending)

    def stops(self, link: Path) -> bool:
        """Returns whether a link must not be followed; notes it where it could lead to photos."""
        if self.follow_links:
            return False
        try:
            written = os.path.normpath(os.path.join(os.path.realpath(link.parent), os.readlink(link)))
        except OSError:
            return False  # such as a link that is gone meanwhile: it is reported where it is read
        is_remote = not is_in(written, self.real_root) and self.mounts.is_remote(written)
        if not is_remote and is_in(os.path.realpath(link), self.real_root):
            return False
        if is_remote or _ending(link.name) in self.suffixes or link.is_dir():
            self.on_outside(link)
        return True


def _ending(name: str) -> str:
    """Returns the end of a file's name from its last dot on, in small letters.

    "" where there is none, or nothing after it.
    """
    ending = os.path.splitext(name)[1].lower()
    return "" if ending == "." else ending


def _has_image(path: Path) -> bool:
    """Returns whether the first bytes of a file are those of an image. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return begins_like_an_image(file.read(FIRST_BYTES))


@dataclass(frozen=True)
class _Entry:
    name: str
    path: Path
    entry: os.DirEntry[str]
    is_folder: bool


def _entries(folder: Path, prefix: str, bounds: _Bounds) -> list[_Entry]:
    """Returns the entries of one folder that may count, in the order of their full names."""
    listed = []
    with os.scandir(folder) as scan:
        for entry in scan:
            if entry.name.startswith(".") or (entry.is_symlink() and bounds.stops(folder / entry.name)):
                continue
            is_folder, name = _is_folder(entry), prefix + escape_name(entry.name)
            if bounds.leaves_out(name, is_folder):
                continue
            ending = "" if is_folder else _ending(entry.name)
            if ending and ending not in bounds.suffixes:
                if _is_file(entry):
                    bounds.tell_left_out(ending)
                continue
            listed.append(_Entry(name, folder / entry.name, entry, is_folder))
    # "/" takes part in the comparison: "a.jpg" comes before what is in "a".
    return sorted(listed, key=lambda one: one.name + "/" if one.is_folder else one.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # such as a link to itself; as a file it is reported by name


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _walk(
    root: Path, entries: list[_Entry], bounds: _Bounds, on_error: Callable[[ImageError], None]
) -> Iterator[Found]:
    of_the_system = bounds.mounts.of_the_system
    status = os.stat(root)
    listed = {(status.st_dev, status.st_ino)}
    waiting = entries[::-1]  # a stack instead of recursion: folders nest deeper than Python calls
    while waiting:
        one = waiting.pop()
        try:
            if one.is_folder:
                if one.entry.is_symlink() and _is_walked(os.path.realpath(one.path), bounds):
                    continue
                status = os.stat(one.path)
                identity = (status.st_dev, status.st_ino)
                if identity not in listed and status.st_dev not in of_the_system:
                    listed.add(identity)
                    waiting += _entries(one.path, one.name + "/", bounds)[::-1]
            elif one.entry.is_file():
                status = one.entry.stat()
                if status.st_dev in of_the_system:
                    continue
                if not _ending(one.entry.name) and not _has_image(one.path):
                    bounds.tell_left_out("")
                else:
                    yield Found(one.path, one.name, status.st_size, status.st_mtime_ns)
            elif one.entry.is_symlink() and not one.path.exists():
                on_error(ImageError(displayed(one.path), "is a link to nothing"))
        except OSError as error:
            on_error(ImageError(displayed(one.path), f"cannot be read: {error.strerror}"))


def _is_walked(target: str, bounds: _Bounds) -> bool:
    """Returns whether the walk comes to the folder `target` by its own name."""
    if not is_in(target, bounds.real_root):
        return False
    below = os.path.relpath(target, bounds.real_root)
    if below == ".":
        return True
    parts = [escape_name(part) for part in below.split(os.sep)]
    return not any(
        part.startswith(".") or bounds.leaves_out("/".join(parts[:end]), is_folder=True)
        for end, part in enumerate(parts, start=1)
    )


def _warn_of_link(link: Path) -> None:
    _log.warning("%s: a link that leads out of the folder was left out", displayed(link))


def _warn(error: ImageError) -> None:
    _log.warning("%s", error)
