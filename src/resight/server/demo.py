"""The index of `resight serve --demo`: rendered and indexed once, kept, and served as a copy that may be changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resight.errors import ResightError, StorageError, UsageError
from resight.index import Index
from resight.index.roots import root_path
from resight.progress import Progress, Say
from resight.recipe.reading import DEFAULT, recipe_text
from resight.versions import __version__
from resight.worlds.world import World, render_world, save_world

INDEX = "demo.resight"


def demo_index(
    cache: Path, copy: Path, say: Say, progress: Progress, render: Callable[[], World] | None = None
) -> Path:
    """Returns a copy, in the folder `copy`, of the index of a rendered world that is kept in `cache`.

    It is made where none is kept by this version and recipe, or what is kept cannot be opened; where the cache cannot
    be written, everything is made in `copy`. render: makes the world. Raises StorageError.
    """
    kept = cache / hashlib.blake2b(f"{__version__}\n{recipe_text(DEFAULT)}".encode(), digest_size=8).hexdigest()
    if not _opens(kept / INDEX):
        say("rendering a world of photos, which takes a minute and is done once")
        world = (render or _world)()
        try:
            _make(world, kept, say, progress)
        except StorageError as error:
            say(f"{error}: the next start takes as long")
            _make(world, copy, say, progress)
            return copy / INDEX
    with _disk(copy):
        return Path(shutil.copytree(kept / INDEX, copy / INDEX))


def _world() -> World:
    return render_world(0, objects=8, look_alikes=3, distractors=24)


def _opens(path: Path) -> bool:
    """Returns whether an index is there whose photos are there too."""
    try:
        snapshot = Index.open(path, read_only=True).collection.snapshot
        return len(snapshot.images) > 0 and all(root_path(root).is_dir() for root in snapshot.roots.values())
    except ResightError:
        return False


def _make(world: World, folder: Path, say: Say, progress: Progress) -> None:
    """Writes photos and index into a folder; of several processes that do so, the first one counts."""
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "world").is_dir():
        with suppress(UsageError):  # Another process has written it meanwhile.
            save_world(world, folder / "world")
    with _disk(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".index-") as staging:
        index = Index.create(Path(staging) / INDEX, progress=say)
        index.add(folder / "world" / "images", progress=progress)
        if _opens(folder / INDEX):
            return
        shutil.rmtree(folder / INDEX, ignore_errors=True)
        os.replace(Path(staging) / INDEX, folder / INDEX)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """A block that writes into a folder. Raises StorageError where the disk refuses."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}; make room there") from error
