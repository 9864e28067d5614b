"""The list of all benchmarks with a reader, and of the two layouts for data sets of your own."""

from __future__ import annotations

import difflib
from functools import cache

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.errors import UsageError


@cache
def benchmarks() -> tuple[Benchmark, ...]:
    """Returns the layouts for data sets of your own, then the published benchmarks; names are unique."""
    # Imported here, so that a program that needs only a name does not pay for the readers.
    from resight.datasets import folder, groups
    from resight.datasets.benchmarks import (
        cub,
        fgsbir,
        flickr15k,
        flickrlogos,
        holidays,
        instre,
        oxford,
        pacs,
        paris,
        products,
        revisited,
        sculptures,
        trecvid,
        ukbench,
    )

    readers = (
        *(folder, groups),
        *(oxford, paris, revisited, holidays, instre, sculptures, flickrlogos, trecvid, ukbench),
        *(cub, products, flickr15k, fgsbir, pacs),
    )
    return tuple(one for reader in readers for one in reader.BENCHMARKS)


def find(name: str) -> Benchmark:
    """Returns the benchmark of that name, in any case. Raises UsageError with the nearest names."""
    listed = {one.name: one for one in benchmarks()}
    wanted = name.strip().lower()
    if wanted in listed:
        return listed[wanted]
    near = difflib.get_close_matches(wanted, listed, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(f"{name!r}: no such data set; {hint}`resight datasets` lists them")
