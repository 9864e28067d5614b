"""Checking every byte of an index, and mending what can be mended, told in lines for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from resight.index.copies import shipped_copies
from resight.store import Check, Problem, repair, verify


@dataclass(frozen=True)
class VerifyReport:
    """Problems that remain, repairs that were made, and harmless remarks, a line each."""

    problems: list[str]
    repaired: list[str]
    remarks: list[str]


def check_index(path: Path, layouts: Callable[[], Mapping[str, Check]], *, repairing: bool) -> VerifyReport:
    """Checks every byte of the index at `path`; `repairing` mends first what can be mended.

    layouts: gives what the arrays of each channel must be; asked again after a repair.

    Raises IndexMissingError, IndexFormatError, IndexLockedError and StorageError.
    """
    mended = []
    copies = partial(shipped_copies, path)
    if repairing:
        done = repair(path, layouts(), copies)
        again = [
            f"{name}: its segment was damaged; the next add or update reads it again" for name in done.to_index_again
        ]
        mended = [*done.mended, *again]
    found = verify(path, layouts(), copies)
    remarks = [f"{remark.path}: {remark.what}" for remark in found.remarks]
    return VerifyReport([_line(problem) for problem in found.problems], mended, remarks)


def _line(problem: Problem) -> str:
    mend = "`resight verify --repair` mends it" if problem.repairable else "this cannot be mended"
    return f"{problem.path}: {problem.what} ({mend})"
