"""An index of photos: it composes store, channels, reader and writer, and holds no algorithm."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from resight import writer
from resight.errors import ResightError, UsageError
from resight.folders import find_images
from resight.images import Box, displayed
from resight.recipe import DEFAULT, Recipe, parse_recipe, recipe_folder, recipe_text
from resight.results import Hit, Result
from resight.store import RECIPE, Check, Problem, Store, repair, verify
from resight.writer import AddReport, Progress

if TYPE_CHECKING:
    from resight.augmented import Augmenter
    from resight.channels.channel import Channel, Rows
    from resight.descriptors.contributions import Contribution
    from resight.duplicates.report import Duplicates
    from resight.duplicates.verdict import Kind
    from resight.reader import Reader
    from resight.search.ranking import Neighbourhoods

__all__ = ["AddReport", "Hit", "Index", "IndexInfo", "Result", "VerifyReport"]

Say = Callable[[str], None]

_log = logging.getLogger(__name__)


class Counts(NamedTuple):
    """Local features, or vectors, and words that a channel keeps of all images together."""

    features: int
    words: int


@dataclass(frozen=True)
class IndexInfo:
    """What an index holds.

    bytes: of the whole directory. features and words: of all images and channels together; channels: of each.
    without_evidence: names of images by which nothing can be found, such as pictures of one colour. remarks: name and
    remark of images that were read in part.
    """

    recipe: str
    generation: int
    images: int
    unreadable: int
    without_evidence: list[str]
    remarks: list[dict[str, str]]
    roots: list[dict[str, str]]
    segments: int
    features: int
    words: int
    channels: Mapping[str, Counts]
    bytes: int
    created_by: str

    @property
    def bytes_per_image(self) -> float | None:
        """Of the whole directory, or None for an empty index."""
        return self.bytes / self.images if self.images else None

    @property
    def words_per_image(self) -> float | None:
        """Distinct words, or None for an empty index, or one without words."""
        return self.words / self.images if self.words else None

    @property
    def bytes_per_feature(self) -> float | None:
        """Of the whole directory, or None where there are no features."""
        return self.bytes / self.features if self.features else None

    def to_dict(self) -> dict[str, Any]:
        """Fields and derived figures, for JSON."""
        derived = ("bytes_per_image", "words_per_image", "bytes_per_feature")
        channels = {name: counts._asdict() for name, counts in self.channels.items()}
        return {**asdict(self), "channels": channels, **{name: getattr(self, name) for name in derived}}


@dataclass(frozen=True)
class VerifyReport:
    """What is wrong now, what was mended, and what is worth knowing and no harm, a line each."""

    problems: list[str]
    repaired: list[str]
    remarks: list[str]


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

        recipe: the name of a shipped one, or a TOML file, to whose folder the paths in it are relative. fit: a folder
        of photos on which everything that the recipe fits is fitted now; of an index that is there, what waits to be
        fitted: what has been fitted stays, and was fitted on this folder or `fit` is refused. `progress` is told lines
        about fitting.
        Raises RecipeError, FitError, UsageError where something else is at `path`, and StorageError.
        """
        text = recipe_text(recipe)
        parsed = parse_recipe(text, str(recipe))
        path = Path(path)
        if (path / RECIPE).exists():
            return cls._made(path, parsed, fit, progress)
        from resight.fitted import fitted_arrays, given_arrays, unfitted, weights

        folder = recipe_folder(recipe)
        networks = weights(parsed, folder)
        if fit is None:
            fitted = given_arrays(parsed, folder)
        else:
            found = list(find_images(_folder(fit)))
            fitted = fitted_arrays(parsed, folder, unfitted(parsed, networks), found, str(fit), progress)
        try:
            return cls(Store.create(path, text, networks | fitted, created_by=_versions()), parsed)
        except UsageError:
            if not (path / RECIPE).exists():
                raise
            # Another process has made it meanwhile.
            return cls._made(path, parsed, fit, progress)

    @classmethod
    def _made(cls, path: Path, recipe: Recipe, fit: str | Path | None, progress: Say | None) -> Index:
        """The index at `path`, if it is by this recipe, fitted where that has not been done. Raises UsageError."""
        index = cls.open(path)
        if index.recipe != recipe:
            raise UsageError(
                f'{path} is an index by "{index.recipe.name}", which differs from "{recipe.name}": '
                "choose another path, or leave the recipe as it is"
            )
        if fit is not None:
            index._fit_once(_folder(fit), progress)
        return index

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

        prefix: put before the names, for instance "holidays/"; the same folder with another prefix counts as another.
        only: names below the folder that count. `progress` is told (done, total); `say` lines about fitting.
        Raises UsageError where there is no such folder or a name belongs to another one, FitError, IndexLockedError
        and StorageError; what was committed before stays.
        """
        _folder(folder)
        with self._writing():
            snapshot = self._store.snapshot()
            number, root = writer.root_of(snapshot, Path(folder), prefix)
            listing = writer.look(root, only)
            if not listing.found:
                _log.warning("%s: there is no photo in it", displayed(folder))
            report = self._take(writer.plan(snapshot, number, root, listing), progress, say)
            if augmenter := self._augmenter(say):
                augmenter.augment_new(progress)
            self._link(progress, say)
            return report

    def update(self, *, progress: Progress | None = None, say: Say | None = None) -> AddReport:
        """Makes the index equal to its folders again: new and changed photos are read, vanished ones removed.

        Raises UsageError where a folder is not there or a name belongs to two, before anything is changed; and what
        `add` raises.
        """
        total = AddReport()
        with self._writing():
            snapshot = self._store.snapshot()
            plans, gone = writer.plan_update(snapshot)
            self._store.commit(removed=gone)
            total.removed = len(gone)
            for planned in plans:
                total += self._take(planned, progress, say)
            if augmenter := self._augmenter(say):
                augmenter.augment_new(progress)
            self._link(progress, say)
        return total

    def remove(self, names: Sequence[str]) -> int:
        """Removes images by name; returns how many. Raises UsageError, and removes none, where one is not there."""
        with self._writing():
            images = self._store.snapshot().images
            missing = [name for name in names if name not in images.by_name]
            if missing:
                from resight.answering import nearest

                raise UsageError(
                    f"{missing[0]}: not in the index, so nothing was removed{nearest(missing[0], images.names)}"
                )
            ids = {int(images.ids[images.by_name[name]]) for name in names}
            self._store.commit(removed=ids)
            return len(ids)

    def compact(self) -> None:
        """Merges segments and frees the space of removed images; augments anew what others have come for or gone."""
        with self._writing():
            for numbers in writer.compacted(self._store.snapshot()):
                writer.merge(self._store, self._channels, numbers)
            self._unlink()
            if augmenter := self._augmenter(None):
                augmenter.augment_stale()
            self._link(None, None)

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

    def explain(
        self, query: str | Path | NDArray[np.uint8], name: str, *, box: Box | None = None, count: int = 5
    ) -> list[Contribution]:
        """The channels by which an indexed photo matches a query, given as to `search`: the largest share first.

        Runs the network for both. UsageError where the recipe does not pool feature maps to one vector, for an unknown
        name or a bad box; ImageError where a photo cannot be read.
        """
        from resight.explaining import Explainer

        return Explainer(self.reader, query, box).contributions(name, count)

    def duplicates(self, kind: Kind = "same", *, progress: Progress | None = None) -> Duplicates:
        """Groups of photos with the same bytes ("copies"), of one picture ("near"), or of the same thing ("same").

        kind: the loosest that counts. It reads what the index keeps, and no photo. `progress` is told (done, total).
        Raises UsageError for another kind, and where more than copies are asked for and the recipe has no words.
        """
        from resight.duplicates.finding import find_duplicates

        return find_duplicates(self.reader, kind, progress)

    def info(self) -> IndexInfo:
        """What the index holds."""
        reader = self.reader
        images = reader.snapshot.images
        counts = {name: _counts(channel, reader.rows(name)) for name, channel in reader.channels.items()}
        return IndexInfo(
            recipe=self.recipe.name,
            generation=reader.snapshot.generation,
            images=int(images.indexed.sum()),
            unreadable=int((~images.indexed).sum()),
            without_evidence=reader.without_evidence(),
            remarks=[
                {"name": images.names[i], "remark": images.reasons[i]}
                for i in np.flatnonzero(images.indexed).tolist()
                if images.reasons[i]
            ],
            roots=[{"path": root.path, "prefix": root.prefix} for root in reader.snapshot.roots.values()],
            segments=len(reader.snapshot.segments),
            features=sum(one.features for one in counts.values()),
            words=sum(one.words for one in counts.values()),
            channels=counts,
            bytes=_bytes_below(self.path),
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
            done = repair(path, _layouts(path))
            again = [
                f"{name}: its segment was damaged; the next add or update reads it again"
                for name in done.to_index_again
            ]
            repaired = [*done.mended, *again]
        found = verify(path, _layouts(path))
        remarks = [f"{remark.path}: {remark.what}" for remark in found.remarks]
        return VerifyReport([_line(problem) for problem in found.problems], repaired, remarks)

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
        from resight.fitted import opened_channels

        return opened_channels(self.recipe, self.path, self._store.fitted())

    def _layouts(self) -> dict[str, Check]:
        """What the arrays of each channel must be."""
        return {name: channel.fault for name, channel in self._channels.items()}

    def _take(self, planned: writer.Plan, progress: Progress | None, say: Say | None) -> AddReport:
        if planned.work:
            self._fit_on(planned, say)
        # Where nothing is to be read, nothing needs the channels, which may not even be fitted yet.
        return writer.carry_out(self._store, planned, self._channels if planned.work else {}, progress)

    def _fit_once(self, folder: Path, say: Say | None) -> None:
        """Fits what waits for photos on those of a folder. UsageError where something was fitted on other photos."""
        from resight.fitted import fitted_arrays, fitted_elsewhere, unfitted, with_weights

        files = self._store.fitted()
        if other := fitted_elsewhere(self.recipe, files, str(folder)):
            raise UsageError(
                f"{self.path}: its channel {other.channel} {other.how}, which stays as it is: name no folder to fit "
                "on, or choose another path for the index"
            )
        if waiting := unfitted(self.recipe, files):
            recipe = with_weights(self.recipe, files)
            arrays = fitted_arrays(recipe, self.path, waiting, list(find_images(folder)), str(folder), say)
            with self._writing():
                self._store.add_fitted(arrays)

    def _fit_on(self, planned: writer.Plan, say: Say | None) -> None:
        """Fits what the recipe fits on the collection, on the first photos that come."""
        from resight.fitted import fitted_arrays, unfitted, with_weights
        from resight.learned.whitening import POWER_ON_COLLECTION

        files = self._store.fitted()
        waiting = unfitted(self.recipe, files)
        if waiting:
            recipe, source = with_weights(self.recipe, files), str(writer.root_path(planned.root))
            arrays = fitted_arrays(recipe, self.path, waiting, planned.work, source, say, POWER_ON_COLLECTION)
            self._store.add_fitted(arrays)

    def _fresh_reader(self) -> Reader:
        from resight.reader import Reader

        snapshot = self._store.snapshot(self._layouts)
        blocks = []
        if self.recipe.augmentation is not None:
            from resight.augmented import read_blocks

            name = self.recipe.first_channel
            blocks = read_blocks(self._store.search_folder(name), self._channels[name]) if snapshot.segments else []
            covered = np.concatenate([np.empty(0, np.int64), *(block.rows.ids for block in blocks)])
            missing = np.setdiff1d(snapshot.images.ids[snapshot.images.indexed], covered)
            if len(missing):
                _log.warning("%d photos are not augmented, and rank as they are: run `resight update`", len(missing))
        channels = self._channels if snapshot.segments else {}
        return Reader(snapshot, self.recipe, channels, blocks, self._linked())

    def _linked(self) -> Neighbourhoods | None:
        """What is kept of the neighbours of images, where the recipe asks for them."""
        if self.recipe.diffusion is None:
            return None
        from resight.linked import read_neighbourhoods

        return read_neighbourhoods(self._store.search_folder(self.recipe.channel_of(self.recipe.diffusion)))

    def _unlink(self) -> None:
        """Deletes the kept neighbours of images before their vectors change, so that none outlives them."""
        if self.recipe.diffusion is not None:
            from resight.linked import forget_neighbourhoods

            forget_neighbourhoods(self._store.search_folder(self.recipe.channel_of(self.recipe.diffusion)))

    def _link(self, progress: Progress | None, say: Say | None) -> None:
        """Brings the kept neighbours of images up to date, where the recipe asks for them."""
        params = self.recipe.diffusion
        if params is None:
            return
        from resight.linked import brought_up_to_date, keep_neighbourhoods
        from resight.manifold.solving import prepare

        self.refresh()
        reader = self.reader
        if not reader.snapshot.images.indexed.any():
            return
        name = self.recipe.channel_of(params)
        kept, nodes = self._linked(), reader.views[name].nodes()
        if kept is not None and np.array_equal(kept.images, nodes.images):
            return
        if say is not None:
            say("comparing photos with each other")
        found = brought_up_to_date(kept, nodes, params.k - 1, progress)
        found = replace(found, prepared=prepare(found, params))
        keep_neighbourhoods(self._store.search_folder(name), found)

    def _augmenter(self, say: Say | None) -> Augmenter | None:
        """What gives images the evidence of their neighbours too, where the recipe asks for it."""
        params, name = self.recipe.augmentation, self.recipe.first_channel
        if params is None:
            return None
        snapshot = self._store.snapshot(self._layouts)
        if not snapshot.segments:
            return None
        from resight.augmented import Augmenter
        from resight.reader import Reader

        if say is not None:
            say("augmenting photos with what other photos of the same thing show")
        plain = Reader(snapshot, self.recipe, self._channels)
        augment = plain.augmentation(params)
        return Augmenter(self._store.search_folder(name), plain.rows(name), self._channels[name], augment)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._store.writing():
            try:
                yield
            finally:
                self.refresh()


def _counts(channel: Channel, rows: Sequence[Rows]) -> Counts:
    """What a channel keeps of the images that are alive."""
    features = sum(int(channel.features_of(one.arrays)[one.alive].sum()) for one in rows)
    return Counts(features, sum(int(channel.words_of(one.arrays)[one.alive].sum()) for one in rows))


def _layouts(path: Path) -> dict[str, Check]:
    """What the arrays of an index must be, as far as it can still be opened."""
    try:
        return Index.open(path, read_only=True)._layouts()
    except ResightError:
        return {}


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    if not folder.exists():
        raise UsageError(f"{displayed(folder)}: there is no such folder; name a folder of photos")
    if not folder.is_dir():
        raise UsageError(f"{displayed(folder)}: not a folder; name the folder that the photos are in")
    return folder


def _bytes_below(folder: Path) -> int:
    """Size of all files, without those that a writer deletes meanwhile."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total


def _line(problem: Problem) -> str:
    mend = "`resight verify --repair` mends it" if problem.repairable else "this cannot be mended"
    return f"{problem.path}: {problem.what} ({mend})"


def _versions() -> str:
    names = ("resight", "numpy", "opencv-contrib-python-headless", "faiss-cpu", "numba")
    return " ".join(f"{name}-{metadata.version(name)}" for name in names)
