"""An index of photos: it composes store, channels, collection and writer, and holds no algorithm."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resight import arguments
from resight.errors import ResightError, UsageError
from resight.folders.selection import Meant
from resight.folders.walking import Found, check_prefix, existing_folder
from resight.images import displayed
from resight.images.frame_sampling import Sampling
from resight.index.adding import Wish, check_wish, plan_addition
from resight.index.checking import VerifyReport, check_elsewhere, check_index
from resight.index.exclusion import images_left_out, with_patterns
from resight.index.merging import compacted, merge
from resight.index.opened import OpenedIndex
from resight.index.planning import Plan
from resight.index.removing import meant_images, meant_removals, names_of, with_removed, with_restored
from resight.index.report import AddReport
from resight.index.results import Hit, Result
from resight.index.roots import moved_roots, outside_line, places_of
from resight.index.updating import plan_update
from resight.index.writer import carry_out
from resight.progress import Progress, Say
from resight.recipe import DEFAULT, Recipe, parse_recipe, recipe_folder, recipe_text
from resight.recipe.searching import SearchWish, check_search_ready, with_search, without_search
from resight.store import RECIPE, Check, Store
from resight.versions import versions_line

if TYPE_CHECKING:
    from resight.channels.extraction import Extraction
    from resight.channels.ray_workers import Cluster

__all__ = ["AddReport", "Hit", "Index", "Meant", "Result", "VerifyReport"]

_log = logging.getLogger(__name__)


class Index(OpenedIndex):
    """An index on disk. One process may write at a time, any number may read.

    Searches answer from the generation that was opened until `refresh`; changes made through the same object are seen
    at once.
    """

    @classmethod
    def create(
        cls,
        path: str | Path,
        recipe: str | Path = DEFAULT,
        *,
        fit: str | Path | None = None,
        search: str = "",
        memory: float = 0.0,
        progress: Say | None = None,
    ) -> Index:
        """Creates an empty index at `path`, where there must be none.

        recipe: the name of a shipped one, or a TOML file, to whose folder the paths in it are relative. fit: a folder
        of photos on which everything that the recipe fits is fitted now. search, memory: how channels of one vector
        an image are searched, "auto", "exact", "hnsw" or "ivf", and GiB that structures may take (`search/kinds.py`);
        or the address of an engine's collection, such as "milvus://localhost:19530/photos".
        `progress` gets lines about fitting.
        Raises RecipeError, FitError, StorageError, EngineError where an engine cannot be reached, and UsageError where
        an index or something else is at `path`.
        """
        path = arguments.path("path", path)
        arguments.path_or_name("recipe", recipe)
        arguments.callback("progress", progress, "line")
        if fit is not None:
            fit = arguments.path("fit", fit)
        text = with_search(recipe_text(recipe), str(recipe), _wish(search, memory))
        parsed = parse_recipe(text, str(recipe))
        if (path / RECIPE).exists():
            raise UsageError(f"{displayed(path)}: there is an index already; open it, or choose another path")
        check_search_ready(parsed)
        from resight.index.fitting import files_of_new_index

        files = files_of_new_index(parsed, recipe_folder(recipe), fit, progress)
        return cls(Store.create(path, text, files, created_by=_versions()), parsed)

    @classmethod
    def open_or_create(
        cls,
        path: str | Path,
        recipe: str | Path = DEFAULT,
        *,
        fit: str | Path | None = None,
        search: str = "",
        memory: float = 0.0,
        progress: Say | None = None,
    ) -> Index:
        """Opens the index at `path`, to go on with it, or creates it; arguments are those of `create`.

        fit: of an index that is there, for what waits to be fitted; what has been fitted stays, and was fitted on this
        folder, or `fit` is refused. Raises what `create` and `open` do, and UsageError for an index by another recipe.
        """
        path = arguments.path("path", path)
        if not (path / RECIPE).exists():
            try:
                return cls.create(path, recipe, fit=fit, search=search, memory=memory, progress=progress)
            except UsageError:
                if not (path / RECIPE).exists():
                    raise
                # Another process has made it meanwhile.
        arguments.path_or_name("recipe", recipe)
        arguments.callback("progress", progress, "line")
        if fit is not None:
            fit = arguments.path("fit", fit)
        text = with_search(recipe_text(recipe), str(recipe), _wish(search, memory))
        return cls._made(path, parse_recipe(text, str(recipe)), bool(search or memory), fit, progress)

    @classmethod
    def _made(cls, path: Path, recipe: Recipe, searched: bool, fit: str | Path | None, progress: Say | None) -> Index:
        """Returns the index at `path`, if it is by this recipe, fitted where that has not been done.

        searched: that a person says how it is searched, which is to be how it is. Raises UsageError.
        """
        index = cls.open(path)
        same = without_search(index.recipe) == without_search(recipe)
        if same and searched and index.recipe != recipe:
            raise UsageError(
                f"{path} is searched in another way, which was said when it was made: leave search and memory out, or "
                "choose another path"
            )
        if not same:
            raise UsageError(
                f'{path} is an index by "{index.recipe.name}", which differs from "{recipe.name}": '
                "choose another path, or leave the recipe as it is"
            )
        if fit is not None:
            index._fit_once(existing_folder(fit), progress)
        return index

    def add(
        self,
        folder: str | Path,
        *,
        prefix: str = "",
        only: Iterable[str] | None = None,
        follow_links: bool | None = None,
        exclude: str | Iterable[str] = (),
        again: bool = False,
        mask: str | Path | None = None,
        no_mask: bool = False,
        frames: float | Literal["shots"] | None = None,
        workers: str = "",
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> AddReport:
        """Takes a folder's new and changed photos, batch by batch, and forgets nothing.

        Where the folder has the photos of one of the index that is gone, that one has moved: nothing is read again.
        prefix: folders to put before the names, such as "holidays"; the same folder with another prefix counts as
        another. only: names below the folder that count. follow_links: whether links that lead out of the folder are
        followed from now on; None leaves that as it is. exclude: patterns of files and folders that the index leaves
        out from now on, in all its folders; `folders/patterns.py` has the rules. again: takes photos that were removed
        from it, too.
        mask: a file that leaves the same parts of all its photos out, or a folder with a file for each, kept for it;
        see `masking.py`. no_mask: it has none any more. frames: which frames are taken of the folder's videos, from now
        on: one each so many seconds, or one of each of their "shots"; one a second where nobody said so. workers: where
        photos are read and extracted: "ray", "ray://HOST:PORT", or either with "?cpus=1&gpus=0.5" of a task; they see
        the folder under the same path. All cores of this machine where nothing is said. `progress` is called with
        (done, total); `say` lines about fitting and about what is surprising in the folder, which are in the report's
        notes too.
        Raises UsageError where there is no such folder, the prefix leads elsewhere, or a name belongs to another
        folder, and then changes nothing; FitError, IndexLockedError, StorageError and WorkersError: what was committed
        before stays. EngineError: the engine cannot be reached, and nothing was changed; or it went meanwhile, and what
        was committed waits to be loaded by the next `add`, `update` or `compact`.
        """
        folder = existing_folder(arguments.path("folder", folder))
        wish = Wish(
            prefix=check_prefix(arguments.text("prefix", prefix)),
            only=None if only is None else frozenset(map(str, arguments.texts("only", only))),
            follow_links=None if follow_links is None else arguments.flag("follow_links", follow_links),
            exclude=[str(text) for text in arguments.texts("exclude", exclude)],
            again=arguments.flag("again", again),
            mask=None if mask is None else arguments.path("mask", mask),
            no_mask=arguments.flag("no_mask", no_mask),
            frames=None if frames is None else _sampling(frames),
        )
        check_wish(wish)
        _check_callbacks(progress, say)
        check_search_ready(self.recipe)
        cluster = _cluster(workers)
        total = AddReport()
        with self._writing():
            addition = plan_addition(self._store.snapshot(), folder, wish)
            for line in addition.notes:
                total.note(line, say)
            if addition.warning:
                _log.warning("%s", addition.warning)
            # At once: a mask belongs to a root, and what comes next may be interrupted.
            self._store.commit(roots=addition.roots, choices=addition.choices)
            total += self._take(addition.plan, cluster, progress, say)
            self._derived.extend(progress, say)
        return total

    def fit_together(self, found: Iterable[Found], source: str, *, say: Say | None = None) -> None:
        """Fits what waits for photos on these, of several folders, which are searched and are added afterwards.

        `add` alone fits on the folder that comes first. source: what their folders are called. What is fitted stays as
        it is; where nothing waits, `found` is not looked at. Raises FitError where no photo gives a feature,
        IndexLockedError and StorageError.
        """
        from resight.index.fitting import fitted_on_found

        arguments.callback("say", say, "line")
        with self._writing():
            if arrays := fitted_on_found(self.recipe, self.path, self._store.fitted(), found, source, say):
                self._store.add_fitted(arrays)

    def update(
        self,
        *,
        removed: str | Path | Iterable[str | Path] = (),
        exclude: str | Iterable[str] = (),
        include: str | Iterable[str] = (),
        workers: str = "",
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> AddReport:
        """Makes the index equal to its folders again: new and changed photos are read, vanished ones removed.

        Where a folder is gone, empty or unreadable that had photos, its photos stay, the report lists them in
        `held`, and the rest is done; `vanished.py` and `lost_masks.py` have the rule. removed: folders whose vanished
        photos, or masks, were removed on purpose. exclude: patterns of files and folders that are left out from now on;
        what is in the index and matches goes out. include: patterns that no longer count. workers: as of `add`. Raises
        UsageError where a pattern is wrong, a name belongs to two folders, or one of `removed` is in none of the index;
        and what `add` raises.
        """
        _check_callbacks(progress, say)
        folders = arguments.texts("removed", removed)
        patterns, back = ([*map(str, arguments.texts(*one))] for one in (("exclude", exclude), ("include", include)))
        check_search_ready(self.recipe)
        cluster = _cluster(workers)
        total = AddReport()
        with self._writing():
            snapshot = self._store.snapshot()
            choices = with_patterns(snapshot.choices, patterns, back)
            left_out = images_left_out(snapshot, choices)
            out = [*left_out.by_pattern, *left_out.masks]
            planned = plan_update(snapshot, folders, choices, out)
            self._store.commit(removed=[*out, *planned.removed], choices=choices)
            total.excluded, total.became_masks = len(left_out.by_pattern), len(left_out.masks)
            total.removed, total.held = len(planned.removed), [*planned.held]
            for one in planned.plans:
                total += self._take(one, cluster, progress, say)
                if one.unread_videos:
                    total.note(one.unread_videos, say)
            self._derived.build(progress, say)
        return total

    def move_root(self, old: str | Path, new: str | Path) -> int:
        """Says that the folder `old` of the index, and what was below it, is `new` now; returns the number of photos.

        Names stay, and nothing is read. Raises UsageError where `old` is not in the index, or `new` is no folder, has
        none of the photos, or is in the index already; IndexLockedError and StorageError.
        """
        old, new = arguments.path("old", old), existing_folder(arguments.path("new", new))
        with self._writing():
            snapshot = self._store.snapshot()
            roots = moved_roots(snapshot, old, new)
            self._store.commit(roots=roots)
            return sum(len(places_of(snapshot, number)) for number in roots)

    def named(self, names: str | Path | Iterable[str | Path], *, removed: bool = False) -> list[str]:
        """Returns the photos, sorted, that names, paths of their files, folders ("2019/") and patterns ("*.gif") mean.

        removed: of those that were removed and stay away. UsageError where one of the names means none.
        """
        return names_of(self.understood(names, removed=removed))

    def understood(self, names: str | Path | Iterable[str | Path], *, removed: bool = False) -> list[Meant]:
        """Returns the photos of each of the names, and whether the name was taken for a pattern."""
        asked, snapshot = arguments.texts("names", names), self._store.snapshot()
        return meant_removals(snapshot, asked) if removed else meant_images(snapshot, asked)

    def remove(self, names: str | Path | Iterable[str | Path]) -> int:
        """Removes the images that names, paths of files, folders and patterns mean; returns how many. See `named`.

        They stay away, though their files stay where they are, until `restore`, or `add` with `again`, asks for them.
        Raises UsageError, and removes none, where one of the names means none.
        """
        asked = arguments.texts("names", names)
        with self._writing():
            snapshot = self._store.snapshot()
            ids, choices = with_removed(snapshot, names_of(meant_images(snapshot, asked)))
            self._store.commit(removed=ids, choices=choices)
            return len(ids)

    def restore(self, names: str | Path | Iterable[str | Path]) -> int:
        """Lets removed photos come back, which the next `update` reads; returns how many. See `named`.

        Raises UsageError, and changes nothing, where one of the names means none, or is that of another photo now.
        """
        asked = arguments.texts("names", names)
        with self._writing():
            snapshot = self._store.snapshot()
            again, choices = with_restored(snapshot, names_of(meant_removals(snapshot, asked)))
            self._store.commit(removed=again, choices=choices)
            return len(snapshot.choices.removed) - len(choices.removed)

    def compact(self, *, progress: Progress | None = None, say: Say | None = None) -> None:
        """Merges segments and frees the space of removed images; makes anew what is stale, see `info`.

        Others may write while `prepare_search` goes on, which comes last.
        """
        _check_callbacks(progress, say)
        check_search_ready(self.recipe)
        with self._writing():
            for numbers in compacted(self._store.snapshot()):
                merge(self._store, self._channels, numbers)
            self._derived.build(progress, say)
        self.prepare_search(progress=progress, say=say)

    def prepare_search(self, *, progress: Progress | None = None, say: Say | None = None) -> None:
        """Makes the structures of approximate search where there are none that should be there, or too much changed.

        Searches, adds, removals and updates go on meanwhile, by this process and others: what comes is compared exactly
        until the next time. Where it is interrupted, what was there stays. Raises IndexLockedError and StorageError.
        """
        _check_callbacks(progress, say)
        self._derived.make_aside(self._writing, progress, say)

    @staticmethod
    def check(path: str | Path, *, repair: bool = False) -> VerifyReport:
        """Checks every byte of the index at `path`, also one that cannot be opened; `repair` repairs what can be.

        Where an engine searches it, its collection is compared with the catalogue; one that cannot be asked is a
        problem. Raises IndexMissingError, IndexFormatError, IndexLockedError and StorageError.
        """
        path = arguments.path("path", path)
        repairing = arguments.flag("repair", repair)
        report = check_index(path, lambda: _layouts(path), repairing=repairing)
        try:
            index = Index.open(path)
        except ResightError:
            return report
        return check_elsewhere(report, path, index._derived, index._writing, repairing=repairing)

    def verify(self, repair: bool = False) -> VerifyReport:
        """Checks every byte; see `check`."""
        self.refresh()
        return self.check(self.path, repair=repair)

    def _take(self, planned: Plan, cluster: Cluster | None, progress: Progress | None, say: Say | None) -> AddReport:
        some = bool(planned.work or planned.videos)
        if some:
            self._fit_on(planned, say)
        # Where nothing is to be read, nothing needs the channels, which may not even be fitted yet.
        channels = self._channels if some else {}
        extraction = None if cluster is None else self._extraction(cluster)
        report = carry_out(self._store, planned, channels, progress, extraction)
        if planned.listing.outside:
            report.note(outside_line(planned.root, planned.listing.outside), say)
        return report

    def _extraction(self, cluster: Cluster) -> Extraction:
        """Returns the extraction by a cluster, whose workers open the channels as this index does."""
        from resight.channels.ray_workers import Opening, with_ray

        files = {name: file.read_bytes() for name, file in self._store.fitted().items()}
        return with_ray(cluster, Opening(self.recipe, self.path.absolute(), files))

    def _fit_once(self, folder: Path, say: Say | None) -> None:
        """Fits what waits for photos on those of a folder. UsageError where something was fitted on other photos."""
        from resight.index.fitting import fitted_on_folder

        if arrays := fitted_on_folder(self.recipe, self.path, self._store.fitted(), folder, say):
            with self._writing():
                self._store.add_fitted(arrays)

    def _fit_on(self, planned: Plan, say: Say | None) -> None:
        """Fits what the recipe fits on the collection, on the first photos that come."""
        from resight.index.fitting import fitted_on_collection

        if arrays := fitted_on_collection(self.recipe, self.path, self._store.fitted(), planned, say):
            self._store.add_fitted(arrays)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._store.writing():
            try:
                yield
            finally:
                self.refresh()


def _layouts(path: Path) -> dict[str, Check]:
    """Returns the checks of the arrays of an index, where its recipe can still be opened."""
    try:
        return Index.open(path, read_only=True)._layouts()
    except ResightError:
        return {}


def _check_callbacks(progress: Progress | None, say: Say | None) -> None:
    arguments.callback("progress", progress, "done", "total")
    arguments.callback("say", say, "line")


def _sampling(frames: float | Literal["shots"]) -> Sampling:
    if isinstance(frames, str):
        return Sampling.parse(frames)
    return Sampling(arguments.real_number("frames", frames)).checked()


def _cluster(workers: str) -> Cluster | None:
    """Returns the cluster that extracts, None for this machine. UsageError for another text, WorkersError."""
    if not arguments.text("workers", workers):
        return None
    from resight.channels.ray_workers import check_ray, parse_cluster

    cluster = parse_cluster(workers)
    check_ray()
    return cluster


def _wish(search: str, memory: float) -> SearchWish:
    return SearchWish(arguments.text("search", search), arguments.real_number("memory", memory))


def _versions() -> str:
    names = ("resight", "numpy", "opencv-contrib-python-headless", "faiss-cpu", "numba")
    return versions_line(names)
