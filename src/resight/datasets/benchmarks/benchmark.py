"""A published benchmark: what it is called, where it comes from, which files it consists of, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resight.datasets.dataset import Dataset
from resight.errors import UsageError

OWN = "your own photos"
"""Source of a layout that nobody has published."""


@dataclass(frozen=True)
class Benchmark:
    """One line of the list of benchmarks.

    images, queries: the published counts, None where they are not fixed. source: where the authors publish it. layout:
    the files that are expected, a line each. confirmed: whether the layout was read from an authority, which `read`
    names, rather than inferred. extra: a folder of distractors that belongs to it, how many photos that has.
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
        """The data set in `folder`. UsageError where it is not there whole, or its counts are not as published."""
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
