"""Tables as TOML: what a product's recipe is written with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def to_toml(table: Mapping[str, Any], path: Sequence[str] = ()) -> str:
    """Returns TOML of numbers, texts, lists and tables; tables come last, as the language demands."""
    lines = []
    if path and any(not _is_below(value) for value in table.values()):
        lines.append(f"[{'.'.join(map(_key, path))}]")
    lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not _is_below(value)]
    parts = ["\n".join(lines)] if lines else []
    for key, value in table.items():
        if isinstance(value, Mapping):
            parts.append(to_toml(value, [*path, key]))
        elif _is_below(value):
            head = f"[[{'.'.join(map(_key, [*path, key]))}]]"
            parts += [
                "\n".join([head, *(f"{_key(name)} = {_value(own)}" for name, own in one.items())]) for one in value
            ]
    return "\n\n".join(part for part in parts if part)


def _is_below(value: object) -> bool:
    tables = isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)
    return isinstance(value, Mapping) or tables


def _key(key: str) -> str:
    bare = key and all(one.isascii() and (one.isalnum() or one in "_-") for one in key)
    return key if bare else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for this one character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(own)}" for key, own in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)
