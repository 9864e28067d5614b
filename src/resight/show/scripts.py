"""Data and scripts of a page: no text in the data can end its element, and the script ships with resight."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def data_element(value: Any) -> str:
    """Returns an element, id `data`, with a JSON document in ASCII; nothing in it can close the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return f'<script id="data" type="application/json">{text}</script>'


def script_element(name: str) -> str:
    """Returns an element that runs the script of this package with this file name, after everything before it."""
    text = files("resight.show").joinpath(name).read_text(encoding="utf-8")
    assert "</script" not in text.lower(), "it would end there"
    return f"<script>\n{text}</script>"
