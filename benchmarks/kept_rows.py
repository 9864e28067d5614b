"""Rows of a benchmark, each kept as soon as it is finished: a command that was stopped goes on with the next one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TERMS = "terms"


class KeptRows:
    """The finished rows of one command, in a file of one JSON object a line.

    terms: what rows depend on: arguments, and the commit of the code. Raises SystemExit where the file has rows of
    other terms: rows of two commands are never put together.
    """

    def __init__(self, file: Path, terms: Mapping[str, Any]) -> None:
        self._file = file
        self.terms = json.loads(json.dumps(terms))
        file.parent.mkdir(parents=True, exist_ok=True)
        whole, lines = _read(file)
        if not lines:
            whole = b""
        elif lines[0].get(TERMS) != self.terms:
            told = _differing(lines[0].get(TERMS, {}), self.terms)
            raise SystemExit(f"{file}: its rows are of another command: {told}; remove it, or name another folder")
        self._rows = {one["row"]: one["value"] for one in lines[1:]}
        # Of a line that was being written when the command was stopped nothing stays.
        file.write_bytes(whole)
        if not lines:
            self._append({TERMS: self.terms})

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def row(self, name: str, make: Callable[[], Any]) -> Any:
        """Returns the value of a row: the one that is kept, or what `make` returns, which is kept from now on."""
        if name not in self._rows:
            value = json.loads(json.dumps(make()))
            self._append({"row": name, "value": value})
            self._rows[name] = value
            print(f"{len(self._rows)}. {name}", file=sys.stderr, flush=True)
        return self._rows[name]

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _read(file: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """Returns the bytes of the whole lines of a file, and what they say."""
    text = file.read_bytes() if file.exists() else b""
    whole = text[: text.rfind(b"\n") + 1]
    return whole, [json.loads(line) for line in whole.splitlines()]


def _differing(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    keys = [key for key in dict.fromkeys([*there, *here]) if there.get(key) != here.get(key)]
    return ", ".join(f"{key} is {there.get(key)!r} there and {here.get(key)!r} here" for key in keys)
