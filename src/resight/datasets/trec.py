"""Text files that retrieval programs have exchanged since TREC: lines of columns, with names percent-encoded."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

from resight.errors import StorageError, UsageError
from resight.files import replacing
from resight.images import displayed

LONGEST = 1 << 16
"""Most bytes of a line; a file with longer lines is of another kind."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLAIN = re.compile("[!-$&-z|}~]+")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_NO_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2}).{0,2}")
_BUFFER = 1 << 18


def encode_name(name: str) -> str:
    """Encodes a name as one column, uniquely. Raises ValueError for the empty name, which no column can hold.

    The UTF-8 bytes of blanks, of "%" and of unprintable characters, such as line breaks, become %XX, and so does "{",
    which would begin a JSON file. A lone surrogate has the three bytes that UTF-8 would give it.
    """
    if not name:
        raise ValueError("a query or document has an empty name")
    if _PLAIN.fullmatch(name):
        return name
    return "".join(one if one.isprintable() and one not in " %{" else _escaped(one) for one in name)


def decode_name(column: bytes) -> str:
    """Decodes a name that `encode_name` or another program wrote. Raises ValueError with the fault."""
    try:
        text = column.decode()
    except UnicodeDecodeError:
        raise ValueError("the line is not UTF-8 text") from None
    if _CONTROL.search(text):
        raise ValueError("the line has control characters: this is no text file, or not UTF-8")
    if "%" not in text:
        return text
    bad = _NO_ESCAPE.search(text)
    if bad:
        raise ValueError(f'"{bad[0]}" in "{text}" is no percent escape; a name\'s own "%" is written %25')
    try:
        return unquote_to_bytes(text).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError(f'the percent escapes in "{text}" are not UTF-8') from None


@contextmanager
def reading(path: Path) -> Iterator[io.BufferedReader]:
    """Opens the bytes of a file, unpacked where they are gzip, without a byte order mark.

    Raises UsageError, also inside the block, for errors of the disk or of unpacking.
    """
    try:
        with path.open("rb") as stored, ExitStack() as stack:
            file = stored
            if stored.peek(len(_GZIP)).startswith(_GZIP):
                unpacked = stack.enter_context(gzip.GzipFile(fileobj=stored))
                file = stack.enter_context(io.BufferedReader(unpacked, _BUFFER))
            if file.peek(len(_BYTE_ORDER_MARK)).startswith(_BYTE_ORDER_MARK):
                file.read(len(_BYTE_ORDER_MARK))
            yield file
    except FileNotFoundError:
        raise UsageError(f"{displayed(path)}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"{displayed(path)}: the packed data is cut off or damaged ({error}); get it again") from error
    except OSError as error:
        raise UsageError(f"{displayed(path)}: cannot be read ({error.strerror})") from error


def rows(file: io.BufferedReader, path: Path, form: str) -> Iterator[tuple[int, list[bytes]]]:
    """Yields numbers from 1 and columns of the lines that are not blank.

    form: the names of the columns. Raises UsageError that names the file and the line where there are more or fewer.
    """
    count = len(form.split())
    for number, line in enumerate(iter(partial(file.readline, LONGEST), b""), start=1):
        columns = line.split()
        if len(columns) == count and len(line) < LONGEST:
            yield number, columns
        elif columns or len(line) == LONGEST:
            what = f"{len(columns)} columns" if len(line) < LONGEST else "a line without end"
            raise UsageError(f'{displayed(path)}, line {number}: {what} where "{form}" is expected')


@contextmanager
def writing_lines(path: Path) -> Iterator[Callable[[str], None]]:
    """Yields a function that writes text to a file, packed for the suffix .gz; an error leaves `path` unchanged.

    Raises StorageError where the disk refuses.
    """
    with ExitStack() as stack:
        with _refused(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(replacing(path))
            packed = path.name.endswith(".gz")
            # Without a time and a name inside, the same lines give the same bytes.
            unpacked = stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0)) if packed else file

        def write(text: str) -> None:
            with _refused(path):
                unpacked.write(text.encode())

        yield write
        with _refused(path):
            stack.close()


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{displayed(path)}: cannot be written ({error.strerror}); choose another place") from error


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
