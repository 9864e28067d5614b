"""The catalogue: an SQLite file that says which segments count, with a copy of their rows.

A batch counts when its transaction has committed. The copies are for a repair alone: images are read from the segments.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from resight.errors import DamagedFileError, IndexCorruptError, IndexLockedError, IndexMissingError, StorageError
from resight.store.choices import Choices, choices_content, choices_from_content
from resight.store.disk import check_regular, storage_errors
from resight.store.generations import FORMAT, Generation, check_format, files_content, files_from_content
from resight.store.rows import Root

CATALOGUE = "catalog.sqlite"

BESIDE = ("-journal", "-wal", "-shm")
"""What the names of files end with that SQLite reads beside its own."""

SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE roots (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    prefix TEXT NOT NULL,
    beside TEXT NOT NULL,
    follow_links INTEGER NOT NULL
)""",
    "CREATE TABLE choices (content TEXT NOT NULL)",
    "CREATE TABLE segments (id INTEGER PRIMARY KEY, rows INTEGER NOT NULL)",
    "CREATE TABLE removed (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL)",
    "CREATE TABLE rows (segment INTEGER PRIMARY KEY, content BLOB NOT NULL)",
)

STATED = ("meta", "roots", "choices", "segments", "removed")
"""The tables that are read when an index is opened."""

_WAIT_S = 60.0
# Python decodes SQLite's messages, and one about a damaged file may quote the damage.
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_STORAGE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
_UNFINISHED = {sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_CANTINIT, sqlite3.SQLITE_CANTOPEN}


@contextlib.contextmanager
def catalogue_errors(path: Path, *, reading: bool = False) -> Iterator[None]:
    """Turns SQLite's errors into those of resight: the disk refused, another process waits, or bytes changed."""
    try:
        with storage_errors(path):
            yield
    except sqlite3.ProgrammingError:
        raise
    except _ERRORS as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise IndexLockedError(f"{path}: another process kept it locked for {_WAIT_S:.0f} s; try again") from error
        # A damaged header makes SQLite ask for more than a reader has: for files beside this one, or to write it.
        refused = code in _STORAGE or code == sqlite3.SQLITE_CANTOPEN
        if refused and not (reading and code != sqlite3.SQLITE_IOERR and os.access(path, os.R_OK)):
            raise StorageError(
                f"{path}: {error}: check that the disk has space and can be written, and run again; "
                "everything committed before is intact"
            ) from error
        raise DamagedFileError(path, str(error)) from error


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees one state of the catalogue and writes nothing.

    Raises IndexCorruptError, IndexFormatError, IndexLockedError, IndexMissingError where the folder has gone, and
    StorageError.
    """
    path = folder / CATALOGUE
    if not folder.exists():
        raise IndexMissingError(f"{folder}: there is no such folder any more; look where it went")
    with catalogue_errors(path, reading=True), contextlib.closing(_connect_reader(path)) as connection:
        connection.execute("BEGIN")
        check_format(_meta(connection).get("format"), folder)
        yield connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    connection = connect(path, "ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode not in _UNFINISHED or not journal_path(path).exists():
            raise
        # A writer was killed in its transaction: whoever comes next, a reader too, puts the former state back.
        undo_unfinished(path)
        connection = connect(path, "ro")
    return connection


def undo_unfinished(path: Path) -> None:
    """Puts back the state before a transaction whose writer was killed. Raises sqlite3.Error, StorageError."""
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise StorageError(
            f"{path}: a writer was killed here and its unfinished change must be undone first, but this place is "
            "read-only: open the index once where it can be written"
        )
    with contextlib.closing(connect(path, "rw")) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """A transaction: all of the block or nothing is in the catalogue, even where the machine loses power.

    Raises IndexCorruptError, IndexFormatError, IndexLockedError and StorageError.
    """
    path = folder / CATALOGUE
    with catalogue_errors(path), contextlib.closing(connect(path, "rw")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            check_format(_meta(connection).get("format"), folder)
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in SQLite's mode `ro`, `rw` or `rwc`. Raises sqlite3.Error, DamagedFileError and OSError.

    Notes: EXTRA, unlike FULL, also forces the end of the journal to the disk, so a segment that a committed
    transaction has replaced can be deleted at once.
    """
    # SQLite would wait for a pipe without end, and believes a journal wherever it lies.
    for file in (path, *(path.with_name(path.name + suffix) for suffix in BESIDE)):
        check_regular(file)
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_WAIT_S)
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA trusted_schema = OFF")
        if mode != "ro":
            connection.execute("PRAGMA synchronous = EXTRA")
    except BaseException:
        connection.close()
        raise
    return connection


def journal_path(path: Path) -> Path:
    """The journal that lies beside a catalogue during a transaction."""
    return path.with_name(path.name + "-journal")


def build(path: Path, generation: Generation, choices: Choices, rows: Iterable[tuple[int, bytes]]) -> None:
    """Makes a new catalogue file from a generation, its choices and the content of the rows of its segments.

    Raises what `writing` raises.
    """
    with catalogue_errors(path), contextlib.closing(connect(path, "rwc")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
        put_generation(connection, generation)
        put_choices(connection, choices)
        for number, content in rows:
            put_rows(connection, number, content)
        connection.execute("COMMIT")


def put_generation(connection: sqlite3.Connection, generation: Generation) -> None:
    """Makes everything but choices, and copies of rows, what the generation states."""
    meta = {
        "format": str(FORMAT),
        "generation": str(generation.number),
        "next_image": str(generation.next_image),
        "files": json.dumps(files_content(generation.files)),
        "created_by": generation.created_by,
        "chosen": str(generation.chosen),
    }
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
    connection.executemany(
        f"INSERT OR REPLACE INTO roots VALUES ({', '.join('?' * (len(Root._fields) + 1))})",
        ((number, *root) for number, root in generation.roots.items()),
    )
    connection.execute("DELETE FROM segments")
    connection.executemany("INSERT INTO segments VALUES (?, ?)", generation.segments.items())
    # There may be very many removed images, of which one batch adds few.
    before = dict(connection.execute("SELECT id, generation FROM removed"))
    forgotten = ((image,) for image in before.keys() - generation.removed.keys())
    connection.executemany("DELETE FROM removed WHERE id = ?", forgotten)
    connection.executemany("INSERT OR REPLACE INTO removed VALUES (?, ?)", generation.removed.items() - before.items())


def get_generation(connection: sqlite3.Connection) -> Generation:
    """Everything but choices and copies of rows. Raises IndexCorruptError where a value is not what it must be."""
    meta = _meta(connection)
    try:
        return Generation(
            number=int(meta["generation"]),
            next_image=int(meta["next_image"]),
            segments=dict(connection.execute("SELECT id, rows FROM segments ORDER BY id")),
            removed=dict(connection.execute("SELECT id, generation FROM removed")),
            roots={
                number: Root(path, prefix, beside, bool(follow_links))
                for number, path, prefix, beside, follow_links in connection.execute(
                    "SELECT id, path, prefix, beside, follow_links FROM roots"
                )
            },
            files=files_from_content(json.loads(meta["files"])),
            created_by=meta["created_by"],
            chosen=int(meta["chosen"]),
        )
    except (KeyError, ValueError, TypeError, RecursionError):
        raise IndexCorruptError("the catalogue's own description is damaged; run `resight verify --repair`") from None


def put_choices(connection: sqlite3.Connection, choices: Choices) -> None:
    """Makes what is left out what the choices say."""
    connection.execute("DELETE FROM choices")
    connection.execute("INSERT INTO choices VALUES (?)", (json.dumps(choices_content(choices)),))


def get_choices(connection: sqlite3.Connection) -> Choices:
    """Reads the choices of what is left out. Raises IndexCorruptError where they are damaged."""
    try:
        ((content,),) = connection.execute("SELECT content FROM choices").fetchall()
        return choices_from_content(json.loads(content))
    except (KeyError, ValueError, TypeError, RecursionError):
        raise IndexCorruptError(
            "what the catalogue says of what is left out is damaged; run `resight verify --repair`"
        ) from None


def _meta(connection: sqlite3.Connection) -> Mapping[str, Any]:
    meta: dict[str, Any] = dict(connection.execute("SELECT key, value FROM meta"))
    format_text = str(meta.get("format"))
    return {**meta, "format": int(format_text) if re.fullmatch(r"\d{1,9}", format_text) else format_text}


def put_rows(connection: sqlite3.Connection, number: int, content: bytes) -> None:
    """Keeps a copy of the rows of a segment, as its file has them."""
    connection.execute("INSERT INTO rows VALUES (?, ?)", (number, content))


def delete_rows(connection: sqlite3.Connection, segments: Iterable[int]) -> None:
    """Forgets the rows of segments."""
    connection.executemany("DELETE FROM rows WHERE segment = ?", ((segment,) for segment in segments))


def get_rows(connection: sqlite3.Connection, segment: int) -> bytes | None:
    """The copy of the rows of a segment, None where there is none; what is in it is not known to be sound."""
    found = connection.execute("SELECT content FROM rows WHERE segment = ?", (segment,)).fetchone()
    return found[0] if found is not None and isinstance(found[0], bytes) else None


def segments_with_rows(connection: sqlite3.Connection) -> list[int]:
    """The segments of whose rows there is a copy, ascending."""
    return [number for (number,) in connection.execute("SELECT segment FROM rows ORDER BY segment")]


def integrity_faults(connection: sqlite3.Connection, tables: Sequence[str] = ()) -> list[str]:
    """Returns the faults that SQLite finds, and differences of the catalogue from one that we would write.

    tables: those that are examined; all of the file where none is named.
    """
    try:
        connection.execute("PRAGMA cell_size_check = ON")
        checks = [f"PRAGMA integrity_check({table})" for table in tables] or ["PRAGMA integrity_check"]
        faults = [str(row[0]) for check in checks for row in connection.execute(check) if row[0] != "ok"]
        ours = _description(connection)
        with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
            for statement in SCHEMA:
                fresh.execute(statement)
            expected = _description(fresh)
        expected[_PRAGMAS.index("journal_mode")] = ("delete",)
    except _ERRORS as error:
        return [str(error)]
    return faults if ours == expected else [*faults, "the schema is not that of a catalogue"]


def writing_faults(folder: Path) -> list[str]:
    """Returns the faults that keep SQLite from writing to a catalogue: a damaged header can make such a file."""
    path = folder / CATALOGUE
    if not (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
        return []
    try:
        with contextlib.closing(connect(path, "rw")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except _ERRORS as error:
        return [str(error)]
    return []


_PRAGMAS = ("encoding", "journal_mode", "user_version", "application_id", "auto_vacuum")


def _description(connection: sqlite3.Connection) -> list[Any]:
    found = [connection.execute(f"PRAGMA {pragma}").fetchone() for pragma in _PRAGMAS]
    return found + connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
