"""The description of a published benchmark: its name, source and files, and the function that reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resight.datasets.dataset import Dataset
from resight.errors import UsageError

OWN = "your own photos"
"""Source of a layout that was never published."""


@dataclass(frozen=True)
class Benchmark:
    """One entry of the list of benchmarks.

    images, queries: the published counts, None where they are not fixed. source: where the authors publish it. layout:
    the expected files, a line each. confirmed: whether the layout was read from an authority, which `read` names,
    rather than inferred. extra: the folder of distractors that belongs to it, and their number.
    """

    name: str
    title: str
    images: int | None
    queries: int | None
    source: str
    layout: str
    confirmed: bool
    read: Callable[[Path], Dataset]
    extra: int | None = None

    def load(self, folder: Path) -> Dataset:
        """Reads the data set in `folder`.

        Raises UsageError where it is incomplete, or its counts differ from the published ones.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; {self.name} is expected there as\n{self.layout}")
        dataset = self.read(folder)
        for what, published, count in (
            ("database images", self.images, len(dataset.images)),
            ("queries", self.queries, len(dataset.queries)),
        ):
            if published is not None and count != published:
                raise UsageError(f"{folder}: {self.name} has {count} {what}; {published} were published")
        ids = [query.id for query in dataset.queries]
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise UsageError(f"{folder}: two queries of {self.name} are called {twice}; keep one of them")
        return dataset
