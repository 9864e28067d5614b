"""Changes that clients make: photos that are sent, removed, or read anew from their folders."""

from __future__ import annotations

import os
import re
import shlex
import time
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from resight.errors import ImageError, IndexLockedError, IndexMissingError, ResightError, StorageError
from resight.files import write_whole
from resight.folders.patterns import Patterns
from resight.images import content_hash, decode_whole, displayed, file_of_name
from resight.index import AddReport, Index
from resight.index.roots import list_root, root_of, root_path
from resight.server.faults import not_found
from resight.server.jobs import Report
from resight.server.large import in_turn
from resight.server.shelf import ServedIndex
from resight.server.uploads import Refused, Sent

PREFIX = "uploads/"
"""Before the names of photos that were sent."""
LONGEST = 120
"""Letters of the name of a file that was sent, without its ending."""
LOCK_SECONDS = 30.0
"""Seconds that a change waits for another process that is writing to the index."""
LOCK_PAUSE = 0.2

_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%\[\]]+')
_Done = TypeVar("_Done")
_ENDING = re.compile(r"^\.[a-z0-9]{1,5}$")


def uploads_folder(served: ServedIndex) -> Path:
    """Returns the folder of the photos that are sent, which is beside the index."""
    path = served.path.resolve()
    return path.with_name(f"{path.stem}.uploads")


def add_photos(
    served: ServedIndex, photos: Sequence[Sent], refused: Sequence[Refused], report: Report
) -> dict[str, Any]:
    """Writes photos into the folder of uploads and indexes them; their files are closed at the end.

    What cannot be decoded whole is not written, and told with what was refused before. Where it fails, no file stays
    that is not in the index. Raises StorageError and what `Index.add` raises.
    """
    folder = uploads_folder(served)
    told = list(refused)
    known = served.now.collection.snapshot.images.by_name
    kept: dict[str, str] = {}
    own: list[str] = []
    made = False
    report.say(f"{counted(len(photos) + len(told))} arrived")
    for one in refused:
        report.say(_refusal(one))
    try:
        try:
            Index.open(served.path)  # Nothing is written for an index that is gone.
            made = not folder.is_dir()
            folder.mkdir(exist_ok=True)
            for photo in photos:
                data = photo.read()
                if reason := _fault(photo.name, data):
                    told.append({"name": photo.name, "reason": reason})
                    report.say(_refusal(told[-1]))
                    continue
                name, new = _written(folder, photo.name, data)
                kept[name] = photo.name
                own += [name] * new
        except OSError as error:
            raise StorageError(f"{folder}: photos cannot be written there ({error.strerror})") from error
        done = AddReport()
        if kept:
            report.say(f"Indexing {counted(len(kept))}")
            done = patiently(
                lambda: Index.open(served.path).add(
                    folder, prefix=PREFIX, only=kept, again=True, progress=report, say=report.say
                ),
                report,
            )
        # What could be decoded here and not there, for want of memory, say.
        if failed := dict(done.unreadable):
            told += [{"name": kept.pop(name.removeprefix(PREFIX)), "reason": failed[name]} for name in failed]
            for one in told[-len(failed) :]:
                report.say(_refusal(one))
            patiently(lambda: Index.open(served.path).remove(list(failed)), report)
            _take_back(served, folder, own)
    except BaseException:
        _take_back(served, folder, own)
        raise
    finally:
        for photo in photos:
            photo.close()
        if made:
            with suppress(OSError):  # It has photos.
                folder.rmdir()
    _refresh(served, report)
    names = [PREFIX + name for name in kept]
    return {
        **told_report(done),
        "names": names,
        "new": [name for name in names if known.get(name) is None],
        "refused": told,
    }


def remove_photos(served: ServedIndex, names: Sequence[str], report: Report) -> dict[str, Any]:
    """Removes photos from the index by exactly their names; files stay where they are. Raises Refusal."""
    for name in names:
        served.now.listing.place(name)
    report.say(f"Removing {counted(len(set(names)))} from the index; the files stay")
    removed = patiently(lambda: Index.open(served.path).remove(sorted(set(names))), report)
    _refresh(served, report)
    return {"removed": removed}


def check_removed(served: ServedIndex, names: Sequence[str]) -> None:
    """Raises Refusal unless all these names are those of photos that were removed."""
    gone = {name for _, name in served.now.collection.snapshot.choices.removed}
    if not gone.issuperset(names):
        raise not_found("No photo of this name was removed from the index.", "Take a name that was removed before.")


def restore_photos(served: ServedIndex, names: Sequence[str], report: Report) -> dict[str, Any]:
    """Takes photos that were removed back into the index, by exactly their names. Raises Refusal."""
    check_removed(served, names)
    snapshot, wanted = served.now.collection.snapshot, set(names)
    report.say(f"Restoring {counted(len(wanted))}")
    done = AddReport()
    # Not by `add` with `again`, which takes all removed frames of a video together.
    patiently(lambda: Index.open(served.path).restore(sorted(wanted)), report)
    for number, root in snapshot.roots.items():
        own = wanted.intersection(snapshot.choices.removed_of(number))
        files = sorted({file_of_name(name).removeprefix(root.prefix) for name in own})
        if files:
            done += patiently(partial(_read, served, root_path(root), root.prefix, files, report), report)
    tell_unreadable(done, report)
    _refresh(served, report)
    return told_report(done)


def _read(served: ServedIndex, folder: Path, prefix: str, files: Sequence[str], report: Report) -> AddReport:
    return Index.open(served.path).add(folder, prefix=prefix, only=files, progress=report, say=report.say)


def update(served: ServedIndex, report: Report) -> dict[str, Any]:
    """Makes the index equal to its folders again."""
    report.say("Comparing the index with its folders")
    done = patiently(lambda: Index.open(served.path).update(progress=report, say=report.say), report)
    tell_unreadable(done, report)
    _refresh(served, report)
    return told_report(done)


def left_line(served: ServedIndex) -> str:
    """Returns a line about files of the folder of uploads that a service which was killed has not indexed, or ""."""
    snapshot, folder = served.now.collection.snapshot, uploads_folder(served)
    if not folder.is_dir():
        return ""
    number, root = root_of(snapshot, folder, PREFIX, None)
    try:
        listing = list_root(root, Patterns(snapshot.choices.excluded), snapshot.choices.removed_of(number))
    except ResightError:
        return ""
    left = sum(snapshot.images.by_name.get(one.name) is None for one in listing.found)
    known = number in snapshot.roots
    index, uploads = shlex.quote(displayed(served.path)), shlex.quote(displayed(folder))
    command = f"resight update {index}" if known else f"resight add {index} {uploads} --as {PREFIX.rstrip('/')}"
    return f"{displayed(folder)}: files that are not in the index: {left}; `{command}` adds them" if left else ""


def patiently(work: Callable[[], _Done], report: Report) -> _Done:
    """Does what needs the lock of an index, which another process may hold. Raises what it raises."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return work()
        except IndexLockedError:
            if time.monotonic() >= end:
                raise
        report(0, 0)  # It ends the waiting where the service is stopped.
        time.sleep(LOCK_PAUSE)


def _fault(given: str, data: bytes) -> str:
    """Returns why a photo is not taken, or "": one that was cut on its way can be sent again."""
    try:
        with in_turn([data]):
            return decode_whole(data, given).remark
    except ImageError as error:
        return error.reason


def _take_back(served: ServedIndex, folder: Path, names: Sequence[str]) -> None:
    """Removes files that were written for an addition that failed, but for those that are in the index.

    All stay where it cannot be told which these are; a line at the next start counts those that are not.
    """
    try:
        known = Index.open(served.path, read_only=True).collection.snapshot.images.by_name
    except IndexMissingError:
        known = None
    except ResightError:
        return
    for name in names:
        if known is None or known.get(PREFIX + name) is None:
            with suppress(OSError):
                (folder / name).unlink()


def file_name(given: str) -> str:
    """Returns a name of a file that is one part, has no letters that systems or patterns read, and is not hidden."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    stem, ending = os.path.splitext(last)
    stem = "".join(letter for letter in _UNFIT.sub("_", stem) if letter.isprintable()).strip(" .")
    ending = ending.lower() if _ENDING.match(ending.lower()) else ""
    return (stem[:LONGEST].rstrip(" .") or "photo") + ending


def _written(folder: Path, given: str, data: bytes) -> tuple[str, bool]:
    """Writes a photo under a free name, unless the very same is there; returns the name, and whether it is new."""
    stem, ending = os.path.splitext(file_name(given))
    # The longest of these names has 120 letters of up to 4 bytes, which is more than a file system takes.
    while len(os.fsencode(stem)) > 2 * LONGEST:
        stem = stem[:-1]
    key, number = content_hash(data), 1
    while True:
        name = f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}"
        path = folder / name
        if not os.path.lexists(path):
            write_whole(path, data)
            return name, True
        if path.is_file() and not path.is_symlink() and content_hash(path.read_bytes()) == key:
            return name, False
        number += 1


def _refresh(served: ServedIndex, report: Report) -> None:
    """Opens what was written, and tells from when on searches see it."""
    served.refresh()
    report.say(f"Searches see it: generation {served.now.number}, {counted(len(served.now.listing))}")


def counted(count: int) -> str:
    """Returns a number of photos in words."""
    return f"{count:,} photo{'' if count == 1 else 's'}"


def _refusal(refused: Refused) -> str:
    return f"{refused['name']} is not taken: {refused['reason']}"


def tell_unreadable(done: AddReport, report: Report) -> None:
    """Tells which photos could not be read, and why."""
    for name, reason in done.unreadable:
        report.say(_refusal({"name": name, "reason": reason}))


def told_report(done: AddReport) -> dict[str, Any]:
    """Returns what a change did, for JSON."""
    return {
        "added": done.added,
        "changed": done.changed,
        "removed": done.removed,
        "unreadable": len(done.unreadable),
    }
