"""Text files of ground truth: their lines, and how an error names one."""

from __future__ import annotations

from pathlib import Path

from resight.errors import UsageError
from resight.images import displayed


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without their ends; UsageError where it cannot be read.

    Bytes that are not UTF-8 come through as os.fsdecode gives them: the lines hold file names.
    """
    try:
        # Not splitlines, which also splits at characters that names can have.
        return path.read_text("utf-8-sig", "surrogateescape").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise UsageError(f"{displayed(path)}: no such file; it belongs to the ground truth") from None
    except OSError as error:
        raise UsageError(f"{displayed(path)}: cannot be read: {error.strerror}") from None


def at_line(path: Path, number: int) -> str:
    """The beginning of a message about line `number`, counted from 1."""
    return f"{displayed(path)}, line {number}"
