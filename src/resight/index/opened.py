"""An index that has been opened, and all that it can be asked; it writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from resight import arguments
from resight.errors import ResightError
from resight.images import Box
from resight.index.results import Result
from resight.recipe import Recipe, parse_recipe
from resight.store import Check, Store

if TYPE_CHECKING:
    from resight.channels.channel import Channel
    from resight.descriptors.contributions import Contribution
    from resight.duplicates.report import Duplicates
    from resight.duplicates.verdict import Kind
    from resight.index.collection import Collection
    from resight.index.contents import IndexInfo
    from resight.index.derived import Derived
    from resight.index.queries import MaskSource, Query, Source
    from resight.progress import Progress


class OpenedIndex:
    """An index that answers questions. It answers from the generation that was opened until `refresh`."""

    def __init__(self, store: Store, recipe: Recipe) -> None:
        self._store = store
        self.recipe = recipe
        self._collection: Collection | None = None

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = False) -> Self:
        """The index at `path`. Raises IndexMissingError, IndexFormatError, IndexCorruptError and StorageError."""
        path = arguments.path("path", path)
        store = Store.open(path, read_only=arguments.flag("read_only", read_only))
        return cls(store, parse_recipe(store.recipe(), f"{path}: recipe.toml"))

    @property
    def path(self) -> Path:
        """The directory of the index."""
        return self._store.path

    def __len__(self) -> int:
        """The number of photos that can be found."""
        return int(self.collection.snapshot.images.indexed.sum())

    def __bool__(self) -> bool:
        """True: an index without photos is an index."""
        return True

    def __contains__(self, name: object) -> bool:
        """Returns whether a photo has this name, or is the file of this path."""
        return isinstance(name, str | Path) and self.collection.find(name) is not None

    def __repr__(self) -> str:
        try:
            photos = f", {len(self)} photos"
        except ResightError:
            # An index that is damaged or gone is shown too, in a traceback or a notebook.
            photos = ""
        return f"<{type(self).__name__} {str(self.path)!r}{photos}, by {self.recipe.name}>"

    def refresh(self) -> None:
        """Looks at the newest generation, whoever wrote it."""
        self._collection = None

    def newest_generation(self) -> int:
        """Returns the number of the newest generation on the disk, whoever wrote it; nothing is opened anew.

        Raises IndexMissingError, IndexCorruptError and StorageError.
        """
        return self._store.newest_generation()

    def search(
        self,
        query: Source | Query,
        *,
        box: Box | None = None,
        mask: MaskSource | None = None,
        sketch: bool | None = None,
        k: int = 20,
        include_self: bool = False,
        mirror: bool = False,
        within: str | Iterable[str] = (),
        min_score: float | None = None,
        min_inliers: int = 0,
        min_probability: float = 0.0,
    ) -> Result:
        """Finds the k photos that show the same thing as a photo, or as the part of it in `box` (x0, y0, x1, y1).

        query: a `Query`, which has box and mask of its own, or a photo: a Path is a file, a `Name` that of an indexed
        photo, any other str a file where there is one, else a name; bytes are those of a file; an array is (H, W, 3)
        RGB or (H, W) grey, uint8. mask: a file or an array (H, W) of the proportions of the query, of which black or 0
        is left out; a name of the index has its own mask without. The query's own name is left out unless
        `include_self`; photos with the same bytes under other names are hits, and come first. sketch: whether the query
        is a line drawing, whose lines are compared with the edges of the photos, or a photo; None lets a recipe that
        sees edges decide, and `Result.note` says how. mirror: asks with the mirrored photo too. within: folders or
        patterns, in one of which a hit's name is; see `names_within`. min_score,
        min_inliers, min_probability: what a hit must have that is no copy.
        Raises UsageError for any argument that cannot be meant, an unknown name or a bad box, and ImageError.
        """
        from resight.index.answering import answer, wanted_of
        from resight.index.queries import query_of

        wanted = wanted_of(k, include_self, within, min_score, min_inliers, min_probability)
        flag = arguments.flag("mirror", mirror)
        asked = query_of(query, box=box, mask=mask, sketch=sketch)
        return answer(self.collection, asked, wanted, mirror=flag)

    def search_many(
        self,
        queries: Iterable[Source | Query],
        *,
        k: int = 20,
        include_self: bool = False,
        mirror: bool = False,
        within: str | Iterable[str] = (),
        min_score: float | None = None,
        min_inliers: int = 0,
        min_probability: float = 0.0,
    ) -> Iterator[Result]:
        """Yields the result of `search` for each of many queries, in their order.

        Networks see several photos at once, and others are read on all cores. A query whose photo cannot be read, that
        names none, or whose box or mask does not suit it, has a result without hits whose `error` says why; the others
        are answered. Other arguments as for `search`. All results are of the generation that is open now. UsageError
        for arguments that cannot be meant is raised at once, and for what is no query when its turn comes, as any error
        of the iterable is: after the results of the queries before it.

        Notes: results come one by one because a whole ranking of each query may not fit into memory, and queries are
        taken as they are needed, so that they may come from a video. Rankings are those of `search`; by networks,
        scores may differ in their last digits, since a network rounds by the shape of what it sees at once, and with
        them the order of hits whose scores are as near. `seconds` counts what was done for several queries at once by
        equal shares.
        """
        from resight.index.answering import answer_many, wanted_of
        from resight.index.queries import queries_of

        wanted = wanted_of(k, include_self, within, min_score, min_inliers, min_probability)
        return answer_many(self.collection, queries_of(queries), wanted, mirror=arguments.flag("mirror", mirror))

    def search_together(
        self,
        queries: Iterable[Source | Query],
        *,
        k: int = 20,
        include_self: bool = False,
        mirror: bool = False,
        within: str | Iterable[str] = (),
        min_score: float | None = None,
        min_inliers: int = 0,
        min_probability: float = 0.0,
    ) -> Result:
        """Finds the k photos that show the same thing as several photos of it: scores are averaged over the queries.

        queries: photos, or each a `Query` with a box or a mask; the rest as for `search`, and its errors.
        """
        from resight.index.answering import answer_together, wanted_of
        from resight.index.queries import queries_of

        wanted = wanted_of(k, include_self, within, min_score, min_inliers, min_probability)
        return answer_together(self.collection, queries_of(queries), wanted, mirror=arguments.flag("mirror", mirror))

    def explain(
        self,
        query: Source | Query,
        name: str | Path,
        *,
        box: Box | None = None,
        mask: MaskSource | None = None,
        count: int = 5,
    ) -> list[Contribution]:
        """Returns the map channels by which an indexed photo matches a query, the largest share first.

        Runs the network for both. UsageError where the recipe does not pool feature maps to one vector, for an unknown
        name or a bad box; ImageError where a photo cannot be read.
        """
        from resight.index.explaining import Explainer
        from resight.index.queries import query_of

        count = arguments.whole_number("count", count, least=1)
        return Explainer(self.collection, query_of(query, box=box, mask=mask)).contributions(name, count)

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

        arguments.callback("progress", progress, "done", "total")
        return find_duplicates(self.collection, kind, tuple(map(str, arguments.texts("within", within))), progress)

    def info(self) -> IndexInfo:
        """Returns the contents of the index."""
        from resight.index.contents import contents_of

        collection = self.collection
        stale = self._derived.stale(collection.snapshot)
        return contents_of(collection, self.path, self._store.created_by(), stale)

    def bytes(self) -> int:
        """Returns the size of the whole directory."""
        from resight.index.contents import sizes_below

        return sum(sizes_below(self.path).values())

    @property
    def collection(self) -> Collection:
        """The generation that searches are answered from."""
        if self._collection is None:
            self._collection = self._derived.collection()
        return self._collection

    @cached_property
    def _channels(self) -> Mapping[str, Channel]:
        from resight.channels.fits import opened_channels

        return opened_channels(self.recipe, self.path, self._store.fitted())

    def _layouts(self) -> dict[str, Check]:
        """Returns the checks of the arrays of each channel."""
        return {name: channel.fault for name, channel in self._channels.items()}

    @cached_property
    def _derived(self) -> Derived:
        from resight.index.derived import Derived

        return Derived(self._store, self.recipe, lambda: self._channels)
