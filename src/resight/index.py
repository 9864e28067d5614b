"""An index of photos: it composes store, channels, reader and writer, and holds no algorithm."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from resight import writer
from resight.errors import FitError, UsageError
from resight.folders import Found
from resight.images import Box
from resight.recipe import DEFAULT, Recipe, parse_recipe, recipe_text
from resight.store import Problem, Store, repair, verify
from resight.writer import AddReport, Progress

if TYPE_CHECKING:
    from resight.channels.channel import Channel
    from resight.reader import Reader
    from resight.search.ranking import Verification

__all__ = ["AddReport", "Hit", "Index", "IndexInfo", "Result", "VerifyReport"]

FITTED = "fitted.npz"
"""Name of a channel's fitted arrays."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Hit:
    """One image of a ranking. inliers, transform (3 x 3, query pixels to image pixels) and box (where the query was
    found, original pixels) are None where nothing was verified; `verification` has the matched points."""

    name: str
    score: float
    inliers: int | None = None
    transform: list[list[float]] | None = None
    box: Box | None = None
    verification: Verification | None = None


@dataclass(frozen=True)
class Result:
    """The answer to one query, best first. size: (width, height) of the query photo; seconds: of the search alone."""

    query: str
    box: Box | None
    hits: list[Hit]
    seconds: float
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class IndexInfo:
    """What an index holds. bytes: of the whole directory; features and words: of all images together."""

    recipe: str
    generation: int
    images: int
    unreadable: int
    roots: list[dict[str, str]]
    segments: int
    features: int
    words: int
    bytes: int
    created_by: str

    @property
    def bytes_per_image(self) -> float | None:
        """Of the whole directory, or None for an empty index."""
        return self.bytes / self.images if self.images else None

    @property
    def words_per_image(self) -> float | None:
        """Distinct words, or None for an empty index."""
        return self.words / self.images if self.images else None

    @property
    def bytes_per_feature(self) -> float | None:
        """Of the whole directory, or None where there are no features."""
        return self.bytes / self.features if self.features else None

    def to_dict(self) -> dict[str, Any]:
        """Fields and derived figures, for JSON."""
        derived = ("bytes_per_image", "words_per_image", "bytes_per_feature")
        return {**asdict(self), **{name: getattr(self, name) for name in derived}}


@dataclass(frozen=True)
class VerifyReport:
    """What is wrong now, and what was mended, a line each."""

    problems: list[str]
    repaired: list[str]


class Index:
    """An index on disk. One process may write at a time, any number may read.

    A reader keeps the generation that it opened until `refresh`; changes made through the same object are seen at once.
    """

    def __init__(self, store: Store, recipe: Recipe) -> None:
        self._store = store
        self.recipe = recipe
        self._reader: Reader | None = None

    @classmethod
    def create(
        cls,
        path: str | Path,
        recipe: str | Path = DEFAULT,
        *,
        fit: str | Path | None = None,
        progress: Say | None = None,
    ) -> Index:
        """Makes an empty index; opens the one at `path` where it has the same recipe, to go on with it.

        recipe: the name of a shipped one, or a TOML file. fit: a folder of photos on which everything that the recipe
        fits is fitted now. `progress` is told lines about fitting.
        Raises RecipeError, FitError, UsageError where something else is at `path`, and StorageError.
        """
        text = recipe_text(recipe)
        parsed = parse_recipe(text, str(recipe))
        path = Path(path)
        if path.exists() and (path / "recipe.toml").exists():
            index = cls.open(path)
            if index.recipe != parsed:
                raise UsageError(
                    f'{path} is an index by "{index.recipe.name}", which differs from "{parsed.name}": '
                    "choose another path, or leave the recipe as it is"
                )
            return index
        fitted = _fitted_beforehand(parsed, None if fit is None else Path(fit), progress)
        return cls(Store.create(path, text, fitted, created_by=_versions()), parsed)

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = False) -> Index:
        """The index at `path`. Raises IndexMissingError, IndexFormatError, IndexCorruptError and StorageError."""
        store = Store.open(Path(path), read_only=read_only)
        return cls(store, parse_recipe(store.recipe(), f"{path}: recipe.toml"))

    @property
    def path(self) -> Path:
        """The directory of the index."""
        return self._store.path

    def add(
        self,
        folder: str | Path,
        *,
        prefix: str = "",
        only: Collection[str] | None = None,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> AddReport:
        """Takes a folder's new and changed photos, batch by batch, and forgets nothing.

        prefix: put before the names, for instance "holidays/". only: names below the folder that count. `progress` is
        told (done, total); `say` lines about fitting.
        Raises UsageError where there is no such folder or a name belongs to another one, IndexLockedError and
        StorageError; what was committed before stays.
        """
        with self._writing():
            number = writer.register_root(self._store, _folder(folder), prefix)
            return self._take(number, only, progress, say)

    def update(self, *, progress: Progress | None = None, say: Say | None = None) -> AddReport:
        """Makes the index equal to its folders again: new and changed photos are read, vanished ones removed.

        Raises UsageError where a folder is not there, before anything is removed.
        """
        total = AddReport()
        with self._writing():
            roots = self._store.snapshot().roots
            for root in roots.values():
                _folder(writer.root_path(root))
            for number in roots:
                planned = writer.plan(self._store.snapshot(), number, None)
                if planned.vanished:
                    self._store.commit(removed=planned.vanished)
                report = self._take(number, None, progress, say)
                total.removed += len(planned.vanished)
                for name in ("added", "changed", "unchanged", "seconds"):
                    setattr(total, name, getattr(total, name) + getattr(report, name))
                total.unreadable += report.unreadable
        return total

    def remove(self, names: Sequence[str]) -> int:
        """Removes images by name; returns how many. Raises UsageError, and removes none, where one is not there."""
        with self._writing():
            images = self._store.snapshot().images
            missing = [name for name in names if name not in images.by_name]
            if missing:
                raise UsageError(
                    f"{missing[0]}: not in the index, so nothing was removed{_nearest(missing[0], images.names)}"
                )
            ids = {int(images.ids[images.by_name[name]]) for name in names}
            self._store.commit(removed=ids)
            return len(ids)

    def compact(self) -> None:
        """Merges all segments into one and frees the space of removed images."""
        with self._writing():
            reader = self._fresh_reader()
            numbers = [segment.number for segment in reader.snapshot.segments]
            stored = sum(segment.rows for segment in reader.snapshot.segments)
            if len(numbers) > 1 or stored > len(reader.snapshot.images):
                writer.merge(self._store, self._channels, reader, numbers)

    def refresh(self) -> None:
        """Looks at the newest generation, whoever wrote it."""
        self._reader = None

    def search(
        self,
        query: str | Path | NDArray[np.uint8],
        *,
        box: Box | None = None,
        k: int = 20,
        include_self: bool = False,
    ) -> Result:
        """The k photos that show the same thing as a photo, or as the part of it in `box` (x0, y0, x1, y1).

        query: a Path is a file, a str the name of an indexed image, or else a file; an array is (H, W, 3) uint8 RGB.
        A query that is itself in the index is left out unless `include_self`.
        Raises UsageError for k below 1, an unknown name or a bad box, and ImageError.
        """
        from resight.answering import answer

        return answer(self.reader, query, box=box, k=k, include_self=include_self)

    def search_together(
        self,
        queries: Sequence[tuple[str | Path | NDArray[np.uint8], Box | None]],
        *,
        k: int = 20,
        include_self: bool = False,
    ) -> Result:
        """The k photos that show the same thing as several photos of it: scores are averaged over the queries."""
        from resight.answering import answer_together

        return answer_together(self.reader, queries, k=k, include_self=include_self)

    def info(self) -> IndexInfo:
        """What the index holds."""
        reader = self.reader
        name, channel = next(iter(reader.channels.items())) if reader.snapshot.segments else ("", None)
        rows = reader.rows(name) if channel else []
        images = reader.snapshot.images
        return IndexInfo(
            recipe=self.recipe.name,
            generation=reader.snapshot.generation,
            images=int(images.indexed.sum()),
            unreadable=int((~images.indexed).sum()),
            roots=[{"path": root.path, "prefix": root.prefix} for root in reader.snapshot.roots.values()],
            segments=len(reader.snapshot.segments),
            features=sum(int(channel.features_of(r.arrays)[r.alive].sum()) for r in rows) if channel else 0,
            words=sum(int(channel.words_of(r.arrays)[r.alive].sum()) for r in rows) if channel else 0,
            bytes=sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file()),
            created_by=self._store.created_by(),
        )

    @staticmethod
    def check(path: str | Path, *, mend: bool = False) -> VerifyReport:
        """Checks every byte of the index at `path`, also one that cannot be opened; `mend` repairs what can be.

        Raises IndexMissingError, IndexFormatError, IndexLockedError and StorageError.
        """
        path = Path(path)
        repaired = []
        if mend:
            done = repair(path)
            again = [
                f"{name}: its segment was damaged; the next add or update reads it again"
                for name in done.to_index_again
            ]
            repaired = [*done.mended, *again]
        return VerifyReport([_line(problem) for problem in verify(path)], repaired)

    def verify(self, repair: bool = False) -> VerifyReport:
        """Checks every byte; see `check`."""
        self.refresh()
        return self.check(self.path, mend=repair)

    @property
    def reader(self) -> Reader:
        """What searches are answered from. Raises UsageError where nothing has been indexed."""
        if self._reader is None:
            self._reader = self._fresh_reader()
        return self._reader

    @cached_property
    def _channels(self) -> Mapping[str, Channel]:
        from resight.channels.fitting import build_channel
        from resight.learned.artefact import load

        files = self._store.fitted()
        built = {}
        for name, channel in self.recipe.channel.items():
            file = files.get(f"{name}/{FITTED}")
            if channel.fit and file is None:
                raise FitError(f"{self.path}: channel {name} has not been fitted yet; add photos first")
            built[name] = build_channel(channel.features, channel.method, load(file).arrays if file else {})
        return built

    def _take(self, number: int, only: Collection[str] | None, progress: Progress | None, say: Say | None) -> AddReport:
        planned = writer.plan(self._store.snapshot(), number, only)
        self._fit_on(planned, say)
        report = writer.carry_out(self._store, planned, self._channels, progress)
        while numbers := writer.crowded(self._store.snapshot()):
            writer.merge(self._store, self._channels, self._fresh_reader(), numbers)
        return report

    def _fit_on(self, planned: writer.Plan, say: Say | None) -> None:
        """Fits what the recipe fits on the collection, on the first photos that come."""
        fitted = self._store.fitted()
        unfitted = [
            name for name, channel in self.recipe.channel.items() if channel.fit and f"{name}/{FITTED}" not in fitted
        ]
        if unfitted and planned.work:
            made = {name: _fit(self.recipe, name, planned.work, self.path.name, say) for name in unfitted}
            self._store.add_fitted({f"{name}/{FITTED}": data for name, data in made.items()})

    def _fresh_reader(self) -> Reader:
        from resight.reader import Reader

        snapshot = self._store.snapshot(tuple(self.recipe.channel))
        return Reader(snapshot, self.recipe, self._channels if snapshot.segments else {})

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._store.writing():
            try:
                yield
            finally:
                self.refresh()


def _fitted_beforehand(recipe: Recipe, folder: Path | None, say: Say | None) -> dict[str, bytes]:
    """Fitted arrays that do not wait for the collection: built in, from a file, or fitted on `folder`."""
    from resight.channels.fitting import builtin, from_file
    from resight.folders import find_images

    found = list(find_images(_folder(folder))) if folder is not None else []
    made = {}
    for name, channel in recipe.channel.items():
        if not channel.fit:
            continue
        if folder is not None:
            made[f"{name}/{FITTED}"] = _fit(recipe, name, found, str(folder), say)
        elif channel.fit != "collection":
            artefact = (
                builtin(channel.method) if channel.fit == "builtin" else from_file(Path(channel.fit), channel.method)
            )
            made[f"{name}/{FITTED}"] = _saved(artefact.arrays, dict(artefact.provenance))
    return made


def _fit(recipe: Recipe, name: str, found: Sequence[Found], source: str, say: Say | None) -> bytes:
    """Fits one channel on photos."""
    from resight.channels.fitting import fit_arrays, sample_size
    from resight.extraction import sample_descriptors

    channel = recipe.channel[name]
    if say is not None:
        say(f"fitting {channel.method.kind} on {len(found)} photos of {source}")
    drawn = list(sample_descriptors(found, channel.features, sample_size(channel.method), recipe.seed))
    sample = np.concatenate([np.empty((0, 128), np.float32), *drawn])
    if not len(sample):
        raise FitError(
            f"{source}: no photo here gives a single feature to fit the recipe on; add photos that can be read"
        )
    arrays = fit_arrays(channel.method, sample, recipe.seed, say)
    return _saved(arrays, {"fitted_on": source, "photos": len(found), "descriptors": len(sample), "seed": recipe.seed})


def _saved(arrays: Mapping[str, NDArray[Any]], provenance: dict[str, Any]) -> bytes:
    from resight.learned.artefact import to_bytes

    return to_bytes(arrays, provenance)


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    if not folder.exists():
        raise UsageError(f"{folder}: there is no such folder; name a folder of photos")
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a folder; name the folder that the photos are in")
    return folder


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f'; the nearest name is "{near[0]}"' if near else ""


def _line(problem: Problem) -> str:
    mend = "`resight verify --repair` mends it" if problem.repairable else "this cannot be mended"
    return f"{problem.path}: {problem.what} ({mend})"


def _versions() -> str:
    names = ("resight", "numpy", "opencv-contrib-python-headless", "faiss-cpu", "numba")
    return " ".join(f"{name}-{metadata.version(name)}" for name in names)
