"""Everything that goes wrong in a way a person can mend: what happened, to which thing, what to do."""

from __future__ import annotations

from pathlib import Path


class ResightError(Exception):
    """An error whose message a person can act on; the command line prints it and exits with `exit_code`."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        # Errors go from process to process; constructors with arguments of their own would refuse the message alone.
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[ResightError], message: tuple[object, ...]) -> ResightError:
    return kind.__new__(kind, *message)


class UsageError(ResightError):
    """The request itself is wrong: a box outside the photo, an unknown recipe, a negative k."""

    exit_code = 2


class ImageError(ResightError):
    """A file cannot be turned into pixels; `reason` is one line without the path.

    may_pass: the bytes are not at fault, but that they could not be had, so that another attempt may do.
    """

    def __init__(self, path: str, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.may_pass = may_pass


class RecipeError(UsageError):
    """A recipe names something that does not exist or is out of range."""


class FitError(ResightError):
    """A codebook, mixture or other fitted array cannot be had or does not suit the recipe."""


class WeightsError(ResightError):
    """A network's weights cannot be had, are damaged, or belong to another network."""


class IndexMissingError(UsageError):
    """There is no index at the path that was given."""


class IndexFormatError(ResightError):
    """The index was written in a format that this version does not read."""


class IndexCorruptError(ResightError):
    """Bytes of the index are not what was written."""


class DamagedFileError(IndexCorruptError):
    """A file of an index is not what was written; `what` says in a few words what it is instead."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}; run `resight verify --repair`")
        self.path = path
        self.what = what


class IndexLockedError(ResightError):
    """Another process is writing to the index."""


class StorageError(ResightError):
    """The disk refused: full, read-only, or gone."""


class WorkersError(ResightError):
    """Workers on other machines cannot be reached, or have died again and again."""


class EngineError(ResightError):
    """A search engine on another machine cannot be reached, refuses, or has what is not of this index."""
