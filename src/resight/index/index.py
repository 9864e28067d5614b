"""An index of photos: it composes store, channels, collection and writer, and holds no algorithm."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from resight import arguments
from resight.errors import ResightError, UsageError
from resight.folders.walking import check_prefix, find_images
from resight.images import Box, displayed
from resight.images.masks import mask_of_query
from resight.index import writer
from resight.index.exclusion import chosen, excluded_images, named
from resight.index.masking import mask_choice
from resight.index.results import Hit, Result
from resight.index.roots import (
    laid,
    look,
    moved_roots,
    outside_line,
    overlapping,
    places_of,
    recognised,
    root_of,
    root_path,
)
from resight.index.writer import AddReport, Progress
from resight.recipe import DEFAULT, Recipe, parse_recipe, recipe_folder, recipe_text
from resight.store import RECIPE, Check, Problem, Root, Snapshot, Store, repair, verify
from resight.versions import versions_line

if TYPE_CHECKING:
    from resight.channels.channel import Channel
    from resight.descriptors.contributions import Contribution
    from resight.duplicates.report import Duplicates
    from resight.duplicates.verdict import Kind
    from resight.index.answering import Wanted
    from resight.index.collection import Collection
    from resight.index.contents import IndexInfo
    from resight.index.derived import Derived
    from resight.index.queries import Source

__all__ = ["AddReport", "Hit", "Index", "Result", "VerifyReport"]

Say = Callable[[str], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerifyReport:
    """What is wrong now, what was mended, and what is worth knowing and no harm, a line each."""

    problems: list[str]
    repaired: list[str]
    remarks: list[str]


class Index:
    """An index on disk. One process may write at a time, any number may read.

    Searches answer from the generation that was opened until `refresh`; changes made through the same object are seen
    at once.
    """

    def __init__(self, store: Store, recipe: Recipe) -> None:
        self._store = store
        self.recipe = recipe
        self._collection: Collection | None = None

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
        path = arguments.path("path", path)
        arguments.path_or_name("recipe", recipe)
        arguments.callback("progress", progress)
        if fit is not None:
            fit = arguments.path("fit", fit)
        text = recipe_text(recipe)
        parsed = parse_recipe(text, str(recipe))
        if (path / RECIPE).exists():
            return cls._made(path, parsed, fit, progress)
        from resight.channels.fits import fitted_arrays, given_arrays, unfitted, weights

        folder = recipe_folder(recipe)
        networks = weights(parsed, folder)
        if fit is None:
            fitted = given_arrays(parsed, folder)
        else:
            found = list(find_images(_folder(fit), follow_links=False))
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
        path = arguments.path("path", path)
        store = Store.open(path, read_only=arguments.flag("read_only", read_only))
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
        only: Iterable[str] | None = None,
        follow_links: bool | None = None,
        exclude: str | Iterable[str] = (),
        again: bool = False,
        mask: str | Path | None = None,
        no_mask: bool = False,
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
        see `masking.py`. no_mask: it has none any more. `progress` is told (done, total); `say` lines about fitting and
        about what is surprising in the folder, which are in the report's notes too.
        Raises UsageError where there is no such folder, the prefix leads elsewhere, or a name belongs to another
        folder, FitError, IndexLockedError and StorageError; what was committed before stays.
        """
        folder = _folder(arguments.path("folder", folder))
        prefix = check_prefix(arguments.text("prefix", prefix))
        names = None if only is None else frozenset(map(str, arguments.texts("only", only)))
        if follow_links is not None:
            follow_links = arguments.flag("follow_links", follow_links)
        _check_callbacks(progress, say)
        patterns = [str(text) for text in arguments.texts("exclude", exclude)]
        again, no_mask = arguments.flag("again", again), arguments.flag("no_mask", no_mask)
        if mask is not None and no_mask:
            raise UsageError("mask and no_mask: choose one of them")
        mask_kept = None if mask is None else mask_choice(arguments.path("mask", mask), folder)
        total = AddReport()
        with self._writing():
            snapshot = self._store.snapshot()
            number, root = root_of(snapshot, Path(folder), prefix, follow_links)
            if number not in snapshot.roots:
                former = recognised(snapshot, Path(folder), prefix)
                if former is not None:
                    old = snapshot.roots[former]
                    count = self._move(snapshot, moved_roots(snapshot, root_path(old), folder))
                    _note(
                        total,
                        say,
                        f"{displayed(folder)} has the photos of {displayed(root_path(old))}, which is gone: {count} "
                        "photos are taken for moved and keep their names",
                    )
                    snapshot = self._store.snapshot()
                    number, root = root_of(snapshot, Path(folder), old.prefix, follow_links)
                elif line := overlapping(snapshot, root):
                    _note(total, say, line)
            choices = chosen(snapshot.choices, patterns)
            masks = {one: of for one, of in choices.masks.items() if one != number or not no_mask}
            choices = replace(choices, masks={**masks, number: mask_kept} if mask_kept is not None else masks)
            listing = look(root, replace(choices, removed=frozenset()) if again else choices, names)
            if again:
                choices = replace(choices, removed=choices.removed - {one.name for one in listing.found})
            listing = laid(listing, root, choices.masks.get(number))
            if not listing.found:
                _log.warning("%s: there is no photo in it", displayed(folder))
            planned = writer.plan(snapshot, number, root, listing)
            if patterns and (matched := len(excluded_images(snapshot, choices))):
                _note(total, say, f"{matched} photos of the index match a pattern; `resight update` takes them out")
            # At once: a mask belongs to a root, and what comes next may be interrupted.
            self._store.commit(roots={number: root}, choices=choices)
            total += self._take(planned, progress, say)
            self._derive(progress, say)
        return total

    def update(
        self,
        *,
        removed: str | Path | Iterable[str | Path] = (),
        exclude: str | Iterable[str] = (),
        include: str | Iterable[str] = (),
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> AddReport:
        """Makes the index equal to its folders again: new and changed photos are read, vanished ones removed.

        Where a folder is gone, empty or unreadable that had photos, its photos stay and are told in the report's
        `held`, and the rest is done; `vanished.py` has the rule. removed: folders whose vanished photos were removed
        on purpose. exclude: patterns of files and folders that are left out from now on; what is in the index and
        matches goes out. include: patterns that no longer count. Raises UsageError where a pattern is wrong, a
        name belongs to two folders, or one of `removed` is in none of the index; and what `add` raises.
        """
        _check_callbacks(progress, say)
        folders = arguments.texts("removed", removed)
        patterns, back = ([*map(str, arguments.texts(*one))] for one in (("exclude", exclude), ("include", include)))
        total = AddReport()
        with self._writing():
            snapshot = self._store.snapshot()
            choices = chosen(snapshot.choices, patterns, back)
            excluded = excluded_images(snapshot, choices)
            planned = writer.plan_update(snapshot, folders, choices, excluded)
            self._store.commit(removed=[*excluded, *planned.removed], choices=choices)
            total.excluded = len(excluded)
            total.removed, total.held = len(planned.removed), [*planned.held]
            for one in planned.plans:
                total += self._take(one, progress, say)
            self._derive(progress, say)
        return total

    def move_root(self, old: str | Path, new: str | Path) -> int:
        """Says that the folder `old` of the index, and what was below it, is `new` now; returns the number of photos.

        Names stay, and nothing is read. Raises UsageError where `old` is not in the index, or `new` is no folder, has
        none of the photos, or is in the index already; IndexLockedError and StorageError.
        """
        old, new = arguments.path("old", old), _folder(arguments.path("new", new))
        with self._writing():
            snapshot = self._store.snapshot()
            return self._move(snapshot, moved_roots(snapshot, old, new))

    def named(self, names: str | Path | Iterable[str | Path], *, removed: bool = False) -> list[str]:
        """The photos, sorted, that names, paths of their files, folders ("2019/") and patterns ("*.gif") mean.

        removed: of those that were removed and stay away. UsageError where one of the names means none.
        """
        return _named(self._store.snapshot(), names, removed)

    def remove(self, names: str | Path | Iterable[str | Path]) -> int:
        """Removes the images that names, paths of files, folders and patterns mean; returns how many. See `named`.

        They stay away, though their files stay where they are, until `restore`, or `add` with `again`, asks for them.
        Raises UsageError, and removes none, where one of the names means none.
        """
        with self._writing():
            snapshot = self._store.snapshot()
            images, choices = snapshot.images, snapshot.choices
            found = _named(snapshot, names, removed=False)
            ids = [int(images.ids[images.by_name[name]]) for name in found]
            self._store.commit(removed=ids, choices=replace(choices, removed=choices.removed.union(found)))
            return len(found)

    def restore(self, names: str | Path | Iterable[str | Path]) -> int:
        """Lets removed photos come back, which the next `update` reads; returns how many. See `named`.

        Raises UsageError, and changes nothing, where one of the names means none.
        """
        with self._writing():
            snapshot = self._store.snapshot()
            found = _named(snapshot, names, removed=True)
            choices = replace(snapshot.choices, removed=snapshot.choices.removed.difference(found))
            self._store.commit(choices=choices)
            return len(found)

    def compact(self) -> None:
        """Merges segments and frees the space of removed images; augments anew what others have come for or gone."""
        with self._writing():
            for numbers in writer.compacted(self._store.snapshot()):
                writer.merge(self._store, self._channels, numbers)
            self._derived.forget_neighbourhoods()
            self._derived.augment_stale()
            self._derive(None, None)

    def refresh(self) -> None:
        """Looks at the newest generation, whoever wrote it."""
        self._collection = None

    def search(
        self,
        query: Source,
        *,
        box: Box | None = None,
        k: int = 20,
        include_self: bool = False,
        mirror: bool = False,
        within: str | Iterable[str] = (),
        min_score: float | None = None,
        min_inliers: int = 0,
        min_probability: float = 0.0,
        mask: str | Path | NDArray[Any] | None = None,
    ) -> Result:
        """The k photos that show the same thing as a photo, or as the part of it in `box` (x0, y0, x1, y1).

        query: a Path is a file, a `Name` that of an indexed photo, any other str a file where there is one, else a
        name; bytes are those of a file; an array is (H, W, 3) RGB or (H, W) grey, uint8. The query's own name is left
        out unless `include_self`; photos with the same bytes under other names are hits, and come first. mirror: asks
        with the mirrored photo too. within: folders or patterns, in one of which a hit's name is; see `chosen`.
        min_score, min_inliers, min_probability: what a hit must have that is no copy. mask: a file or an array (H, W)
        of the proportions of the query, of which black or 0 is left out; a name of the index has its own mask without.
        Raises UsageError for any argument that cannot be meant, an unknown name or a bad box, and ImageError.
        """
        from resight.index.answering import answer

        wanted = _wanted(k, include_self, within, min_score, min_inliers, min_probability)
        given = None if mask is None else mask_of_query(mask)
        flag = arguments.flag("mirror", mirror)
        return answer(self.collection, query, arguments.box(box), wanted, mirror=flag, mask=given)

    def search_together(
        self,
        queries: Iterable[Source | tuple[Source, Box | None]],
        *,
        k: int = 20,
        include_self: bool = False,
        mirror: bool = False,
        within: str | Iterable[str] = (),
        min_score: float | None = None,
        min_inliers: int = 0,
        min_probability: float = 0.0,
        masks: Sequence[str | Path | NDArray[Any] | None] | None = None,
    ) -> Result:
        """The k photos that show the same thing as several photos of it: scores are averaged over the queries.

        queries: each a query, or one with its box; masks: one for each, or None; the rest as for `search`.
        """
        from resight.index.answering import answer_together
        from resight.index.queries import with_boxes

        wanted = _wanted(k, include_self, within, min_score, min_inliers, min_probability)
        if masks is not None and not isinstance(masks, list | tuple):
            raise UsageError("masks must be a list with a mask, or None, for each query")
        given = [None if mask is None else mask_of_query(mask) for mask in masks or ()]
        flag = arguments.flag("mirror", mirror)
        return answer_together(self.collection, with_boxes(queries), wanted, mirror=flag, given=given)

    def explain(self, query: Source, name: str | Path, *, box: Box | None = None, count: int = 5) -> list[Contribution]:
        """The channels by which an indexed photo matches a query, given as to `search`: the largest share first.

        Runs the network for both. UsageError where the recipe does not pool feature maps to one vector, for an unknown
        name or a bad box; ImageError where a photo cannot be read.
        """
        from resight.index.explaining import Explainer

        count = arguments.whole_number("count", count, least=1)
        return Explainer(self.collection, query, arguments.box(box)).contributions(name, count)

    def duplicates(
        self, kind: Kind = "same", *, within: str | Iterable[str] = (), progress: Progress | None = None
    ) -> Duplicates:
        """Groups of photos with the same bytes ("copies"), of one picture ("near"), or of the same thing ("same").

        kind: the loosest that counts. within: folders or patterns; only photos are looked at whose name is in one of
        them. It reads what the index keeps, and no photo. `progress` is told (done, total). Raises UsageError for
        another kind, where a pattern matches no name, and where more than copies are asked for and the recipe has no
        words.
        """
        from resight.index.duplicates import find_duplicates

        return find_duplicates(self.collection, kind, tuple(map(str, arguments.texts("within", within))), progress)

    def info(self) -> IndexInfo:
        """What the index holds."""
        from resight.index.contents import contents_of

        return contents_of(self.collection, self.path, self._store.created_by())

    @staticmethod
    def check(path: str | Path, *, mend: bool = False) -> VerifyReport:
        """Checks every byte of the index at `path`, also one that cannot be opened; `mend` repairs what can be.

        Raises IndexMissingError, IndexFormatError, IndexLockedError and StorageError.
        """
        from resight.index.copies import shipped_copies

        path, repaired = arguments.path("path", path), []
        copies = partial(shipped_copies, path)
        if arguments.flag("mend", mend):
            done = repair(path, _layouts(path), copies)
            again = [
                f"{name}: its segment was damaged; the next add or update reads it again"
                for name in done.to_index_again
            ]
            repaired = [*done.mended, *again]
        found = verify(path, _layouts(path), copies)
        remarks = [f"{remark.path}: {remark.what}" for remark in found.remarks]
        return VerifyReport([_line(problem) for problem in found.problems], repaired, remarks)

    def verify(self, repair: bool = False) -> VerifyReport:
        """Checks every byte; see `check`."""
        self.refresh()
        return self.check(self.path, mend=repair)

    @property
    def collection(self) -> Collection:
        """What searches are answered from. Raises UsageError where nothing has been indexed."""
        if self._collection is None:
            self._collection = self._fresh_collection()
        return self._collection

    @cached_property
    def _channels(self) -> Mapping[str, Channel]:
        from resight.channels.fits import opened_channels

        return opened_channels(self.recipe, self.path, self._store.fitted())

    def _layouts(self) -> dict[str, Check]:
        """What the arrays of each channel must be."""
        return {name: channel.fault for name, channel in self._channels.items()}

    def _take(self, planned: writer.Plan, progress: Progress | None, say: Say | None) -> AddReport:
        if planned.work:
            self._fit_on(planned, say)
        # Where nothing is to be read, nothing needs the channels, which may not even be fitted yet.
        report = writer.carry_out(self._store, planned, self._channels if planned.work else {}, progress)
        if planned.listing.outside:
            _note(report, say, outside_line(planned.root, planned.listing.outside))
        return report

    def _move(self, snapshot: Snapshot, roots: Mapping[int, Root]) -> int:
        self._store.commit(roots=roots)
        return sum(len(places_of(snapshot, number)) for number in roots)

    def _fit_once(self, folder: Path, say: Say | None) -> None:
        """Fits what waits for photos on those of a folder. UsageError where something was fitted on other photos."""
        from resight.channels.fits import fitted_arrays, fitted_elsewhere, unfitted, with_weights

        files = self._store.fitted()
        if other := fitted_elsewhere(self.recipe, files, str(folder)):
            raise UsageError(
                f"{self.path}: its channel {other.channel} {other.how}, which stays as it is: name no folder to fit "
                "on, or choose another path for the index"
            )
        if waiting := unfitted(self.recipe, files):
            recipe = with_weights(self.recipe, files)
            arrays = fitted_arrays(
                recipe, self.path, waiting, list(find_images(folder, follow_links=False)), str(folder), say
            )
            with self._writing():
                self._store.add_fitted(arrays)

    def _fit_on(self, planned: writer.Plan, say: Say | None) -> None:
        """Fits what the recipe fits on the collection, on the first photos that come."""
        from resight.channels.fits import fitted_arrays, unfitted, with_weights
        from resight.learned.whitening import POWER_ON_COLLECTION

        files = self._store.fitted()
        waiting = unfitted(self.recipe, files)
        if waiting:
            recipe, source = with_weights(self.recipe, files), str(root_path(planned.root))
            arrays = fitted_arrays(recipe, self.path, waiting, planned.work, source, say, POWER_ON_COLLECTION)
            self._store.add_fitted(arrays)

    def _fresh_collection(self) -> Collection:
        from resight.index.collection import Collection

        snapshot = self._store.snapshot(self._layouts)
        channels = self._channels if snapshot.segments else {}
        blocks = self._derived.augmented_blocks(snapshot)
        return Collection(snapshot, self.recipe, channels, blocks, self._derived.neighbourhoods())

    @cached_property
    def _derived(self) -> Derived:
        from resight.index.derived import Derived

        return Derived(self._store, self.recipe, lambda: self._channels)

    def _derive(self, progress: Progress | None, say: Say | None) -> None:
        """Brings what is made of the evidence of several images up to date with the images."""
        self._derived.augment_new(progress, say)
        if self.recipe.diffusion is not None:
            self.refresh()
            self._derived.link(self.collection, progress, say)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._store.writing():
            try:
                yield
            finally:
                self.refresh()


def _layouts(path: Path) -> dict[str, Check]:
    """What the arrays of an index must be, as far as it can still be opened."""
    try:
        return Index.open(path, read_only=True)._layouts()
    except ResightError:
        return {}


def _note(report: AddReport, say: Say | None, line: str) -> None:
    report.notes.append(line)
    if say is not None:
        say(line)


def _wanted(
    k: int,
    include_self: bool,
    within: str | Iterable[str],
    min_score: float | None,
    min_inliers: int,
    min_probability: float,
) -> Wanted:
    """What of a ranking is wanted. Raises UsageError."""
    from resight.index.answering import Wanted

    return Wanted(
        arguments.whole_number("k", k, least=1),
        arguments.flag("include_self", include_self),
        tuple(map(str, arguments.texts("within", within))),
        None if min_score is None else arguments.real_number("min_score", min_score),
        arguments.whole_number("min_inliers", min_inliers, least=0),
        arguments.share("min_probability", min_probability),
    )


def _check_callbacks(progress: Progress | None, say: Say | None) -> None:
    arguments.callback("progress", progress)
    arguments.callback("say", say)


def _named(snapshot: Snapshot, names: str | Path | Iterable[str | Path], removed: bool) -> list[str]:
    from resight.index.collection import folders_of

    known = sorted(snapshot.choices.removed) if removed else snapshot.images.names
    where = "among the photos that were removed" if removed else "in the index, so nothing was removed"
    return named(known, arguments.texts("names", names), folders_of(snapshot), where)


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    if not folder.exists():
        raise UsageError(f"{displayed(folder)}: there is no such folder; name a folder of photos")
    if not folder.is_dir():
        raise UsageError(f"{displayed(folder)}: not a folder; name the folder that the photos are in")
    return folder


def _line(problem: Problem) -> str:
    mend = "`resight verify --repair` mends it" if problem.repairable else "this cannot be mended"
    return f"{problem.path}: {problem.what} ({mend})"


def _versions() -> str:
    names = ("resight", "numpy", "opencv-contrib-python-headless", "faiss-cpu", "numba")
    return versions_line(names)
