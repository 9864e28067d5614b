"""Every benchmark there is a reader for, and the two layouts for data sets of one's own."""

from __future__ import annotations

import difflib
from functools import cache

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.errors import UsageError


@cache
def benchmarks() -> tuple[Benchmark, ...]:
    """The layouts of one's own first, then what is published; names are unique."""
    # Here, so that a program that only wants to know a name does not pay for the readers.
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
    """The benchmark of that name, in capitals or not. Raises UsageError that tells the nearest names."""
    listed = {one.name: one for one in benchmarks()}
    wanted = name.strip().lower()
    if wanted in listed:
        return listed[wanted]
    near = difflib.get_close_matches(wanted, listed, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(f"{name!r}: no such data set; {hint}`resight datasets` lists them")
