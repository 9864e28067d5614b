"""Checking every byte of an index, and mending what can be mended, told in lines for a person."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from resight.arrays import Int64
from resight.errors import EngineError
from resight.index.copies import shipped_copies
from resight.index.derived import Derived
from resight.store import Check, Problem, repair, verify

NAMED = 5
"""Photos of a kind that are named."""


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


def check_elsewhere(
    report: VerifyReport,
    path: Path,
    derived: Derived,
    writing: Callable[[], AbstractContextManager[None]],
    *,
    repairing: bool,
) -> VerifyReport:
    """Returns a report with what structures on other machines lack or have too much; `repairing` mends that.

    writing: takes the index's lock. An engine that cannot be asked is a problem: nobody knows what it has.
    IndexLockedError: another process is writing, so that what is loaded changes while it is compared.
    """

    def names(ids: Int64) -> list[str]:
        images = derived.collection().snapshot.images
        return [images.names[place] for place in images.positions(ids).tolist()]

    # Nobody writes on read-only media.
    locked = writing if os.access(path, os.W_OK) else contextlib.nullcontext
    problems, repaired = list(report.problems), list(report.repaired)
    for structure in derived.elsewhere():
        try:
            with locked():
                found = structure.reconcile(None, None) if repairing else structure.compare(None)
        except EngineError as error:
            problems.append(str(error))
            continue
        for ids, what, told, mended in (
            (found.missing, "missing there", names, "loaded"),
            (found.changed, "there with another vector", names, "loaded again"),
            (found.surplus, "there and not in the index", _numbers, "deleted"),
        ):
            if len(ids):
                more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
                line = f"{structure.name}: {what}: {', '.join(told(ids[:NAMED]))}{more}"
                if repairing:
                    repaired.append(f"{line}: {mended}")
                else:
                    problems.append(f"{line} (`resight verify --repair` mends it)")
    return VerifyReport(problems, repaired, report.remarks)


def _numbers(ids: Int64) -> list[str]:
    return [f"id {image}" for image in ids.tolist()]


def _line(problem: Problem) -> str:
    mend = "`resight verify --repair` mends it" if problem.repairable else "this cannot be mended"
    return f"{problem.path}: {problem.what} ({mend})"
